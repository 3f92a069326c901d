//! Options for writing one object: Argo CD's sync options, Flux's policies.
//!
//! Reads what is asked for. That Luigi applies on the server in any case, and only
//! what differs, is for the engine to say.

use std::collections::BTreeMap;

use crate::deploy::fields::annotation;
use crate::object::Object;

/// Options that this version knows, by Argo CD's names
/// (`gitops-engine/pkg/sync/common/types.go`, user guide, "Sync options").
const KNOWN: &[&str] = &[
    "ApplyOutOfSyncOnly",
    "ClientSideApplyMigration",
    "CreateNamespace",
    "Delete",
    "FailOnSharedResource",
    "Force",
    "Prune",
    "PruneLast",
    "PrunePropagationPolicy",
    "Replace",
    "RespectIgnoreDifferences",
    "ServerSideApply",
    "SkipDryRunOnMissingResource",
    "Validate",
];

/// The sync options of one object: its app's, and its own, which win.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncOptions {
    values: BTreeMap<String, String>,
}

impl SyncOptions {
    /// The options of an object. `of_app` are those of its Argo CD application, each
    /// written `Name=value`.
    pub fn of(object: &Object, of_app: &[String]) -> Self {
        let own = annotation(&object.json, "argocd.argoproj.io/sync-options").unwrap_or_default();
        let all = of_app.iter().map(String::as_str).chain(own.split(','));
        let pairs = all.filter_map(|option| option.trim().split_once('='));
        let values = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        Self { values }
    }

    /// An option's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    /// The object is put as a whole instead of applied. Wins over applying.
    pub fn replace(&self) -> bool {
        self.is("Replace", "true")
    }

    /// It may be deleted and made again where it cannot be changed. Flux says the
    /// same by its annotation `force`.
    pub fn recreate(&self) -> bool {
        self.is("Force", "true")
    }

    /// Its kind need not be known to the server when it is checked.
    pub fn skip_dry_run_on_missing_kind(&self) -> bool {
        self.is("SkipDryRunOnMissingResource", "true")
    }

    /// Unknown fields are no fault.
    pub fn skip_validation(&self) -> bool {
        self.is("Validate", "false")
    }

    /// Options of no known name, sorted.
    pub fn unknown(&self) -> Vec<&str> {
        self.values.keys().map(String::as_str).filter(|name| !KNOWN.contains(name)).collect()
    }
}

/// When an object is written at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteWhen {
    /// Whenever it differs.
    Always,
    /// Only if it is not there: `kustomize.toolkit.fluxcd.io/ssa: IfNotPresent`.
    Absent,
    /// Never: `kustomize.toolkit.fluxcd.io/reconcile: disabled`, or `ssa: Ignore`.
    Never,
}

/// When an object is written, by Flux's annotations (its Kustomization API,
/// "Controlling the apply behavior of resources").
pub fn write_when(object: &Object) -> WriteWhen {
    let is = |name: &str, value: &str| {
        let name = format!("kustomize.toolkit.fluxcd.io/{name}");
        annotation(&object.json, &name).is_some_and(|text| text.trim().eq_ignore_ascii_case(value))
    };
    if is("reconcile", "disabled") || is("ssa", "Ignore") {
        WriteWhen::Never
    } else if is("ssa", "IfNotPresent") {
        WriteWhen::Absent
    } else {
        WriteWhen::Always
    }
}
