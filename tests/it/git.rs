//! Reading repositories of every shape.

use std::path::Path;

use luigi::files::{EntryKind, Files as _, changed_paths};
use luigi::name::{CommitId, RepoPath};
use luigi::outside::git::{Cache, GitError, Repo};

use crate::support::repo::{Scratch, git};

fn id(text: &str) -> CommitId {
    CommitId::parse(text).unwrap()
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

#[test]
fn every_shape_of_repository_opens() {
    let scratch = Scratch::new();
    let first = id(&scratch.commit(&[("a/b.yaml", "x")], "first\n\nbody"));
    scratch.git(&["tag", "-a", "-m", "t", "v1"]);
    scratch.git(&["clone", "-q", "--bare", ".", "../bare"]);
    scratch.git(&["worktree", "add", "-q", "--detach", "../linked"]);
    let around = scratch.around();
    for dir in [scratch.path(), scratch.path().join("a"), around.join("bare"), around.join("linked")] {
        let repo = Repo::open(&dir).unwrap();
        assert_eq!(repo.head().unwrap(), first, "{}", dir.display());
        assert_eq!(repo.resolve("v1").unwrap(), first);
        assert_eq!(repo.resolve(&first.short()).unwrap(), first);
        let files = repo.files(first).unwrap();
        let blob = files.entry(&path("a/b.yaml")).unwrap().unwrap();
        assert_eq!(&*files.blob(blob.id).unwrap(), b"x");
        assert_eq!(repo.default_branch().unwrap().as_deref(), Some("main"));
        assert!(!repo.is_shallow().unwrap());
    }
    let repo = Repo::open(&scratch.path()).unwrap();
    assert_eq!(repo.commit_subject(first).unwrap(), "first");
    assert_eq!(repo.commit_time(first).unwrap(), 1_700_000_000);
    assert!(matches!(repo.resolve("nope"), Err(GitError::Unresolved { .. })));
    let missing = id(&"7".repeat(40));
    assert!(matches!(repo.resolve(&missing.to_string()), Err(GitError::Missing(m)) if m == missing));
    let nowhere = tempfile::tempdir().unwrap();
    assert!(matches!(Repo::open(nowhere.path()), Err(GitError::NotFound { .. })));
}

#[test]
fn a_repository_of_somebody_else_opens() {
    let scratch = Scratch::new();
    let first = id(&scratch.commit(&[("a", "x")], "first"));
    // Only root can give files away; elsewhere the test says nothing.
    if std::os::unix::fs::chown(scratch.path(), Some(12345), Some(12345)).is_ok() {
        std::os::unix::fs::chown(scratch.path().join(".git"), Some(12345), Some(12345)).unwrap();
    }
    let repo = Repo::open(&scratch.path()).unwrap();
    assert_eq!(repo.head().unwrap(), first);
    assert!(repo.uncommitted().unwrap().is_empty());
}

#[test]
fn uncommitted_names_changed_and_untracked_files() {
    let scratch = Scratch::new();
    scratch.commit(&[("a", "x"), ("b", "x"), (".gitignore", "c")], "first");
    scratch.git(&["worktree", "add", "-q", "--detach", "../linked"]);
    for dir in [scratch.path(), scratch.around().join("linked")] {
        let repo = Repo::open(&dir).unwrap();
        assert!(repo.uncommitted().unwrap().is_empty());
        std::fs::write(dir.join("a"), "changed").unwrap();
        std::fs::create_dir(dir.join("d")).unwrap();
        std::fs::write(dir.join("d/new"), "").unwrap();
        std::fs::write(dir.join("c"), "ignored").unwrap();
        assert_eq!(repo.uncommitted().unwrap(), ["a", "d/new"]);
    }
    scratch.git(&["clone", "-q", "--bare", ".", "../bare"]);
    assert!(Repo::open(&scratch.around().join("bare")).unwrap().uncommitted().unwrap().is_empty());
}

#[test]
fn all_merge_bases_are_found() {
    let scratch = Scratch::new();
    scratch.commit(&[("a", "0")], "root");
    scratch.git(&["checkout", "-q", "-b", "one"]);
    let one = id(&scratch.commit(&[("one", "1")], "one"));
    scratch.git(&["checkout", "-q", "main"]);
    let two = id(&scratch.commit(&[("two", "1")], "two"));
    // A criss-cross: each side merges the other's earlier commit.
    scratch.git(&["merge", "-q", "--no-ff", "-m", "m1", &one.to_string()]);
    scratch.git(&["checkout", "-q", "one"]);
    scratch.git(&["merge", "-q", "--no-ff", "-m", "m2", &two.to_string()]);
    let repo = Repo::open(&scratch.path()).unwrap();
    let (a, b) = (repo.resolve("main").unwrap(), repo.resolve("one").unwrap());
    let mut both = vec![one, two];
    both.sort();
    assert_eq!(repo.merge_bases(a, b).unwrap(), both);
    assert_eq!(repo.parents(a).unwrap(), [two, one]);
    assert!(repo.is_ancestor(one, a).unwrap() && !repo.is_ancestor(a, one).unwrap());
    assert_eq!(repo.commits(a, 10).unwrap().len(), 3);
}

#[test]
fn a_shallow_clone_knows_what_it_does_not_know() {
    let scratch = Scratch::new();
    let first = id(&scratch.commit(&[("a", "0")], "first"));
    let second = id(&scratch.commit(&[("a", "1")], "second"));
    scratch.git(&["clone", "-q", "--depth", "1", &file_url(&scratch.path()), "../shallow"]);
    let repo = Repo::open(&scratch.around().join("shallow")).unwrap();
    assert!(repo.is_shallow().unwrap());
    assert_eq!(repo.first_parent(second).unwrap(), Some(first), "the commit says it, though it is cut off");
    assert_eq!(repo.commits(second, 10).unwrap(), [second]);
    let answer = repo.is_ancestor(first, second);
    assert!(matches!(answer, Err(GitError::Shallow { .. })), "{answer:?}");
    assert!(matches!(repo.merge_bases(second, second), Err(GitError::Shallow { .. })));
    assert!(matches!(repo.files(first), Err(GitError::Missing(_))));
}

#[test]
fn facts_are_learnt_once_and_kept() {
    let scratch = Scratch::new();
    let files = [("apps/a/app.txt", "kind: x # argoproj.io"), ("other/x", "y"), ("deep/er/z", "luigi.dev")];
    let base = id(&scratch.commit(&files, "base"));
    std::os::unix::fs::symlink("x", scratch.path().join("other/link")).unwrap();
    let head = id(&scratch.commit(&[], "head"));
    let cache = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let repo = Repo::open_with(&scratch.path(), Cache::open(cache.path())).unwrap();
        let facts = |commit, at: &str| {
            let files = repo.files(commit).unwrap();
            files.facts(files.entry(&path(at)).unwrap().unwrap().id).unwrap()
        };
        assert!(facts(base, "").mentions_apps && !facts(base, "").has_links);
        assert!(facts(base, "apps/a").mentions_apps && facts(base, "deep").mentions_apps);
        assert!(!facts(base, "other").mentions_apps);
        assert!(
            facts(head, "").has_links && facts(head, "other").has_links && !facts(head, "apps").has_links
        );
        let size = std::fs::metadata(cache.path().join("tree-facts")).unwrap().len();
        // Six trees at base, two more at head; the second round adds none.
        assert_eq!(size, 8 * 32, "round {round}");
    }
}

