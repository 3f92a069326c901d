//! The program that judges as kstatus and Flux do: `tests/parts/settle`.
//!
//! Built once for a machine and version, like other parts; never skipped.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// What it says of one question: its status, and its error if it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: String,
    pub error: String,
}

/// Asks all questions at once.
pub fn ask(questions: &[Value]) -> Vec<Answer> {
    let mut child = Command::new(program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("the part judge: {e}"));
    let input = serde_json::to_vec(questions).unwrap();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the part judge failed");
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), questions.len());
    let text = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
    answers
        .iter()
        .map(|answer| Answer { status: text(answer, "status"), error: text(answer, "error") })
        .collect()
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(build)
}

fn cache() -> PathBuf {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("LUIGI_PARTS_CACHE")
        .or_else(|| var("XDG_CACHE_HOME").map(|dir| dir.join("luigi-parts")))
        .or_else(|| var("HOME").map(|dir| dir.join(".cache/luigi-parts")))
        .unwrap_or_else(|| panic!("the part judge needs a cache: set LUIGI_PARTS_CACHE"))
}

#[expect(clippy::print_stderr, reason = "a build of minutes is worth a word")]
fn build() -> PathBuf {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parts/settle");
    let mut hash = Sha256::new();
    for name in ["go.mod", "go.sum", "main.go"] {
        hash.update(fs::read(module.join(name)).unwrap_or_else(|e| panic!("tests/parts/settle/{name}: {e}")));
    }
    let stamp = hash.finalize().iter().take(8).fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    let dir = cache().join(format!("settle-{stamp:016x}"));
    fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    // One process builds, the others wait for it.
    let lock = File::create(dir.join("lock")).unwrap();
    lock.lock().unwrap();
    let program = dir.join("judge");
    if !program.exists() {
        eprintln!("building the part judge into {}", dir.display());
        let new = dir.join("judge.new");
        let output = Command::new("go")
            .args(["build", "-mod=readonly", "-trimpath", "-o"])
            .arg(&new)
            .arg(".")
            .current_dir(module)
            .env("CGO_ENABLED", "0")
            .output()
            .unwrap_or_else(|e| panic!("the part judge needs Go (https://go.dev/dl) to be built: {e}"));
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the part judge could not be built:\n{words}");
        fs::rename(new, &program).unwrap();
    }
    program
}
