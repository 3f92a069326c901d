//! One entry, read back: a record as JSON, with accessors for what is needed.
//!
//! Not `record::Record`: entries of other versions of Luigi have other fields,
//! and an entry that is carried on keeps them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::json::{Field, parse};
use super::read::file;
use super::{LedgerError, path};
use crate::affected::Action;
use crate::deploy::StepOrder;
use crate::files::Files;
use crate::name::{AppId, CommitId, Digest, Environment, RepoPath};
use crate::problem::Code;
use crate::record::{API_VERSION, LedgerPosition, OutcomeKind, StepResult};

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its number by its path.
    pub seq: u64,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// The record.
    pub value: Value,
    path: RepoPath,
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// What is about to be written.
    Intent,
    /// What came of it.
    Outcome,
}

/// What a record says of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryStep {
    /// App, action and order.
    pub order: StepOrder,
    /// The digest of what was to be written.
    pub digest: Option<Digest>,
    /// What became of it, as in `delivered`.
    pub status: String,
    /// Versions of its remote inputs.
    pub pins: Vec<String>,
}

/// The record that stands before an entry's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Previous {
    /// Its digest; `None` before the first entry.
    Known(Option<Digest>),
    /// It cannot be read, which is told elsewhere.
    Unknown,
}

/// Reads an entry. One that is not there is a fault.
pub fn entry(files: &dyn Files, seq: u64) -> Result<Entry, LedgerError> {
    let path = path::record(seq);
    let Some(bytes) = file(files, &path)? else {
        let message = format!("there is no entry {seq}");
        return Err(LedgerError::fault(Code::LedgerSequence, &path, message));
    };
    Entry::parse(seq, &bytes)
}

impl Entry {
    /// Reads an entry's bytes.
    pub fn parse(seq: u64, bytes: &[u8]) -> Result<Self, LedgerError> {
        let path = path::record(seq);
        Ok(Self { seq, digest: Digest::of(bytes), value: parse(&path, bytes)?, path })
    }

