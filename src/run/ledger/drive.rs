//! The loop: effects are carried out on the branch, and what happened goes back
//! to the machine as events.
//!
//! Knows nothing of who may begin: that is `announce`; nor how an intent ends:
//! that is `conclude`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::RunError;
use super::write::{Built, View, Writer, Written};
use crate::affected::Action;
use crate::deploy::{Deployment, Effect, Effects, Event, Phase, StepState};
use crate::files::Files;
use crate::ledger::edits::{self, Edits};
use crate::ledger::{Lease, LedgerError, path};
use crate::name::{AppId, Digest};
use crate::object::canonical;
use crate::record::{OutcomeKind, StepResult};

/// How steps are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// They are written.
    Write,
    /// Only what is written already counts: the rest is to be put back.
    PutBack,
}

/// Whether the run's own signal stops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heed {
    /// Yes.
    Cancel,
    /// No: another run's intent is being ended, which is short and owed.
    Nothing,
}

/// One intent being carried out.
pub(in crate::run) struct Drive<'w, 'c, 'a> {
    pub(in crate::run) writer: &'w mut Writer<'c, 'a>,
    pub(in crate::run) machine: Deployment,
    pub(in crate::run) log: Vec<Event>,
    /// What gives the right to write; `None` before the announcement.
    pub(in crate::run) lease: Option<Lease>,
    mode: Mode,
    heed: Heed,
    todo: Vec<Effect>,
    begun: BTreeMap<AppId, Instant>,
    took: BTreeMap<AppId, u64>,
    renewed: Instant,
}

/// Why an app, read back, is not as it should be; `None` when it is.
type Look = fn(&View, &AppId) -> Result<Option<String>, RunError>;

/// Apps whose check came out well, and those for which it did not, with why.
type Checked = (Vec<AppId>, Vec<(AppId, String)>);

impl<'w, 'c, 'a> Drive<'w, 'c, 'a> {
    pub(super) fn new(
        writer: &'w mut Writer<'c, 'a>,
        (machine, effects): (Deployment, Effects),
        (mode, heed): (Mode, Heed),
    ) -> Self {
        Self {
            writer,
            machine,
            log: Vec::new(),
            lease: None,
            mode,
            heed,
            todo: effects.0,
            begun: BTreeMap::new(),
            took: BTreeMap::new(),
            renewed: Instant::now(),
        }
    }

    /// The intent is on the branch, under this lease.
    pub(super) fn announced(&mut self, lease: Lease) -> Result<(), RunError> {
        self.lease = Some(lease);
        self.todo.retain(|effect| *effect != Effect::Announce);
        self.feed(Event::Announced)
    }

    /// It is not, and never will be.
    pub(super) fn not_announced(&mut self, event: Event) -> Result<(), RunError> {
        self.todo.retain(|effect| *effect != Effect::Announce);
        self.feed(event)
    }

    /// Carries effects out until the outcome is decided.
    pub(super) fn run(&mut self) -> Result<OutcomeKind, RunError> {
        loop {
            self.heed_cancel()?;
            if let Phase::Ending(outcome) | Phase::Ended(outcome) = self.machine.phase() {
                return Ok(outcome);
            }
            let checks = |effect: &Effect| matches!(effect, Effect::Watch(_) | Effect::Verify(_));
            if self.todo.iter().any(checks) {
                // All checks at once, so that what they make ready is one batch.
                let (checks, rest) = self.todo.drain(..).partition(checks);
                self.todo = rest;
                self.check(&checks)?;
                continue;
            }
            if self.todo.is_empty() {
                let why = "nothing is left to do, and there is no outcome".to_owned();
                return Err(crate::deploy::IllegalEvent { event: "waiting", why }.into());
            }
            match self.todo.remove(0) {
                Effect::Apply(apps) => self.begin(apps, Action::Apply)?,
                Effect::Prune(apps) => self.begin(apps, Action::Prune)?,
                Effect::Undo(apps) => self.undo(apps)?,
                // Announced before the loop; decided above; checked above.
                Effect::Announce | Effect::Conclude(_) | Effect::Watch(_) | Effect::Verify(_) => {}
            }
        }
    }

    /// What became of each step, with durations.
    pub(super) fn results(&self) -> BTreeMap<AppId, StepResult> {
        let timed = |(app, result): (&AppId, StepResult)| {
            let duration_ms = self.took.get(app).copied().unwrap_or(0);
            (app.clone(), StepResult { duration_ms, ..result })
        };
        self.machine.results().map(timed).collect()
    }

    pub(in crate::run) fn feed(&mut self, event: Event) -> Result<(), RunError> {
        let effects = self.machine.handle(&event)?;
        self.todo.extend(effects.0);
        (self.writer.ctx.progress)(&event);
        self.log.push(event);
        Ok(())
    }

