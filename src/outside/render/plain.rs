//! Plain files as objects, by the rules of an Argo CD directory source.
//!
//! Runs no tool. Jsonnet is not evaluated.
//!
//! Source: Argo CD's `reposerver/repository/repository.go` (`findManifests`,
//! `findManifestsInFile`) and `util/glob/glob.go`.

use globset::{GlobBuilder, GlobMatcher};

use super::folder::{Content, Found};
use super::prepare::missing;
use crate::catalog::job::{Depth, Plain};
use crate::name::RepoPath;
use crate::object::{self, Object};
use crate::problem::{Code, Place, Problem};

/// A file with this comment is not read (`+argocd:skip-file-rendering`).
const SKIP: &[u8] = b"+argocd:skip-file-rendering";

/// The objects of the files, by path, and in the order of each file.
pub(super) fn render(content: &Content<'_>, plain: &Plain) -> Result<Vec<Object>, Vec<Problem>> {
    let mut paths = match content.find(&RepoPath::root(), plain.path.as_str()) {
        Found::File(path) => vec![(plain.path.file_name().to_owned(), path)],
        Found::Folder(dir) => below(content, &dir, plain.depth)?,
        Found::Missing => return Err(vec![missing(content, &plain.path, "there is nothing here")]),
        Found::Escapes => return Err(vec![content.link_escapes(&plain.path)]),
    };
    paths.sort();
    let (include, exclude) = (matcher(plain.include.as_deref())?, matcher(plain.exclude.as_deref())?);
    let mut objects = Vec::new();
    let mut problems = Vec::new();
    for (relative, path) in paths {
        let excluded = exclude.as_ref().is_some_and(|glob| glob.is_match(&relative));
        let included = include.as_ref().is_none_or(|glob| glob.is_match(&relative));
        if excluded || !included {
            continue;
        }
        let shown = content.shown(&path);
        if relative.ends_with(".jsonnet") {
            let message = "jsonnet is not evaluated by this version";
            problems.push(Problem::new(Code::RenderFailed, Some(Place::file(shown)), message));
            continue;
        }
        if !is_manifest(&relative) {
            continue;
        }
        match std::fs::read(content.disk(&path)) {
            Ok(bytes) => {
                let (found, wrong) = read(&shown, &bytes);
                objects.extend(found);
                problems.extend(wrong);
            }
            Err(error) => {
                let message = format!("cannot be read: {error}");
                problems.push(Problem::new(Code::RenderFailed, Some(Place::file(shown)), message));
            }
        }
    }
    if problems.is_empty() { Ok(objects) } else { Err(problems) }
}

/// A file that holds no object at all and does not look as if it should (values,
/// configuration of some other program) is passed over.
fn read(shown: &str, bytes: &[u8]) -> (Vec<Object>, Vec<Problem>) {
    if has(bytes, SKIP) {
        return (Vec::new(), Vec::new());
    }
    let (objects, problems) = object::objects(shown, bytes);
    // Without the colon: JSON in a YAML file has a quotation mark before it.
    let looks_like_one = [&b"apiVersion"[..], b"kind", b"metadata"].iter().all(|text| has(bytes, text));
    let json = shown.strip_suffix(".json").is_some();
    if objects.is_empty() && !problems.is_empty() && !looks_like_one && !json {
        return (Vec::new(), Vec::new());
    }
    (objects, problems)
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn is_manifest(path: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end))
}

/// Each file below a folder: its path from there, and what that leads to.
fn below(
    content: &Content<'_>,
    dir: &RepoPath,
    depth: Depth,
) -> Result<Vec<(String, RepoPath)>, Vec<Problem>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    content.each(dir, &mut |path, facts| {
        let Some(relative) = path.below(dir) else { return };
        if facts.is_dir() || (depth == Depth::Folder && relative.contains('/')) {
            return;
        }
        match content.find(&path.parent(), path.file_name()) {
            Found::File(file) => files.push((relative.to_owned(), file)),
            // Argo CD does not descend through a link, and skips a broken one.
            Found::Escapes if is_manifest(relative) => problems.push(content.link_escapes(path)),
            Found::Folder(_) | Found::Missing | Found::Escapes => {}
        }
    });
    if problems.is_empty() { Ok(files) } else { Err(problems) }
}

/// In Argo CD's globs `*` crosses `/`, and `**` means the same.
fn matcher(glob: Option<&str>) -> Result<Option<GlobMatcher>, Vec<Problem>> {
    let Some(glob) = glob.filter(|glob| !glob.is_empty()) else { return Ok(None) };
    let mut pattern = glob.to_owned();
    while pattern.contains("**") {
        pattern = pattern.replace("**", "*");
    }
    let built = GlobBuilder::new(&pattern).literal_separator(false).backslash_escape(true).build();
    match built {
        Ok(glob) => Ok(Some(glob.compile_matcher())),
        Err(error) => {
            let message = format!("{glob:?} is no glob: {}", error.kind());
            Err(vec![Problem::new(Code::AppField, None, message)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        matcher(Some(glob)).unwrap().unwrap().is_match(path)
    }

    #[test]
    fn globs_are_those_of_argo_cd() {
        assert!(matches("*.yaml", "a/b.yaml"));
        assert!(matches("{a,b}/*.yaml", "b/c/d.yaml"));
        assert!(matches("**/x.yaml", "a/x.yaml"));
        assert!(!matches("**/x.yaml", "x.yaml"));
        assert!(!matches("{*.json,b.yaml}", "a.yaml"));
        assert!(matches("[!a].yaml", "b.yaml"));
        assert!(matcher(Some("{a")).is_err());
        assert!(matcher(Some("")).unwrap().is_none());
    }

    #[test]
    fn files_without_objects_are_passed_over() {
        assert_eq!(read("v.yaml", b"replicas: 3\n"), (vec![], vec![]));
        assert_eq!(read("v.yaml", b"# +argocd:skip-file-rendering\nkind: X\n").1, vec![]);
        assert!(!read("v.yaml", b"apiVersion: v1\nkind: X\nmetadata: {}\n").1.is_empty());
        assert!(!read("v.json", b"{\"a\": 1}").1.is_empty());
    }
}
