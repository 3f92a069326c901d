//! Arguments and `INPUT_*` in, exit code out.
//!
//! Does nothing itself: each command is one call into `run`, and one report.

pub mod args;
mod carry;
mod cluster;
mod demo;
mod drift;
mod graph;
mod output;
mod plan;
mod prove;
mod run;
mod small;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command, InitWhat};
use output::Output;

use crate::run::error::RunError;

/// Runs the program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::new(&args.global);
    let code = dispatch(&args, &output).unwrap_or_else(|error| failed(&output, &error));
    ExitCode::from(code)
}

fn dispatch(args: &Args, output: &Output) -> Result<u8, RunError> {
    let global = &args.global;
    match &args.command {
        Command::Run(run) => run::run(global, run, output),
        Command::Plan(plan) => plan::run(global, plan, output),
        Command::Deploy(deploy) => carry::deploy(global, deploy, output),
        Command::Rollback(rollback) => carry::rollback(global, rollback, output),
        Command::Restore(restore) => carry::restore(global, restore, output),
        Command::Drift(drift) => drift::run(global, drift, output),
        Command::Verify(verify) => carry::verify(global, verify, output),
        Command::Graph(graph) => graph::run(global, graph, output),
        Command::Prove(prove) => prove::run(global, prove, output),
        Command::Init(init) => match &init.what {
            Some(InitWhat::Cluster(cluster)) => cluster::run(global, cluster, output),
            None => small::init(global, init, output),
        },
        Command::Explain(explain) => small::explain(explain, output),
        Command::Demo(demo) => demo::run(global, demo, output),
        Command::Doctor => small::doctor(global, output),
    }
}

fn failed(output: &Output, error: &RunError) -> u8 {
    match error {
        RunError::Problems(problems) => output.problems(problems),
        other => output.error(&other.to_string()),
    }
    error.exit_code()
}
