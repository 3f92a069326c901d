//! What must not be deleted, and what cannot be undone.
//!
//! Decides nothing: the plan shows it, the policy asks for a word, the engine
//! leaves what is kept where it is.

mod immutable;
mod undo;

use serde_json::Value;

use super::fields::annotation;
use crate::object::Object;

pub use undo::{Irreversible, Why, irreversible};

/// What an annotation says about deleting its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// It stays: Luigi forgets it and leaves it where it is.
    Keep,
    /// It is deleted only when somebody has confirmed that.
    Confirm,
}

/// When an object is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It is no longer among its app's objects.
    Prune,
    /// Its app is removed as a whole.
    AppRemoved,
}

/// An annotation that speaks against deleting an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// What it says.
    pub rule: Rule,
    /// The annotation, as it is written: `luigi.dev/prune: disabled`.
    pub because: String,
}

/// One way to forbid deletion.
struct Word {
    annotation: &'static str,
    /// The value, or the item of a list separated by commas.
    value: &'static str,
    occasions: &'static [Occasion],
    rule: Rule,
}

const ANY: &[Occasion] = &[Occasion::Prune, Occasion::AppRemoved];
const ARGO: &str = "argocd.argoproj.io/sync-options";

/// The words of Luigi and of those before it, the strictest first. Argo CD's sync
/// options: `Prune` speaks of an object that left its app, `Delete` of an app that
/// is deleted; Luigi honours `Prune=false` for both. Flux's prune annotation; an
/// object that Flux may not reconcile is not Luigi's to delete either. Helm:
/// `pkg/action/resource_policy.go`. Also cli-utils (`on-remove`), the common
/// lifecycle annotation of `config.k8s.io`, and kapp.
const WORDS: &[Word] = &[
    Word { annotation: "luigi.dev/prune", value: "disabled", occasions: ANY, rule: Rule::Keep },
    Word { annotation: ARGO, value: "Prune=false", occasions: ANY, rule: Rule::Keep },
    Word { annotation: ARGO, value: "Delete=false", occasions: &[Occasion::AppRemoved], rule: Rule::Keep },
    Word {
        annotation: "kustomize.toolkit.fluxcd.io/prune",
        value: "disabled",
        occasions: ANY,
        rule: Rule::Keep,
    },
    Word {
        annotation: "kustomize.toolkit.fluxcd.io/reconcile",
        value: "disabled",
        occasions: ANY,
        rule: Rule::Keep,
    },
    Word { annotation: "helm.sh/resource-policy", value: "keep", occasions: ANY, rule: Rule::Keep },
    Word { annotation: "cli-utils.sigs.k8s.io/on-remove", value: "keep", occasions: ANY, rule: Rule::Keep },
    Word {
        annotation: "client.lifecycle.config.k8s.io/deletion",
        value: "detach",
        occasions: ANY,
        rule: Rule::Keep,
    },
    Word { annotation: "kapp.k14s.io/delete-strategy", value: "orphan", occasions: ANY, rule: Rule::Keep },
    Word { annotation: ARGO, value: "Prune=confirm", occasions: ANY, rule: Rule::Confirm },
    Word {
        annotation: ARGO,
        value: "Delete=confirm",
        occasions: &[Occasion::AppRemoved],
        rule: Rule::Confirm,
    },
];

/// What speaks against deleting an object, by what Luigi last applied and by
/// what is in the cluster now: either is enough, so a person can stop a
/// deletion with `kubectl annotate`. Case and blanks do not count.
///
/// An object that could not be read must not be given as `None`: it may be one
/// that is to be kept.
pub fn keep(stored: Option<&Object>, live: Option<&Value>, occasion: Occasion) -> Option<Keep> {
    let sources = [live, stored.map(|object| &object.json)];
    WORDS.iter().filter(|word| word.occasions.contains(&occasion)).find_map(|word| {
        let says = sources.into_iter().flatten().any(|source| word.is_in(source));
        says.then(|| Keep { rule: word.rule, because: format!("{}: {}", word.annotation, word.value) })
    })
}

impl Word {
    fn is_in(&self, object: &Value) -> bool {
        let Some(text) = annotation(object, self.annotation) else { return false };
        text.split(',').any(|item| item.trim().eq_ignore_ascii_case(self.value))
    }
}

#[cfg(test)]
mod tests;
