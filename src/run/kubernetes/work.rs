//! What is to be written to a cluster, out of the ledger: what the intent staged,
//! and what was there before it.
//!
//! The same for a run that announced its intent and for one that takes a dead
//! run's up: both find all of it on the branch.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::deploy::StepOrder;
use crate::files::Files;
use crate::ledger::{self, LedgerError, LedgerState};
use crate::name::AppId;
use crate::object::Object;
use crate::plan::Target;

/// One app's objects, and where they go.
#[derive(Debug, Clone, Default)]
pub struct Set {
    /// The objects, sorted by key.
    pub objects: Arc<Vec<Object>>,
    /// Where and as whom.
    pub target: Target,
}

/// All that a run may write, by app.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// What apps become.
    pub desired: BTreeMap<AppId, Set>,
    /// What they were before the intent; apps that were not there are not in it.
    pub before: BTreeMap<AppId, Set>,
}

impl Work {
    /// Reads the sets of these steps: what is staged at the tip, and what was
    /// deployed at the tip before the intent.
    pub fn load(
        (files, state): (&dyn Files, &LedgerState),
        before: Option<(&dyn Files, &LedgerState)>,
        steps: &[StepOrder],
    ) -> Result<Self, LedgerError> {
        let mut work = Self::default();
        for step in steps {
            if let Some(app) = state.staged.get(&step.app) {
                let objects = Arc::new(ledger::staged_objects(files, &state.environment, &step.app)?);
                work.desired.insert(step.app.clone(), Set { objects, target: app.target.clone() });
            }
            if let Some((files, state)) = before
                && let Some(app) = state.apps.get(&step.app)
            {
                let objects = Arc::new(ledger::objects(files, &state.environment, &step.app)?);
                work.before.insert(step.app.clone(), Set { objects, target: app.target.clone() });
            }
        }
        Ok(work)
    }

    /// Where and as whom each app is written: as it will be, else as it was.
    pub fn targets(&self) -> BTreeMap<AppId, Target> {
        let sets = self.before.iter().chain(&self.desired);
        sets.map(|(app, set)| (app.clone(), set.target.clone())).collect()
    }
}
