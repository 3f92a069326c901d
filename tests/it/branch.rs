//! Fetching, and the branch that is only ever added to: over HTTP, to a path,
//! and without a remote.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use luigi::files::Files as _;
use luigi::name::{CommitId, RepoPath};
use luigi::outside::branch::{Branch, Pushed};
use luigi::outside::git::{Edits, GitError, Repo};

use crate::support::git_server::{Before, GitServer};
use crate::support::repo::{Scratch, git};

const LEDGER: &str = "luigi/ledger";

fn id(text: &str) -> CommitId {
    CommitId::parse(text).unwrap()
}

fn edits(files: &[(&str, Option<&str>)]) -> Edits {
    let edit = |(path, text): &(&str, Option<&str>)| {
        (RepoPath::parse(path).unwrap(), text.map(|text| text.as_bytes().to_vec()))
    };
    files.iter().map(edit).collect()
}

/// A scratch repository, `hub.git` as a bare copy of it, and a clone of that by
/// `url` in `name`.
fn hub(scratch: &Scratch) {
    scratch.git(&["clone", "-q", "--bare", ".", "../hub.git"]);
}

fn clone(scratch: &Scratch, url: &str, name: &str, more: &[&str]) -> Repo {
    let args: Vec<&str> = ["clone", "-q"].iter().chain(more).copied().chain([url, name]).collect();
    git(scratch.around(), &args);
    Repo::open(&scratch.around().join(name)).unwrap()
}

fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn hook(scratch: &Scratch, name: &str, text: &str) {
    let file = scratch.around().join("hub.git/hooks").join(name);
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Both kinds of remote: every test that takes a URL runs with each.
fn each_remote(test: impl Fn(&Scratch, &str)) {
    for http in [false, true] {
        let scratch = Scratch::new();
        scratch.commit(&[("a", "0")], "first");
        hub(&scratch);
        let server = GitServer::start(scratch.around());
        let path = file_url(&scratch.around().join("hub.git"));
        test(&scratch, &if http { server.url("hub.git") } else { path });
    }
}

#[test]
fn a_missing_commit_is_fetched_by_its_id() {
    each_remote(|scratch, url| {
        let whole = clone(scratch, url, "whole", &[]);
        let first = whole.head().unwrap();
        let second = id(&scratch.commit(&[("b", "1")], "second"));
        let third = id(&scratch.commit(&[("b", "2")], "third"));
        scratch.git(&["push", "-q", "../hub.git", "main", "main~1:refs/heads/other"]);
        let shallow = clone(scratch, url, "shallow", &["--depth", "1", "--branch", "main"]);
        assert!(!shallow.has_commit(second).unwrap());
        shallow.fetch_commit(second).unwrap();
        assert!(shallow.is_shallow().unwrap(), "one commit, not its history");
        assert!(!shallow.has_commit(first).unwrap());
        let files = shallow.files(second).unwrap();
        let blob = files.entry(&RepoPath::parse("b").unwrap()).unwrap().unwrap();
        assert_eq!(&*files.blob(blob.id).unwrap(), b"1");
        git(&scratch.around().join("shallow"), &["fsck", "--no-dangling"]);
        shallow.complete_history(&[second, third]).unwrap();
        assert!(!shallow.is_shallow().unwrap());
        assert_eq!(shallow.merge_bases(second, third).unwrap(), [second]);
        assert!(shallow.is_ancestor(first, third).unwrap());
        assert_eq!(git(&scratch.around().join("shallow"), &["rev-list", "--count", "HEAD"]), "3");
        // A whole clone stays whole.
        whole.fetch_commit(third).unwrap();
        assert!(!whole.is_shallow().unwrap() && whole.has_commit(second).unwrap());
        assert_eq!(whole.fetch_branch("other").unwrap(), Some(second));
        assert_eq!(whole.resolve("other").unwrap(), second);
        assert_eq!(whole.fetch_branch("none").unwrap(), None);
        assert!(whole.fetch_commit(id(&"7".repeat(40))).is_err());
        git(&scratch.around().join("whole"), &["fsck", "--no-dangling"]);
    });
}

#[test]
fn the_checkouts_token_is_sent_and_never_shown() {
    let scratch = Scratch::new();
    scratch.commit(&[("a", "0")], "first");
    hub(&scratch);
    let server = GitServer::with_hooks(
        scratch.around(),
        |request| match request.header("authorization") {
            Some("basic c2VjcmV0") => Before::Serve,
            Some(_) | None => Before::Answer("403 Forbidden\r\ncontent-length: 0\r\n\r\n".into()),
        },
        |_| {},
    );
    let repo = clone(&scratch, &file_url(&scratch.around().join("hub.git")), "clone", &[]);
    let dir = scratch.around().join("clone");
    git(&dir, &["remote", "set-url", "origin", &server.url("hub.git")]);
    let error = repo.fetch_branch("main").unwrap_err().to_string();
    assert!(error.contains("403") && error.contains("token"), "{error}");
    // actions/checkout keeps the header in a file that is included by gitdir.
    let key = format!("http.{}.extraheader", server.url(""));
    let file = scratch.around().join("credentials.config");
    git(&dir, &["config", "-f", file.to_str().unwrap(), &key, "AUTHORIZATION: basic c2VjcmV0"]);
    let included = format!("includeIf.gitdir:{}.path", dir.join(".git").canonicalize().unwrap().display());
    git(&dir, &["config", &included, file.to_str().unwrap()]);
    let repo = Repo::open(&dir).unwrap();
    assert!(repo.fetch_branch("main").unwrap().is_some());
    assert!(!repo.remote().unwrap().unwrap().shown().contains("c2VjcmV0"));
}

#[test]
fn an_unreadable_remote_is_never_an_empty_branch() {
    let scratch = Scratch::new();
    scratch.commit(&[("a", "0")], "first");
    for url in ["http://127.0.0.1:9/x.git", "/nonexistent", "git@github.com:acme/x.git"] {
        scratch.git(&["config", "remote.origin.url", url]);
        let repo = Repo::open(&scratch.path()).unwrap();
        let read = Branch::open(&repo, LEDGER).and_then(|branch| branch.fetch());
        assert!(
            matches!(read, Err(GitError::Remote { .. } | GitError::RemoteUnusable { .. })),
            "{url}: {read:?}"
        );
    }
    let html = GitServer::with_hooks(
        scratch.around(),
        |_| Before::Answer("200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n0000".into()),
        |_| {},
    );
    scratch.git(&["config", "remote.origin.url", &html.url("x.git")]);
    let repo = Repo::open(&scratch.path()).unwrap();
    assert!(Branch::open(&repo, LEDGER).unwrap().fetch().is_err());
}

#[test]
fn a_branch_grows_commit_by_commit() {
    each_remote(|scratch, url| {
        for (name, more) in [("whole", &[][..]), ("shallow", &["--depth", "1"])] {
            let branch = Branch::open(&clone(scratch, url, name, more), &format!("ledger-{name}")).unwrap();
            assert_eq!(branch.fetch().unwrap(), None);
            let one = branch.commit(None, &edits(&[("x/y", Some("1")), ("z", Some("1"))]), "one", 1).unwrap();
            assert_eq!(branch.push(None, one).unwrap(), Pushed::Won);
            let change = edits(&[("x/y", None), ("x2", Some("2"))]);
            let two = branch.commit(Some(one), &change, "two", 2).unwrap();
            assert_eq!(branch.push(Some(one), two).unwrap(), Pushed::Won);
            let many: Edits = (0..300)
                .map(|i| (RepoPath::parse(&format!("e/{i}/f")).unwrap(), Some(vec![b'x'; i])))
                .collect();
            let three = branch.commit(Some(two), &many, "many", 3).unwrap();
            assert_eq!(branch.push(Some(two), three).unwrap(), Pushed::Won);
            assert_eq!(branch.fetch().unwrap(), Some(three));
            assert_eq!(branch.last_known().unwrap(), Some(three));
            let hub = scratch.around().join("hub.git");
            let name = format!("ledger-{name}");
            assert_eq!(
                git(&hub, &["log", "--format=%s %an %ct", &name]),
                "many luigi 3\ntwo luigi 2\none luigi 1"
            );
            assert_eq!(git(&hub, &["ls-tree", "-r", "--name-only", &format!("{name}~1")]), "x2\nz");
            git(&hub, &["fsck", "--strict", "--no-dangling"]);
        }
        git(&scratch.around().join("whole"), &["fsck", "--strict", "--no-dangling"]);
        // Another clone reads what was pushed, a shallow one too.
        for (name, more) in [("late", &[][..]), ("late-shallow", &["--depth", "1"])] {
            let branch = Branch::open(&clone(scratch, url, name, more), "ledger-whole").unwrap();
            let tip = branch.fetch().unwrap().unwrap();
            let files = branch.read(tip).unwrap();
            let entry = files.entry(&RepoPath::parse("e/299/f").unwrap()).unwrap().unwrap();
            assert_eq!(files.blob(entry.id).unwrap().len(), 299);
            let next = branch.commit(Some(tip), &edits(&[("z", Some(name))]), "next", 4).unwrap();
            assert_eq!(branch.push(Some(tip), next).unwrap(), Pushed::Won);
        }
    });
}

#[test]
fn of_two_that_race_exactly_one_wins() {
    each_remote(|scratch, url| {
        let branches: Vec<Branch> = ["one", "two"]
            .iter()
            .map(|name| Branch::open(&clone(scratch, url, name, &[]), LEDGER).unwrap())
            .collect();
        race(&branches, 50);
        let log = git(&scratch.around().join("hub.git"), &["rev-list", "--count", LEDGER]);
        assert_eq!(log, "50", "every win is in the history");
        git(&scratch.around().join("hub.git"), &["fsck", "--strict", "--no-dangling"]);
    });
}

#[test]
fn without_a_remote_the_local_branch_is_raced_for() {
    let scratch = Scratch::new();
    scratch.commit(&[("a", "0")], "first");
    let open = || Branch::open(&Repo::open(&scratch.path()).unwrap(), LEDGER).unwrap();
    race(&[open(), open()], 50);
    assert_eq!(scratch.git(&["rev-list", "--count", LEDGER]), "50");
    scratch.git(&["fsck", "--strict", "--no-dangling"]);
}

fn race(branches: &[Branch], rounds: usize) {
    for round in 0..rounds {
        let barrier = Barrier::new(branches.len());
        let wins = AtomicUsize::new(0);
        let losses = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for (who, branch) in branches.iter().enumerate() {
                let (barrier, wins, losses) = (&barrier, &wins, &losses);
                scope.spawn(move || {
                    let tip = branch.fetch().unwrap();
                    let file = edits(&[("who", Some(&format!("{who} {round}")))]);
                    let new = branch.commit(tip, &file, &format!("{round}"), 1).unwrap();
                    barrier.wait();
                    match branch.push(tip, new).unwrap() {
                        Pushed::Won => wins.fetch_add(1, Ordering::SeqCst),
                        Pushed::Lost { tip: Some(other) } if other != new => {
                            losses.fetch_add(1, Ordering::SeqCst)
                        }
                        other => panic!("round {round}: {other:?}"),
                    };
                });
            }
        });
        assert_eq!((wins.into_inner(), losses.into_inner()), (1, branches.len() - 1), "round {round}");
    }
}

