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
use crate::record::{OutcomeKind, Record};

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
    /// The verdict; in one word, as in a record.
    pub verdict: OutcomeKind,
    /// The exit code.
    pub exit_code: u8,
    /// The plan's digest; `None` when there was no plan, or several.
    pub plan_digest: Option<Digest>,
    /// The files that the records were written to.
    pub records: Vec<String>,
}

/// Why a run ended before its work was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In a sentence.
    pub message: String,
    /// The problems that leave nothing to go on with, if it is those.
    pub problems: Vec<Problem>,
}

impl Outputs {
    /// Names and values, in the order of `action.yml`.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("affected", self.affected.clone()),
            ("changed", self.changed.to_string()),
            ("complete", self.complete.to_string()),
            ("verdict", word(self.verdict)),
            ("exit-code", self.exit_code.to_string()),
            ("plan-digest", self.plan_digest.map_or_else(String::new, |d| d.to_string())),
            ("record", self.records.join("\n")),
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

/// The verdict as records write it.
fn word(verdict: OutcomeKind) -> String {
    let value = serde_json::to_value(verdict).ok();
    value.and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Workflow commands for what went wrong, errors first, at most ten of each
/// kind; and how many had no room.
pub fn annotations(records: &[&Record], failure: Option<&Failure>) -> (Vec<String>, usize) {
    let mut out = Vec::new();
    let mut left_out = 0;
    if let Some(failure) = failure.filter(|failure| failure.problems.is_empty()) {
        out.push(command("error", vec![], "luigi", &failure.message));
    }
    let bad = |record: &&&Record| !record.problems.iter().any(|p| p.severity == Severity::Error);
    for record in records.iter().filter(bad) {
        if let Some(outcome) = record.outcome.as_ref().filter(|outcome| outcome.exit_code != 0) {
            let (_, said) = words::verdict(outcome.verdict);
            let title = format!("{}: {said}", record.environment);
            out.push(command("error", vec![], &title, &outcome.message));
        }
    }
    let problems = records.iter().flat_map(|record| &record.problems);
    let mut sorted: Vec<&Problem> = problems.chain(failure.iter().flat_map(|f| &f.problems)).collect();
    sorted.sort_by_key(|p| (p.severity, *p));
    sorted.dedup();
    let mut room = ANNOTATIONS.saturating_sub(out.len());
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let mut of_kind = sorted.iter().filter(|p| p.severity == severity);
        out.extend(of_kind.by_ref().take(room).map(|p| annotation(p)));
        left_out += of_kind.count();
        room = ANNOTATIONS;
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
    let help =
        if problem.help.is_empty() { String::new() } else { format!("\n{}: {}", "help", problem.help) };
    let message = words::head(&problem.message, MESSAGE_BYTES.saturating_sub(help.len() + 8));
    command(kind, properties, &title, &(message + &help))
}

fn command(kind: &str, mut properties: Vec<String>, title: &str, message: &str) -> String {
    properties.push(format!("title={}", escape::command_property(title)));
    let message = words::head(message, MESSAGE_BYTES);
    format!("::{kind} {}::{}", properties.join(","), escape::command_data(&message))
}

/// The job summary of all environments, and of what ended the run before its
/// work was done; within its budget, of which each has an even share.
pub fn summary(records: &[(&Record, Option<&GraphView>)], failure: Option<&Failure>) -> String {
    let share = SUMMARY_BYTES / (records.len() + usize::from(failure.is_some())).max(1);
    let mut out: String =
        records.iter().map(|(record, graph)| markdown::comment(record, *graph, share - 1) + "\n").collect();
    if let Some(failure) = failure {
        out.push_str(&markdown::failure(&failure.message, &failure.problems, share));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Code, Place};
    use crate::record::Outcome;
    use crate::report::samples;

    #[test]
    fn annotations_have_places_and_a_limit() {
        let mut problems: Vec<Problem> = (0..12)
            .map(|i| {
                Problem::new(Code::PathMissing, Some(Place::new("a,b:c.yaml", i + 1, 2)), "no\n::error::x")
            })
            .collect();
        problems.push(Problem::new(Code::NoRemote, None, "no remote"));
        // Two environments share a repository's problems.
        let failure = Failure { message: "12 problems".into(), problems: problems.clone() };
        let record = Record { problems, ..samples::record() };
        let (lines, left_out) = annotations(&[&record], Some(&failure));
        assert_eq!((lines.len(), left_out), (11, 2));
        assert_eq!(
            lines[0],
            "::error file=a%2Cb%3Ac.yaml,line=1,col=2,title=L0403%3A a path does not exist at this commit\
             ::no%0A::error::x%0Ahelp: Correct the path, or commit the files."
        );
        assert!(lines[10].starts_with("::notice title=L0604"));
        assert!(!lines.concat().contains('\n'));
    }

    #[test]
    fn what_has_no_problem_is_annotated_too() {
        let failure = Failure { message: "gone\n::add-mask::x%0A".into(), problems: Vec::new() };
        let record = Record { problems: Vec::new(), ..samples::record() };
        let outcome = |verdict: OutcomeKind| {
            let outcome = Outcome { verdict, exit_code: verdict.exit_code(), message: "newer".into() };
            Record { outcome: Some(outcome), ..record.clone() }
        };
        let (outrun, done) = (outcome(OutcomeKind::Outrun), outcome(OutcomeKind::Done));
        let (lines, left_out) = annotations(&[&outrun, &done], Some(&failure));
        assert_eq!(left_out, 0);
        assert_eq!(lines[0], "::error title=luigi::gone%0A::add-mask::x%250A");
        assert!(lines[1].starts_with("::error title=staging%3A ") && lines[1].ends_with("::newer"));
        assert_eq!(lines.len(), 2);
    }

    fn sample_outputs() -> Outputs {
        Outputs {
            affected: "[]\nchanged<<X\nfalse\nX".into(),
            changed: true,
            complete: true,
            verdict: OutcomeKind::Planned,
            exit_code: 0,
            plan_digest: None,
            records: vec!["a.json".into(), "b.json".into()],
        }
    }

    #[test]
    fn outputs_cannot_be_forged() {
        let outputs = sample_outputs();
        assert_eq!(outputs.text("X"), Err(OutputError::Delimiter("affected")));
        let text = outputs.text("ghadelimiter_1f").unwrap();
        assert!(text.contains("changed<<ghadelimiter_1f\ntrue\nghadelimiter_1f\n"), "{text}");
        assert!(text.ends_with("record<<ghadelimiter_1f\na.json\nb.json\nghadelimiter_1f\n"), "{text}");
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
        let problem = Problem::new(Code::ConfigKey, Some(Place::new("luigi.yaml", 3, 1)), "x".repeat(2000));
        let failure = Failure { message: "lost\n# it".into(), problems: vec![problem; 2000] };
        let text = summary(&[(&record, Some(&graph)), (&record, None)], Some(&failure));
        assert!(text.matches("staging").count() > 1);
        assert!(text.contains("luigi.yaml:3:1") && text.contains("L0202") && text.contains(" more problems"));
        assert!(!text.contains("\n# it"));
        assert!(text.len() <= SUMMARY_BYTES);
        let alone = summary(&[], Some(&Failure { problems: Vec::new(), ..failure }));
        assert!(alone.contains("lost") && alone.contains("Nothing"), "{alone}");
    }
}
