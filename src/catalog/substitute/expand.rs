//! `${VAR}` and its kin in one text, as Flux's `envsubst` expands them.
//!
//! Knows nothing of YAML. Mirrors that program's grammar, its oddities too:
//! every default operator (`-`, `=`, `+`, `?` after `:`) gives the default where
//! the variable is empty, lengths and offsets count bytes, `$$` is `$`.
//!
//! Source: `github.com/fluxcd/pkg/envsubst` (`parse/parse.go`, `funcs.go`).

use super::glob;

/// Why a text cannot be expanded. A lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// The grammar has no such expression.
    #[error("{0:?} is not a substitution that Flux knows; write `$$` for a `$` that is meant as such")]
    Syntax(String),
    /// A length below zero, on which Flux itself crashes.
    #[error("{0:?} has a negative length")]
    Length(String),
}

/// What a variable is worth.
pub(super) enum Known<'v> {
    /// This text.
    Value(&'v str),
    /// Nobody here can know: the whole expression stays as it is written.
    Keep,
}

/// Expands `text`, asking `value` for each variable.
pub(super) fn expand<'v>(text: &str, value: &dyn Fn(&str) -> Known<'v>) -> Result<String, ExpandError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser { chars: &chars, at: 0 };
    let parts = parser.top().map_err(|from| ExpandError::Syntax(excerpt(&chars, from)))?;
    let mut out = String::with_capacity(text.len());
    for part in &parts {
        part.write(&chars, value, &mut out)?;
    }
    Ok(out)
}

fn excerpt(chars: &[char], from: usize) -> String {
    let end = chars.len().min(from + 40);
    chars[from.min(end)..end].iter().take_while(|c| **c != '\n').collect()
}

/// A piece of the text.
enum Part {
    Text(String),
    Call(Call),
}

/// One `${…}`; `from..to` is all of it.
struct Call {
    variable: String,
    operator: String,
    arguments: Vec<Part>,
    from: usize,
    to: usize,
}

/// Which escapes a piece of text knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    /// `$$`, outside of expressions.
    Dollar,
    /// `$$`, `\/` and `\\`, in `${x/a/b}`.
    All,
}

/// Fails with the start of the expression that is wrong.
type Parsed<T> = Result<T, usize>;

