//! Strict names: one constructor each, nothing invalid can exist.
//!
//! Does not look anything up: that a commit or a path exists is for the modules
//! that read the repository to say.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// Why a text is not the name it should be. A lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(pub String);

fn err<T>(text: impl Into<String>) -> Result<T, NameError> {
    Err(NameError(text.into()))
}

macro_rules! text_name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
    };
}

mod issuer;

pub use issuer::IssuerUrl;

/// An environment's name: a DNS-1123 label or subdomain, at most 63 bytes,
/// because it becomes a path in the ledger and a label in clusters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Environment(String);
text_name!(Environment);

impl Environment {
    /// Reads an environment's name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > 63 {
            return err(format!("an environment's name has 1 to 63 characters, this has {}", text.len()));
        }
        let alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let ends = text.starts_with(alnum) && text.ends_with(alnum);
        if !ends || !text.chars().all(|c| alnum(c) || c == '-' || c == '.') || text.contains("..") {
            return err(
                "an environment's name has lower-case letters, digits, '-' and '.', and begins and ends with a letter or digit",
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl Environment {
    /// The environment of a repository that names none: `default`.
    pub fn unnamed() -> Self {
        Self("default".to_owned())
    }
}

/// An object id in git's database (SHA-1, 20 bytes): a blob or a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(pub [u8; 20]);

impl ObjectId {
    /// Reads 40 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut bytes = [0u8; 20];
        if text.len() != 40 || !text.is_ascii() {
            return err("an object id has 40 hexadecimal digits");
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16)
                .map_err(|_| NameError("an object id has 40 hexadecimal digits".into()))?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}
impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A commit's id. Never a branch, tag or abbreviation: those are resolved once,
/// at the edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub ObjectId);

impl CommitId {
    /// Reads 40 hexadecimal digits; forty zeros are git's way to say "none" and
    /// are refused.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let id = ObjectId::parse(text)?;
        if id.0 == [0; 20] {
            return err("forty zeros are no commit");
        }
        Ok(Self(id))
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}
impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl Serialize for CommitId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A path inside a repository: `/`-separated, relative, normalised, without
/// `.` or `..`. The empty path is the repository's top.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RepoPath(String);
text_name!(RepoPath);

impl RepoPath {
    /// The repository's top.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Reads a path as people write it (`./a//b/`, `/a`); a leading `/` means
    /// the repository's top. Leaving the repository is an error.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Self::root().join(text.trim_start_matches('/'))
    }

    /// Follows `relative` from this directory. `..` may climb, but not out of
    /// the repository.
    pub fn join(&self, relative: &str) -> Result<Self, NameError> {
        if relative.contains(['\0', '\\']) {
            return err("a path has neither backslash nor NUL");
        }
        if relative.starts_with('/') {
            return err(format!("{relative:?} is absolute"));
        }
        let mut parts: Vec<&str> = self.0.split('/').filter(|p| !p.is_empty()).collect();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return err(format!("{relative:?} leaves the repository"));
                    }
                }
                other => parts.push(other),
            }
        }
        Ok(Self(parts.join("/")))
    }

    /// This directory's child of that name. `name` is one component as git
    /// lists it.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}/{name}", self.0)) }
    }

    /// The directory that holds this path; the top holds itself.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned())
    }

    /// The last component; empty for the top.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// Whether this is the repository's top.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this path is `dir` or lies below it, by whole components.
    pub fn is_within(&self, dir: &Self) -> bool {
        dir.0.is_empty()
            || self.0 == dir.0
            || (self.0.starts_with(&dir.0) && self.0.as_bytes().get(dir.0.len()) == Some(&b'/'))
    }

    /// The rest of this path below `dir`; `None` when it is not within.
    pub fn below<'a>(&'a self, dir: &Self) -> Option<&'a str> {
        self.is_within(dir).then(|| self.0[dir.0.len()..].trim_start_matches('/'))
    }

    /// The relative path that leads from this directory to `to`
    /// (`../b/c`; `.` for itself).
    pub fn relative_to(&self, to: &Self) -> String {
        let from: Vec<&str> = self.0.split('/').filter(|p| !p.is_empty()).collect();
        let to: Vec<&str> = to.0.split('/').filter(|p| !p.is_empty()).collect();
        let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        let mut parts = vec![".."; from.len() - same];
        parts.extend(&to[same..]);
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }
}

