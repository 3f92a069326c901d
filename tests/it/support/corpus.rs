//! The real fleets of `fixtures/corpus`, cloned with the real `git`.
//!
//! Says nothing about what they hold: `docs/corpus.md` does.

use std::path::{Path, PathBuf};

use super::repo::git;

/// A clone of a fleet in a folder that is there already: `$LUIGI_CORPUS`, else
/// `fixtures/corpus`, holds the bundles.
pub fn clone(fleet: &str, around: &Path) -> PathBuf {
    let dir = std::env::var_os("LUIGI_CORPUS").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus"));
    let from = dir.join(format!("{fleet}.bundle"));
    assert!(from.is_file(), "there is no {}", from.display());
    git(around, &["clone", "-q", from.to_str().unwrap(), fleet]);
    around.join(fleet)
}
