//! What evaluating an expression can cost at most, worked out without doing it.
//!
//! CEL always ends, but lists in lists multiply, and texts can be made to grow. The
//! bound counts steps and bytes looked at; it is never less than what happens, and
//! often much more.

use std::rc::Rc;

use cel::common::ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue};
use cel::parser::Expression;
use serde_json::Value;

/// What is known of a value before there is one.
#[derive(Clone)]
enum Bound<'v> {
    /// It is one of these parts of the object.
    OneOf(Rc<[&'v Value]>),
    /// It is something made, no larger than that.
    AtMost(Size),
}

/// The size of a value: how many items it can be looped over, what the heaviest of
/// them weighs, and what all of it weighs.
#[derive(Clone, Copy)]
struct Size {
    items: u64,
    item: u64,
    all: u64,
}

/// A compilation of a pattern, and for each byte matched.
const PATTERN: u64 = 500;

/// How many levels an expression has.
pub(super) fn levels(expression: &Expression) -> usize {
    // With a stack of its own: the depth is what is asked.
    let (mut open, mut deepest) = (vec![(expression, 1)], 0);
    while let Some((expression, level)) = open.pop() {
        deepest = deepest.max(level);
        parts(&expression.expr, &mut |part| open.push((part, level + 1)));
    }
    deepest
}

fn parts<'e>(expr: &'e Expr, with: &mut impl FnMut(&'e Expression)) {
    let entry = |entry: &'e EntryExpr, with: &mut dyn FnMut(&'e Expression)| match entry {
        EntryExpr::MapEntry(entry) => {
            with(&entry.key);
            with(&entry.value);
        }
        EntryExpr::StructField(field) => with(&field.value),
    };
    match expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => {
            call.target.iter().for_each(|target| with(target));
            call.args.iter().for_each(with);
        }
        Expr::Comprehension(loops) => {
            for part in
                [&loops.iter_range, &loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result]
            {
                with(part);
            }
        }
        Expr::List(list) => list.elements.iter().for_each(with),
        Expr::Map(map) => map.entries.iter().for_each(|e| entry(&e.expr, with)),
        Expr::Select(select) => with(&select.operand),
        Expr::Struct(made) => made.entries.iter().for_each(|e| entry(&e.expr, with)),
    }
}

/// The most that evaluating it on an object can cost.
pub(super) fn of(expression: &Expression, live: &Value) -> u64 {
    let mut estimate = Estimate { live, cost: 0, scope: Vec::new() };
    estimate.walk(&expression.expr);
    estimate.cost
}

/// How much a value weighs: its parts and its bytes.
fn weight(value: &Value) -> u64 {
    let length = |text: &str| text.len() as u64;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + length(text),
        Value::Array(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(map) => 1 + map.iter().map(|(name, value)| length(name) + weight(value)).sum::<u64>(),
    }
}

impl Size {
    /// Something that is no list, or of which nothing more is known.
    fn of(all: u64) -> Self {
        Self { items: all, item: all, all }
    }

    const ONE: Self = Self { items: 1, item: 1, all: 1 };

    /// Two of them, one after the other.
    fn and(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_add(other.items),
            item: self.item.max(other.item),
            all: self.all.saturating_add(other.all),
        }
    }

    /// Either of them.
    fn or(self, other: Self) -> Self {
        Self {
            items: self.items.max(other.items),
            item: self.item.max(other.item),
            all: self.all.max(other.all),
        }
    }
}

impl<'v> Bound<'v> {
    fn size(&self) -> Size {
        let of = |value: &Value| match value {
            Value::Array(items) => {
                let item = items.iter().map(weight).max().unwrap_or(1);
                Size { items: items.len() as u64, item, all: weight(value) }
            }
            Value::Object(map) => Size { items: map.len() as u64, item: weight(value), all: weight(value) },
            other => Size { items: 1, item: weight(other), all: weight(other) },
        };
        match self {
            Self::OneOf(values) => values.iter().map(|value| of(value)).reduce(Size::or).unwrap_or(Size::ONE),
            Self::AtMost(size) => *size,
        }
    }

