//! A root repository at a git server that wants a token, the commits and pull
//! requests in it, and checkouts as `actions/checkout` makes them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::runner::{Left, Step};
use crate::support::git_server::{Before, GitServer};
use crate::support::repo::{Scratch, git, try_git};

pub const LEDGER: &str = "refs/heads/luigi/ledger";
pub const ZEROS: &str = "0000000000000000000000000000000000000000";
/// The header that the server wants, in base64 as the runner's token is.
const TOKEN: &str = "basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0";

/// How much history is checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// `fetch-depth: 1`, the default.
    One,
    /// `fetch-depth: 0`.
    All,
}

/// The repository `acme/platform`: its author's clone, and the server.
pub struct Platform {
    author: Scratch,
    server: GitServer,
    checkouts: std::cell::Cell<usize>,
}

/// `luigi.yaml` with that value of `deploy`.
pub fn root(deploy: &str) -> String {
    format!(
        "apiVersion: luigi.dev/v1\nkind: Root\nurls: [https://github.example/acme/platform]\n\
         environments:\n  staging: {{apps: [apps/*.yaml]}}\ndeploy: {deploy}\n"
    )
}

/// An app, and its one object.
pub fn app(name: &str, needs: &str, value: &str) -> [(String, String); 2] {
    let definition = format!(
        "apiVersion: luigi.dev/v1\nkind: App\nmetadata: {{name: {name}}}\n\
         spec:\n  source: {{path: content/{name}}}\n  namespace: {name}\n  needs: [{needs}]\n"
    );
    [(format!("apps/{name}.yaml"), definition), content(name, value)]
}

/// The app's object with another value.
pub fn content(name: &str, value: &str) -> (String, String) {
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {name}}}\ndata: {{value: {value}}}\n"
    );
    (format!("content/{name}/object.yaml"), object)
}

impl Platform {
    /// Three apps, `web` needs `database`; on branch `main`, and pushed.
    pub fn new() -> Self {
        let author = Scratch::new();
        author.git(&["init", "-q", "--bare", "-b", "main", "../platform.git"]);
        author.git(&["remote", "add", "origin", "../platform.git"]);
        let server = GitServer::with_hooks(
            author.around(),
            |request| match request.header("authorization") {
                Some(TOKEN) => Before::Serve,
                Some(_) | None => Before::Answer("401 Unauthorized\r\ncontent-length: 0\r\n\r\n".into()),
            },
            |_| {},
        );
        let platform = Self { author, server, checkouts: std::cell::Cell::new(0) };
        let apps = [app("database", "", "1"), app("search", "", "1"), app("web", "database", "1")];
        let root = ("luigi.yaml".to_owned(), root("{}"));
        platform.commit(&apps.into_iter().flatten().chain([root]).collect::<Vec<_>>());
        platform.push(&["main"]);
        platform
    }

    /// Commits files on the author's branch; gives the commit.
    pub fn commit(&self, files: &[(String, String)]) -> String {
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        self.author.commit(&files, "a change")
    }

    /// Commits another value of an app's object.
    pub fn change(&self, app: &str, value: &str) -> String {
        self.commit(&[content(app, value)])
    }

    /// Runs `git` in the author's clone.
    pub fn git(&self, args: &[&str]) -> String {
        self.author.git(args)
    }

    /// Runs `git` at the server.
    pub fn at_server(&self, args: &[&str]) -> String {
        git(&self.author.around().join("platform.git"), args)
    }

    /// Pushes, by force.
    pub fn push(&self, refs: &[&str]) {
        self.git(&[&["push", "-q", "--force", "origin"], refs].concat());
    }

    /// The author's branch `feature/x` is from now on pull request 7 against
    /// `main`. Gives the merge that GitHub makes of both, and the head.
    pub fn pull_request(&self) -> (String, String) {
        let head = self.git(&["rev-parse", "feature/x"]);
        self.git(&["checkout", "-q", "--detach", "main"]);
        self.git(&["merge", "-q", "--no-ff", "-m", "Merge feature/x into main", "feature/x"]);
        let merge = self.git(&["rev-parse", "HEAD"]);
        self.git(&["checkout", "-q", "main"]);
        self.push(&["main", &format!("{head}:refs/pull/7/head"), &format!("{merge}:refs/pull/7/merge")]);
        (merge, head)
    }

    /// A new branch `feature/x` at that commit, checked out.
    pub fn feature(&self, from: &str) {
        self.git(&["checkout", "-q", "-b", "feature/x", from]);
    }

