//! `luigi deploy`, `rollback`, `restore`, `verify`: what works on the ledger.

use std::path::Path;
use std::time::Duration;

use super::args::{Carry, Deploy, Global, RecordFormat, Restore, Rollback, Verify};
use super::output::Output;
use super::plan::{digest, uncommitted};
use crate::deploy::Event;
use crate::files::Files;
use crate::ledger::path;
use crate::name::{AppId, Digest, Environment};
use crate::problem::Severity;
use crate::record::Record;
use crate::report::{markdown, text};
use crate::run::deploying::{self, Actor, Ledger, Order, Target};
use crate::run::error::{RunError, exit};
use crate::run::ledger;
use crate::run::who::TokenSource;
use crate::run::world::{self, Options, World};

/// Deploys every selected environment, in order; stops at the first that fails.
pub fn deploy(global: &Global, args: &Deploy, output: &Output) -> Result<u8, RunError> {
    let world = load(global, args.head.as_deref(), &args.select.environment)?;
    output.problems(&uncommitted(&world, global)?.into_iter().collect::<Vec<_>>());
    let head = world.authority;
    let mut earlier = Vec::new();
    let mut records = Vec::new();
    for environment in &world.environments {
        let record = with_order(&args.select.app, &args.carry, output, &Actor::terminal(), |order| {
            deploying::deploy(&world, environment, head, &earlier, order).map(|deployed| deployed.record)
        })?;
        let code = record.outcome.as_ref().map_or(exit::UNEXPECTED, |o| o.exit_code);
        records.push(record);
        if code != exit::OK {
            break;
        }
        earlier.push((environment.clone(), head));
    }
    print(&records, &args.carry, output)
}

/// Goes back to an entry.
pub fn rollback(global: &Global, args: &Rollback, output: &Output) -> Result<u8, RunError> {
    let (world, environment) = one(global, &args.environment)?;
    let record = with_order(&[], &args.carry, output, &Actor::terminal(), |order| {
        deploying::put_back(&world, &environment, &Target::Rollback { seq: args.to }, order)
    })?;
    print(&[record], &args.carry, output)
}

/// Rebuilds an empty environment.
pub fn restore(global: &Global, args: &Restore, output: &Output) -> Result<u8, RunError> {
    let (world, environment) = one(global, &args.environment)?;
    let from = match &args.from {
        Some(name) => Environment::parse(name).map_err(|e| RunError::Usage(e.to_string()))?,
        None => environment.clone(),
    };
    let target = Target::Restore { from: &from, seq: args.entry };
    let record = with_order(&[], &args.carry, output, &Actor::terminal(), |order| {
        deploying::put_back(&world, &environment, &target, order)
    })?;
    print(&[record], &args.carry, output)
}

/// Verifies the whole ledger, and that it holds the records given. Asks nobody.
pub fn verify(global: &Global, args: &Verify, output: &Output) -> Result<u8, RunError> {
    let world = load(global, None, &[])?;
    let ledger = Ledger::open(&world)?;
    let Some(tip) = ledger.branch.last_known()? else {
        return Err(RunError::Usage(format!("there is no ledger on {} here", world.config.ledger_branch)));
    };
    let mut problems = ledger::verify(&world.repo, &ledger.branch, tip)?;
    let files = ledger.branch.read(tip)?;
    let entries = crate::ledger::head(&files)?.map_or(0, |head| head.seq);
    let mut digests = std::collections::BTreeMap::new();
    for seq in 1..=entries {
        if let Some(entry) = files.entry(&path::record(seq))? {
            digests.insert(Digest::of(&files.blob(entry.id)?), seq);
        }
    }
    let mut missing = 0;
    for file in &args.records {
        let bytes = std::fs::read(file).map_err(|e| RunError::io(format!("read {}", file.display()), e))?;
        let digest = Digest::of(bytes.trim_ascii_end());
        match digests.get(&digest) {
            Some(seq) => output.data(&format!("{}: entry {seq}, {digest}\n", file.display())),
            None => {
                missing += 1;
                output.data(&format!("{}: NOT in the ledger, {digest}\n", file.display()));
            }
        }
    }
    problems.sort();
    output.problems(&problems);
    let broken = problems.iter().any(|p| p.severity == Severity::Error);
    let head = crate::ledger::head(&files)?.map_or_else(|| "none".to_owned(), |h| h.digest.to_string());
    let verdict = if broken { "BROKEN" } else { "holds" };
    output.data(&format!(
        "ledger {}: {verdict}; {entries} entries, head {head}, tip {tip}\n",
        world.config.ledger_branch
    ));
    output.data("unsealed: entries are chained by digest and not signed; who wrote them is not proved\n");
    Ok(if broken || missing > 0 { exit::FOUND } else { exit::OK })
}