#[test]
fn a_hook_that_declines_is_quoted() {
    each_remote(|scratch, url| {
        let branch = Branch::open(&clone(scratch, url, "clone", &[]), LEDGER).unwrap();
        let one = branch.commit(None, &edits(&[("a", Some("1"))]), "one", 1).unwrap();
        hook(
            scratch,
            "pre-receive",
            "#!/bin/sh\nread old new ref\necho \"frozen: $ref until monday\" >&2\nexit 1\n",
        );
        let Pushed::Refused { reason } = branch.push(None, one).unwrap() else { panic!("not refused") };
        assert!(reason.starts_with("frozen: refs/heads/luigi/ledger until monday"), "{reason}");
        assert_eq!(branch.fetch().unwrap(), None);
        hook(scratch, "pre-receive", "#!/bin/sh\nexit 0\n");
        hook(scratch, "update", "#!/bin/sh\necho \"not $1\" >&2\nexit 1\n");
        let Pushed::Refused { reason } = branch.push(None, one).unwrap() else { panic!("not refused") };
        assert!(reason.contains("not refs/heads/luigi/ledger"), "{reason}");
        hook(scratch, "update", "#!/bin/sh\nexit 0\n");
        assert_eq!(branch.push(None, one).unwrap(), Pushed::Won);
    });
}