    /// Checks a commit out as `actions/checkout` does, under that local name of
    /// the ref.
    pub fn checkout(&self, commit: &str, reference: &str, depth: Depth) -> PathBuf {
        let number = self.checkouts.replace(self.checkouts.get() + 1);
        let dir = self.author.around().join(format!("checkout-{number}"));
        git(self.author.around(), &["init", "-q", "-b", "unused", &dir.display().to_string()]);
        git(&dir, &["remote", "add", "origin", &self.server.url("platform.git")]);
        self.trust(&dir);
        let tracking = match reference.strip_prefix("refs/heads/") {
            Some(branch) => format!("refs/remotes/origin/{branch}"),
            None => reference.replace("refs/pull/", "refs/remotes/pull/"),
        };
        let wanted = format!("+{commit}:{tracking}");
        let fetch = ["fetch", "-q", "--no-recurse-submodules"];
        let everything = ["origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
        match depth {
            Depth::One => {
                git(&dir, &[&fetch[..], &["--no-tags", "--depth=1", "origin", &wanted]].concat());
            }
            Depth::All => {
                git(&dir, &[&fetch[..], &everything[..]].concat());
                git(&dir, &[&fetch[..], &["origin", &wanted]].concat());
            }
        }
        match reference.strip_prefix("refs/heads/") {
            Some(branch) => git(&dir, &["checkout", "-q", "--force", "-B", branch, &tracking]),
            None => git(&dir, &["checkout", "-q", "--force", &tracking]),
        };
        dir
    }

    /// Lets that clone in: the token in a file of its own that is included, as
    /// the newest `actions/checkout` has it.
    fn trust(&self, dir: &Path) {
        let file = dir.with_extension("credentials");
        let key = format!("http.{}.extraheader", self.server.url(""));
        git(dir, &["config", "-f", &file.display().to_string(), &key, &format!("AUTHORIZATION: {TOKEN}")]);
        let included =
            format!("includeIf.gitdir:{}.path", dir.join(".git").canonicalize().unwrap().display());
        git(dir, &["config", &included, &file.display().to_string()]);
    }

    /// Takes the token away from a clone: `persist-credentials: false`.
    pub fn distrust(dir: &Path) {
        std::fs::remove_file(dir.with_extension("credentials")).unwrap();
    }

    /// The ledger's tip at the server.
    pub fn ledger(&self) -> Option<String> {
        let id = self.at_server(&["for-each-ref", "--format=%(objectname)", LEDGER]);
        (!id.is_empty()).then_some(id)
    }

    /// A file of the ledger.
    pub fn ledger_file(&self, path: &str) -> Value {
        serde_json::from_str(&self.at_server(&["show", &format!("{LEDGER}:{path}")])).unwrap()
    }

    /// Whether one commit can be reached from another, as git says.
    pub fn is_ancestor(&self, a: &str, b: &str) -> bool {
        try_git(&self.author.path(), &["merge-base", "--is-ancestor", a, b]).status.success()
    }

    /// All merge bases, as git says, sorted.
    pub fn merge_bases(&self, a: &str, b: &str) -> Vec<String> {
        let found = self.git(&["merge-base", "--all", a, b]);
        let mut bases: Vec<String> = found.lines().map(str::to_owned).collect();
        bases.sort();
        bases
    }

    /// A push of a branch, as the runner tells of it.
    pub fn pushed(&self, branch: &str, before: &str, after: &str) -> Step {
        let reference = format!("refs/heads/{branch}");
        let fixture = match (before == ZEROS, self.is_forced(before, after)) {
            (true, _) => include_str!("../../../fixtures/events/push_new_branch.json"),
            (false, true) => include_str!("../../../fixtures/events/push_forced.json"),
            (false, false) => include_str!("../../../fixtures/events/push_several_commits.json"),
        };
        let mut payload = filled(fixture, &[("/ref", &reference), ("/before", before), ("/after", after)]);
        let range = if before == ZEROS { after.to_owned() } else { format!("{before}..{after}") };
        let commits = self.git(&["rev-list", "--reverse", "--max-count=20", &range]);
        payload["commits"] = commits.lines().map(|id| json!({"id": id})).collect();
        payload["head_commit"] = json!({"id": after});
        Step::new("push", &reference, after, &payload)
    }

    fn is_forced(&self, before: &str, after: &str) -> bool {
        before != ZEROS && !self.is_ancestor(before, after)
    }

    /// Runs a push of `main`, checked out whole.
    #[track_caller]
    pub fn deploy(&self, before: &str, after: &str) -> Left {
        let dir = self.checkout(after, "refs/heads/main", Depth::All);
        self.pushed("main", before, after).run(&dir)
    }

    /// The ledger's chain and state, as `luigi verify` sees them, are sound.
    #[track_caller]
    pub fn verifies(dir: &Path) {
        git(dir, &["fetch", "-q", "origin", &format!("+{LEDGER}:refs/remotes/origin/luigi/ledger")]);
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_luigi"))
            .arg("verify")
            .current_dir(dir)
            .env_clear()
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

/// A payload with other texts at those JSON pointers.
pub fn filled(fixture: &str, texts: &[(&str, &str)]) -> Value {
    let mut payload: Value = serde_json::from_str(fixture).unwrap();
    for (pointer, text) in texts {
        *payload.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = json!(text);
    }
    payload
}

/// Pull request 7 as the runner tells of it.
pub fn opened(fixture: &str, base: &str, (merge, head): (&str, &str)) -> Step {
    let ids = [
        ("/pull_request/base/sha", base),
        ("/pull_request/head/sha", head),
        ("/pull_request/merge_commit_sha", merge),
    ];
    Step::new("pull_request", "refs/pull/7/merge", merge, &filled(fixture, &ids))
}
