//! A repository of many Argo CD apps, made with real git.
//!
//! The same sizes give the same commits. Measures nothing.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Files of each app.
const FILES: usize = 8;
/// Apps in one folder.
const GROUP: usize = 100;
const REPOSITORY: &str = "https://github.com/acme/platform";

/// How the apps are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// A luigi.yaml names a glob and the repository.
    Configured,
    /// There is none.
    Inferred,
}

/// The repository; it is deleted with this value.
pub struct Fleet {
    dir: TempDir,
    /// Bytes of all definitions at head.
    pub definition_bytes: u64,
}

impl Fleet {
    /// A packed repository of two commits that differ in `changed` apps: every
    /// other one by its definition, the rest by a file that they read.
    pub fn generate(apps: usize, changed: usize, setup: Setup) -> Result<Self, String> {
        let dir = tempfile::tempdir().map_err(|e| format!("no folder for the repository: {e}"))?;
        let repository = dir.path().join("repository");
        git(dir.path(), &["init", "--quiet", "--initial-branch=main", "repository"])?;
        let mut import = Command::new("git")
            .args(["fast-import", "--quiet"])
            .current_dir(&repository)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|e| format!("git fast-import: {e}"))?;
        let stdin = import.stdin.take().ok_or("git fast-import has no input")?;
        let written = write(BufWriter::new(stdin), apps, changed, setup);
        let status = import.wait().map_err(|e| format!("git fast-import: {e}"))?;
        let definition_bytes = written.map_err(|e| format!("git fast-import: {e}"))?;
        if !status.success() {
            return Err(format!("git fast-import: {status}"));
        }
        git(&repository, &["remote", "add", "origin", REPOSITORY])?;
        git(&repository, &["-c", "pack.threads=2", "repack", "-a", "-d", "--quiet"])?;
        Ok(Self { dir, definition_bytes })
    }

    /// The repository's own folder.
    pub fn repository(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    /// A folder for other files.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }
}

/// Runs git to its end.
pub fn git(dir: &Path, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let output = Command::new("git").args(arguments).current_dir(dir).output();
    let output = output.map_err(|e| format!("git {}: {e}", arguments.join(" ")))?;
    if !output.status.success() {
        return Err(format!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)));
    }
    Ok(output.stdout)
}

/// Writes the stream of git-fast-import(1). Returns the bytes of all definitions.
fn write(mut out: impl Write, apps: usize, changed: usize, setup: Setup) -> std::io::Result<u64> {
    let mut bytes = 0;
    commit(&mut out, "base")?;
    if setup == Setup::Configured {
        file(&mut out, "luigi.yaml", CONFIG)?;
    }
    for app in 0..apps {
        let definition = definition(app, "1.0.0");
        bytes += definition.len() as u64;
        file(&mut out, &format!("apps/{}.yaml", path(app)), &definition)?;
        for number in 0..FILES {
            file(&mut out, &content_path(app, number), &content(app, number, 2))?;
        }
    }
    commit(&mut out, "head")?;
    for number in 0..changed {
        let app = number * apps / changed;
        if number % 2 == 0 {
            file(&mut out, &format!("apps/{}.yaml", path(app)), &definition(app, "1.0.1"))?;
        } else {
            file(&mut out, &content_path(app, number % FILES), &content(app, number % FILES, 3))?;
        }
    }
    writeln!(out, "done")?;
    out.flush()?;
    Ok(bytes)
}

fn commit(out: &mut impl Write, message: &str) -> std::io::Result<()> {
    writeln!(out, "commit refs/heads/main\ncommitter Bench <bench@example.com> 1750000000 +0000")?;
    writeln!(out, "data {}\n{message}", message.len())
}

fn file(out: &mut impl Write, path: &str, text: &str) -> std::io::Result<()> {
    writeln!(out, "M 100644 inline {path}\ndata {}\n{text}", text.len())
}

const CONFIG: &str = "apiVersion: luigi.dev/v1
kind: Root
urls: [https://github.com/acme/platform]
environments:
  production:
    apps: [apps/*/*.yaml]
branch: main
";

fn path(app: usize) -> String {
    format!("team-{:04}/app-{app:06}", app / GROUP)
}

fn content_path(app: usize, number: usize) -> String {
    format!("content/{}/{}.yaml", path(app), NAMES[number % FILES])
}

const NAMES: [&str; FILES] =
    ["config", "deployment", "ingress", "network", "role", "secret-store", "service", "serviceaccount"];

/// An Application of 0.5 to 1 kB, as people write them.
fn definition(app: usize, version: &str) -> String {
    let mut text = format!(
        "# Owned by team {team}; ask before you change the destination.
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: app-{app:06}
  namespace: argocd
  labels:
    app.kubernetes.io/name: app-{app:06}
    app.kubernetes.io/version: {version}
    acme.example/team: team-{team:04}
  annotations:
    acme.example/contact: \"team-{team:04}@acme.example\"
    acme.example/cost-centre: '{}'
  finalizers:
    - resources-finalizer.argocd.argoproj.io
spec:
  project: default
  source:
    repoURL: {REPOSITORY}
    targetRevision: main
    path: content/{}
  destination:
    server: https://kubernetes.default.svc
    namespace: app-{app:06}
  syncPolicy:
    automated:
      prune: true
      selfHeal: {}
    retry:
      limit: {}
    syncOptions:
      - CreateNamespace=true
",
        4000 + app % 97,
        path(app),
        app.is_multiple_of(2),
        app % 7,
        team = app / GROUP,
    );
    for number in 0..app % 5 {
        // To a string, so it cannot fail.
        let _ = writeln!(text, "      - acme.example/option-{number}=app-{app:06}");
    }
    text
}

/// One file of an app's content.
fn content(app: usize, number: usize, replicas: usize) -> String {
    let name = NAMES[number % FILES];
    format!(
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: app-{app:06}-{name}
data:
  replicas: \"{replicas}\"
  endpoint: https://app-{app:06}.svc.acme.example/{name}
  level: info
"
    )
}