#[test]
fn a_push_whose_answer_is_lost_is_found_out() {
    let scratch = Scratch::new();
    scratch.commit(&[("a", "0")], "first");
    hub(&scratch);
    let drop_push = |request: &crate::support::git_server::Request| {
        if request.is_push() { Before::DropAnswer } else { Before::Serve }
    };
    let server = GitServer::with_hooks(scratch.around(), drop_push, |_| {});
    let branch = Branch::open(&clone(&scratch, &server.url("hub.git"), "clone", &[]), LEDGER).unwrap();
    let one = branch.commit(None, &edits(&[("a", Some("1"))]), "one", 1).unwrap();
    assert_eq!(branch.push(None, one).unwrap(), Pushed::Won, "it arrived");
    assert_eq!(branch.push(None, one).unwrap(), Pushed::Won, "and is not pushed again");
    assert_eq!(server.log().iter().filter(|request| request.is_push()).count(), 1);
    drop(server);

    let lost = |request: &crate::support::git_server::Request| {
        if request.is_push() {
            Before::Answer("502 Bad Gateway\r\ncontent-length: 0\r\n\r\n".into())
        } else {
            Before::Serve
        }
    };
    let server = GitServer::with_hooks(scratch.around(), lost, |_| {});
    git(&scratch.around().join("clone"), &["remote", "set-url", "origin", &server.url("hub.git")]);
    let branch = Branch::open(&Repo::open(&scratch.around().join("clone")).unwrap(), LEDGER).unwrap();
    let two = branch.commit(Some(one), &edits(&[("a", Some("2"))]), "two", 2).unwrap();
    assert!(branch.push(Some(one), two).is_err(), "nobody knows");
    assert!(server.requests() >= 3);
    assert_eq!(branch.fetch().unwrap(), Some(one));
}

#[test]
fn somebody_between_the_look_and_the_push_is_never_overwritten() {
    let scratch = Scratch::new();
    scratch.commit(&[("a", "0")], "first");
    hub(&scratch);
    let local = file_url(&scratch.around().join("hub.git"));
    let rival = Branch::open(&clone(&scratch, &local, "rival", &[]), LEDGER).unwrap();
    let theirs = rival.commit(None, &edits(&[("a", Some("theirs"))]), "theirs", 1).unwrap();
    let between = move |request: &crate::support::git_server::Request| {
        if request.is_push() {
            assert_eq!(rival.push(None, theirs).unwrap(), Pushed::Won);
        }
        Before::Serve
    };
    let server = GitServer::with_hooks(scratch.around(), between, |_| {});
    let branch = Branch::open(&clone(&scratch, &server.url("hub.git"), "clone", &[]), LEDGER).unwrap();
    let ours = branch.commit(None, &edits(&[("a", Some("ours"))]), "ours", 1).unwrap();
    assert_eq!(branch.push(None, ours).unwrap(), Pushed::Lost { tip: Some(theirs) });
    assert_eq!(git(&scratch.around().join("hub.git"), &["rev-parse", LEDGER]), theirs.to_string());
}
