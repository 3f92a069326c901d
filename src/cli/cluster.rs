//! `luigi init cluster`: prints what an administrator applies once.

use super::args::{Global, InitCluster};
use super::output::Output;
use crate::catalog::app::{App, Carried};
use crate::config::Engine;
use crate::name::Environment;
use crate::object::to_yaml_value;
use crate::plan::Target;
use crate::report::cluster::{Account, Trust, authentication, rights};
use crate::run::compare::{Base, Comparison};
use crate::run::error::{RunError, exit};
use crate::run::kubernetes::setup::{account, control_namespace};
use crate::run::rendering::AppRender;
use crate::run::world::{self, Options, World};

/// Prints accounts and rights for every app of an environment at HEAD, then the API
/// server's own trust rules.
pub fn run(global: &Global, args: &InitCluster, output: &Output) -> Result<u8, RunError> {
    let repo = world::open(&global.directory)?;
    let head = repo.head()?;
    let options = Options {
        dir: global.directory.clone(),
        config: global.config.clone(),
        environments: vec![args.environment.clone()],
        ..Options::default()
    };
    let world = World::load(&options, repo, head)?;
    let name = Environment::parse(&args.environment).map_err(|e| RunError::Usage(e.to_string()))?;
    let config = world.config.environments.get(&name);
    let Some((config, Engine::Kubernetes(kubernetes))) = config.map(|config| (config, &config.engine)) else {
        return Err(RunError::Usage(format!("{name} has no `engine: {{kubernetes: …}}` in luigi.yaml")));
    };
    let trust = trust(args, config.credentials.audience.as_deref())?;
    let comparison = Comparison::read(&world, Base::Nothing, head)?;
    output.problems(&comparison.problems);
    let keys: Vec<_> = comparison
        .head_catalog
        .apps
        .values()
        .filter(|app| app.carried == Carried::OwnStep)
        .map(|app| app.key.clone())
        .collect();
    let renders = comparison.render(&world, &[], &keys, &|key| output.rendered(key));
    let mut accounts = Vec::new();
    let mut missing = Vec::new();
    for key in &keys {
        let Some(app) = comparison.head_catalog.apps.get(key) else { continue };
        match renders.head.get(key) {
            Some(AppRender::Objects(objects, _)) => accounts.push(of(app, objects.clone())),
            Some(AppRender::NotRendered(_) | AppRender::Failed(_)) | None => {
                missing.push(key.app.to_string());
            }
        }
    }
    let namespace = control_namespace(&name, kubernetes);
    for document in rights(&namespace, &trust, &accounts) {
        output.data(&format!("---\n{}", to_yaml_value(&document)));
    }
    output.data("# The API server's --authentication-config, in a file of its own:\n");
    for line in to_yaml_value(&authentication(&trust)).lines() {
        output.data(&format!("# {line}\n"));
    }
    if missing.is_empty() {
        return Ok(exit::OK);
    }
    output.error(&format!("not rendered, so without rights here: {}", missing.join(", ")));
    Ok(exit::PROBLEMS)
}

fn of(app: &App, objects: Vec<crate::object::Object>) -> Account {
    let named = app.definition.pointer("/spec/serviceAccount").and_then(|value| value.as_str());
    let target = Target { namespace: app.destination.namespace.clone(), account: named.map(str::to_owned) };
    Account {
        app: app.key.app.clone(),
        account: account(&app.key.app, &target),
        namespace: target.namespace,
        objects,
    }
}

fn trust(args: &InitCluster, audience: Option<&str>) -> Result<Trust, RunError> {
    let audience = audience.ok_or_else(|| {
        RunError::Usage(
            "luigi.yaml names no `credentials.kubernetes.audience` for this environment".to_owned(),
        )
    })?;
    for event in &args.event {
        if event.starts_with("pull_request") || event == "workflow_run" {
            return Err(RunError::Usage(format!(
                "{event} must never deploy: anybody's pull request causes it"
            )));
        }
    }
    let authority = match &args.issuer_authority {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|e| RunError::io(format!("read {}", file.display()), e))?
        }
        None => String::new(),
    };
    Ok(Trust {
        issuer: args.issuer.clone(),
        authority,
        audience: audience.to_owned(),
        repository_id: args.repository_id.clone(),
        environment: args.protected_environment.clone().unwrap_or_else(|| args.environment.clone()),
        reference: args.reference.clone(),
        events: args.event.clone(),
        workflow: args.workflow.clone(),
    })
}
