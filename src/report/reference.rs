//! Pages of the documentation that are made from the code, so that they cannot
//! rot.

use super::escape;
use crate::problem::Code;

/// `docs/problems.md`: every problem code, what it means and what to do.
pub fn problems() -> String {
    let mut out = String::from(
        "# Problems\n\n\
         Every fault that Luigi finds in your files has a code. `luigi explain CODE` shows the same.\n\
         A code that *hides apps* makes the result not complete: apps may exist that nobody has seen, so\n\
         nothing is pruned, and an empty result proves nothing.\n\n\
         Made from `src/problem/codes.rs` by `cargo test`; `LUIGI_BLESS=1 cargo test` writes it again.\n",
    );
    let mut block = "";
    for code in Code::ALL {
        let text = code.as_str();
        if &text[..3] != block {
            block = &text[..3];
            put!(out, "\n## {block}xx: {}\n\n", block_title(block));
            out.push_str("| code | weight | means | what to do |\n| --- | --- | --- | --- |\n");
        }
        let weight = super::words::severity(code.severity());
        let hides = if code.hides_apps() { ", hides apps" } else { "" };
        put!(out, "| `{text}` | {weight}{hides} | {} | {} |\n", prose(code.title()), prose(code.help()));
    }
    out
}

/// Our own words: code stays code, all else is escaped.
fn prose(text: &str) -> String {
    let part = |(i, part): (usize, &str)| {
        if i % 2 == 0 { spaced(part) } else { escape::code_cell(part) }
    };
    text.split('`').enumerate().map(part).collect()
}

/// Escaped, with the blanks at its ends: they stand beside code.
fn spaced(text: &str) -> String {
    let front = if text.starts_with(' ') { " " } else { "" };
    let back = if text.len() > 1 && text.ends_with(' ') { " " } else { "" };
    format!("{front}{}{back}", escape::markdown(text))
}

fn block_title(block: &str) -> &'static str {
    match block {
        "L01" => "files as text",
        "L02" => "luigi.yaml",
        "L03" => "children",
        "L04" => "sources and content",
        "L05" => "rendering",
        "L06" => "base, head, git",
        "L07" => "decisions",
        "L08" => "the ledger",
        _ => "more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_as_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/problems.md");
        let page = problems();
        if std::env::var_os("LUIGI_BLESS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == page, "docs/problems.md is out of date: run LUIGI_BLESS=1 cargo test");
        assert!(!page.contains(": more"), "a block of codes has no title");
    }
}
