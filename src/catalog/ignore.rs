//! Files that Flux leaves out of a source: `.sourceignore` files and a source's
//! `spec.ignore`, and without either of them what it leaves out by default.
//!
//! Its patterns are read like gitignore's, with two differences: each file is
//! looked at by its whole path, so one in an excluded folder may be kept; and
//! `**` stops at the first name that fits.
//!
//! Source: `github.com/fluxcd/pkg/sourceignore` v0.22.0, and how
//! source-controller's `gitrepository_controller.go` puts them together.

use globset::{GlobBuilder, GlobMatcher};

use crate::files::{EntryKind, Files, Next, ReadError, walk};
use crate::name::{ObjectId, RepoPath};

const FILE: &str = ".sourceignore";

/// Left out of every source.
const ALWAYS: [&str; 4] = [".git/", ".gitignore", ".gitmodules", ".gitattributes"];

/// Left out of a source that says nothing itself. Of all that Flux has here, what
/// could be YAML.
const BY_DEFAULT: [&str; 12] = [
    ".github/",
    ".circleci/",
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    "**/.goreleaser.yml",
    "**/.sops.yaml",
    "**/.flux.yaml",
];

/// What a source leaves out.
#[derive(Debug, Default)]
pub struct Ignore {
    /// The later one wins.
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    /// The folder that it speaks of.
    folder: RepoPath,
    /// `!`: what it matches is kept.
    keeps: bool,
    /// It ends in `/`: it matches what is in a folder, not a file.
    folders_only: bool,
    /// Names, one for each level; one name alone counts at every level.
    names: Vec<Name>,
}

#[derive(Debug)]
enum Name {
    /// Between two slashes, or before the first.
    Nothing,
    /// `**`.
    Folders,
    /// A name, or a glob of names.
    Glob(GlobMatcher),
    /// What matches nothing.
    Wrong,
}

impl Ignore {
    /// What holds for the files below `dir`, whose tree is `id`. `own` is the
    /// source's `spec.ignore`.
    pub fn below(
        files: &dyn Files,
        dir: &RepoPath,
        id: ObjectId,
        own: Option<&str>,
    ) -> Result<Self, ReadError> {
        let mut found: Vec<(RepoPath, ObjectId)> = Vec::new();
        let mut above = dir.clone();
        while !above.is_root() {
            above = above.parent();
            if let Some(entry) = files.entry(&above.child(FILE))?
                && matches!(entry.kind, EntryKind::File | EntryKind::Executable)
            {
                found.insert(0, (above.clone(), entry.id));
            }
        }
        walk(files, id, dir, &mut |path, entry| {
            if path.file_name() == FILE && matches!(entry.kind, EntryKind::File | EntryKind::Executable) {
                found.push((path.parent(), entry.id));
            }
            Ok(Next::Enter)
        })?;
        let mut texts = Vec::new();
        for (folder, id) in found {
            texts.push((folder, String::from_utf8_lossy(&files.blob(id)?).into_owned()));
        }
        texts.extend(own.map(|text| (RepoPath::root(), text.to_owned())));
        Ok(Self::of(&texts))
    }

    /// What these texts leave out, each below its folder.
    fn of(texts: &[(RepoPath, String)]) -> Self {
        let lines = texts.iter().flat_map(|(folder, text)| text.lines().map(move |line| (folder, line)));
        let said = lines.filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
        let mut said: Vec<Pattern> = said.map(|(folder, line)| Pattern::of(folder, line)).collect();
        let root = RepoPath::root();
        let mut patterns: Vec<Pattern> = ALWAYS.iter().map(|line| Pattern::of(&root, line)).collect();
        if said.is_empty() {
            patterns.extend(BY_DEFAULT.iter().map(|line| Pattern::of(&root, line)));
        }
        patterns.append(&mut said);
        Self { patterns }
    }

    /// Whether a file, by its path in the repository, is left out.
    pub fn leaves_out(&self, path: &RepoPath) -> bool {
        let last = self.patterns.iter().rev().find(|pattern| pattern.matches(path));
        last.is_some_and(|pattern| !pattern.keeps)
    }
}