    pub(in crate::run) fn heed_cancel(&mut self) -> Result<(), RunError> {
        let open = matches!(self.machine.phase(), Phase::Running | Phase::Failing);
        let known = self.log.contains(&Event::Cancelled);
        if self.heed == Heed::Cancel && open && !known && self.writer.ctx.cancelled() {
            self.feed(Event::Cancelled)?;
        }
        Ok(())
    }

    fn begin(&mut self, apps: Vec<AppId>, action: Action) -> Result<(), RunError> {
        if self.machine.phase() == Phase::Failing {
            return self.feed(Event::Withdrawn { apps });
        }
        for app in &apps {
            self.begun.insert(app.clone(), Instant::now());
        }
        if self.mode == Mode::PutBack {
            return self.count_written(apps, action);
        }
        let settled_at = self.writer.ctx.timestamp()?;
        let (verb, names) = (if action == Action::Prune { "prune" } else { "deliver" }, apps.clone());
        let written = self.write(verb, &names, &|view, files| match action {
            Action::Apply => edits::apply(files, &view.state, &names, &settled_at),
            Action::Prune => edits::prune(files, &view.state, &names),
            Action::Verify => Ok(Edits::new()),
        })?;
        self.took(&apps);
        match written {
            Written::Won => self.feed(Event::Applied { apps }),
            Written::Refused(reason) => self.feed(Event::Refused { apps, reason }),
            Written::Stopped(reason) => self.feed(Event::Outrun { reason }),
        }
    }

    /// The steps of a dead run that stand, and those that it never came to.
    fn count_written(&mut self, apps: Vec<AppId>, action: Action) -> Result<(), RunError> {
        let view = self.writer.view()?;
        let stands = |app: &AppId| match action {
            Action::Apply => edits::is_applied(&view.state, app),
            Action::Prune => !view.state.apps.contains_key(app),
            Action::Verify => true,
        };
        let (written, missing): (Vec<AppId>, Vec<AppId>) = apps.into_iter().partition(stands);
        if !written.is_empty() {
            self.feed(Event::Applied { apps: written })?;
        }
        if missing.is_empty() {
            return Ok(());
        }
        let reason = "the run ended before it was written".to_owned();
        self.feed(Event::Refused { apps: missing, reason })
    }

    fn undo(&mut self, apps: Vec<AppId>) -> Result<(), RunError> {
        let before = self.lease.as_ref().and_then(|lease| lease.before);
        let before = before.map(|commit| self.writer.ctx.repo.files(commit)).transpose()?;
        let names = apps.clone();
        let written = self.write("put back", &names, &|view, files| {
            edits::undo(files, before.as_ref().map(|b| b as &dyn Files), &view.state, &names)
        })?;
        match written {
            Written::Won => self.feed(Event::Undone { apps }),
            Written::Refused(reason) => self.feed(Event::UndoFailed { apps, reason }),
            Written::Stopped(reason) => self.feed(Event::Outrun { reason }),
        }
    }

    /// One commit of a batch, with the lease renewed.
    fn write(
        &mut self,
        verb: &str,
        apps: &[AppId],
        build: &dyn Fn(&View, &dyn Files) -> Result<Edits, LedgerError>,
    ) -> Result<Written<String>, RunError> {
        let names: Vec<String> = apps.iter().map(ToString::to_string).collect();
        let Some(lease) = self.lease.clone() else {
            return Ok(Written::Stopped("the run was never announced".to_owned()));
        };
        let renewed = Lease { holder: self.writer.holder()?, ..lease.clone() };
        let written = self.writer.write(&mut |view| {
            let Some(files) = view.files() else {
                return Ok(Built::Stop("the ledger's branch is gone".to_owned()));
            };
            if let Some(reason) = fenced(&lease, view) {
                return Ok(Built::Stop(reason));
            }
            let mut edits = build(view, files)?;
            if edits.is_empty() && !names.is_empty() {
                return Ok(Built::Already);
            }
            edits.extend(edits::leased(&view.state, renewed.clone())?);
            let environment = &view.state.environment;
            let message = format!("{environment}: {verb} {}\n\nintent {}\n", summary(&names), lease.seq);
            Ok(Built::Edits(edits, message))
        })?;
        if let Written::Won = written {
            self.lease = Some(renewed);
        }
        Ok(written)
    }

