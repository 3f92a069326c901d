//! Which texts kustomize takes for something remote, by its own rules.
//!
//! Resolves nothing and asks nobody. Where kustomize looks at the disk first,
//! this does not: a text that could be fetched counts as remote.
//!
//! Source: `api/internal/git/repospec.go` (`NewRepoSpecFromURL`) and
//! `api/internal/loader/fileloader.go` (`IsRemoteFile`) of kustomize v5.8.

/// Where a text leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// To a path beside the kustomization.
    Local,
    /// To an absolute path.
    Absolute,
    /// Out, over the network or by `git clone`.
    Remote {
        /// Whether the text names a version or a commit.
        pinned: bool,
    },
}

/// A text that may name a file, a folder or a git repository.
pub(super) fn classify(text: &str) -> Class {
    if is_remote_file(text) || is_git_url(text) || has_scheme(text) {
        Class::Remote { pinned: is_pinned(text) }
    } else if text.starts_with('/') {
        Class::Absolute
    } else {
        Class::Local
    }
}

/// A text that names a file, here or at a URL; never a git repository.
pub(super) fn classify_file(text: &str) -> Class {
    if is_remote_file(text) {
        Class::Remote { pinned: is_pinned(text) }
    } else if text.starts_with('/') {
        Class::Absolute
    } else {
        Class::Local
    }
}

/// Whether kustomize would fetch this file over HTTP. Go parses it as a URL and
/// looks at the scheme; texts that Go cannot parse count as well.
pub fn is_remote_file(text: &str) -> bool {
    strip_no_case(text, "http:").or_else(|| strip_no_case(text, "https:")).is_some()
}

/// A scheme that kustomize, git or an older kustomize would fetch. A folder is
/// never named like that.
fn has_scheme(text: &str) -> bool {
    let text = strip_no_case(text, "git::").unwrap_or(text);
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-:".contains(c))
    })
}

/// Whether kustomize would clone this.
pub fn is_git_url(text: &str) -> bool {
    if text.starts_with('/') {
        return false;
    }
    let before_query = text.split('?').next().unwrap_or(text);
    let Some((path, takes_all)) = after_host(before_query) else { return false };
    let (repository, folder) = match split_marked(path) {
        Some(parts) => parts,
        None if takes_all => (path.to_owned(), ""),
        None => match path.match_indices('/').nth(1) {
            Some((at, _)) => (path[..at].to_owned(), &path[at + 1..]),
            None if path.contains('/') => (path.to_owned(), ""),
            None => return false,
        },
    };
    !repository.is_empty() && !leaves(folder)
}

/// What follows the host, and whether all of it is the repository (`file://`).
/// `None`: the text has no host that kustomize accepts.
fn after_host(text: &str) -> Option<(&str, bool)> {
    let text = strip_no_case(text, "git::").unwrap_or(text);
    let mut scheme = "";
    let mut rest = text;
    for prefix in ["ssh://", "https://", "http://", "file://"] {
        if let Some(after) = strip_no_case(text, prefix) {
            (scheme, rest) = (prefix, after);
            break;
        }
    }
    let user_ends = user_length(rest);
    if scheme == "file://" {
        return Some((rest, true));
    }
    let named = user_ends > 0;
    let rest = &rest[user_ends..];
    let github = ["github.com/", "github.com:"].iter().any(|host| strip_no_case(rest, host).is_some());
    let scp = scheme.is_empty() && (named || github);
    if scheme.is_empty() && !scp {
        return None;
    }
    let slash = rest.find('/');
    let colon = if scp { rest.find(':') } else { None };
    let end = match (slash, colon) {
        (None, colon) => colon,
        (Some(slash), Some(colon)) if colon > 0 && colon < slash => Some(colon),
        (Some(slash), _) => Some(slash),
    };
    // Without a separator the whole text is the host, and no repository is left.
    let path = end.map_or("", |end| &rest[end + 1..]);
    Some((path, false))
}

/// The length of `user@` at the start (`^([a-zA-Z][a-zA-Z0-9-]*)@`).
fn user_length(text: &str) -> usize {
    let Some((user, _)) = text.split_once('@') else { return 0 };
    let fits = user.starts_with(|c: char| c.is_ascii_alphabetic())
        && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if fits { user.len() + 1 } else { 0 }
}

/// Splits at `_git/`, `//` or `.git`, in this order, as kustomize does.
fn split_marked(path: &str) -> Option<(String, &str)> {
    if let Some(at) = path.find("_git/") {
        let (before, after) = path.split_at(at + "_git/".len());
        let (name, folder) = after.split_once('/').unwrap_or((after, ""));
        return Some((format!("{before}{name}"), folder));
    }
    if let Some((repository, folder)) = path.split_once("//") {
        return Some((repository.to_owned(), folder));
    }
    let at = path.find(".git")? + ".git".len();
    Some((path[..at].to_owned(), &path[at..]))
}