    /// What a field, an index or a loop takes out of it.
    fn inside(&self, field: Option<&str>) -> Self {
        match self {
            Self::OneOf(values) => {
                let mut found: Vec<&'v Value> = Vec::new();
                for value in values.iter() {
                    match (value, field) {
                        (Value::Object(_), Some(field)) => found.extend(value.get(field)),
                        (Value::Object(map), None) => found.extend(map.values()),
                        (Value::Array(items), None) => found.extend(items),
                        _ => {}
                    }
                }
                Self::OneOf(found.into())
            }
            Self::AtMost(size) => Self::AtMost(Size::of(if field.is_some() { size.all } else { size.item })),
        }
    }
}

struct Estimate<'v, 'e> {
    live: &'v Value,
    cost: u64,
    /// Variables of loops, the innermost last.
    scope: Vec<(&'e str, Bound<'v>)>,
}

impl<'v, 'e> Estimate<'v, 'e> {
    fn pay(&mut self, cost: u64) {
        self.cost = self.cost.saturating_add(cost);
    }

    fn walk(&mut self, expr: &'e Expr) -> Bound<'v> {
        self.pay(1);
        match expr {
            Expr::Unspecified => Bound::AtMost(Size::ONE),
            Expr::Ident(name) => self.variable(name),
            Expr::Literal(literal) => Bound::AtMost(Size::of(match literal {
                LiteralValue::String(text) => 1 + text.len() as u64,
                LiteralValue::Bytes(bytes) => 1 + bytes.inner().len() as u64,
                LiteralValue::Boolean(_)
                | LiteralValue::Double(_)
                | LiteralValue::Int(_)
                | LiteralValue::Null
                | LiteralValue::UInt(_) => 1,
            })),
            Expr::Select(select) => {
                let operand = self.walk(&select.operand.expr);
                if let Bound::AtMost(size) = operand {
                    self.pay(size.all);
                }
                operand.inside(Some(&select.field))
            }
            Expr::Call(call) => {
                let target = call.target.as_ref().map(|target| self.walk(&target.expr));
                let args: Vec<Bound<'v>> = call.args.iter().map(|arg| self.walk(&arg.expr)).collect();
                self.call(&call.func_name, target.as_ref(), &args)
            }
            Expr::Comprehension(loops) => {
                let range = self.walk(&loops.iter_range.expr);
                self.repeat(loops, &range)
            }
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => {
                let mut inner: Vec<&'e Expression> = Vec::new();
                parts(expr, &mut |part| inner.push(part));
                let items = inner.len() as u64;
                let sizes: Vec<u64> =
                    inner.into_iter().map(|part| self.walk(&part.expr).size().all).collect();
                let all = sizes.iter().copied().fold(1, u64::saturating_add);
                self.pay(all);
                Bound::AtMost(Size { items, item: sizes.into_iter().max().unwrap_or(1), all })
            }
        }
    }

    fn variable(&self, name: &str) -> Bound<'v> {
        let inner = self.scope.iter().rev().find(|(known, _)| *known == name).map(|(_, bound)| bound.clone());
        let outer = || self.live.get(name).map(|value| Bound::OneOf([value].into()));
        inner.or_else(outer).unwrap_or(Bound::AtMost(Size::ONE))
    }

