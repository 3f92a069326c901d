//! Which repository, and which revision of it, a child means.
//!
//! A source that means the compared commit is read there; everything else is a
//! pin. Compares names only: nothing is fetched.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::RepoUrl;

/// What points back at this repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// URLs of this repository; empty while nobody has named one.
    urls: BTreeSet<RepoUrl>,
    /// Branches that mean the compared commit, beside `HEAD` and none.
    branches: BTreeSet<String>,
}

/// What a source's URL and revision mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The compared commit.
    Here,
    /// Another revision of this repository.
    OwnHistory,
    /// Another repository.
    Elsewhere,
    /// Nobody has said yet which URLs are this repository's.
    Undecided,
}

impl Scope {
    /// A scope of these URLs and branches.
    pub fn new(
        urls: impl IntoIterator<Item = impl AsRef<str>>,
        branches: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            urls: urls.into_iter().map(|u| RepoUrl::of(u.as_ref())).collect(),
            branches: branches.into_iter().collect(),
        }
    }

    /// Whether it is known which URLs are this repository's.
    pub fn is_decided(&self) -> bool {
        !self.urls.is_empty()
    }

    /// The same scope with one more URL of this repository.
    #[must_use]
    pub fn with_url(mut self, url: RepoUrl) -> Self {
        self.urls.insert(url);
        self
    }

    /// What a source means.
    pub fn meaning(&self, url: &str, revision: &str) -> Meaning {
        if !self.is_decided() {
            return Meaning::Undecided;
        }
        if !self.urls.contains(&RepoUrl::of(url)) {
            return Meaning::Elsewhere;
        }
        if self.is_compared(revision) { Meaning::Here } else { Meaning::OwnHistory }
    }

    /// Whether a revision of this repository means the compared commit.
    pub fn is_compared(&self, revision: &str) -> bool {
        let name = revision.strip_prefix("refs/heads/").unwrap_or(revision);
        matches!(name, "" | "HEAD") || self.branches.contains(name)
    }
}

/// The URL that most children name, among those some of whose paths exist here;
/// ties go to the first by name. `seen` holds a URL and whether its path exists,
/// once per child.
pub fn most_named(seen: &[(RepoUrl, PathHere)]) -> Option<RepoUrl> {
    let mut counts: BTreeMap<&RepoUrl, (usize, bool)> = BTreeMap::new();
    for (url, here) in seen {
        let count = counts.entry(url).or_default();
        count.0 += 1;
        count.1 |= *here == PathHere::Exists;
    }
    let mut best: Option<(&RepoUrl, usize)> = None;
    for (url, (count, here)) in counts {
        if here && best.is_none_or(|(_, most)| count > most) {
            best = Some((url, count));
        }
    }
    best.map(|(url, _)| url.clone())
}

/// Whether a child's path exists in this repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathHere {
    /// It does.
    Exists,
    /// It does not.
    Missing,
}

/// Whether a revision is exact: a full version or a commit id. Anything else may
/// be a tag, and a tag may be a branch: those count as exact only when they look
/// like a version.
pub fn is_exact(revision: &str) -> bool {
    let revision = revision.rsplit_once('@').map_or(revision, |(_, digest)| digest);
    let digest = revision.starts_with("sha256:") && revision.len() == 71;
    let commit = revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit());
    digest || commit || is_version(revision)
}

/// A semantic version with all three numbers, `v` allowed (<https://semver.org>).
fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let core = text.split(['-', '+']).next().unwrap_or("");
    let numbers: Vec<&str> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_named_url_with_a_path_here_wins() {
        let url = |u: &str| RepoUrl::of(u);
        let seen = [
            (url("https://a/x"), PathHere::Missing),
            (url("https://a/x"), PathHere::Missing),
            (url("https://b/y"), PathHere::Exists),
        ];
        assert_eq!(most_named(&seen), Some(url("https://b/y")));
        assert_eq!(most_named(&seen[..2]), None);
    }

    #[test]
    fn ranges_and_branches_float() {
        let digest = format!("latest@sha256:{}", "a".repeat(64));
        for exact in ["1.2.3", "v1.2.3-rc.1", "1.2.3+build", &"a".repeat(40), &digest] {
            assert!(is_exact(exact), "{exact}");
        }
        for floating in ["", "main", "1.x", "^1.2.3", ">=1.0.0", "1.2", "*", "latest", "1.2.3 || 2.0.0"] {
            assert!(!is_exact(floating), "{floating}");
        }
    }

    #[test]
    fn an_undecided_scope_says_so() {
        assert_eq!(Scope::default().meaning("https://a/x", ""), Meaning::Undecided);
        let scope = Scope::new(["https://a/x"], ["main".to_owned()]);
        assert_eq!(scope.meaning("git@a:x.git", "refs/heads/main"), Meaning::Here);
        assert_eq!(scope.meaning("git@a:x.git", "v1.0.0"), Meaning::OwnHistory);
        assert_eq!(scope.meaning("https://b/x", "main"), Meaning::Elsewhere);
    }
}