impl Pattern {
    fn of(folder: &RepoPath, line: &str) -> Self {
        let (keeps, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let line = if line.ends_with("\\ ") { line } else { line.trim_end_matches(' ') };
        let (folders_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        let parts: Vec<&str> = line.split('/').collect();
        let names = match parts.as_slice() {
            // Alone it is a name like any other.
            ["**"] => vec![Name::glob("*")],
            [one] => vec![Name::glob(one)],
            several => several.iter().map(|part| Name::of(part)).collect(),
        };
        Self { folder: folder.clone(), keeps, folders_only, names }
    }

    fn matches(&self, path: &RepoPath) -> bool {
        let Some(below) = path.below(&self.folder) else { return false };
        let path: Vec<&str> = below.split('/').collect();
        match self.names.as_slice() {
            [Name::Glob(glob)] => {
                let first = path.iter().position(|name| glob.is_match(name));
                first.is_some_and(|at| !(self.folders_only && at + 1 == path.len()))
            }
            names => self.matches_levels(names, &path),
        }
    }

    /// Level by level. What is left of the path lies in a folder that matched.
    fn matches_levels(&self, names: &[Name], path: &[&str]) -> bool {
        let mut left = path.iter();
        let (mut matched, mut anywhere) = (false, false);
        for (at, name) in names.iter().enumerate() {
            match name {
                Name::Nothing => anywhere = false,
                Name::Folders if at + 1 == names.len() => break,
                Name::Folders => anywhere = true,
                Name::Wrong => return false,
                Name::Glob(glob) => {
                    if left.len() == 0 {
                        return false;
                    }
                    let found = if std::mem::take(&mut anywhere) {
                        left.any(|name| glob.is_match(name))
                    } else {
                        left.next().is_some_and(|name| glob.is_match(name))
                    };
                    if !found {
                        return false;
                    }
                    matched = true;
                }
            }
        }
        matched && !(self.folders_only && left.len() == 0)
    }
}

impl Name {
    fn of(text: &str) -> Self {
        match text {
            "" => Self::Nothing,
            "**" => Self::Folders,
            _ if text.contains("**") => Self::Wrong,
            _ => Self::glob(text),
        }
    }

    /// Go's `filepath.Match` knows no braces.
    fn glob(text: &str) -> Self {
        let text = text.replace('{', "[{]").replace('}', "[}]");
        let glob = GlobBuilder::new(&text).literal_separator(true).backslash_escape(true).build();
        glob.map_or(Self::Wrong, |glob| Self::Glob(glob.compile_matcher()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::parse(text).unwrap()
    }

    fn ignore(folder: &str, text: &str) -> (RepoPath, String) {
        (if folder.is_empty() { RepoPath::root() } else { path(folder) }, text.to_owned())
    }

    /// What Flux's own matcher says of each list.
    #[test]
    fn patterns_match_as_those_of_flux() {
        const PATHS: [&str; 18] = [
            "kubernetes/apps/a.yaml",
            "docs/a.yaml",
            "a.yaml",
            "b.yaml",
            "c.yaml",
            "keep.yaml",
            "a/b/c.yaml",
            "a/b.yaml",
            "a/x/y/b.yaml",
            "x.yaml",
            "q/x.yaml",
            "README.md",
            "{a,b}.yaml",
            "!a.yaml",
            "apps/web/skip/a.yaml",
            "a/keep.yaml",
            "docs",
            "q/docs/z.yaml",
        ];
        for (list, left_out) in [
            ("*.md", "README.md"),
            ("docs/", "docs/a.yaml q/docs/z.yaml"),
            ("/docs", "docs/a.yaml docs"),
            ("a/b", "a/b/c.yaml"),
            ("**/x.yaml", "x.yaml q/x.yaml"),
            ("a/**/b.yaml", "a/b.yaml a/x/y/b.yaml"),
            ("a/**", "a/b/c.yaml a/b.yaml a/x/y/b.yaml a/keep.yaml"),
            (
                "[ab].yaml",
                "kubernetes/apps/a.yaml docs/a.yaml a.yaml b.yaml a/b.yaml a/x/y/b.yaml apps/web/skip/a.yaml",
            ),
            ("[^ab].yaml", "c.yaml a/b/c.yaml x.yaml q/x.yaml q/docs/z.yaml"),
            ("{a,b}.yaml", "{a,b}.yaml"),
            ("#a", ""),
            ("a.yaml ", "kubernetes/apps/a.yaml docs/a.yaml a.yaml apps/web/skip/a.yaml"),
            ("apps/*/skip", "apps/web/skip/a.yaml"),
            ("!a.yaml", ""),
            ("a//b", "a/b/c.yaml"),
            ("\\!a.yaml", "!a.yaml"),
            ("/a/\n!/a/keep.yaml", "a/b/c.yaml a/b.yaml a/x/y/b.yaml"),
            (
                "/*\n!/a\n!/q",
                "kubernetes/apps/a.yaml docs/a.yaml a.yaml b.yaml c.yaml keep.yaml x.yaml README.md {a,b}.yaml !a.yaml apps/web/skip/a.yaml docs",
            ),
        ] {
            let ignore = Ignore::of(&[ignore("", list)]);
            let found: Vec<&str> = PATHS.into_iter().filter(|p| ignore.leaves_out(&path(p))).collect();
            assert_eq!(found.join(" "), left_out, "{list:?}");
        }
        let all = Ignore::of(&[ignore("", "**")]);
        assert!(PATHS.iter().all(|p| all.leaves_out(&path(p))));
    }

    #[test]
    fn defaults_count_where_nothing_is_said() {
        let silent = Ignore::of(&[ignore("", "# nothing\n")]);
        for left_out in [".github/a.yaml", "x/.travis.yml", "x/.sops.yaml", "cloudbuild.yaml"] {
            assert!(silent.leaves_out(&path(left_out)), "{left_out}");
        }
        assert!(!silent.leaves_out(&path("x/sops.yaml")));
        let own = Ignore::of(&[ignore("apps", "skip.yaml"), ignore("", "!/apps/web/skip.yaml")]);
        assert!(!own.leaves_out(&path(".github/a.yaml")));
        assert!(own.leaves_out(&path("apps/skip.yaml")) && !own.leaves_out(&path("skip.yaml")));
        assert!(!own.leaves_out(&path("apps/web/skip.yaml")), "the source itself has the last word");
    }
}
