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

    /// What `kustomize version` says; `none` where there is no such program.
    pub fn kustomize_version(&self) -> &str {
        version(self.kustomize.as_ref(), &["version"])
    }

    /// What `helm version` says; `none` where there is no such program.
    pub fn helm_version(&self) -> &str {
        version(self.helm.as_ref(), &["version", "--template", "{{.Version}}"])
    }
}

fn version<'p>(program: Option<&'p Program>, arguments: &[&str]) -> &'p str {
    program.map_or("none", |program| {
        program.version.get_or_init(|| {
            let output = Command::new(&program.path)
                .args(arguments)
                .env_clear()
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output();
            output.map_or_else(
                |_| "unknown".to_owned(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )
        })
    })
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