struct Parser<'c> {
    chars: &'c [char],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn opens(&self) -> bool {
        self.chars[self.at..].starts_with(&['$', '{'])
    }

    fn top(&mut self) -> Parsed<Vec<Part>> {
        let mut parts = Vec::new();
        while self.at < self.chars.len() {
            if self.opens() {
                parts.push(Part::Call(self.call()?));
            } else {
                parts.push(Part::Text(self.text(|_| true, Escapes::Dollar)));
            }
        }
        Ok(parts)
    }

    /// Text up to `${`, the end, or a character that is not accepted.
    fn text(&mut self, accept: fn(char) -> bool, escapes: Escapes) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek() {
            if self.opens() {
                break;
            }
            let next = self.chars.get(self.at + 1).copied();
            let skips = match (c, next) {
                ('$', Some('$')) => escapes != Escapes::None,
                ('\\', Some('/' | '\\')) => escapes == Escapes::All,
                _ => false,
            };
            if skips {
                self.at += 1;
            } else if !accept(c) {
                break;
            }
            text.push(self.chars[self.at]);
            self.at += 1;
        }
        text
    }

    /// As many of these characters as stand here, at most `most`.
    fn run(&mut self, accept: impl Fn(char) -> bool, most: usize) -> String {
        let run: String =
            self.chars[self.at..].iter().copied().take(most).take_while(|c| accept(*c)).collect();
        self.at += run.chars().count();
        run
    }

    fn call(&mut self) -> Parsed<Call> {
        let from = self.at;
        self.at += 2;
        let name = |c: char| c.is_alphabetic() || c.is_numeric() || c == '_';
        if self.peek() == Some('#') {
            self.at += 1;
            let variable = self.run(name, usize::MAX);
            return self.close(from, variable, "#".to_owned(), Vec::new());
        }
        let variable = self.run(name, usize::MAX);
        if variable.is_empty() {
            return Err(from);
        }
        let mut arguments = Vec::new();
        let operator = match self.peek() {
            Some(':') => {
                if let Some(c @ ('=' | '-' | '?' | '+')) = self.chars.get(self.at + 1) {
                    self.at += 2;
                    self.default(from, &mut arguments)?;
                    format!(":{c}")
                } else {
                    self.at += 1;
                    self.slice(from, &mut arguments)?;
                    ":".to_owned()
                }
            }
            Some('=') => {
                self.at += 1;
                self.default(from, &mut arguments)?;
                "=".to_owned()
            }
            Some(',' | '^') => self.run(|c| matches!(c, ',' | '^'), 2),
            Some('/') => self.replace(from, &mut arguments)?,
            Some(mark @ ('#' | '%')) => {
                let operator = self.run(|c| c == mark, 2);
                arguments.push(self.argument(from, |c| c != '}', Escapes::None)?);
                operator
            }
            _ => String::new(),
        };
        self.close(from, variable, operator, arguments)
    }

    fn close(
        &mut self,
        from: usize,
        variable: String,
        operator: String,
        arguments: Vec<Part>,
    ) -> Parsed<Call> {
        if self.peek() != Some('}') || variable.is_empty() {
            return Err(from);
        }
        self.at += 1;
        Ok(Call { variable, operator, arguments, from, to: self.at })
    }

    /// One argument: an expression, or at least one character of text.
    fn argument(&mut self, from: usize, accept: fn(char) -> bool, escapes: Escapes) -> Parsed<Part> {
        if self.at >= self.chars.len() {
            return Err(from);
        }
        if self.opens() {
            return self.call().map(Part::Call);
        }
        let before = self.at;
        let text = self.text(accept, escapes);
        if self.at == before { Err(from) } else { Ok(Part::Text(text)) }
    }

    fn default(&mut self, from: usize, arguments: &mut Vec<Part>) -> Parsed<()> {
        while self.peek() != Some('}') {
            arguments.push(self.argument(from, |c| c != '}', Escapes::None)?);
        }
        Ok(())
    }

    fn slice(&mut self, from: usize, arguments: &mut Vec<Part>) -> Parsed<()> {
        arguments.push(self.argument(from, |c| c != ':' && c != '}', Escapes::None)?);
        if self.run(|c| c == ':', usize::MAX).is_empty() {
            return Ok(());
        }
        arguments.push(self.argument(from, |c| c != '}', Escapes::None)?);
        Ok(())
    }

    fn replace(&mut self, from: usize, arguments: &mut Vec<Part>) -> Parsed<String> {
        self.at += 1;
        let mut operator = "/".to_owned();
        operator.push_str(&self.run(|c| matches!(c, '/' | '#' | '%'), 1));
        arguments.push(self.argument(from, |c| c != '/', Escapes::All)?);
        if self.run(|c| c == '/', usize::MAX).is_empty() {
            return Err(from);
        }
        if self.peek() != Some('}') {
            arguments.push(self.argument(from, |c| c != '}', Escapes::All)?);
        }
        Ok(operator)
    }
}

impl Part {
    fn write<'v>(
        &self,
        chars: &[char],
        value: &dyn Fn(&str) -> Known<'v>,
        out: &mut String,
    ) -> Result<(), ExpandError> {
        let call = match self {
            Self::Text(text) => {
                out.push_str(text);
                return Ok(());
            }
            Self::Call(call) => call,
        };
        let known = match value(&call.variable) {
            Known::Value(known) => known,
            Known::Keep => {
                out.extend(&chars[call.from..call.to]);
                return Ok(());
            }
        };
        let mut arguments = Vec::new();
        for argument in &call.arguments {
            let mut text = String::new();
            argument.write(chars, value, &mut text)?;
            arguments.push(text);
        }
        let applied = apply(&call.operator, known, &arguments)
            .ok_or_else(|| ExpandError::Length(chars[call.from..call.to].iter().collect()))?;
        out.push_str(&applied);
        Ok(())
    }
}

/// `None` for a negative length.
fn apply(operator: &str, value: &str, arguments: &[String]) -> Option<String> {
    let first = arguments.first().map_or("", String::as_str);
    let second = arguments.get(1).map_or("", String::as_str);
    Some(match operator {
        ",," => value.to_lowercase(),
        "^^" => value.to_uppercase(),
        "," => first_letter(value, |c| c.to_lowercase().collect()),
        "^" => first_letter(value, |c| c.to_uppercase().collect()),
        "#" if arguments.is_empty() => value.len().to_string(),
        "#" => glob::trim_shortest(value, first),
        "##" => glob::trim_longest(value, first),
        "%" => reversed(&glob::trim_shortest(&reversed(value), &reversed(first))),
        "%%" => reversed(&glob::trim_longest(&reversed(value), &reversed(first))),
        ":" => return slice(value, arguments),
        "/" => value.replacen(first, second, 1),
        "//" => value.replace(first, second),
        "/#" => match (arguments.len(), value.strip_prefix(first)) {
            (2, Some(rest)) => format!("{second}{rest}"),
            _ => value.to_owned(),
        },
        "/%" => match (arguments.len(), value.strip_suffix(first)) {
            (2, Some(rest)) => format!("{rest}{second}"),
            _ => value.to_owned(),
        },
        _ if value.is_empty() => arguments.concat(),
        _ => value.to_owned(),
    })
}

