//! How a run begins and ends: its intent is taken, its effects carried out, its
//! outcome is an entry, its lease goes, and the environment says what it now is.
//!
//! Decides no verdict: that is `deploy`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::announce::{Announcement, Taken, message, position, take};
use super::drive::{Drive, Heed, Mode, fenced};
use super::write::{Built, View, Writer, Written};
use super::{Context, Ended, Request, RunError};
use crate::deploy::{Deployment, Event, StepOrder};
use crate::ledger::Lease;
use crate::ledger::edits::{self, Edits, Set};
use crate::name::AppId;
use crate::record::{
    LedgerPosition, Outcome, OutcomeKind, Phase, Record, RecordKind, StepRecord, StepResult, StepStatus,
};
use crate::run::kubernetes::{self, Whose};

/// What is known of a run when its verdict is.
struct End {
    outcome: OutcomeKind,
    reason: Option<String>,
    results: BTreeMap<AppId, StepResult>,
    log: Vec<Event>,
    took: Duration,
    elsewhere: Elsewhere,
}

/// What another engine than the branch has done, to be written down with the
/// outcome.
#[derive(Debug, Clone, Default)]
pub(super) struct Elsewhere {
    /// Apps that are now what was staged.
    pub(super) applied: Vec<AppId>,
    /// Apps that are gone.
    pub(super) pruned: Vec<AppId>,
}

impl Elsewhere {
    /// What a run has done on a cluster; nothing where the branch is the engine.
    pub(super) fn of(drive: &Drive<'_, '_, '_>, steps: &[StepOrder], ctx: &Context<'_>) -> Self {
        match ctx.cluster {
            None => Self::default(),
            Some(_) => {
                let (applied, pruned) = kubernetes::written(drive, steps);
                Self { applied, pruned }
            }
        }
    }
}

/// Carries an approved plan out and records it.
pub(super) fn deploy(ctx: &Context<'_>, request: Request<'_>) -> Result<Ended, RunError> {
    let start = Instant::now();
    let plan = request.approved.plan();
    let mut record = request.record;
    record.plan_digest = Some(plan.digest);
    record.steps = plan.steps.iter().map(StepRecord::of).collect();
    let announcement = Announcement {
        record: &record,
        sets: plan.steps.iter().filter_map(|step| Set::of(step, plan.head)).collect(),
        goal: request.goal,
        against: request.against,
        direction: request.direction,
        head: plan.head,
        apps: plan.steps.iter().map(|step| step.app.clone()).collect(),
    };
    let mut writer = Writer::new(ctx, &plan.environment);
    // The record that was pushed is the one to return: made again, its clock
    // would tell another time.
    let made = RefCell::new(None);
    let nothing = |position: LedgerPosition| {
        let record = finished(ctx, &record, &End::nothing(start), Some(position))?;
        made.replace(Some(record.clone()));
        Ok(record)
    };
    let conclude: &dyn Fn(LedgerPosition) -> Result<Record, RunError> = &nothing;
    let taken = take(&mut writer, &announcement, plan.steps.is_empty().then_some(conclude))?;
    let machine = Deployment::new(request.approved, ctx.on_failure);
    let mut drive = Drive::new(&mut writer, machine, (Mode::Write, Heed::Cancel));
    match taken {
        Taken::Over(ended) => return Ok(ended),
        Taken::Nothing(position) => {
            let record = made.borrow_mut().take();
            return Ok(Ended::Finished(Box::new(record.map_or_else(|| nothing(position), Ok)?)));
        }
        Taken::Announced(lease) => drive.announced(lease)?,
        Taken::Refused(reason) => drive.not_announced(Event::NotAnnounced { reason })?,
        Taken::Outrun(reason) => drive.not_announced(Event::Outrun { reason })?,
        Taken::Cancelled => {
            drive.not_announced(Event::Cancelled)?;
            drive.not_announced(Event::NotAnnounced { reason: "cancelled while waiting".to_owned() })?;
        }
    }
    let steps: Vec<StepOrder> = plan.steps.iter().map(StepOrder::of).collect();
    let outcome = match ctx.cluster {
        Some(cluster) if drive.lease.is_some() => {
            let carried = kubernetes::run(&mut drive, cluster, &steps, &Whose::Own)?;
            record.credentials = carried.credentials;
            carried.outcome
        }
        Some(_) | None => drive.run()?,
    };
    let end = End { took: start.elapsed(), ..End::of(&drive, outcome, &steps, ctx) };
    match (outcome, drive.lease.clone()) {
        (OutcomeKind::Cancelled, None) => {
            let record = finished(ctx, &record, &end, None)?;
            append(ctx, &record).map(|record| Ended::Finished(Box::new(record)))
        }
        (OutcomeKind::Outrun, _) | (_, None) => {
            Ok(Ended::Finished(Box::new(finished(ctx, &record, &end, None)?)))
        }
        (_, Some(lease)) => own(&mut writer, &record, &lease, &steps, end),
    }
}

