//! Two catalogs → how each app differs between base and head.
//!
//! Says nothing about dependents: that is `affected`. Renders nothing: an app
//! that only looks changed is dropped later, by its rendered objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::catalog::Catalog;
use crate::catalog::app::{App, Content, Remote};
use crate::catalog::job::{Input, Mount, Substitute, Tool};
use crate::files::ReadError;
use crate::name::{AppId, AppKey, Environment, ObjectId, RepoPath};

/// How one app differs. The first that fits, in this order of weight: added,
/// removed, moved, definition, pin, content, none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Not at base.
    Added,
    /// Not at head.
    Removed,
    /// The same app at another destination or in another environment: an
    /// ownership transfer, not a delete and a create.
    Moved,
    /// Its definition.
    Definition,
    /// A remote input's version.
    Pin,
    /// A file that it reads.
    Content,
    /// Nothing of its own.
    None,
}

/// One fact that makes an app differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    /// The definition is new.
    Added {
        /// The defining file.
        path: String,
    },
    /// The definition is gone.
    Removed {
        /// The file that defined it.
        path: String,
    },
    /// Another destination or environment.
    Moved {
        /// Where it was.
        from: String,
        /// Where it is.
        to: String,
    },
    /// A field of the definition.
    Definition {
        /// The defining file.
        path: String,
        /// The field's path, as in `.spec.source.path`.
        field: String,
    },
    /// A file that it reads.
    Content {
        /// The file, or the folder when all below it is new or gone.
        path: String,
    },
    /// What it is rendered with, beside files and definition: substituted
    /// values, copied folders.
    Settings {
        /// The defining file.
        path: String,
    },
    /// A remote input's version.
    Pin {
        /// What is pinned.
        what: String,
        /// The version before; empty when it is new.
        from: String,
        /// The version after; empty when it is gone.
        to: String,
    },
    /// An input that cannot be followed: unknown means affected.
    Unknown {
        /// Where it is named.
        path: String,
        /// Why it cannot be followed.
        why: String,
    },
    /// There is no base to compare with.
    NoBase,
    /// It was last deployed apart from its environment, at that commit.
    DeployedApart {
        /// The commit.
        commit: String,
    },
    /// It is not deployed, whatever the commits say.
    NotDeployed,
}

/// How one app differs, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The heaviest kind.
    pub kind: ChangeKind,
    /// Every difference, sorted; empty only for `None`.
    pub differences: Vec<Difference>,
    /// The environment it moved from or to, when it moved between two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
}

/// Lists the files that differ between two folders; the first is base's.
pub type TreeDiff<'a> =
    dyn FnMut(&RepoPath, Option<ObjectId>, Option<ObjectId>) -> Result<Vec<RepoPath>, ReadError> + 'a;

/// How every app differs. Apps that do not differ are left out. Without a base
/// everything differs.
pub fn compare(
    base: Option<&Catalog>,
    head: &Catalog,
    trees: &mut TreeDiff<'_>,
) -> Result<BTreeMap<AppKey, Change>, ReadError> {
    let mut out = BTreeMap::new();
    let Some(base) = base else {
        for key in head.apps.keys() {
            out.insert(key.clone(), Change::of(vec![Difference::NoBase]));
        }
        return Ok(out);
    };
    for (key, after) in &head.apps {
        let differences = match base.apps.get(key) {
            None => vec![Difference::Added { path: after.place.file.clone() }],
            Some(before) => differences(before, after, trees)?,
        };
        if !differences.is_empty() {
            out.insert(key.clone(), Change::of(differences));
        }
    }
    for (key, before) in base.apps.iter().filter(|(key, _)| !head.apps.contains_key(*key)) {
        out.insert(key.clone(), Change::of(vec![Difference::Removed { path: before.place.file.clone() }]));
    }
    moves(&mut out);
    Ok(out)
}

impl Change {
    /// A change of these differences.
    pub fn of(mut differences: Vec<Difference>) -> Self {
        differences.sort();
        differences.dedup();
        let kind = differences.iter().map(Difference::kind).min().unwrap_or(ChangeKind::None);
        Self { kind, differences, environment: None }
    }

    /// Whether rendering may show that nothing differs after all: only content
    /// and pins can be dropped, and only where everything could be followed.
    pub fn may_be_touched_only(&self) -> bool {
        self.differences.iter().all(|d| match d {
            Difference::Content { .. } | Difference::Pin { .. } | Difference::Settings { .. } => true,
            Difference::Added { .. }
            | Difference::Removed { .. }
            | Difference::Moved { .. }
            | Difference::Definition { .. }
            | Difference::Unknown { .. }
            | Difference::NoBase
            | Difference::DeployedApart { .. }
            | Difference::NotDeployed => false,
        })
    }
}

impl Difference {
    fn kind(&self) -> ChangeKind {
        match self {
            Self::Added { .. } => ChangeKind::Added,
            Self::Removed { .. } => ChangeKind::Removed,
            Self::Moved { .. } => ChangeKind::Moved,
            Self::Definition { .. } => ChangeKind::Definition,
            Self::Pin { .. } => ChangeKind::Pin,
            Self::Content { .. } | Self::Unknown { .. } | Self::Settings { .. } => ChangeKind::Content,
            Self::NoBase | Self::DeployedApart { .. } | Self::NotDeployed => ChangeKind::None,
        }
    }
}