fn first_letter(value: &str, change: fn(char) -> String) -> String {
    let mut chars = value.chars();
    chars.next().map_or_else(String::new, |first| change(first) + chars.as_str())
}

fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// `${x:position}` and `${x:position:length}`, in bytes; what is no number
/// changes nothing.
fn slice(value: &str, arguments: &[String]) -> Option<String> {
    let bytes = value.as_bytes();
    let cut = |from: usize, to: usize| String::from_utf8_lossy(&bytes[from..to]).into_owned();
    let Some(position) = arguments.first().and_then(|text| text.parse::<i64>().ok()) else {
        return Some(value.to_owned());
    };
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let from = if position < 0 { (length + position).max(0) } else { position };
    let wanted = match arguments.get(1).map(|text| text.parse::<i64>()) {
        None => length,
        Some(Ok(wanted)) => wanted,
        Some(Err(_)) => return Some(value.to_owned()),
    };
    if wanted < 0 && from.saturating_add(wanted) < length {
        return None;
    }
    let to = from.saturating_add(wanted).min(length);
    if from >= length {
        return Some(String::new());
    }
    Some(cut(usize::try_from(from).ok()?, usize::try_from(to).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)], text: &str) -> Result<String, ExpandError> {
        expand(text, &|name| {
            Known::Value(variables.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value))
        })
    }

    /// Expected values as Flux's `envsubst` gives them.
    #[test]
    fn expressions_expand_as_in_flux() {
        let variables =
            [("a", "abcABC123ABCabc"), ("p", "/path/to/file.tar.gz"), ("f", "foo"), ("u", "éa"), ("e", "")];
        for (text, expected) in [
            ("plain $a {a} $", "plain $a {a} $"),
            ("${a}", "abcABC123ABCabc"),
            ("${#a} ${#u}", "15 3"),
            ("${f^} ${f^^} ${u^^} ${none^}", "Foo FOO ÉA "),
            ("${a,,}", "abcabc123abcabc"),
            ("${a:3}", "ABC123ABCabc"),
            (
                "${a:3:3}|${a:-3:2}|${a:99}|${a:x}|${a:0:99}",
                "ABC|abcABC123ABCabc||abcABC123ABCabc|abcABC123ABCabc",
            ),
            ("${none:=x y}", "x y"),
            ("${none:-x} ${none=y} ${f:-x} ${e:-was empty}", "x y foo was empty"),
            ("${none:+x} ${f:+x}", "x foo"),
            ("${none:=pre${f}-post}", "prefoo-post"),
            ("${none:-}", ""),
            ("${a/abc/xyz}", "xyzABC123ABCabc"),
            ("${a//abc/xyz}", "xyzABC123ABCxyz"),
            ("${a//abc/}", "ABC123ABC"),
            ("${a/#abc/X}", "XABC123ABCabc"),
            ("${a/%abc/X}", "abcABC123ABCX"),
            (r"${p//\//-}", "-path-to-file.tar.gz"),
            ("${p#*/}", "path/to/file.tar.gz"),
            ("${p##*/}", "file.tar.gz"),
            ("${p%.*}", "/path/to/file.tar"),
            ("${p%%.*}", "/path/to/file"),
            ("$${a} and $$ and $$$${a}", "${a} and $ and $${a}"),
            ("$${x=${f}}", "${x=foo}"),
            (r"\\x ${f}", r"\\x foo"),
            ("${1}", ""),
        ] {
            assert_eq!(with(&variables, text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_flux_refuses_is_refused() {
        for text in ["${", "${}", "${a", "${a-b}", "${a[@]}", "${!a}", "${a:}", "${a/b}", "${#}", "x ${a:-b"]
        {
            assert!(matches!(with(&[], text), Err(ExpandError::Syntax(_))), "{text}");
        }
        let error = with(&[], "text\nexport X=${LIST[@]}\nmore").unwrap_err();
        assert!(error.to_string().starts_with("\"${LIST[@]}\" is not"), "{error}");
        assert!(matches!(with(&[("a", "abc")], "${a:1:-1}"), Err(ExpandError::Length(_))));
    }

    #[test]
    fn what_is_kept_stays_word_for_word() {
        let known = |name: &str| if name == "f" { Known::Value("foo") } else { Known::Keep };
        let text = "${f} ${secret} ${secret:=${f}} ${f:-${secret}} ${none2:-$x}";
        assert_eq!(expand(text, &known).as_deref(), Ok("foo ${secret} ${secret:=${f}} foo ${none2:-$x}"));
    }
}