/// Whether the folder climbs out of its repository.
fn leaves(folder: &str) -> bool {
    let mut depth = 0_i32;
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return true;
        }
    }
    false
}

/// Whether the text names a version or a commit, where such texts do:
/// `?ref=`, `?version=`, or a part of the path of a raw file.
fn is_pinned(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let value = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, v)| *key == name && !v.is_empty())
    };
    match value("ref").or_else(|| value("version")) {
        Some((_, revision)) => is_version(revision),
        None => is_remote_file(text) && !is_clone(text) && path.split('/').skip(3).any(is_version),
    }
}

/// Without a `ref`, a repository is cloned at its default branch whatever its
/// path looks like.
fn is_clone(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or(text);
    let yaml = [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
    is_git_url(text) && !yaml
}

/// A commit (40 hexadecimal digits) or a text like `v1.2.3`, `1.2`, `chart-1.2.3`.
fn is_version(text: &str) -> bool {
    let text = text.rsplit("%2F").next().unwrap_or(text);
    let text = text.strip_prefix("refs/tags/").unwrap_or(text);
    if text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        return true;
    }
    let Some(at) = text.find(|c: char| c.is_ascii_digit()) else { return false };
    let (before, numbers) = text.split_at(at);
    let starts_well = before.is_empty() || before.ends_with(['v', 'V', '-', '_', '/', '@']);
    let mut parts = numbers.split(['-', '+', '_']).next().unwrap_or("").split('.');
    let number =
        |part: Option<&str>| part.is_some_and(|p| p.chars().next().is_some_and(|c| c.is_ascii_digit()));
    starts_well && number(parts.next()) && number(parts.next())
}

fn strip_no_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as kustomize v5.8's `NewRepoSpecFromURL` and `IsRemoteFile` say.
    #[test]
    fn remote_is_what_kustomize_fetches() {
        let remote = [
            "github.com/acme/platform",
            "github.com/acme/platform//deploy/base?ref=v1.2.3",
            "GitHub.com/acme/platform/deploy",
            "github.com:acme/platform",
            "git@github.com:acme/platform.git",
            "git@gitlab.example.com:acme/platform.git//base?ref=main",
            "git::https://github.com/acme/platform//base",
            "GIT::git@example.com:acme/platform",
            "ssh://git@example.com/acme/platform",
            "https://example.com/acme/platform//base",
            "https://dev.azure.com/acme/project/_git/platform/base",
            "http://localhost:8080/x.yaml",
            "HTTPS://example.com/x.yaml",
            "https://example.com",
            "file:///srv/platform",
            "file:///srv/platform.git//base",
            "name@folder/org/repo",
            "oci://registry.example.com/base",
            "s3::https://example.com/bucket",
        ];
        for text in remote {
            assert!(matches!(classify(text), Class::Remote { .. }), "{text}");
        }
        let local = [
            "base",
            "./base",
            "../github.com/acme/platform",
            "github.com",
            "github.com-mirror/acme/platform",
            "x.git",
            "app.yaml",
            "a@b",
            "name@folder/x",
            "1name@folder/org/repo",
            "dir//base",
            "a:b/c/d",
            "charts?ref=x",
        ];
        for text in local {
            assert_eq!(classify(text), Class::Local, "{text}");
        }
        assert_eq!(classify("/etc/passwd"), Class::Absolute);
        assert_eq!(classify_file("git@example.com:a/b.yaml"), Class::Local);
        assert_eq!(classify_file("/etc/passwd"), Class::Absolute);
        assert!(matches!(classify_file("Http://x/y"), Class::Remote { .. }));
    }

    #[test]
    fn a_version_or_commit_pins() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for text in [
            "github.com/acme/platform?ref=v1.2.3",
            "github.com/acme/platform//x?timeout=90s&ref=1.2",
            "github.com/acme/platform?version=chart-1.2.3",
            &format!("https://github.com/acme/platform?ref={commit}"),
            &format!("https://raw.example.com/acme/platform/{commit}/x.yaml"),
            "https://github.com/acme/platform/releases/download/v1.2.3/install.yaml",
        ] {
            assert_eq!(classify(text), Class::Remote { pinned: true }, "{text}");
        }
        for text in [
            "github.com/acme/platform",
            "github.com/acme/platform?ref=main",
            "github.com/acme/platform?ref=",
            "https://github.com/acme/platform/releases/latest/download/install.yaml",
            "https://github.com/acme/platform-1.2.3",
            "https://v1.2.example.com/main/x.yaml",
        ] {
            assert_eq!(classify(text), Class::Remote { pinned: false }, "{text}");
        }
    }
}
