//! Compare-and-swap on the branch: edits are built on a tip, committed, pushed,
//! and built anew where the push was lost.
//!
//! An answer that never came is not read as a failure: the branch is asked.

use std::time::{Duration, Instant};

use super::{Context, RunError};
use crate::files::Files;
use crate::ledger::edits::Edits;
use crate::ledger::{self, LedgerState};
use crate::name::{CommitId, Environment};
use crate::outside::branch::Pushed;
use crate::outside::git::{CommitFiles, GitError};
use crate::record::Holder;

/// How many commits others can have put on top of a push while its answer was
/// being waited for.
const FAR: usize = 1000;

/// The branch at one tip.
pub(in crate::run) struct View {
    /// The tip; `None` when there is no branch yet.
    pub(in crate::run) tip: Option<CommitId>,
    files: Option<CommitFiles>,
    /// The environment at that tip.
    pub(in crate::run) state: LedgerState,
}

impl View {
    pub(in crate::run) fn files(&self) -> Option<&dyn Files> {
        self.files.as_ref().map(|files| files as &dyn Files)
    }
}

/// What was built on a tip.
pub(in crate::run) enum Built<S> {
    /// To be committed, with the commit's message.
    Edits(Edits, String),
    /// The tip has it already.
    Already,
    /// It may not be written on this tip.
    Stop(S),
}

/// What became of it.
pub(in crate::run) enum Written<S> {
    /// The branch has it.
    Won,
    /// The server refuses it.
    Refused(String),
    /// It may not be written.
    Stopped(S),
}

/// Writes to the branch for one environment.
pub(in crate::run) struct Writer<'c, 'a> {
    pub(in crate::run) ctx: &'c Context<'a>,
    environment: Environment,
    tip: Option<CommitId>,
}

impl<'c, 'a> Writer<'c, 'a> {
    /// A writer that has not looked at the branch yet.
    pub(in crate::run) fn new(ctx: &'c Context<'a>, environment: &Environment) -> Self {
        Self { ctx, environment: environment.clone(), tip: None }
    }

    /// The branch as it is now at the remote.
    pub(in crate::run) fn fetch(&mut self) -> Result<View, RunError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(200);
        self.tip = loop {
            match self.ctx.branch.fetch() {
                Ok(tip) => break tip,
                Err(e @ GitError::WoundBack { .. }) => return Err(e.into()),
                Err(e) if start.elapsed() + pause >= self.ctx.patience => return Err(e.into()),
                Err(_) => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        };
        self.view()
    }

    /// The branch as it was when last heard of.
    pub(in crate::run) fn view(&self) -> Result<View, RunError> {
        let Some(tip) = self.tip else {
            return Ok(View { tip: None, files: None, state: LedgerState::empty(self.environment.clone()) });
        };
        let files = self.ctx.repo.files(tip)?;
        let state = ledger::read(&files, &self.environment)?;
        Ok(View { tip: Some(tip), files: Some(files), state })
    }

    /// Builds and pushes until the branch has it, or it may not be written.
    /// Every lost push is another run's progress, so this ends.
    pub(in crate::run) fn write<S>(
        &mut self,
        build: &mut dyn FnMut(&View) -> Result<Built<S>, RunError>,
    ) -> Result<Written<S>, RunError> {
        let start = Instant::now();
        let (mut losses, mut failures) = (0, 0);
        loop {
            let view = self.view()?;
            let (mut edits, message) = match build(&view)? {
                Built::Edits(edits, message) => (edits, message),
                Built::Already => return Ok(Written::Won),
                Built::Stop(stop) => return Ok(Written::Stopped(stop)),
            };
            edits.extend(ledger::edits::top(view.files())?);
            let new =
                self.ctx.branch.commit(view.tip, &edits, &message, super::seconds((self.ctx.now)())?)?;
            match self.ctx.branch.push(view.tip, new) {
                Ok(Pushed::Won) => {
                    self.tip = Some(new);
                    return Ok(Written::Won);
                }
                Ok(Pushed::Lost { tip }) => {
                    // Gone: a branch that was there is never begun anew.
                    match tip {
                        Some(_) => self.tip = tip,
                        None => self.fetch().map(drop)?,
                    }
                    losses += 1;
                    give_way(losses);
                }
                Ok(Pushed::Refused { reason }) => return Ok(Written::Refused(reason)),
                Err(error) => {
                    if self.arrived(new, &error)? {
                        return Ok(Written::Won);
                    }
                    if start.elapsed() >= self.ctx.patience {
                        return Err(error.into());
                    }
                    failures += 1;
                    give_way(10 * failures);
                }
            }
        }
    }

    /// Whether a push without an answer was accepted all the same.
    fn arrived(&mut self, new: CommitId, error: &GitError) -> Result<bool, RunError> {
        if self.ctx.patience.is_zero() {
            return Err(RunError::Unanswered(error.to_string()));
        }
        let Some(tip) = self.fetch()?.tip else { return Ok(false) };
        Ok(self.ctx.repo.commits(tip, FAR)?.contains(&new))
    }

    /// This run as the holder of a lease from now on.
    pub(in crate::run) fn holder(&self) -> Result<Holder, RunError> {
        let who = &self.ctx.who;
        Ok(Holder {
            run: who.run.clone(),
            attempt: who.attempt,
            host: who.process.host.clone(),
            process: who.process.process.clone(),
            deadline: super::rfc3339((self.ctx.now)() + self.ctx.lease)?,
        })
    }
}

/// Many runs at one branch get on faster when those that lost step back a
/// little; processes of different numbers by different times.
fn give_way(losses: u32) {
    let spread = u64::from(std::process::id() % 17) * 3;
    let pause = (10 * u64::from(losses.min(20))) + spread;
    std::thread::sleep(Duration::from_millis(pause));
}
