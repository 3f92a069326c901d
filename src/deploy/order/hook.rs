//! Hooks of Helm and Argo CD: what an object's annotations make of it.
//!
//! Runs nothing. Sources: Helm 4 `pkg/release/v1/hook.go`, `pkg/action/hooks.go`;
//! Argo CD `gitops-engine/pkg/sync/hook`, `controller/hook.go`, and its user guide
//! on sync waves and on Helm.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Fault, FaultKind, Phase, annotation};
use crate::object::Object;

const HELM: &str = "helm.sh/hook";
const HELM_WEIGHT: &str = "helm.sh/hook-weight";
const HELM_DELETE: &str = "helm.sh/hook-delete-policy";
const ARGO: &str = "argocd.argoproj.io/hook";
const ARGO_DELETE: &str = "argocd.argoproj.io/hook-delete-policy";
const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// What is being done with the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Nothing of it is there yet.
    Install,
    /// It is there and changes.
    Upgrade,
    /// An earlier set is put back.
    Rollback,
}

/// Whose rules hold for Helm's hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// Helm's: `pre-install` at the first install only, hooks one by one.
    Helm,
    /// Argo CD's: every sync runs install and upgrade hooks alike; the weight is
    /// a sync wave; rollback hooks never run.
    ArgoCd,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// One of the app's objects.
    Part,
    /// A hook: written in its phase, then waited out.
    Hook(Hook),
    /// Not written at all, and why.
    LeftOut(&'static str),
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Whose hook.
    pub source: HookSource,
    /// When it runs; never empty.
    pub events: BTreeSet<HookEvent>,
    /// When it is deleted; never empty.
    pub delete: BTreeSet<DeletePolicy>,
}

/// Whose hook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookSource {
    /// Helm's annotations.
    Helm,
    /// Argo CD's; Helm's on the same object are then ignored.
    ArgoCd,
}

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HookEvent {
    /// Argo CD, before the objects.
    PreSync,
    /// Argo CD, with the objects.
    Sync,
    /// Argo CD, after them.
    PostSync,
    /// Argo CD, when the sync has failed.
    SyncFail,
    /// Before the app is deleted.
    PreDelete,
    /// After it.
    PostDelete,
    /// Helm, before the first install.
    PreInstall,
    /// Helm, after it.
    PostInstall,
    /// Helm, before an upgrade.
    PreUpgrade,
    /// Helm, after it.
    PostUpgrade,
    /// Helm, before a rollback.
    PreRollback,
    /// Helm, after it.
    PostRollback,
    /// Helm, when a person asks.
    Test,
}

/// When a hook's object is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletePolicy {
    /// Before it is made again: what holds where nothing is said.
    BeforeCreation,
    /// After it has succeeded.
    Succeeded,
    /// After it has failed.
    Failed,
}

const ARGO_EVENTS: &[(&str, HookEvent)] = &[
    ("PreSync", HookEvent::PreSync),
    ("Sync", HookEvent::Sync),
    ("PostSync", HookEvent::PostSync),
    ("SyncFail", HookEvent::SyncFail),
    ("PreDelete", HookEvent::PreDelete),
    ("PostDelete", HookEvent::PostDelete),
];

const HELM_EVENTS: &[(&str, HookEvent)] = &[
    ("pre-install", HookEvent::PreInstall),
    ("post-install", HookEvent::PostInstall),
    ("pre-upgrade", HookEvent::PreUpgrade),
    ("post-upgrade", HookEvent::PostUpgrade),
    ("pre-rollback", HookEvent::PreRollback),
    ("post-rollback", HookEvent::PostRollback),
    ("pre-delete", HookEvent::PreDelete),
    ("post-delete", HookEvent::PostDelete),
    ("test", HookEvent::Test),
    ("test-success", HookEvent::Test),
    ("test-failure", HookEvent::Test),
];

const POLICIES: &[(&str, DeletePolicy)] = &[
    ("before-hook-creation", DeletePolicy::BeforeCreation),
    ("hook-succeeded", DeletePolicy::Succeeded),
    ("hook-failed", DeletePolicy::Failed),
    ("BeforeHookCreation", DeletePolicy::BeforeCreation),
    ("HookSucceeded", DeletePolicy::Succeeded),
    ("HookFailed", DeletePolicy::Failed),
];

