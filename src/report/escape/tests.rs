//! Text from outside never becomes markup, command or control.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;

/// Text that is mostly made of what has a meaning somewhere.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        proptest::sample::select(vec![
            "`",
            "```",
            "~~~",
            "|",
            "\\",
            "\\|",
            "<!--",
            "-->",
            "<script>",
            "</details>",
            "&lt;",
            "&#64;",
            "@acme",
            "@",
            "#1",
            "GH-7",
            "https://",
            "www.",
            "x@y.z",
            ":",
            "::",
            "::add-mask::",
            "##[error]",
            "%0A",
            "%",
            ",",
            "\n",
            "\r\n",
            "\u{1b}[31m",
            "\u{9b}",
            "\u{202e}",
            "\u{200b}",
            "\"",
            "'",
            "#quot;",
            "]",
            "end",
            "1.",
            "- ",
            "    ",
            "> ",
            "# ",
            "===",
            "[a](b)",
            "![a](b)",
            "[^1]",
            "$x$",
            "**",
            "__",
            "~~",
            ":tada:",
            " ",
            "a",
            "7",
            "---",
            "+",
            "*",
        ])
        .prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// All that is more than plain Markdown, but what GitHub does not do: typography.
const OPTIONS: Options = Options::all().difference(Options::ENABLE_SMART_PUNCTUATION);

fn events(markdown: &str) -> Vec<Event<'_>> {
    Parser::new_ext(markdown, OPTIONS).collect()
}

/// What a reader sees of prose, the breaks left out.
fn expected(text: &str) -> String {
    terminal(text).trim_matches(' ').to_owned()
}

