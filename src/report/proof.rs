//! What `luigi prove` found: for each pair of commits, what Luigi calls changed
//! against what rendering every app says.
//!
//! Values only. Holds no objects, so no secret value.

use serde::Serialize;

use crate::catalog::Completeness;
use crate::change::Difference;
use crate::name::{AppKey, CommitId, Environment};
use crate::problem::Problem;

/// Every pair of commits that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// The newest commit, whose configuration holds for all.
    pub head: CommitId,
    /// The environments looked at.
    pub environments: Vec<Environment>,
    /// The pairs, oldest first.
    pub pairs: Vec<Pair>,
    /// Apps that could not be rendered at the newest commit that has them.
    pub not_rendered: Vec<NotRendered>,
    /// Problems that may hide apps from both sides, each once.
    pub problems: Vec<Problem>,
}

/// A commit and its first parent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pair {
    /// The parent.
    pub base: CommitId,
    /// The commit.
    pub head: CommitId,
    /// Apps at head, and those of base that are gone.
    pub apps: usize,
    /// Apps that Luigi calls changed, dependents apart.
    pub called: usize,
    /// Apps that differ, by rendering everything.
    pub differ: usize,
    /// What Luigi did not see. Must be empty.
    pub misses: Vec<Miss>,
    /// What Luigi calls changed, and nothing differs.
    pub excess: Vec<Excess>,
    /// How many more there were before rendering dropped them: a figure.
    pub excess_before: usize,
    /// How apps were compared.
    pub compared: Compared,
    /// Whether every app was seen at both ends, as far as Luigi knows.
    pub completeness: Completeness,
}

/// How many apps were compared in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// By their objects, rendered from a full export of the commit.
    pub rendered: usize,
    /// By all files below their paths: they cannot be rendered.
    pub files: usize,
    /// By definition and values alone: they have no path here.
    pub definition: usize,
}

/// Something that Luigi did not see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Miss {
    /// The app.
    pub app: AppKey,
    /// What was not seen.
    pub what: Missed,
}

/// What was not seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Missed {
    /// The app differs, and Luigi does not call it changed.
    NotCalled {
        /// What differs.
        facts: Vec<Fact>,
    },
    /// A full export defines the app, and the catalog does not have it.
    Hidden {
        /// What defines it.
        by: String,
    },
    /// The catalog has the app, and nothing in a full export defines it.
    Phantom,
    /// The catalog's definition is none of those in a full export.
    Definition,
    /// A ConfigMap that the definition takes values from holds others than
    /// Luigi took.
    Values {
        /// The ConfigMap.
        from: String,
    },
    /// Luigi's render, from the files that it thinks matter, is not what the
    /// full export renders to.
    Render {
        /// In which way, for people.
        why: String,
    },
}

/// One way in which an app differs between two commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// It is only at head.
    Added,
    /// It is only at base.
    Removed,
    /// Its definition, fields without effect left out.
    Definition,
    /// Where its objects go.
    Destination,
    /// A ConfigMap or Secret of the repository that it takes values from.
    Values,
    /// A source that it refers to; nothing of it is here.
    Source,
    /// Its rendered objects.
    Objects,
    /// A file below its path; it cannot be rendered.
    Files,
    /// It can be rendered at one end only.
    Renders,
}

/// An app that Luigi calls changed, and nothing differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Excess {
    /// The app.
    pub app: AppKey,
    /// Why Luigi calls it changed.
    pub differences: Vec<Difference>,
}

/// An app that could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotRendered {
    /// The app.
    pub app: AppKey,
    /// Why not.
    pub why: String,
    /// By what it was compared instead.
    pub by: Instead,
}

/// By what an app was compared that could not be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Instead {
    /// All files below its paths.
    Files,
    /// Its definition and values.
    Definition,
}

/// Sums over all pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Pairs.
    pub pairs: usize,
    /// Apps looked at.
    pub apps: usize,
    /// Apps that differ.
    pub differ: usize,
    /// Apps called changed.
    pub called: usize,
    /// Misses.
    pub misses: usize,
    /// Excess.
    pub excess: usize,
    /// Excess that rendering dropped.
    pub excess_before: usize,
    /// Apps compared, by way.
    pub compared: Compared,
}

impl Proof {
    /// Whether Luigi missed nothing.
    pub fn is_proved(&self) -> bool {
        self.pairs.iter().all(|pair| pair.misses.is_empty())
    }

    /// Sums over all pairs.
    pub fn totals(&self) -> Totals {
        let sum = |of: fn(&Pair) -> usize| self.pairs.iter().map(of).sum();
        Totals {
            pairs: self.pairs.len(),
            apps: sum(|p| p.apps),
            differ: sum(|p| p.differ),
            called: sum(|p| p.called),
            misses: sum(|p| p.misses.len()),
            excess: sum(|p| p.excess.len()),
            excess_before: sum(|p| p.excess_before),
            compared: Compared {
                rendered: sum(|p| p.compared.rendered),
                files: sum(|p| p.compared.files),
                definition: sum(|p| p.compared.definition),
            },
        }
    }

    /// The proof as indented JSON with a line end.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        #[derive(Serialize)]
        struct Out<'a> {
            proved: bool,
            totals: Totals,
            #[serde(flatten)]
            proof: &'a Proof,
        }
        let out = Out { proved: self.is_proved(), totals: self.totals(), proof: self };
        Ok(serde_json::to_string_pretty(&out)? + "\n")
    }
}
