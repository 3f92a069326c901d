//! Taking an environment: who holds it, may this plan still be carried out, and
//! the push that settles both.
//!
//! All of it is asked of the tip that the intent is committed on, so that
//! nothing can come between the question and the write.

use std::time::{Duration, Instant};

use super::write::{Built, View, Writer, Written};
use super::{Context, Direction, Ended, RunError, recover};
use crate::ledger::edits::{self, Edits, Set};
use crate::ledger::entry::{entry, placed};
use crate::ledger::{EnvironmentState, Lease, path};
use crate::name::{AppId, CommitId, ObjectId};
use crate::outside::host::{Liveness, ProcessName, liveness};
use crate::record::{LedgerPosition, Record, RecordKind};

/// What an intent is made of.
pub(super) struct Announcement<'r> {
    /// The record so far.
    pub(super) record: &'r Record,
    /// What will be written.
    pub(super) sets: Vec<Set>,
    /// What the environment will be.
    pub(super) goal: EnvironmentState,
    /// The subtree that the plan was made against.
    pub(super) against: Option<ObjectId>,
    /// Whether an older commit is meant.
    pub(super) direction: Direction,
    /// The plan's commit.
    pub(super) head: CommitId,
    /// The apps that the plan touches.
    pub(super) apps: Vec<AppId>,
}

/// What came of taking the environment.
pub(super) enum Taken {
    /// The intent is pushed; this run may write.
    Announced(Lease),
    /// There was nothing to write, and the outcome with that number says so.
    Nothing(LedgerPosition),
    /// The server refuses the intent.
    Refused(String),
    /// Another run holds the environment, or has outrun this one.
    Outrun(String),
    /// Someone asked the run to stop while it waited.
    Cancelled,
    /// The call is over.
    Over(Ended),
}

/// Why an intent may not be written on a tip.
enum Stop {
    Held(Box<Lease>),
    Dead(Box<Lease>),
    Outrun(String),
    Replan(String),
}

/// Takes the environment, waiting for a live holder and ending a dead one's run
/// first. `conclude` makes the outcome of a plan that has no steps; without it
/// an intent is pushed.
pub(super) fn take(
    writer: &mut Writer<'_, '_>,
    announcement: &Announcement<'_>,
    conclude: Option<&dyn Fn(LedgerPosition) -> Result<Record, RunError>>,
) -> Result<Taken, RunError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(100);
    writer.fetch()?;
    loop {
        if writer.ctx.cancelled() {
            return Ok(Taken::Cancelled);
        }
        let mut won = None;
        let written = {
            let ctx = writer.ctx;
            let me = writer.holder()?;
            writer.write(&mut |view| {
                if let Some(stop) = gate(ctx, announcement, view)? {
                    return Ok(Built::Stop(stop));
                }
                let position = position(ctx, view);
                let (taken, edits, message) = if let Some(conclude) = conclude {
                    let record = conclude(position.clone())?;
                    let edits = nothing(announcement, view, &record)?;
                    let message = message(position.seq, "outcome", announcement.record, "nothing to do");
                    (Taken::Nothing(position), edits, message)
                } else {
                    let lease = Lease { seq: position.seq, before: view.tip, holder: me.clone() };
                    let edits = intent(announcement, view, position, &lease)?;
                    let message = message(lease.seq, "intent", announcement.record, "");
                    (Taken::Announced(lease), edits, message)
                };
                won = Some(taken);
                Ok(Built::Edits(edits, message))
            })?
        };
        match (written, won) {
            (Written::Won, Some(taken)) => return Ok(taken),
            // Nothing is ever built as `Already` here.
            (Written::Won, None) => writer.fetch().map(drop)?,
            (Written::Refused(reason), _) => return Ok(Taken::Refused(reason)),
            (Written::Stopped(Stop::Outrun(reason)), _) => return Ok(Taken::Outrun(reason)),
            (Written::Stopped(Stop::Replan(why)), _) => return Ok(Taken::Over(Ended::Replan(why))),
            (Written::Stopped(Stop::Dead(lease)), _) => {
                if let Some(recovered) = recover::recover(writer, &lease)? {
                    return Ok(Taken::Over(Ended::Recovered(recovered)));
                }
                writer.fetch()?;
            }
            (Written::Stopped(Stop::Held(lease)), _) => {
                let left = writer.ctx.wait.saturating_sub(start.elapsed());
                if left.is_zero() {
                    return Ok(Taken::Outrun(held_by(writer, &lease)?));
                }
                // Short enough that a cancel is heard soon.
                std::thread::sleep(pause.min(left));
                pause = (pause * 2).min(Duration::from_secs(3));
                writer.fetch()?;
            }
        }
    }
}

/// The place of the next entry.
pub(super) fn position(ctx: &Context<'_>, view: &View) -> LedgerPosition {
    LedgerPosition {
        branch: ctx.branch_name.to_owned(),
        seq: view.state.next_seq(),
        previous: view.state.head.map(|head| head.digest),
        intent: None,
        holder: None,
    }
}