/// What an object's annotations make of it; what they say that is not understood is
/// added to the faults.
pub fn role(object: &Object, faults: &mut Vec<Fault>) -> Role {
    let argo = list(object, ARGO);
    if argo == ["Skip"] {
        return Role::LeftOut("Argo CD's hook annotation says Skip");
    }
    let helm: Vec<String> = list(object, HELM).iter().map(|name| name.to_ascii_lowercase()).collect();
    let named: Vec<&str> = argo.iter().copied().filter(|name| *name != "Skip").collect();
    let (source, events, unknown) = if named.is_empty() {
        let (events, unknown) = known(helm.iter().map(String::as_str), HELM_EVENTS);
        // What Helm 2 called a hook is an object like others since.
        if helm == ["crd-install"] || helm.is_empty() {
            return Role::Part;
        }
        (HookSource::Helm, events, unknown)
    } else {
        let (events, unknown) = known(named.into_iter(), ARGO_EVENTS);
        (HookSource::ArgoCd, events, unknown)
    };
    for name in unknown {
        let words = format!("`{name}` is no hook that Luigi knows");
        faults.push(Fault { key: object.key.clone(), kind: FaultKind::UnknownHook, words });
    }
    if events.is_empty() {
        return Role::LeftOut("it is a hook of no known name");
    }
    Role::Hook(Hook { source, events, delete: delete_policies(object, faults) })
}

fn delete_policies(object: &Object, faults: &mut Vec<Fault>) -> BTreeSet<DeletePolicy> {
    let lists = [list(object, ARGO_DELETE), list(object, HELM_DELETE)];
    let (mut policies, unknown) = known(lists.iter().flatten().copied(), POLICIES);
    for name in unknown {
        let words = format!("`{name}` is no delete policy that Luigi knows");
        faults.push(Fault { key: object.key.clone(), kind: FaultKind::UnknownDeletePolicy, words });
    }
    if policies.is_empty() {
        policies.insert(DeletePolicy::BeforeCreation);
    }
    policies
}

/// The items of an annotation's list, without blanks and empty ones.
fn list<'o>(object: &'o Object, name: &str) -> Vec<&'o str> {
    let text = annotation(&object.json, name).unwrap_or_default();
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// Those that a table knows, and the names of the others.
fn known<'n, T: Ord + Copy>(
    names: impl Iterator<Item = &'n str>,
    table: &[(&str, T)],
) -> (BTreeSet<T>, Vec<&'n str>) {
    let (mut found, mut unknown) = (BTreeSet::new(), Vec::new());
    for name in names {
        match table.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => {
                found.insert(*value);
            }
            None => unknown.push(name),
        }
    }
    (found, unknown)
}

/// Argo CD's sync wave, if the object has one.
pub(super) fn sync_wave(object: &Object, faults: &mut Vec<Fault>) -> Option<i64> {
    number(object, WAVE, faults)
}

fn number(object: &Object, name: &str, faults: &mut Vec<Fault>) -> Option<i64> {
    let text = annotation(&object.json, name)?;
    let number: Option<i32> = text.parse().ok();
    if number.is_none() {
        let words = format!("`{name}: {text}` is no whole number and counts as 0");
        faults.push(Fault { key: object.key.clone(), kind: FaultKind::NotANumber, words });
    }
    Some(number.map_or(0, i64::from))
}

impl Hook {
    /// Where a hook stands among hooks of its phase: a sync wave, else a weight.
    pub(super) fn wave(object: &Object, faults: &mut Vec<Fault>) -> i64 {
        let wave = sync_wave(object, faults);
        wave.or_else(|| number(object, HELM_WEIGHT, faults)).unwrap_or(0)
    }

    /// The phases in which it runs.
    pub(super) fn phases(&self, operation: Operation, dialect: Dialect) -> BTreeSet<Phase> {
        self.events.iter().filter_map(|event| event.phase(operation, dialect)).collect()
    }

    /// Its events, for people.
    pub(super) fn names(&self) -> String {
        let table = ARGO_EVENTS.iter().chain(HELM_EVENTS);
        let name = |event: &HookEvent| table.clone().find(|(_, known)| known == event).map(|(name, _)| *name);
        self.events.iter().filter_map(name).collect::<Vec<_>>().join(", ")
    }
}

impl HookEvent {
    fn phase(self, operation: Operation, dialect: Dialect) -> Option<Phase> {
        let helm = |own: Operation, phase: Phase| match dialect {
            Dialect::Helm => (operation == own).then_some(phase),
            // To Argo CD each sync is both.
            Dialect::ArgoCd => Some(phase),
        };
        let rollback =
            |phase: Phase| (dialect == Dialect::Helm && operation == Operation::Rollback).then_some(phase);
        match self {
            Self::PreSync => Some(Phase::Before),
            Self::Sync => Some(Phase::Main),
            Self::PostSync => Some(Phase::After),
            Self::PreInstall => helm(Operation::Install, Phase::Before),
            Self::PostInstall => helm(Operation::Install, Phase::After),
            Self::PreUpgrade => helm(Operation::Upgrade, Phase::Before),
            Self::PostUpgrade => helm(Operation::Upgrade, Phase::After),
            Self::PreRollback => rollback(Phase::Before),
            Self::PostRollback => rollback(Phase::After),
            Self::SyncFail | Self::PreDelete | Self::PostDelete | Self::Test => None,
        }
    }
}
