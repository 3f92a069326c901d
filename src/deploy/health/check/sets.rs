//! `sets.contains`, `sets.equivalent`, `sets.intersects`, as cel-go's `ext.Sets()`.
//!
//! The crate does not have them; Flux's expressions may call them.

use cel::common::types::{CelBool, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let lists = || vec![LIST_TYPE, LIST_TYPE];
    env.add_overload("sets.contains", "list_sets_contains_list", lists(), |args| answer(&args, contains))?;
    env.add_overload("sets.equivalent", "list_sets_equivalent_list", lists(), |args| {
        answer(&args, |a, b| Ok(contains(a, b)? && contains(b, a)?))
    })?;
    env.add_overload("sets.intersects", "list_sets_intersects_list", lists(), |args| {
        answer(&args, |a, b| Ok(!each(b, |item| has(a, item).map(|found| !found))?))
    })
}

type Answer = Result<bool, ExecutionError>;

fn answer<'b, 'v>(
    args: &[CowVal<'b, 'v>],
    of: impl Fn(&dyn Val, &dyn Val) -> Answer,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    match args {
        [a, b] => Ok(CowVal::owned(CelBool::from(of(&**a, &**b)?))),
        _ => Err(ExecutionError::invalid_argument_count(2, args.len())),
    }
}

/// Whether the first has every item of the second.
fn contains(list: &dyn Val, items: &dyn Val) -> Answer {
    each(items, |item| has(list, item))
}

fn has(list: &dyn Val, wanted: &dyn Val) -> Answer {
    Ok(!each(list, |item| Ok(!item.equals(wanted)))?)
}

/// Whether something holds for every item.
fn each(list: &dyn Val, holds: impl Fn(&dyn Val) -> Answer) -> Answer {
    let not_a_list = || ExecutionError::function_error("sets", "not a list");
    let mut items = list.as_iterable().ok_or_else(not_a_list)?.iter();
    while let Some(item) = items.next() {
        if !holds(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}