proptest! {
    #[test]
    fn terminal_text_holds_no_control(text in nasty()) {
        prop_assert!(!terminal(&text).chars().any(is_hidden));
        prop_assert!(!terminal_lines(&text).iter().any(|line| line.chars().any(is_hidden)));
    }

    #[test]
    fn prose_is_read_back_as_text(text in nasty()) {
        let escaped = markdown(&text);
        let mut seen = String::new();
        for event in events(&escaped) {
            match event {
                Event::Text(text) => seen.push_str(&text),
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                other => prop_assert!(false, "{other:?} in {escaped:?}"),
            }
        }
        prop_assert_eq!(seen.replace('\u{200b}', ""), expected(&text));
    }

    #[test]
    fn prose_links_nothing(text in nasty()) {
        let seen: String = events(&markdown(&text))
            .into_iter()
            .filter_map(|event| match event { Event::Text(text) => Some(text.to_string()), _ => None })
            .collect();
        prop_assert!(!seen.contains("://") && !seen.to_lowercase().contains("www."), "{seen:?}");
        let chars: Vec<char> = seen.chars().collect();
        for pair in chars.windows(2) {
            prop_assert!(pair[0] != '@' || !pair[1].is_alphanumeric(), "{seen:?}");
            prop_assert!(pair[0] != '#' || !pair[1].is_ascii_digit(), "{seen:?}");
        }
    }

    #[test]
    fn a_table_keeps_its_shape(a in nasty(), b in nasty()) {
        let table = format!("| x | y |\n| --- | --- |\n| {} | {} |\n", markdown(&a), code_cell(&b));
        let mut cells: Vec<String> = Vec::new();
        for event in events(&table) {
            match event {
                Event::Start(Tag::TableCell) => cells.push(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(cell) = cells.last_mut() { cell.push_str(&text) }
                }
                Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow)
                | Event::End(TagEnd::Table | TagEnd::TableHead | TagEnd::TableRow | TagEnd::TableCell) => {}
                other => prop_assert!(false, "{other:?} in {table:?}"),
            }
        }
        prop_assert_eq!(cells.len(), 4, "{}", table);
        prop_assert_eq!(cells[2].replace('\u{200b}', ""), expected(&a));
        let b = terminal(&b).replace('|', "\\u{7c}");
        prop_assert_eq!(cells[3].trim(), if b.trim().is_empty() { "(empty)" } else { b.trim() });
    }

    #[test]
    fn code_is_read_back_as_code(text in nasty()) {
        let escaped = format!("x {} y", code(&text));
        let codes: Vec<String> = events(&escaped)
            .into_iter()
            .filter_map(|event| match event { Event::Code(text) => Some(text.to_string()), _ => None })
            .collect();
        let shown = terminal(&text);
        if shown.trim_matches(' ').is_empty() {
            prop_assert!(codes.is_empty());
        } else {
            prop_assert_eq!(codes, vec![shown]);
        }
    }

    #[test]
    fn a_fence_holds_its_lines(lines in proptest::collection::vec(nasty(), 0..5)) {
        let block = fence("diff", &lines);
        let mut seen = String::new();
        for event in events(&block) {
            match event {
                Event::Text(text) => seen.push_str(&text),
                Event::Start(Tag::CodeBlock(_)) | Event::End(TagEnd::CodeBlock) => {}
                other => prop_assert!(false, "{other:?} in {block:?}"),
            }
        }
        let expected: String = lines.iter().map(|line| terminal(line) + "\n").collect();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn a_log_line_is_no_command(text in nasty()) {
        let line = log_line(&terminal(&text));
        prop_assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line:?}");
    }

    #[test]
    fn a_command_is_one_line_and_reads_back(text in nasty()) {
        let data = command_data(&text);
        prop_assert!(!data.contains(['\n', '\r']));
        let back = data.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
        let shown: String = text.chars().map(|c| match c {
            '\n' | '\r' => c.to_string(),
            c => terminal(&c.to_string()),
        }).collect();
        prop_assert_eq!(back, shown);
        prop_assert!(!command_property(&text).contains([':', ',', '\n', '\r']));
    }

    #[test]
    fn html_reads_back(text in nasty()) {
        let escaped = html(&text);
        prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
            .replace("&#39;", "'").replace("&amp;", "&");
        let shown = text.split('\n').map(terminal).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(back, shown);
    }

    #[test]
    fn mermaid_labels_hold_no_markup(text in nasty()) {
        let label = mermaid(&text);
        prop_assert!(label.chars().all(|c| c.is_alphanumeric() || " /_#;".contains(c)), "{label:?}");
        let mut back = String::new();
        let mut rest = label.as_str();
        while let Some((before, after)) = rest.split_once('#') {
            let (number, tail) = after.split_once(';').unwrap();
            back.push_str(before);
            back.push(char::from_u32(number.parse().unwrap()).unwrap());
            rest = tail;
        }
        prop_assert_eq!(back + rest, terminal(&text));
    }

    #[test]
    fn dot_strings_stay_closed(text in nasty()) {
        let escaped = dot(&text);
        let mut back = String::new();
        let mut chars = escaped.chars();
        while let Some(c) = chars.next() {
            prop_assert!(c != '"');
            back.push(if c == '\\' { chars.next().unwrap() } else { c });
        }
        prop_assert_eq!(back.replace("&amp;", "&"), terminal(&text));
    }
}

#[test]
fn what_it_looks_like() {
    assert_eq!(terminal("a\u{1b}[31mb\nc\u{202e}"), "a\\u{1b}[31mb\\nc\\u{202e}");
    assert_eq!(markdown("see #1 by @acme"), "see \\#\u{200b}1 by @\u{200b}acme");
    assert_eq!(markdown("<b>|</b>"), "\\<b\\>&#124;\\</b\\>");
    assert_eq!(code("a`b"), "``a`b``");
    assert_eq!(log_line("  ::error::x ##[group]"), "  \\u{3a}:error::x \\u{23}#[group]");
    assert_eq!(command_property("a:b,c%"), "a%3Ab%2Cc%25");
    assert_eq!(mermaid("App/_/a-b"), "App/_/a#45;b");
}
