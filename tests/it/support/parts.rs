//! The real programs that the tests use: built from source, at the versions that
//! the `go.mod` of each folder of `tests/parts` pins and its `go.sum` seals.
//!
//! Never skips: a part that cannot be built fails the test that needs it.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::group::Group;

/// Between two words about a build that goes on.
const TICK: Duration = Duration::from_secs(20);

/// What comes from one `go.mod`.
struct Family {
    /// Its folder below `tests/parts`.
    folder: &'static str,
    /// What the linker is told.
    ldflags: &'static str,
    /// Names and packages.
    programs: &'static [(&'static str, &'static str)],
    /// Files that the programs are run with: the module, and paths in it. They
    /// lie beside the programs, each in its folder.
    files: Option<(&'static str, &'static [&'static str])>,
    dir: OnceLock<PathBuf>,
}

static RENDER: Family = Family {
    folder: "render",
    ldflags: "",
    programs: &[("kustomize", "sigs.k8s.io/kustomize/kustomize/v5"), ("helm", "helm.sh/helm/v4/cmd/helm")],
    files: None,
    dir: OnceLock::new(),
};

static KUBERNETES: Family = Family {
    folder: "kubernetes",
    // Without the version, clients take the server for v0.0.0.
    ldflags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
              -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36",
    programs: &[
        ("etcd", "go.etcd.io/etcd/server/v3"),
        ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
        ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
        ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
        ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    ],
    files: None,
    dir: OnceLock::new(),
};

static KWOK: Family = Family {
    folder: "kwok",
    ldflags: "-s -w",
    programs: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
    files: Some((
        "sigs.k8s.io/kwok",
        &[
            "kustomize/crd/bases/kwok.x-k8s.io_clusterlogs.yaml",
            "kustomize/stage/node/fast/node-initialize.yaml",
            "kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
            "kustomize/stage/pod/fast/pod-complete.yaml",
            "kustomize/stage/pod/fast/pod-delete.yaml",
            "kustomize/stage/pod/fast/pod-ready.yaml",
            "kustomize/stage/volume/fast/pv-bind.yaml",
            "kustomize/stage/volume/fast/pv-delete.yaml",
            "kustomize/stage/volume/fast/pvc-delete.yaml",
            "kustomize/stage/volume/fast/pvc-provision.yaml",
            "kustomize/stage/volume/fast/storage-class.yaml",
        ],
    )),
    dir: OnceLock::new(),
};

/// The folder with `kustomize` and `helm`, built once per machine and version.
pub fn tools() -> &'static Path {
    RENDER.dir()
}

/// The folder with `etcd`, `kube-apiserver`, `kube-controller-manager`,
/// `kube-scheduler` and `kubectl`.
pub fn kubernetes() -> &'static Path {
    KUBERNETES.dir()
}

/// The folder with `kwok`, and with the files of its `kustomize` folder that it
/// is run with.
pub fn kwok() -> &'static Path {
    KWOK.dir()
}

/// Where a family's own files are.
pub fn source(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts").join(folder)
}

/// `$LUIGI_PARTS_CACHE`, else `luigi-parts` in the user's cache.
fn cache() -> PathBuf {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("LUIGI_PARTS_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("luigi-parts")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/luigi-parts")))
        .unwrap_or_else(|| panic!("the programs of the tests need a cache: set LUIGI_PARTS_CACHE"))
}

/// A word for people, past the harness that keeps what a test prints.
fn say(text: &str) {
    drop(writeln!(io::stderr(), "{text}"));
}

impl Family {
    fn dir(&self) -> &Path {
        self.dir.get_or_init(|| self.build(&cache()))
    }