fn differences(before: &App, after: &App, trees: &mut TreeDiff<'_>) -> Result<Vec<Difference>, ReadError> {
    let mut out = Vec::new();
    if !Arc::ptr_eq(&before.definition, &after.definition) && before.definition != after.definition {
        let mut fields = Vec::new();
        json_differences(&before.definition, &after.definition, String::new(), &mut fields);
        let path = &after.place.file;
        out.extend(fields.into_iter().map(|field| Difference::Definition { path: path.clone(), field }));
    }
    if before.destination != after.destination {
        let (from, to) = (before.destination.to_string(), after.destination.to_string());
        out.push(Difference::Moved { from, to });
    }
    let (old, new) = (&before.content, &after.content);
    // One piece of memory is equal to itself.
    let same = Arc::ptr_eq(old, new);
    if !same {
        inputs(&old.inputs, &new.inputs, trees, &mut out)?;
        pins(&old.remotes, &new.remotes, &mut out);
    }
    for unknown in &new.unknown {
        out.push(Difference::Unknown { path: unknown.place.to_string(), why: unknown.why.clone() });
    }
    // Whatever decides a render and is neither a file nor in the definition:
    // substituted values, mounts.
    if out.is_empty() && !same && settings(old) != settings(new) {
        out.push(Difference::Settings { path: after.place.file.clone() });
    }
    // A file beside those that are read. Rendering tells whether it matters;
    // where it cannot, it counts.
    if out.is_empty() && !same {
        inputs(&old.around, &new.around, trees, &mut out)?;
    }
    Ok(out)
}

/// What a job is beside its inputs.
type Settings<'a> = (&'a Vec<Mount>, &'a Tool, &'a Option<Substitute>, &'a Option<String>);

fn settings(content: &Content) -> Vec<Settings<'_>> {
    content.jobs.iter().map(|job| (&job.mounts, &job.tool, &job.substitute, &job.namespace)).collect()
}

fn inputs(
    before: &BTreeMap<RepoPath, Input>,
    after: &BTreeMap<RepoPath, Input>,
    trees: &mut TreeDiff<'_>,
    out: &mut Vec<Difference>,
) -> Result<(), ReadError> {
    if before == after {
        return Ok(());
    }
    let paths: std::collections::BTreeSet<&RepoPath> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let tree = |input: Option<&Input>| match input {
            Some(Input::Tree(id)) => Some(*id),
            Some(Input::Blob(_) | Input::Absent) | None => None,
        };
        let (old, new) = (before.get(path), after.get(path));
        if old == new || matches!((old, new), (None, Some(Input::Absent)) | (Some(Input::Absent), None)) {
            continue;
        }
        match (tree(old), tree(new)) {
            (Some(old), Some(new)) => {
                let files = trees(path, Some(old), Some(new))?;
                out.extend(files.into_iter().map(|f| Difference::Content { path: f.to_string() }));
            }
            _ => out.push(Difference::Content { path: path.to_string() }),
        }
    }
    Ok(())
}

fn pins(before: &[Remote], after: &[Remote], out: &mut Vec<Difference>) {
    let by_what = |list: &[Remote]| {
        let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for remote in list {
            map.entry(remote.what.clone()).or_default().push(remote.revision.clone());
        }
        map
    };
    let (old, new) = (by_what(before), by_what(after));
    let whats: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for what in whats {
        let text =
            |map: &BTreeMap<String, Vec<String>>| map.get(what).map(|r| r.join(", ")).unwrap_or_default();
        let (from, to) = (text(&old), text(&new));
        if old.get(what) != new.get(what) {
            out.push(Difference::Pin { what: what.clone(), from, to });
        }
    }
}

/// The paths of all leaves that differ, as in `.spec.source.path`.
fn json_differences(before: &Json, after: &Json, at: String, out: &mut Vec<String>) {
    match (before, after) {
        (Json::Object(old), Json::Object(new)) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
                let path = if plain { format!("{at}.{key}") } else { format!("{at}[{key:?}]") };
                match (old.get(key), new.get(key)) {
                    (Some(old), Some(new)) => json_differences(old, new, path, out),
                    (None, None) => {}
                    (Some(_), None) | (None, Some(_)) => out.push(path),
                }
            }
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            for (i, (old, new)) in old.iter().zip(new).enumerate() {
                json_differences(old, new, format!("{at}[{i}]"), out);
            }
        }
        _ if before == after => {}
        _ => out.push(if at.is_empty() { ".".to_owned() } else { at }),
    }
}

/// An app that is gone from one environment and new in exactly one other has
/// moved.
fn moves(changes: &mut BTreeMap<AppKey, Change>) {
    let mut gone: BTreeMap<AppId, Vec<Environment>> = BTreeMap::new();
    let mut new: BTreeMap<AppId, Vec<Environment>> = BTreeMap::new();
    for (key, change) in changes.iter() {
        let list = match change.kind {
            ChangeKind::Removed => &mut gone,
            ChangeKind::Added => &mut new,
            ChangeKind::Moved
            | ChangeKind::Definition
            | ChangeKind::Pin
            | ChangeKind::Content
            | ChangeKind::None => continue,
        };
        list.entry(key.app.clone()).or_default().push(key.environment.clone());
    }
    for (app, from) in gone {
        let ([from], Some([to])) = (from.as_slice(), new.get(&app).map(Vec::as_slice)) else { continue };
        for (here, other) in [(from, to), (to, from)] {
            let key = AppKey { environment: here.clone(), app: app.clone() };
            if let Some(change) = changes.get_mut(&key) {
                change.differences.push(Difference::Moved { from: from.to_string(), to: to.to_string() });
                change.differences.sort();
                change.kind = ChangeKind::Moved;
                change.environment = Some(other.clone());
            }
        }
    }
}
