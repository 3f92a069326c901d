//! The render tools the tests use: built from source, at the versions that
//! `tests/parts/render/go.mod` pins and `go.sum` seals.
//!
//! Never skips: a part that cannot be built fails the test that needs it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use sha2::{Digest, Sha256};

const PROGRAMS: [(&str, &str); 2] =
    [("kustomize", "sigs.k8s.io/kustomize/kustomize/v5"), ("helm", "helm.sh/helm/v4/cmd/helm")];

/// The folder with `kustomize` and `helm`, built once per machine and version.
pub fn tools() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(build)
}

/// `$LUIGI_PARTS_CACHE`, else `luigi-parts` in the user's cache.
fn cache() -> PathBuf {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("LUIGI_PARTS_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("luigi-parts")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/luigi-parts")))
        .unwrap_or_else(|| panic!("the render tools need a cache: set LUIGI_PARTS_CACHE"))
}

fn build() -> PathBuf {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts/render");
    let mut hash = Sha256::new();
    for name in ["go.mod", "go.sum"] {
        hash.update(fs::read(module.join(name)).unwrap_or_else(|e| panic!("tests/parts/render/{name}: {e}")));
    }
    let sum = hash.finalize();
    let stamp = sum.iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    let dir = cache().join(format!("render-{stamp:016x}"));
    fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    // One process builds, the others wait for it.
    let lock = File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    for (name, package) in PROGRAMS {
        if !dir.join(name).exists() {
            build_one(&module, &dir, name, package);
        }
    }
    dir
}

/// Says it on the real standard error: a test's own is not shown until it fails,
/// and a build of minutes is worth a word.
fn say(text: &str) {
    use std::io::Write as _;
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "{text}").unwrap();
}

fn build_one(module: &Path, dir: &Path, name: &str, package: &str) {
    say(&format!("building the part {name} ({package}), once; the first one takes minutes"));
    let start = Instant::now();
    let new = dir.join(format!("{name}.new"));
    let output = Command::new("go")
        .args(["build", "-mod=readonly", "-trimpath", "-o"])
        .arg(&new)
        .arg(package)
        .current_dir(module)
        .env("CGO_ENABLED", "0")
        .output()
        .unwrap_or_else(|e| panic!("the part {name} needs Go (https://go.dev/dl) to be built: {e}"));
    assert!(
        output.status.success(),
        "the part {name} could not be built:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(new, dir.join(name)).unwrap();
    say(&format!("built the part {name} in {} s, into {}", start.elapsed().as_secs(), dir.display()));
}