    /// A hash of all that decides what comes out.
    fn stamp(&self) -> u64 {
        let mut hash = Sha256::new();
        for name in ["go.mod", "go.sum"] {
            let path = source(self.folder).join(name);
            hash.update(fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
        }
        hash.update(self.ldflags);
        for path in self.files.map_or(&[][..], |(_, paths)| paths) {
            hash.update(path);
        }
        hash.finalize().iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte))
    }

    /// What is not there yet.
    fn missing(&self, dir: &Path) -> bool {
        let files = self.files.map_or(&[][..], |(_, paths)| paths);
        self.programs.iter().map(|(name, _)| name).chain(files).any(|path| !dir.join(path).exists())
    }

    fn build(&self, cache: &Path) -> PathBuf {
        let dir = cache.join(format!("{}-{:016x}", self.folder, self.stamp()));
        if !self.missing(&dir) {
            return dir;
        }
        fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        // One build at a time on a machine; the others wait for it.
        let lock = File::create(cache.join("lock")).unwrap();
        lock.lock().unwrap();
        for (at, (name, package)) in self.programs.iter().enumerate() {
            if !dir.join(name).exists() {
                let label = format!("part {} of {} of {}, {name}", at + 1, self.programs.len(), self.folder);
                say(&format!("{label}: building {package}"));
                self.build_one(&dir, name, package, &label);
            }
        }
        if let Some((module, paths)) = self.files {
            self.copy(&dir, module, paths);
        }
        dir
    }

    fn build_one(&self, dir: &Path, name: &str, package: &str, label: &str) {
        let start = Instant::now();
        let new = dir.join(format!("{name}.new"));
        let mut go = self.go(&["build", "-mod=readonly", "-trimpath", "-v", "-ldflags", self.ldflags, "-o"]);
        go.arg(&new).arg(package).stdin(Stdio::null()).stderr(Stdio::piped());
        // It ends with us: two builds of one file would spoil it.
        let mut group = Group::new();
        let child = group.spawn(&mut go).unwrap_or_else(|e| no_go(name, &e));
        let words = follow(child.stderr.take().unwrap(), label, start);
        let status = child.wait().unwrap();
        assert!(status.success(), "the part {name} could not be built:\n{words}");
        fs::rename(new, dir.join(name)).unwrap();
        say(&format!("{label}: built in {} s", start.elapsed().as_secs()));
    }

    /// Puts files of a module beside the programs, so that it need not be there later.
    fn copy(&self, dir: &Path, module: &str, paths: &[&str]) {
        let list = self.go(&["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module]).output();
        let list = list.unwrap_or_else(|e| no_go(module, &e));
        let from = String::from_utf8(list.stdout).unwrap();
        assert!(list.status.success(), "{module}: {}", String::from_utf8_lossy(&list.stderr));
        for path in paths {
            let (from, to) = (Path::new(from.trim()).join(path), dir.join(path));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            let text = fs::read(&from).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
            let new = to.with_extension("new");
            fs::write(&new, text).and_then(|()| fs::rename(new, to)).unwrap();
        }
    }

    fn go(&self, args: &[&str]) -> Command {
        let mut command = Command::new("go");
        command.args(args).current_dir(source(self.folder)).env("CGO_ENABLED", "0");
        command
    }
}

fn no_go(name: &str, error: &io::Error) -> ! {
    panic!("the part {name} needs Go (https://go.dev/dl) to be built: {error}")
}

/// Reads what `go build -v` says to its end, with a word now and then; the
/// lines that are no packages come back.
fn follow(stderr: impl io::Read + Send + 'static, label: &str, start: Instant) -> String {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut words = VecDeque::new();
    let (mut packages, mut said) = (0, Instant::now());
    loop {
        match lines.recv_timeout(TICK.saturating_sub(said.elapsed())) {
            // Import paths have no spaces; what the compiler and the linker say has.
            Ok(line) if !line.contains(' ') => packages += 1,
            Ok(line) => {
                words.push_back(line);
                words.truncate(200);
            }
            Err(RecvTimeoutError::Timeout) => {
                say(&format!("{label}: {} s, {packages} packages compiled", start.elapsed().as_secs()));
                said = Instant::now();
            }
            Err(RecvTimeoutError::Disconnected) => return words.make_contiguous().join("\n"),
        }
    }
}

#[test]
fn a_part_that_cannot_be_built_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let family = Family {
        folder: "kwok",
        ldflags: "",
        programs: &[("nothing", "sigs.k8s.io/kwok/cmd/nothing")],
        files: None,
        dir: OnceLock::new(),
    };
    let failed = std::panic::catch_unwind(|| family.build(cache.path())).unwrap_err();
    let text = failed.downcast_ref::<String>().unwrap();
    assert!(text.starts_with("the part nothing could not be built:\n"), "{text}");
    assert!(text.contains("sigs.k8s.io/kwok/cmd/nothing"), "{text}");
}