#[test]
fn changes_are_found_by_tree() {
    let scratch = Scratch::new();
    let base = id(&scratch.commit(&[("a/b", "0"), ("c/d", "0"), ("e", "0")], "base"));
    scratch.git(&["update-index", "--chmod=+x", "e"]);
    std::fs::remove_file(scratch.path().join("c/d")).unwrap();
    let head = id(&{
        std::fs::write(scratch.path().join("a/b"), "1").unwrap();
        scratch.git(&["add", "a", "c"]);
        scratch.git(&["commit", "-q", "-m", "head"]);
        scratch.git(&["rev-parse", "HEAD"])
    });
    let repo = Repo::open(&scratch.path()).unwrap();
    let (base, head) = (repo.files(base).unwrap(), repo.files(head).unwrap());
    let changed =
        changed_paths(&base, Some(base.root()), &head, Some(head.root()), &RepoPath::root()).unwrap();
    assert_eq!(changed, [path("a/b"), path("c/d"), path("e")]);
    assert_eq!(head.entry(&path("e")).unwrap().unwrap().kind, EntryKind::Executable);
}

#[test]
fn a_missing_object_is_never_read_as_empty() {
    let scratch = Scratch::new();
    let commit = id(&scratch.commit(&[("a/b", "gone")], "first"));
    let blob = scratch.git(&["rev-parse", "HEAD:a/b"]);
    std::fs::remove_file(scratch.path().join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let repo = Repo::open(&scratch.path()).unwrap();
    let files = repo.files(commit).unwrap();
    let entry = files.entry(&path("a/b")).unwrap().unwrap();
    assert!(files.blob(entry.id).unwrap_err().to_string().contains(&blob));
    assert!(files.facts(files.root()).is_err());
}

#[test]
fn an_export_is_the_commit() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path().join("d")).unwrap();
    for (target, link) in [("../a", "d/in"), ("../../a", "d/out"), ("/etc/passwd", "abs")] {
        std::os::unix::fs::symlink(target, scratch.path().join(link)).unwrap();
    }
    scratch.commit(&[("a", "text"), ("run.sh", "#!")], "first");
    scratch.git(&["update-index", "--chmod=+x", "run.sh"]);
    scratch.git(&["commit", "-q", "-m", "second"]);
    let repo = Repo::open(&scratch.path()).unwrap();
    let to = scratch.around().join("out");
    let done = repo.export(repo.head().unwrap(), &to).unwrap();
    assert_eq!((done.files, done.left_out), (3, vec![path("abs"), path("d/out")]));
    assert_eq!(std::fs::read_to_string(to.join("d/in")).unwrap(), "text");
    assert_eq!(git(&to, &["hash-object", "run.sh"]), git(&scratch.path(), &["rev-parse", "HEAD:run.sh"]));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(to.join("run.sh")).unwrap().permissions());
    assert_eq!(mode & 0o111, 0o111);
}
