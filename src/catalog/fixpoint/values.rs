//! `ConfigMap`s and Secrets of the repository, wherever apps carry them.
//!
//! Does not say who takes values from them: `values` does.

use std::collections::BTreeSet;

use super::{Fixpoint, Slot, State};
use crate::catalog::doc::Doc;
use crate::catalog::kinds::Fresh;
use crate::catalog::values::Named;
use crate::catalog::{roots, values};
use crate::files::ReadError;

impl Slot {
    /// What the app takes values from.
    pub(super) fn values_from(&self) -> Vec<Named> {
        let id = &self.app.key.app;
        let namespace = if id.namespace() == "_" { "" } else { id.namespace() };
        values::named(self.app.format, &self.doc, namespace)
    }
}

impl Fixpoint<'_> {
    pub(super) fn register_values(&mut self, doc: &Doc) {
        let fresh = self.values.insert(doc) == Fresh::New;
        self.progress |= fresh;
        if fresh && self.without.contains(&Named::of(doc)) {
            self.late.insert(doc);
            self.restart = true;
        }
    }

    /// Looks for what apps wait for, or take values from, in the content of apps
    /// that define no apps. Returns whether any such content is worth reading.
    pub(super) fn search_values(&mut self, waiting: Vec<Named>) -> Result<bool, ReadError> {
        let mut wanted: BTreeSet<Named> = waiting.into_iter().collect();
        wanted.extend(self.slots.values().flat_map(Slot::values_from));
        wanted.retain(|named| self.values.get(named).is_none());
        if wanted.is_empty() {
            return Ok(false);
        }
        let mut found = Vec::new();
        for (id, slot) in &self.slots {
            let open = slot.state == State::Expanded && !slot.searched && !self.forced.contains(id);
            if open && roots::mentions(self.request, &slot.app.content, &wanted)? {
                found.push(id.clone());
            }
        }
        for id in &found {
            self.forced.insert(id.clone());
            if let Some(slot) = self.slots.get_mut(id) {
                slot.state = State::Read;
            }
        }
        Ok(!found.is_empty())
    }
}
