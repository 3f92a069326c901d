//! Ending a dead run's intent: its remaining steps are finished, or what it
//! wrote is put back, and its outcome is written in its place.
//!
//! Renders nothing and asks nobody: everything was staged with the intent.

use super::conclude::{Elsewhere, conclude, sentence, word};
use super::drive::{Drive, Heed, Mode};
use super::write::{Built, Writer, Written};
use super::{Recovered, RunError};
use crate::affected::Action;
use crate::deploy::{Deployment, Event, OnFailure, StepOrder};
use crate::ledger::entry::{Conclusion, Entry, entry, placed};
use crate::ledger::{self, Lease, OnCrash, edits};
use crate::record::OutcomeKind;
use crate::run::kubernetes::{self, Whose};

/// Takes a dead run's lease over and ends its intent. `None` when another run
/// was faster.
pub(super) fn recover(writer: &mut Writer<'_, '_>, dead: &Lease) -> Result<Option<Recovered>, RunError> {
    if let Some(before) = dead.before {
        // A shallow clone has the tip alone. Asked for before anything is taken
        // over, so that who cannot undo leaves the dead run to who can.
        writer.ctx.repo.fetch_commit(before)?;
    }
    let Some(lease) = take_over(writer, dead)? else { return Ok(None) };
    let view = writer.view()?;
    let Some(files) = view.files() else { return Ok(None) };
    let intent = entry(files, lease.seq)?;
    let steps = orders(writer, &lease, &intent)?;
    let (mode, on_failure) = match writer.ctx.on_crash {
        OnCrash::Resume => (Mode::Write, writer.ctx.on_failure),
        OnCrash::Rollback => (Mode::PutBack, OnFailure::Rollback),
    };
    let mut drive = Drive::new(writer, Deployment::resume(&steps, on_failure), (mode, Heed::Nothing));
    drive.announced(lease)?;
    let holder = kubernetes::holder(&dead.holder.run, dead.holder.attempt);
    let cluster = drive.writer.ctx.cluster;
    let outcome = match cluster {
        Some(cluster) => kubernetes::run(&mut drive, cluster, &steps, &Whose::Dead(holder))?.outcome,
        None => drive.run()?,
    };
    let elsewhere = Elsewhere::of(&drive, &steps, drive.writer.ctx);
    let results = drive.results();
    let log = drive.log.iter().map(Event::to_json).collect::<Result<Vec<_>, _>>()?;
    let reason = drive.machine.reason().map(|(app, reason)| format!("{app}: {reason}"));
    let (Some(lease), false) = (drive.lease.clone(), outcome == OutcomeKind::Outrun) else { return Ok(None) };

    let who = writer.ctx.who.clone();
    let finished = writer.ctx.timestamp()?;
    let dead_run = intent.run_id()?.to_owned();
    let verb = if mode == Mode::PutBack { "put back" } else { "resumed" };
    let said = sentence(outcome, reason.as_deref(), results.values());
    let end = Conclusion {
        finished: &finished,
        verdict: outcome,
        message: format!("{verb} by run {} after run {dead_run} ended without an outcome: {said}", who.run),
        by: (&who.run, &who.actor),
        log,
        results,
    };
    let mut recovered = None;
    let written = conclude(writer, &lease, (outcome, &steps), &elsewhere, &mut |position| {
        let bytes = placed(intent.concluded(&end)?, &position)?;
        let record = Entry::parse(position.seq, &bytes)?.value;
        recovered = Some(Recovered { run: dead_run.clone(), seq: position.seq, record });
        let message = format!(
            "{}: outcome {} {verb} by {}: {}\n\nrun {dead_run}\n",
            intent.environment()?,
            position.seq,
            who.actor,
            word(outcome)
        );
        Ok((bytes, message))
    })?;
    match written {
        Written::Won => Ok(recovered),
        Written::Refused(reason) => Err(RunError::Refused { what: "a dead run's outcome", reason }),
        Written::Stopped(_) => Ok(None),
    }
}

fn take_over(writer: &mut Writer<'_, '_>, dead: &Lease) -> Result<Option<Lease>, RunError> {
    let lease = Lease { holder: writer.holder()?, ..dead.clone() };
    let who = writer.ctx.who.clone();
    let written = writer.write(&mut |view| {
        if view.state.at.lease.as_ref() != Some(dead) {
            return Ok(Built::Stop(()));
        }
        let edits = edits::leased(&view.state, lease.clone())?;
        let message = format!(
            "{}: intent {} of run {} taken over by {}\n\nrun {}\n",
            view.state.environment, dead.seq, dead.holder.run, who.actor, who.run
        );
        Ok(Built::Edits(edits, message))
    })?;
    match written {
        Written::Won => Ok(Some(lease)),
        Written::Refused(reason) => Err(RunError::Refused { what: "taking a dead run's lease over", reason }),
        Written::Stopped(()) => Ok(None),
    }
}

/// The intent's steps. What a pruned app needs stands with what was deployed
/// before, not in the record.
fn orders(writer: &Writer<'_, '_>, lease: &Lease, intent: &Entry) -> Result<Vec<StepOrder>, RunError> {
    let before = match lease.before {
        Some(commit) => ledger::read(&writer.ctx.repo.files(commit)?, &intent.environment()?)?.apps,
        None => std::collections::BTreeMap::new(),
    };
    let order = |step: crate::ledger::entry::EntryStep| match step.order.action {
        Action::Apply | Action::Verify => step.order,
        Action::Prune => {
            let needs = before.get(&step.order.app).map_or_else(Vec::new, |app| app.needs.clone());
            StepOrder { needs, ..step.order }
        }
    };
    Ok(intent.steps()?.into_iter().map(order).collect())
}