/// A SHA-256 of bytes; shown as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads `sha256:` and 64 hexadecimal digits; the prefix may be left out.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let mut bytes = [0u8; 32];
        if hex.len() != 64 || !hex.is_ascii() {
            return err("a digest is 'sha256:' and 64 hexadecimal digits");
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16)
                .map_err(|_| NameError("a digest is 'sha256:' and 64 hexadecimal digits".into()))?;
        }
        Ok(Self(bytes))
    }
}
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// `kind/namespace/name` of the document that defines an app; `_` stands for
/// no namespace. Unique within one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId {
    kind: String,
    namespace: String,
    name: String,
}

impl AppId {
    /// An id from a definition's parts. None may be empty (but the namespace),
    /// hold a `/` or be `.` or `..`: the id becomes a path in the ledger.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Result<Self, NameError> {
        let plain = |part: &str| {
            !part.is_empty()
                && part.len() <= 253
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':'))
        };
        for (what, part) in [("kind", kind), ("name", name)] {
            if !plain(part) {
                return err(format!(
                    "{part:?} is no app's {what}: letters, digits, '-', '.', '_', ':', at most 253"
                ));
            }
        }
        if !namespace.is_empty() && !plain(namespace) {
            return err(format!("{namespace:?} is no namespace"));
        }
        let namespace = if namespace.is_empty() { "_" } else { namespace };
        Ok(Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// Reads `kind/namespace/name`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(ns), Some(name), None) => {
                Self::new(kind, if ns == "_" { "" } else { ns }, name)
            }
            _ => err(format!("{text:?} is not kind/namespace/name")),
        }
    }

    /// The defining document's kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }
    /// The defining document's namespace, `_` for none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
    /// The defining document's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}
impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}
impl Serialize for AppId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// An app in its environment: the key of every map in Luigi.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AppKey {
    /// The environment.
    pub environment: Environment,
    /// The app in it.
    pub app: AppId,
}
impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.environment, self.app)
    }
}

/// A repository's URL reduced to what identifies it: scheme, user, port,
/// `.git`, the case of the host and a trailing slash do not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoUrl(String);
text_name!(RepoUrl);

impl RepoUrl {
    /// Reduces `https://`, `ssh://`, `git@host:path` and plain paths.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let rest = match text.split_once("://") {
            Some((_, rest)) => rest.to_owned(),
            None => match text.split_once(':') {
                // scp form: user@host:path
                Some((host, path)) if !host.contains('/') => {
                    format!("{host}/{}", path.trim_start_matches('/'))
                }
                _ => text.to_owned(),
            },
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest.as_str(), ""));
        let host = host.rsplit('@').next().unwrap_or(host);
        let host = host.split(':').next().unwrap_or(host).to_ascii_lowercase();
        let path = path.trim_matches('/').trim_end_matches(".git").trim_end_matches('/');
        Self(format!("{host}/{path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_normalise_and_never_escape() {
        let dir = RepoPath::parse("a/b").unwrap();
        assert_eq!(dir.join("../c/./d").unwrap().as_str(), "a/c/d");
        assert_eq!(RepoPath::parse("./x//y/").unwrap().as_str(), "x/y");
        assert!(dir.join("../../..").is_err());
        assert!(dir.join("/etc").is_err());
        assert!(RepoPath::parse("a\\b").is_err());
        assert!(RepoPath::parse("ab").unwrap().below(&RepoPath::parse("a").unwrap()).is_none());
        assert_eq!(dir.relative_to(&RepoPath::parse("a/c/d").unwrap()), "../c/d");
        assert_eq!(dir.relative_to(&dir), ".");
    }

    #[test]
    fn repository_urls_that_mean_the_same_are_the_same() {
        let all = [
            "https://github.com/acme/platform",
            "https://github.com/acme/platform.git",
            "ssh://git@github.com:22/acme/platform.git",
            "git@GitHub.com:acme/platform.git",
            "https://user:pw@GITHUB.com/acme/platform/",
        ];
        for url in all {
            assert_eq!(RepoUrl::of(url).as_str(), "github.com/acme/platform", "{url}");
        }
        assert_ne!(RepoUrl::of("https://github.com/acme/Platform"), RepoUrl::of(all[0]));
    }

    #[test]
    fn ids_have_three_safe_parts() {
        assert_eq!(AppId::parse("App/_/x").unwrap().to_string(), "App/_/x");
        for bad in ["App/x", "App/../x", "App/a/b/c", "/a/b", "App/a/", "App/a/..", "App/a/x\n"] {
            assert!(AppId::parse(bad).is_err(), "{bad}");
        }
        assert!(CommitId::parse(&"0".repeat(40)).is_err());
    }
}
