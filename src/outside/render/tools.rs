//! Where `kustomize` and `helm` are, and which versions they have.
//!
//! Never installs anything. A tool that is missing is missed by the job that
//! needs it, by name.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::problem::{Code, Problem};

/// The two programs that render.
#[derive(Debug, Default)]
pub struct Tools {
    kustomize: Option<Program>,
    helm: Option<Program>,
}

/// One program, with its version once somebody asked.
#[derive(Debug)]
struct Program {
    path: PathBuf,
    version: OnceLock<String>,
}

impl Tools {
    /// Looks beside this executable, then in the folder `$LUIGI_TOOLS`, then on
    /// the `PATH`; the first of each wins.
    pub fn find() -> Self {
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
        let named = std::env::var_os("LUIGI_TOOLS").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let dirs: Vec<PathBuf> =
            beside.into_iter().chain(named).chain(std::env::split_paths(&path)).collect();
        Self::search(&dirs)
    }

    /// Looks in one folder only.
    pub fn at(dir: &Path) -> Self {
        Self::search(&[dir.to_owned()])
    }

    fn search(dirs: &[PathBuf]) -> Self {
        let look = |name: &str| {
            let path = dirs.iter().filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
            path.into_iter()
                .find(|path| is_program(path))
                .map(|path| Program { path, version: OnceLock::new() })
        };
        Self { kustomize: look("kustomize"), helm: look("helm") }
    }

    /// `kustomize`, or the problem that it is missing.
    pub(super) fn kustomize(&self) -> Result<&Path, Vec<Problem>> {
        self.kustomize.as_ref().map(|program| program.path.as_path()).ok_or_else(|| missing("kustomize"))
    }

    /// `helm`, or the problem that it is missing.
    pub(super) fn helm(&self) -> Result<&Path, Vec<Problem>> {
        self.helm.as_ref().map(|program| program.path.as_path()).ok_or_else(|| missing("helm"))
    }

    /// What `kustomize version` says; `None` where there is no such program.
    pub fn kustomize_version(&self) -> Option<&str> {
        self.kustomize.as_ref().map(|program| program.version(&["version"]))
    }

    /// What `helm version` says; `None` where there is no such program.
    pub fn helm_version(&self) -> Option<&str> {
        self.helm.as_ref().map(|program| program.version(&["version", "--template", "{{.Version}}"]))
    }
}

impl Program {
    /// `unknown` where it does not say.
    fn version(&self, arguments: &[&str]) -> &str {
        self.version.get_or_init(|| {
            let output = Command::new(&self.path)
                .args(arguments)
                .env_clear()
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output();
            let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
            said.ok().filter(|said| !said.is_empty()).unwrap_or_else(|| "unknown".to_owned())
        })
    }
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
}

fn missing(name: &str) -> Vec<Problem> {
    let problem = Problem::new(Code::ToolMissing, None, format!("{name} is not installed"));
    let help = format!("Put {name} beside luigi, in the folder that LUIGI_TOOLS names, or on the PATH.");
    vec![problem.help(help)]
}