/// The repository at HEAD, or at another revision.
pub fn load(global: &Global, head: Option<&str>, environments: &[String]) -> Result<World, RunError> {
    let repo = world::open(&global.directory)?;
    let head = match head {
        Some(rev) => repo.resolve(rev)?,
        None => repo.head()?,
    };
    let options = Options {
        dir: global.directory.clone(),
        config: global.config.clone(),
        environments: environments.to_vec(),
        ..Options::default()
    };
    World::load(&options, repo, head)
}

fn one(global: &Global, name: &str) -> Result<(World, Environment), RunError> {
    let environment = Environment::parse(name).map_err(|e| RunError::Usage(e.to_string()))?;
    Ok((load(global, None, &[])?, environment))
}

/// Runs `f` with an order from the arguments.
pub fn with_order<T>(
    apps: &[String],
    carry: &Carry,
    output: &Output,
    actor: &Actor,
    f: impl FnOnce(&Order<'_>) -> Result<T, RunError>,
) -> Result<T, RunError> {
    let cancel = crate::outside::host::cancel_on_signals().map_err(|e| RunError::io("catch signals", e))?;
    let rendered = |key: &crate::name::AppKey| output.rendered(key);
    let progress = |environment: &Environment, event: &Event| {
        if let Some(line) = words(environment, event) {
            output.say(&line);
        }
    };
    let say = |text: &str| output.say(text);
    let mask = std::sync::Arc::new(mask);
    let token = TokenSource::of(carry.token_file.as_ref(), mask)?;
    f(&Order {
        actor,
        apps,
        confirm: digest(carry.confirm.as_deref())?,
        wait: Duration::from_secs(carry.wait),
        cancel: &cancel,
        rendered: &rendered,
        progress: &progress,
        say: &say,
        token: token.as_ref(),
    })
}

/// Lets a runner hide a token before anything uses it. Elsewhere there is nobody to
/// hide it from.
#[expect(clippy::print_stdout, reason = "a workflow command goes to stdout, before all else")]
pub fn mask(token: &str) {
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|set| set == "true") {
        println!("::add-mask::{}", token.replace('%', "%25"));
    }
}

/// An event in words; `None` for those that need none.
fn words(environment: &Environment, event: &Event) -> Option<String> {
    let list = |apps: &[AppId]| apps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let text = match event {
        Event::Announced => "intent recorded".to_owned(),
        Event::NotAnnounced { reason } => format!("intent refused: {reason}"),
        Event::Applied { apps } => format!("written: {}", list(apps)),
        Event::Refused { apps, reason } => format!("REFUSED: {}: {reason}", list(apps)),
        Event::Settled { apps } => format!("delivered: {}", list(apps)),
        Event::Failed { app, reason } => format!("FAILED: {app}: {reason}"),
        Event::Cancelled => "cancelled".to_owned(),
        Event::Outrun { reason } => format!("outrun: {reason}"),
        Event::Undone { apps } => format!("put back: {}", list(apps)),
        Event::UndoFailed { apps, reason } => format!("STUCK: {}: {reason}", list(apps)),
        Event::Withdrawn { .. } | Event::Concluded => return None,
    };
    Some(format!("{environment}: {text}"))
}

/// Prints records and writes the last to its file; the exit code is the worst.
pub fn print(records: &[Record], carry: &Carry, output: &Output) -> Result<u8, RunError> {
    let mut code = exit::OK;
    for record in records {
        let bytes = record.canonical()?;
        if let Some(outcome) = &record.outcome {
            code = code.max(outcome.exit_code);
        }
        match carry.format {
            RecordFormat::Json => output.data(&format!("{}\n", String::from_utf8_lossy(&bytes))),
            RecordFormat::Github => {
                output.data(&markdown::comment(record, None, markdown::COMMENT_BYTES));
            }
            RecordFormat::Text => {
                output.data(&text::outcome(record, Digest::of(&bytes), output.style()));
            }
        }
        if let Some(file) = &carry.record {
            write(file, &bytes)?;
        }
    }
    Ok(code)
}

/// Writes a record's canonical bytes.
pub fn write(file: &Path, bytes: &[u8]) -> Result<(), RunError> {
    std::fs::write(file, bytes).map_err(|e| RunError::io(format!("write {}", file.display()), e))
}