/// A commit's message.
pub(super) fn message(seq: u64, kind: &str, record: &Record, what: &str) -> String {
    let Record { environment, run, .. } = record;
    let tail = if what.is_empty() { String::new() } else { format!(": {what}") };
    format!("{environment}: {kind} {seq} of {} by {}{tail}\n\nrun {}\n", run.command, run.actor, run.id)
}

fn intent(
    announcement: &Announcement<'_>,
    view: &View,
    position: LedgerPosition,
    lease: &Lease,
) -> Result<Edits, RunError> {
    let mut record = announcement.record.clone();
    record.kind = RecordKind::Intent;
    record.run.finished = None;
    record.outcome = None;
    let position = LedgerPosition { holder: Some(lease.holder.clone()), ..position };
    let bytes = placed(serde_json::to_value(&record)?, &position)?;
    Ok(edits::intent(&view.state, bytes, &announcement.sets, &announcement.goal, lease.clone())?)
}

fn nothing(announcement: &Announcement<'_>, view: &View, record: &Record) -> Result<Edits, RunError> {
    let seq = view.state.next_seq();
    let state = announcement.goal.reached(&view.state.at, seq);
    Ok(edits::outcome(view.files(), &view.state, (seq, record.canonical()?), &state)?)
}

/// Whether the intent may be written on this tip; `None` when it may.
fn gate(ctx: &Context<'_>, announcement: &Announcement<'_>, view: &View) -> Result<Option<Stop>, RunError> {
    if let Some(lease) = &view.state.at.lease {
        let stop = if is_dead(ctx, lease) { Stop::Dead } else { Stop::Held };
        return Ok(Some(stop(Box::new(lease.clone()))));
    }
    if let Some(reason) = newer(ctx, announcement, view)? {
        return Ok(Some(Stop::Outrun(reason)));
    }
    if view.state.tree != announcement.against {
        let environment = &view.state.environment;
        return Ok(Some(Stop::Replan(format!(
            "{environment} is not what the plan was made against any more"
        ))));
    }
    Ok(None)
}

/// A lock excludes, it does not order: what a newer commit has deployed, an
/// older one must not overwrite. The reason, when that would happen.
fn newer(
    ctx: &Context<'_>,
    announcement: &Announcement<'_>,
    view: &View,
) -> Result<Option<String>, RunError> {
    match announcement.direction {
        Direction::Any => return Ok(None),
        Direction::Forward => {}
    }
    let at = &view.state.at;
    let apart = announcement.apps.iter().filter_map(|app| at.apart.get(app));
    for deployed in at.commit.iter().chain(apart) {
        if *deployed == announcement.head {
            continue;
        }
        let (ours, theirs) = (announcement.head.short(), deployed.short());
        match (ctx.is_ancestor)(announcement.head, *deployed) {
            Some(false) => {}
            Some(true) => {
                let by = deployed_by(view, *deployed)?;
                return Ok(Some(format!(
                    "{} has {theirs}{by}, which is newer than {ours}",
                    view.state.environment
                )));
            }
            None => {
                return Ok(Some(format!(
                    "{} has {theirs}, and this clone's history does not say whether that is newer than {ours}; fetch it (`git fetch --unshallow`, or fetch-depth: 0)",
                    view.state.environment
                )));
            }
        }
    }
    Ok(None)
}

fn deployed_by(view: &View, commit: CommitId) -> Result<String, RunError> {
    match (view.state.at.seq, view.files()) {
        (Some(seq), Some(files)) if view.state.at.commit == Some(commit) => {
            Ok(format!(", deployed by {} in entry {seq}", entry(files, seq)?.actor()?))
        }
        _ => Ok(String::new()),
    }
}

fn held_by(writer: &Writer<'_, '_>, lease: &Lease) -> Result<String, RunError> {
    let view = writer.view()?;
    let actor = match view.files() {
        Some(files)
            if files.entry(&path::record(lease.seq)).map_err(crate::ledger::LedgerError::from)?.is_some() =>
        {
            format!(" ({})", entry(files, lease.seq)?.actor()?)
        }
        Some(_) | None => String::new(),
    };
    Ok(format!(
        "{} is held by run {}{actor}, attempt {}, until {}",
        view.state.environment, lease.holder.run, lease.holder.attempt, lease.holder.deadline
    ))
}

/// Whether the holder can never write again: its process is gone, its run was
/// started anew, or its deadline has passed.
fn is_dead(ctx: &Context<'_>, lease: &Lease) -> bool {
    let holder = &lease.holder;
    // CI ends an attempt before it starts the next one of the same run.
    if holder.run == ctx.who.run && holder.attempt < ctx.who.attempt {
        return true;
    }
    let process = ProcessName { host: holder.host.clone(), process: holder.process.clone() };
    match liveness(&process) {
        // This very process: an announcement whose answer was lost, or an
        // earlier deploy of this process that could not go on.
        Liveness::Alive if process == ctx.who.process && holder.run == ctx.who.run => true,
        Liveness::Gone => true,
        Liveness::Alive | Liveness::Unknown => {
            let deadline = holder.deadline.parse::<jiff::Timestamp>();
            let now = jiff::Timestamp::try_from((ctx.now)());
            matches!((deadline, now), (Ok(deadline), Ok(now)) if now > deadline)
        }
    }
}
