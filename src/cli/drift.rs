//! `luigi drift`: what is on a cluster against what the ledger says.

use std::sync::Arc;

use super::args::{Drift, Global, ProveFormat};
use super::carry::{load, mask};
use super::output::Output;
use crate::object::diff::Shown;
use crate::report::escape::terminal;
use crate::run::deploying::{Actor, Ledger};
use crate::run::error::{RunError, exit};
use crate::run::kubernetes::drift::{self, AppDrift};
use crate::run::kubernetes::{Cluster, drift::Drift as Found};
use crate::run::who::TokenSource;

/// Looks at every selected environment that is on a cluster.
pub fn run(global: &Global, args: &Drift, output: &Output) -> Result<u8, RunError> {
    let world = load(global, None, &args.environment)?;
    let ledger = Ledger::open(&world)?;
    let source = TokenSource::of(args.token_file.as_ref(), Arc::new(mask))?;
    let files = world.repo.files(world.authority)?;
    let mut all = serde_json::Map::new();
    let mut drifts = false;
    for environment in &world.environments {
        let Some(config) = world.config.environments.get(environment) else { continue };
        let Some(source) = source.clone() else {
            return Err(RunError::Usage("an API server is asked with a token: give --token-file".to_owned()));
        };
        let Some(cluster) = Cluster::of(environment, config, &files, source)? else {
            output.say(&format!("{environment}: the ledger is the engine; there is nothing else to look at"));
            continue;
        };
        let snapshot = ledger.snapshot(&world, environment)?;
        let run = Actor::terminal().run;
        let found = drift::drift(&cluster, environment, &snapshot, &run).map_err(RunError::Other)?;
        drifts |= found.iter().any(|app| !app.objects.is_empty() || !app.unread.is_empty());
        match args.format {
            ProveFormat::Json => drop(all.insert(environment.to_string(), serde_json::to_value(&found)?)),
            ProveFormat::Text => text(environment.as_str(), &found, output),
        }
    }
    if args.format == ProveFormat::Json {
        output.data(&format!("{}\n", serde_json::Value::Object(all)));
    }
    Ok(if drifts { exit::FOUND } else { exit::OK })
}

fn text(environment: &str, found: &[AppDrift], output: &Output) {
    let differ = found.iter().filter(|app| !app.objects.is_empty()).count();
    let unread = found.iter().filter(|app| !app.unread.is_empty()).count();
    output.data(&format!(
        "{environment}: {} apps, {differ} drifted, {unread} not looked at whole\n",
        found.len()
    ));
    for app in found {
        for (object, drift) in &app.objects {
            let what = match drift {
                Found::Missing => "is not there".to_owned(),
                Found::Unexplained => "is there, and no entry explains it".to_owned(),
                Found::Changed { fields } => {
                    let shown = |value: &Option<Shown>| {
                        value.as_ref().map_or("nothing".to_owned(), ToString::to_string)
                    };
                    let lines: Vec<String> = fields
                        .iter()
                        .map(|field| {
                            format!(
                                "{}: {}, applied {}",
                                field.path,
                                shown(&field.before),
                                shown(&field.after)
                            )
                        })
                        .collect();
                    format!("differs: {}", lines.join("; "))
                }
            };
            output.data(&format!(
                "  {} {} {}\n",
                terminal(&app.app.to_string()),
                terminal(object),
                terminal(&what)
            ));
        }
        for why in &app.unread {
            output.data(&format!("  {} cannot be looked at: {}\n", app.app, terminal(why)));
        }
    }
}