/// This run's outcome.
fn own(
    writer: &mut Writer<'_, '_>,
    record: &Record,
    lease: &Lease,
    steps: &[StepOrder],
    end: End,
) -> Result<Ended, RunError> {
    let ctx = writer.ctx;
    let mut last = finished(ctx, record, &end, None)?;
    let written = conclude(writer, lease, (end.outcome, steps), &end.elsewhere, &mut |position| {
        last = finished(ctx, record, &end, Some(position.clone()))?;
        Ok((last.canonical()?, message(position.seq, "outcome", record, word(end.outcome))))
    })?;
    match written {
        Written::Won => Ok(Ended::Finished(Box::new(last))),
        Written::Refused(reason) => {
            Err(RunError::OutcomeRefused { reason, record: Box::new(Record { ledger: None, ..last }) })
        }
        Written::Stopped(reason) => {
            let end = End { outcome: OutcomeKind::Outrun, reason: Some(reason), ..end };
            Ok(Ended::Finished(Box::new(finished(ctx, record, &end, None)?)))
        }
    }
}

/// Ends an intent: `make` writes its outcome for a place in the ledger, with
/// the commit's message.
pub(super) fn conclude(
    writer: &mut Writer<'_, '_>,
    lease: &Lease,
    (outcome, steps): (OutcomeKind, &[StepOrder]),
    elsewhere: &Elsewhere,
    make: &mut dyn FnMut(LedgerPosition) -> Result<(Vec<u8>, String), RunError>,
) -> Result<Written<String>, RunError> {
    let ctx = writer.ctx;
    writer.write(&mut |view| {
        if let Some(reason) = fenced(lease, view) {
            return Ok(Built::Stop(reason));
        }
        let position = LedgerPosition { intent: Some(lease.seq), ..position(ctx, view) };
        let seq = position.seq;
        let (bytes, message) = make(position)?;
        let now = ctx.timestamp()?;
        Ok(Built::Edits(conclusion(view, (outcome, steps), (elsewhere, &now), (seq, bytes))?, message))
    })
}

fn conclusion(
    view: &View,
    (outcome, steps): (OutcomeKind, &[StepOrder]),
    (elsewhere, now): (&Elsewhere, &str),
    (seq, bytes): (u64, Vec<u8>),
) -> Result<Edits, RunError> {
    let left = edits::left(&view.state, steps, &elsewhere.applied, &elsewhere.pruned);
    let state = match outcome {
        OutcomeKind::Done | OutcomeKind::NothingToDo => {
            view.state.goal.as_ref().map_or(left, |goal| goal.reached(&view.state.at, seq))
        }
        OutcomeKind::Planned
        | OutcomeKind::Denied
        | OutcomeKind::Problems
        | OutcomeKind::RolledBack
        | OutcomeKind::Stuck
        | OutcomeKind::LeftAsIs
        | OutcomeKind::Cancelled
        | OutcomeKind::Outrun
        | OutcomeKind::Error => left,
    };
    let mut all = edits::outcome(view.files(), &view.state, (seq, bytes), &state)?;
    if let Some(files) = view.files() {
        all.extend(edits::apply(files, &view.state, &elsewhere.applied, now)?);
        all.extend(edits::prune(files, &view.state, &elsewhere.pruned)?);
    }
    Ok(all)
}

/// Appends the entry of a run that wrote nothing. Whoever holds the environment
/// is not disturbed.
pub(super) fn append(ctx: &Context<'_>, record: &Record) -> Result<Record, RunError> {
    let mut writer = Writer::new(ctx, &record.environment);
    writer.fetch()?;
    let mut last = record.clone();
    let written = writer.write(&mut |view| {
        let position = position(ctx, view);
        let seq = position.seq;
        last = Record { kind: RecordKind::Outcome, ledger: Some(position), ..record.clone() };
        if last.run.finished.is_none() {
            last.run.finished = Some(ctx.timestamp()?);
        }
        let said = record.outcome.as_ref().map_or("", |outcome| word(outcome.verdict));
        let message = message(seq, "outcome", record, said);
        Ok(Built::<std::convert::Infallible>::Edits(edits::entry(seq, last.canonical()?), message))
    })?;
    match written {
        Written::Won => Ok(last),
        Written::Refused(reason) => {
            Err(RunError::OutcomeRefused { reason, record: Box::new(Record { ledger: None, ..last }) })
        }
        Written::Stopped(never) => match never {},
    }
}