    fn top(&self) -> Field<'_> {
        Field::top(&self.path, &self.value)
    }

    /// Intent or outcome.
    pub fn kind(&self) -> Result<EntryKind, LedgerError> {
        match self.top().need("kind")?.text()? {
            "intent" => Ok(EntryKind::Intent),
            "outcome" => Ok(EntryKind::Outcome),
            other => Err(self.fault(format!("an entry is no {other:?}"))),
        }
    }

    /// The environment.
    pub fn environment(&self) -> Result<Environment, LedgerError> {
        self.top().need("environment")?.name(Environment::parse)
    }

    /// The run that it belongs to.
    pub fn run_id(&self) -> Result<&str, LedgerError> {
        self.top().need("run")?.need("id")?.text()
    }

    /// Who started that run.
    pub fn actor(&self) -> Result<&str, LedgerError> {
        self.top().need("run")?.need("actor")?.text()
    }

    /// The commit that was deployed; `None` when it never came to that.
    pub fn source_head(&self) -> Result<Option<CommitId>, LedgerError> {
        self.top().need("source")?.get("head").map(|field| field.commit()).transpose()
    }

    /// The verdict of an outcome, as in `rolled-back`; `None` in an intent.
    pub fn verdict(&self) -> Result<Option<&str>, LedgerError> {
        self.top().get("outcome").map(|outcome| outcome.need("verdict")?.text()).transpose()
    }

    /// The number that the entry itself says it has.
    pub fn claimed_seq(&self) -> Result<u64, LedgerError> {
        self.top().need("ledger")?.need("seq")?.number()
    }

    /// The digest of the entry before it, as it says.
    pub fn previous(&self) -> Result<Option<Digest>, LedgerError> {
        self.top().need("ledger")?.get("previous").map(|field| field.digest()).transpose()
    }

    /// The intent that an outcome ends.
    pub fn intent(&self) -> Result<Option<u64>, LedgerError> {
        self.top().need("ledger")?.get("intent").map(|field| field.number()).transpose()
    }

    /// The form of the record.
    pub fn api_version(&self) -> Result<&str, LedgerError> {
        self.top().need("apiVersion")?.text()
    }

    /// Every step. A prune's order comes from what the app needs, which the
    /// caller adds: a record does not hold it.
    pub fn steps(&self) -> Result<Vec<EntryStep>, LedgerError> {
        self.top().need("steps")?.list()?.map(|step| self.step(step)).collect()
    }

    fn step(&self, step: Field<'_>) -> Result<EntryStep, LedgerError> {
        let action = match step.need("action")?.text()? {
            "apply" => Action::Apply,
            "verify" => Action::Verify,
            "prune" => Action::Prune,
            other => return Err(self.fault(format!("a step does no {other:?}"))),
        };
        let needs = step.need("needs")?.list()?.map(|need| need.app()).collect::<Result<_, _>>()?;
        Ok(EntryStep {
            order: StepOrder { app: step.need("app")?.app()?, action, needs },
            digest: step.get("digest").map(|field| field.digest()).transpose()?,
            status: step.need("result")?.need("status")?.text()?.to_owned(),
            pins: step.get("pins").map_or_else(|| Ok(Vec::new()), |pins| pins.texts())?,
        })
    }

    /// Whether the record is whole by itself, stands where it says and follows
    /// `previous`.
    pub(super) fn holds(&self, bytes: &[u8], previous: Previous) -> Result<(), LedgerError> {
        if serde_json_canonicalizer::to_vec(&self.value)? != bytes {
            return Err(self.fault("it is not canonical JSON (RFC 8785): it was written by another program"));
        }
        let version = self.api_version()?;
        if version != API_VERSION {
            return Err(self.fault(format!("the record is {version}, and this version knows {API_VERSION}")));
        }
        let claimed = self.claimed_seq()?;
        if claimed != self.seq {
            return Err(self.fault(format!("the record says that it is entry {claimed}")));
        }
        let says = self.previous()?;
        let follows = match previous {
            Previous::Known(digest) => says == digest,
            Previous::Unknown => true,
        };
        if !follows {
            return Err(self.fault(format!(
                "entry {} is not the one that this entry was appended to: one of the two was changed",
                self.seq.saturating_sub(1)
            )));
        }
        self.kind().map(drop)?;
        self.environment().map(drop)?;
        self.steps().map(drop)
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> LedgerError {
        LedgerError::fault(Code::LedgerBroken, &self.path, message)
    }

    /// The outcome that another run writes for this intent, whose own run died.
    /// Everything else of the intent stays as it was, fields that this version
    /// does not know included.
    pub fn concluded(&self, end: &Conclusion<'_>) -> Result<Value, LedgerError> {
        let mut value = self.value.clone();
        value["kind"] = json!("outcome");
        value["run"]["finished"] = json!(end.finished);
        value["outcome"] = json!({
            "verdict": end.verdict,
            "exitCode": end.verdict.exit_code(),
            "message": end.message,
        });
        value["concludedBy"] = json!({ "run": end.by.0, "actor": end.by.1 });
        value["log"] = json!(end.log);
        if let Some(steps) = value["steps"].as_array_mut() {
            for step in steps {
                let app = step["app"].as_str().and_then(|text| AppId::parse(text).ok());
                if let Some(result) = app.and_then(|app| end.results.get(&app)) {
                    step["result"] = serde_json::to_value(result)?;
                }
            }
        }
        Ok(value)
    }
}

/// How another run ended a dead one's intent.
#[derive(Debug)]
pub struct Conclusion<'a> {
    /// RFC 3339.
    pub finished: &'a str,
    /// The verdict.
    pub verdict: OutcomeKind,
    /// One sentence for people.
    pub message: String,
    /// The run that did it, and who started that.
    pub by: (&'a str, &'a str),
    /// The machine's events.
    pub log: Vec<Value>,
    /// What became of each step.
    pub results: BTreeMap<AppId, StepResult>,
}

/// A record's canonical bytes at that place in the ledger.
pub fn placed(mut value: Value, position: &LedgerPosition) -> Result<Vec<u8>, LedgerError> {
    value["ledger"] = serde_json::to_value(position)?;
    Ok(serde_json_canonicalizer::to_vec(&value)?)
}
