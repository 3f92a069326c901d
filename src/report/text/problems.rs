//! Problems as a compiler says them: what, where, what to do.

use super::page::{Ink, Page, Span, Style, span};
use crate::problem::{Problem, Severity};
use crate::report::{escape, words};

/// All problems, errors first, and a count; empty text for none.
pub fn problems(problems: &[Problem], style: Style) -> String {
    let mut page = Page::new(style);
    write(&mut page, problems);
    page.finish()
}

pub(super) fn write(page: &mut Page, problems: &[Problem]) {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|p| (p.severity, *p));
    for problem in sorted {
        page.gap();
        one(page, problem);
    }
    if !problems.is_empty() {
        page.gap();
        page.line(&[span(Ink::Dim, words::problem_counts(problems))]);
    }
}

fn one(page: &mut Page, problem: &Problem) {
    let ink = match problem.severity {
        Severity::Error => Ink::Bad,
        Severity::Warning => Ink::Warn,
        Severity::Note => Ink::Pointer,
    };
    let head = format!("{}[{}]", words::severity(problem.severity), problem.code.as_str());
    let lines = escape::terminal_lines(&problem.message);
    let first = lines.first().map_or("", String::as_str);
    page.paragraph(2, &[span(ink, head), span(Ink::Plain, ": "), span(Ink::Strong, first)]);
    // What a tool wrote keeps its own lines.
    for line in lines.iter().skip(1) {
        page.line(&[span(Ink::Dim, "  | "), span(Ink::Plain, line)]);
    }
    if let Some(place) = &problem.place {
        page.line(&[span(Ink::Pointer, "  --> "), span(Ink::Plain, place.to_string())]);
    }
    if let Some(app) = &problem.app {
        page.line(&note("app", &app.to_string()));
    }
    if !problem.help.is_empty() {
        page.paragraph(10, &note("help", &problem.help));
    }
}

fn note(what: &str, text: &str) -> [Span; 3] {
    [span(Ink::Pointer, "  = "), span(Ink::Strong, format!("{what}: ")), span(Ink::Plain, text)]
}