    /// A loop: its body as often as there are items.
    fn repeat(&mut self, loops: &'e ComprehensionExpr, range: &Bound<'v>) -> Bound<'v> {
        let size = range.size();
        let start = self.walk(&loops.accu_init.expr).size();
        let map = matches!(range, Bound::OneOf(values) if values.iter().any(|value| value.is_object()));
        // The first variable of a loop over a mapping is its keys.
        let keys = || Bound::AtMost(Size::of(size.all));
        let item = if map { keys() } else { range.inside(None) };
        self.scope.push((&loops.iter_var, item));
        if let Some(second) = &loops.iter_var2 {
            self.scope.push((second, range.inside(None)));
        }
        self.scope.push((&loops.accu_var, Bound::AtMost(start)));
        let outside = std::mem::take(&mut self.cost);
        self.walk(&loops.loop_cond.expr);
        // What one turn makes of the accumulator at its lightest is what each adds.
        let turn = self.walk(&loops.loop_step.expr).size();
        self.cost = outside.saturating_add(self.cost.saturating_mul(size.items.max(1)));
        self.scope.truncate(self.scope.len() - 2 - usize::from(loops.iter_var2.is_some()));
        let end = Size {
            items: start.items.saturating_add(turn.items.saturating_mul(size.items)),
            item: start.item.max(turn.item),
            all: start.all.saturating_add(turn.all.saturating_mul(size.items)),
        };
        self.scope.push((&loops.accu_var, Bound::AtMost(end)));
        let result = self.walk(&loops.result.expr);
        self.scope.pop();
        result
    }

    fn call(&mut self, name: &str, target: Option<&Bound<'v>>, args: &[Bound<'v>]) -> Bound<'v> {
        let all: Vec<Size> = target.into_iter().chain(args).map(Bound::size).collect();
        let size = |at: usize| all.get(at).copied().unwrap_or(Size::ONE);
        let sum = all.iter().map(|size| size.all).fold(0, u64::saturating_add);
        let times = |a: u64, b: u64| a.saturating_mul(b.saturating_add(1));
        let made = |all: u64| Size { items: all, item: all, all };
        let (pay, result) = match name {
            "_?_:_" => (1, size(1).or(size(2))),
            "_+_" => (sum, size(0).and(size(1))),
            "_[_]" | "_[?_]" => {
                self.pay(sum);
                return args.first().map_or(Bound::AtMost(Size::ONE), |list| list.inside(None));
            }
            "_&&_" | "_||_" | "!_" | "@not_strictly_false" => (1, Size::ONE),
            // A pattern repeats by numbers in it, at worst as far as the library lets
            // it grow.
            "matches" => {
                let pattern = size(1).all;
                (sum.saturating_add(PATTERN.saturating_mul(pattern.saturating_mul(pattern))), Size::ONE)
            }
            "replace" => (times(size(0).all, size(2).all), made(times(size(0).all, size(2).all))),
            "join" => (times(size(0).all, size(1).all), made(times(size(0).all, size(1).all))),
            // Of sets: each with each. Of texts: one target and one argument.
            "contains" | "equivalent" | "intersects" if all.len() == 3 => {
                (times(size(1).all, size(2).all), Size::ONE)
            }
            "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "@in" | "size" | "contains"
            | "startsWith" | "endsWith" | "indexOf" | "lastIndexOf" | "int" | "uint" | "double" | "bool"
            | "timestamp" | "duration" => (sum, Size::ONE),
            // Everything else makes no more than a few times what it is given.
            _ => (sum, made(sum.saturating_mul(4).saturating_add(64))),
        };
        self.pay(pay);
        Bound::AtMost(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cost(text: &str, live: &Value) -> u64 {
        of(&cel::parser::PrattParser::new().enable_optional_syntax(true).parse(text).unwrap(), live)
    }

    #[test]
    fn lists_in_lists_are_counted_as_they_are() {
        let conditions = json!([{"type": "Ready", "status": "True"}, {"type": "Done", "status": "True"}]);
        let parents: Vec<Value> = (0..50).map(|n| json!({"name": n, "conditions": conditions})).collect();
        let live = json!({"status": {"parents": parents, "text": "a".repeat(100_000)}});
        let inner = "status.parents.all(p, p.conditions.exists(c, c.type == 'Ready' && c.status == 'True'))";
        assert!(cost(inner, &live) < 20_000, "{}", cost(inner, &live));
        let chained = "status.parents.map(p, p.conditions).map(c, c.size()).size() == 50";
        assert!(cost(chained, &live) < 100_000, "{}", cost(chained, &live));
        // The text is looked at once for each parent.
        let each = cost("status.parents.all(p, status.text.contains('b'))", &live);
        assert!((5_000_000..6_000_000).contains(&each), "{each}");
        assert_eq!(cost("nothing.at.all", &live), 5);
    }

    #[test]
    fn levels_are_counted() {
        let count = |text: &str| levels(&cel::parser::PrattParser::new().parse(text).unwrap());
        assert_eq!((count("a"), count("a.b.c"), count("((a))"), count("[[a]]")), (1, 3, 1, 3));
    }
}