impl End {
    fn nothing(start: Instant) -> Self {
        Self {
            outcome: OutcomeKind::NothingToDo,
            reason: None,
            results: BTreeMap::new(),
            log: Vec::new(),
            took: start.elapsed(),
            elsewhere: Elsewhere::default(),
        }
    }

    fn of(drive: &Drive<'_, '_, '_>, outcome: OutcomeKind, steps: &[StepOrder], ctx: &Context<'_>) -> Self {
        let said = drive.log.iter().find_map(|event| match event {
            Event::NotAnnounced { reason } | Event::Outrun { reason } => Some(reason.clone()),
            Event::Announced
            | Event::Applied { .. }
            | Event::Refused { .. }
            | Event::Withdrawn { .. }
            | Event::Settled { .. }
            | Event::Failed { .. }
            | Event::Cancelled
            | Event::Undone { .. }
            | Event::UndoFailed { .. }
            | Event::Concluded => None,
        });
        let failed = drive.machine.reason().map(|(app, reason)| format!("{app}: {reason}"));
        Self {
            outcome,
            reason: said.or(failed),
            results: drive.results(),
            log: drive.log.clone(),
            took: Duration::ZERO,
            elsewhere: Elsewhere::of(drive, steps, ctx),
        }
    }
}

/// The record of a run that has a verdict, at that place in the ledger.
fn finished(
    ctx: &Context<'_>,
    record: &Record,
    end: &End,
    ledger: Option<LedgerPosition>,
) -> Result<Record, RunError> {
    let mut record = Record { kind: RecordKind::Outcome, ledger, ..record.clone() };
    for step in &mut record.steps {
        if let Some(result) = end.results.get(&step.app) {
            step.result = result.clone();
        }
    }
    record.log = end.log.iter().map(Event::to_json).collect::<Result<_, _>>()?;
    let duration_ms = u64::try_from(end.took.as_millis()).unwrap_or(u64::MAX);
    record.phases.push(Phase { name: "deploy".to_owned(), duration_ms });
    record.run.finished = Some(ctx.timestamp()?);
    let message = sentence(end.outcome, end.reason.as_deref(), end.results.values());
    record.outcome = Some(Outcome { verdict: end.outcome, exit_code: end.outcome.exit_code(), message });
    Ok(record)
}

/// The verdict in a sentence.
pub(super) fn sentence<'r>(
    outcome: OutcomeKind,
    reason: Option<&str>,
    results: impl Iterator<Item = &'r StepResult>,
) -> String {
    let mut counts: BTreeMap<StepStatus, usize> = BTreeMap::new();
    for result in results {
        *counts.entry(result.status).or_default() += 1;
    }
    let count = |status, word: &str| counts.get(&status).map(|n| format!("{n} {word}"));
    let done: Vec<String> = [
        count(StepStatus::Delivered, "delivered"),
        count(StepStatus::Verified, "verified"),
        count(StepStatus::Pruned, "pruned"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    match outcome {
        OutcomeKind::Done => done.join(", "),
        OutcomeKind::NothingToDo => "nothing differs".to_owned(),
        OutcomeKind::RolledBack => format!("failed, and everything is as it was before{why}"),
        OutcomeKind::Stuck => format!("failed, and could not be put back; a person is needed{why}"),
        OutcomeKind::LeftAsIs => format!("failed, and left as it is by request{why}"),
        OutcomeKind::Cancelled => format!("cancelled, and everything is as it was before{why}"),
        OutcomeKind::Outrun => format!("another run came first{why}"),
        OutcomeKind::Error => format!("the intent was refused, and nothing was written{why}"),
        OutcomeKind::Planned | OutcomeKind::Denied | OutcomeKind::Problems => word(outcome).to_owned(),
    }
}

/// The verdict in a word, for a commit's subject.
pub(super) fn word(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::Planned => "planned",
        OutcomeKind::NothingToDo => "nothing to do",
        OutcomeKind::Done => "done",
        OutcomeKind::Denied => "denied",
        OutcomeKind::Problems => "problems",
        OutcomeKind::RolledBack => "rolled back",
        OutcomeKind::Stuck => "stuck",
        OutcomeKind::LeftAsIs => "left as it is",
        OutcomeKind::Cancelled => "cancelled",
        OutcomeKind::Outrun => "outrun",
        OutcomeKind::Error => "error",
    }
}
