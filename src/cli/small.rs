//! `luigi init`, `luigi explain`.

use super::args::{Explain, Global, Init};
use super::output::Output;
use crate::catalog::doc::Parses;
use crate::catalog::infer;
use crate::config;
use crate::name::Environment;
use crate::problem::{Code, Severity};
use crate::run::error::{RunError, exit};
use crate::run::world;

/// Writes the configuration that the repository would have.
pub fn init(global: &Global, args: &Init, output: &Output) -> Result<u8, RunError> {
    let repo = world::open(&global.directory)?;
    let files = repo.files(repo.head()?)?;
    let (config, problems) = infer::infer(&files, &Parses::default())?;
    output.problems(&problems);
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return Ok(exit::PROBLEMS);
    }
    let text = config.to_yaml();
    if args.print {
        output.data(&text);
        return Ok(exit::OK);
    }
    let Some(dir) = repo.work_dir() else {
        return Err(RunError::Usage("this repository is bare; use --print".to_owned()));
    };
    let path = dir.join(config::FILE);
    if path.exists() && !args.force {
        return Err(RunError::Usage(format!(
            "{} is there already; look at --print, or use --force",
            config::FILE
        )));
    }
    std::fs::write(&path, text).map_err(|e| RunError::io(format!("write {}", path.display()), e))?;
    let names: Vec<&str> = config.environments.keys().map(Environment::as_str).collect();
    output.say(&format!("wrote {} with {} environments: {}", config::FILE, names.len(), names.join(", ")));
    output.say("look at it, commit it, then: luigi plan");
    Ok(exit::OK)
}

/// What a code means.
pub fn explain(args: &Explain, output: &Output) -> Result<u8, RunError> {
    let wanted = args.code.as_deref().map(str::to_ascii_uppercase);
    let found: Vec<&Code> =
        Code::ALL.iter().filter(|c| wanted.as_deref().is_none_or(|w| c.as_str() == w)).collect();
    if found.is_empty() {
        let text = wanted.unwrap_or_default();
        return Err(RunError::Usage(format!(
            "there is no problem code {text:?}; `luigi explain` lists them all"
        )));
    }
    for code in found {
        let hides =
            if code.hides_apps() { "\n  Apps may be hidden by it, so nothing is pruned." } else { "" };
        output.data(&format!("{}  {}\n  {}{hides}\n", code.as_str(), code.title(), code.help()));
    }
    Ok(exit::OK)
}