    /// Reads the branch back from the remote: what is there is what was meant.
    fn check(&mut self, checks: &[Effect]) -> Result<(), RunError> {
        let view = self.writer.fetch()?;
        if let Some(reason) = self.lease.as_ref().and_then(|lease| fenced(lease, &view)) {
            return self.feed(Event::Outrun { reason });
        }
        let (mut good, mut bad): Checked = (Vec::new(), Vec::new());
        let mut all = BTreeSet::new();
        for effect in checks {
            let (apps, found): (_, Look) = match effect {
                Effect::Watch(apps) => (apps, delivered),
                Effect::Verify(apps) => (apps, in_place),
                Effect::Announce
                | Effect::Apply(_)
                | Effect::Prune(_)
                | Effect::Undo(_)
                | Effect::Conclude(_) => continue,
            };
            for app in apps {
                match found(&view, app)? {
                    None => good.push(app.clone()),
                    Some(why) => bad.push((app.clone(), why)),
                }
                all.insert(app.clone());
            }
        }
        self.took(&all.into_iter().collect::<Vec<_>>());
        // Whoever cancelled meanwhile is heard before anything else begins.
        self.heed_cancel()?;
        let watched = |machine: &Deployment, app: &AppId| {
            matches!(machine.phase(), Phase::Running | Phase::Failing)
                && machine.state(app) == Some(StepState::Settling)
        };
        good.retain(|app| watched(&self.machine, app));
        if !good.is_empty() {
            self.feed(Event::Settled { apps: good })?;
        }
        for (app, reason) in bad {
            if watched(&self.machine, &app) {
                self.feed(Event::Failed { app, reason })?;
            }
        }
        Ok(())
    }

    /// Whether only what is written already counts.
    pub(in crate::run) fn puts_back(&self) -> bool {
        self.mode == Mode::PutBack
    }

    /// The effects to be carried out now.
    pub(in crate::run) fn take_todo(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.todo)
    }

    /// A step's clock starts, unless it runs.
    pub(in crate::run) fn begins(&mut self, app: &AppId) {
        self.begun.entry(app.clone()).or_insert_with(Instant::now);
    }

    /// A step's clock stops, for now.
    pub(in crate::run) fn ends(&mut self, app: &AppId) {
        self.took(std::slice::from_ref(app));
    }

    /// Renews the lease on the ledger at half of its life: an engine that writes
    /// elsewhere says so here that it lives.
    pub(in crate::run) fn renew_if_due(&mut self) -> Result<(), RunError> {
        if self.renewed.elapsed() < self.writer.ctx.lease / 2 {
            return Ok(());
        }
        self.renewed = Instant::now();
        match self.write("go on", &[], &|_, _| Ok(Edits::from([])))? {
            Written::Won => Ok(()),
            Written::Refused(reason) | Written::Stopped(reason) => self.feed(Event::Outrun { reason }),
        }
    }

    fn took(&mut self, apps: &[AppId]) {
        for app in apps {
            let begun = *self.begun.entry(app.clone()).or_insert_with(Instant::now);
            let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.took.insert(app.clone(), millis);
        }
    }
}

/// Why this lease gives no right to write any more; `None` while it does.
pub(super) fn fenced(lease: &Lease, view: &View) -> Option<String> {
    let environment = &view.state.environment;
    match &view.state.at.lease {
        Some(now) if now.seq == lease.seq && same_holder(now, lease) => None,
        Some(now) => {
            let holder = &now.holder;
            Some(format!("run {} (attempt {}) has taken {environment} over", holder.run, holder.attempt))
        }
        None => Some(format!("another run has ended this one's intent {} in {environment}", lease.seq)),
    }
}

fn same_holder(a: &Lease, b: &Lease) -> bool {
    let (a, b) = (&a.holder, &b.holder);
    a.run == b.run && a.attempt == b.attempt && a.host == b.host && a.process == b.process
}

fn delivered(view: &View, app: &AppId) -> Result<Option<String>, RunError> {
    let state = &view.state;
    if !state.staged.contains_key(app) {
        let gone = !state.apps.contains_key(app);
        return Ok((!gone).then(|| "its files are still there".to_owned()));
    }
    let blob = |of| -> Result<_, RunError> {
        let at = path::objects(&path::app(&of, app));
        let entry = view.files().map(|files| files.entry(&at)).transpose().map_err(LedgerError::from)?;
        Ok(entry.flatten().map(|entry| entry.id))
    };
    let (is, meant) = (blob(path::environment(&state.environment))?, blob(path::staged(&state.environment))?);
    let same = edits::is_applied(state, app) && is.is_some() && is == meant;
    Ok((!same).then(|| "what the branch has, read back, is not what was written".to_owned()))
}

fn in_place(view: &View, app: &AppId) -> Result<Option<String>, RunError> {
    let (Some(meta), Some(files)) = (view.state.apps.get(app), view.files()) else {
        return Ok(Some("it is not deployed".to_owned()));
    };
    let objects = crate::ledger::objects(files, &view.state.environment, app)?;
    let same = Digest::of(&canonical(&objects)) == meta.digest;
    Ok((!same).then(|| "its stored objects are not those that were deployed".to_owned()))
}

fn summary(names: &[String]) -> String {
    match names {
        [first, rest @ ..] if rest.len() > 2 => format!("{first} and {} more", rest.len()),
        few => few.join(", "),
    }
}
