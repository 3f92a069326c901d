//! What a workflow step leaves behind: job summary, outputs, annotations.
//!
//! Text only: the files that `GITHUB_OUTPUT` and `GITHUB_STEP_SUMMARY` name are
//! written elsewhere.

use super::escape;
use super::markdown;
use super::view::GraphView;
use super::words;
use crate::name::Digest;
use crate::problem::{Problem, Severity};
use crate::record::Record;

/// The most bytes of a job summary; a larger one is dropped whole by the runner
/// (`AttachmentSizeLimit` in its `FileCommandManager`).
pub const SUMMARY_BYTES: usize = 1024 * 1024;
/// The most annotations of each kind that a step may make.
pub const ANNOTATIONS: usize = 10;
/// The runner cuts an annotation's message there.
const MESSAGE_BYTES: usize = 4096;

/// Why an output cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// The delimiter stands in a value, or is no delimiter.
    #[error("the delimiter cannot delimit the output `{0}`")]
    Delimiter(&'static str),
}

/// What the action puts out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// The affected apps as JSON, see [`super::json::affected`].
    pub affected: String,
    /// Whether any app is affected.
    pub changed: bool,
    /// Whether every app was seen; if not, `changed: false` proves nothing.
    pub complete: bool,
    /// The verdict in one word, as in a record.
    pub verdict: String,
    /// The exit code.
    pub exit_code: u8,
    /// The plan's digest; `None` when there was no plan, or several.
    pub plan_digest: Option<Digest>,
    /// Where the record was written, if it was.
    pub record: Option<String>,
}

impl Outputs {
    /// Names and values, in the order of `action.yml`.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("affected", self.affected.clone()),
            ("changed", self.changed.to_string()),
            ("complete", self.complete.to_string()),
            ("verdict", self.verdict.clone()),
            ("exit-code", self.exit_code.to_string()),
            ("plan-digest", self.plan_digest.map_or_else(String::new, |d| d.to_string())),
            ("record", self.record.clone().unwrap_or_default()),
        ]
    }

    /// Text for the file that `GITHUB_OUTPUT` names. The delimiter must be one
    /// that nobody outside can guess.
    pub fn text(&self, delimiter: &str) -> Result<String, OutputError> {
        let mut out = String::new();
        for (name, value) in self.pairs() {
            let usable = !delimiter.is_empty() && !delimiter.contains(['\n', '\r', '=', '<']);
            if !usable || value.contains(delimiter) {
                return Err(OutputError::Delimiter(name));
            }
            put!(out, "{name}<<{delimiter}\n{value}\n{delimiter}\n");
        }
        Ok(out)
    }
}

/// Workflow commands for the problems, errors first, at most ten of each kind;
/// and how many had no room.
pub fn annotations(problems: &[Problem]) -> (Vec<String>, usize) {
    let mut out = Vec::new();
    let mut left_out = 0;
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|p| (p.severity, *p));
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let mut of_kind = sorted.iter().filter(|p| p.severity == severity);
        out.extend(of_kind.by_ref().take(ANNOTATIONS).map(|p| annotation(p)));
        left_out += of_kind.count();
    }
    (out, left_out)
}

fn annotation(problem: &Problem) -> String {
    let kind = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some(place) = &problem.place {
        properties.push(format!("file={}", escape::command_property(&place.file)));
        if place.line > 0 {
            properties.push(format!("line={}", place.line));
            properties.push(format!("col={}", place.column));
        }
    }
    let title = format!("{}: {}", problem.code.as_str(), problem.code.title());
    properties.push(format!("title={}", escape::command_property(&title)));
    let help =
        if problem.help.is_empty() { String::new() } else { format!("\n{}: {}", "help", problem.help) };
    let message = words::head(&problem.message, MESSAGE_BYTES.saturating_sub(help.len() + 8));
    format!("::{kind} {}::{}", properties.join(","), escape::command_data(&(message + &help)))
}

/// The job summary of all environments, within its budget. Each environment
/// gets an even share.
pub fn summary(records: &[(&Record, Option<&GraphView>)]) -> String {
    let share = SUMMARY_BYTES / records.len().max(1);
    records.iter().map(|(record, graph)| markdown::comment(record, *graph, share - 1) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Code, Place};
    use crate::report::samples;

    #[test]
    fn annotations_have_places_and_a_limit() {
        let mut problems: Vec<Problem> = (0..12)
            .map(|i| {
                Problem::new(Code::PathMissing, Some(Place::new("a,b:c.yaml", i + 1, 2)), "no\n::error::x")
            })
            .collect();
        problems.push(Problem::new(Code::NoRemote, None, "no remote"));
        let (lines, left_out) = annotations(&problems);
        assert_eq!((lines.len(), left_out), (11, 2));
        assert_eq!(
            lines[0],
            "::error file=a%2Cb%3Ac.yaml,line=1,col=2,title=L0403%3A a path does not exist at this commit\
             ::no%0A::error::x%0Ahelp: Correct the path, or commit the files."
        );
        assert!(lines[10].starts_with("::notice title=L0604"));
        assert!(!lines.concat().contains('\n'));
    }

    fn sample_outputs() -> Outputs {
        Outputs {
            affected: "[]\nchanged<<X\nfalse\nX".into(),
            changed: true,
            complete: true,
            verdict: "planned".into(),
            exit_code: 0,
            plan_digest: None,
            record: Some("record.json".into()),
        }
    }

    #[test]
    fn outputs_cannot_be_forged() {
        let outputs = sample_outputs();
        assert_eq!(outputs.text("X"), Err(OutputError::Delimiter("affected")));
        let text = outputs.text("ghadelimiter_1f").unwrap();
        assert!(text.contains("changed<<ghadelimiter_1f\ntrue\nghadelimiter_1f\n"), "{text}");
        assert!(outputs.text("a\nb").is_err() && outputs.text("").is_err());
    }

    #[test]
    fn the_action_names_the_outputs_that_there_are() {
        let action = include_str!("../../action.yml");
        let outputs = action.split("\noutputs:\n").nth(1).unwrap().split("\nruns:").next().unwrap();
        let named: Vec<&str> = outputs
            .lines()
            .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
            .map(|l| l.trim().trim_end_matches(':'))
            .collect();
        let there: Vec<&str> = sample_outputs().pairs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(named, there);
    }

    #[test]
    fn a_summary_keeps_its_budget() {
        let (record, graph) = (samples::record(), samples::graph());
        let text = summary(&[(&record, Some(&graph)), (&record, None)]);
        assert!(text.matches("staging").count() > 1);
        assert!(text.len() <= SUMMARY_BYTES);
    }
}
