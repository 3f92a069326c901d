//! What `luigi run` leaves for the runner and for later steps: records, outputs,
//! summary, annotations.
//!
//! Decides nothing: the exit code is known before. What cannot be written is
//! said, and changes no verdict.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::output::Output;
use super::variable;
use crate::affected::Affected;
use crate::catalog::Completeness;
use crate::outside::owner;
use crate::record::{Outcome, OutcomeKind, Record};
use crate::report::github::{self, Failure, Outputs};
use crate::report::json;
use crate::report::view::GraphView;
use crate::run::error::{RunError, exit};
use crate::run::ledger;

/// Names tried for one record; a job has few steps that run Luigi.
const MAX_NAMES: u32 = 100;

/// What a run leaves behind. At first that is nothing, and nothing is proved.
#[derive(Default)]
pub(super) struct Left {
    /// The affected apps.
    pub(super) affected: Vec<Affected>,
    /// Whether every app was seen, as far as the commands know.
    pub(super) complete: bool,
    records: Vec<(Record, Option<GraphView>)>,
    failure: Option<Failure>,
}

impl Left {
    /// One environment's record.
    pub(super) fn record(&mut self, record: Record, graph: Option<GraphView>) {
        self.records.push((record, graph));
    }

    /// The run ended before its work was done.
    pub(super) fn fail(&mut self, error: RunError) {
        self.complete = false;
        let message = error.to_string();
        let problems = match error {
            RunError::Problems(problems) => problems,
            // What was done is on no ledger: the record is all that there is.
            RunError::Deploy(ledger::RunError::OutcomeRefused { record, .. }) => {
                self.records.push((*record, None));
                Vec::new()
            }
            RunError::Usage(_)
            | RunError::Git(_)
            | RunError::Read(_)
            | RunError::Ledger(_)
            | RunError::Deploy(_)
            | RunError::Cluster(_)
            | RunError::Denied(_)
            | RunError::Io { .. }
            | RunError::Json(_)
            | RunError::Other(_) => Vec::new(),
        };
        self.failure = Some(Failure { message, problems });
    }

    /// Writes everything.
    pub(super) fn leave(&self, code: u8, output: &Output) -> Result<(), RunError> {
        self.annotate(output);
        let outputs = Outputs {
            affected: json::affected(&self.affected)?,
            changed: !self.affected.is_empty(),
            complete: self.is_complete(),
            verdict: self.verdict(code),
            exit_code: code,
            plan_digest: self.plan_digest(),
            records: self.write_records(output)?,
        };
        let text = outputs.text(&delimiter()?).map_err(|e| RunError::Other(e.to_string()))?;
        append("GITHUB_OUTPUT", &text, output);
        let pages: Vec<(&Record, Option<&GraphView>)> =
            self.records.iter().map(|(record, graph)| (record, graph.as_ref())).collect();
        append("GITHUB_STEP_SUMMARY", &github::summary(&pages, self.failure.as_ref()), output);
        Ok(())
    }

    fn is_complete(&self) -> bool {
        let whole = |record: &Record| record.selection.completeness == Completeness::Complete;
        self.complete && self.records.iter().all(|(record, _)| whole(record))
    }

    fn annotate(&self, output: &Output) {
        let records: Vec<&Record> = self.records.iter().map(|(record, _)| record).collect();
        let (lines, more) = github::annotations(&records, self.failure.as_ref());
        for line in lines {
            output.data(&format!("{line}\n"));
        }
        if more > 0 {
            output.say(&format!("{more} more problems have no annotation; the summary has them"));
        }
    }

    fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        self.records.iter().filter_map(|(record, _)| record.outcome.as_ref())
    }

    /// The worst verdict, in a record's word for it.
    fn verdict(&self, code: u8) -> OutcomeKind {
        match (&self.failure, self.outcomes().max_by_key(|outcome| outcome.exit_code)) {
            (None, Some(outcome)) => outcome.verdict,
            (Some(_), _) if code == exit::PROBLEMS => OutcomeKind::Problems,
            (Some(_), _) | (None, None) => OutcomeKind::Error,
        }
    }

    fn plan_digest(&self) -> Option<crate::name::Digest> {
        match self.records.as_slice() {
            [(record, _)] => record.plan_digest,
            _ => None,
        }
    }

    /// Writes every record, and gives the names by which later steps find them.
    fn write_records(&self, output: &Output) -> Result<Vec<String>, RunError> {
        let mut names = Vec::new();
        for (record, _) in &self.records {
            let bytes = record.canonical()?;
            match write_record(record.environment.as_str(), &bytes) {
                Ok(name) => names.push(name),
                Err(why) => output.say(&why),
            }
        }
        Ok(names)
    }
}

/// Writes a record to a file that is not there yet: an earlier step of the job
/// may have left one. Of a file in `RUNNER_TEMP` only the name is given, because
/// outside a container that folder has another path.
fn write_record(environment: &str, bytes: &[u8]) -> Result<String, String> {
    let given = variable("RUNNER_TEMP");
    let dir = if given.is_empty() { std::env::temp_dir() } else { PathBuf::from(&given) };
    for number in 1..=MAX_NAMES {
        let name = match number {
            1 => format!("luigi-record-{environment}.json"),
            _ => format!("luigi-record-{environment}-{number}.json"),
        };
        let path = dir.join(&name);
        let written = OpenOptions::new().write(true).create_new(true).open(&path);
        match written.and_then(|mut file| file.write_all(bytes)) {
            Ok(()) => {
                // Root's file can be read by all; that it is theirs to remove is a courtesy.
                let _ = owner::give_back(&path, SystemTime::now());
                return Ok(if given.is_empty() { path.display().to_string() } else { name });
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("cannot write {}: {error}", path.display())),
        }
    }
    Err(format!("cannot write a record: {} has {MAX_NAMES} of them", dir.display()))
}

fn append(variable: &str, text: &str, output: &Output) {
    let Some(path) = std::env::var_os(variable).filter(|p| !p.is_empty()) else { return };
    let written = OpenOptions::new()
        .append(true)
        .create(true)
        .open(Path::new(&path))
        .and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        output.say(&format!("cannot write {variable}: {error}"));
    }
}

/// A delimiter that nobody outside can guess.
fn delimiter() -> Result<String, RunError> {
    let mut bytes = [0u8; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| RunError::io("read /dev/urandom", e))?;
    Ok(bytes.iter().fold("luigi-".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}
