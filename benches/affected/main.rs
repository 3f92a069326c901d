//! `luigi graph --affected` against the git commands that read the same files.
//!
//! Runs real programs over a generated repository and prints ratios. Checks no
//! goal: a slow machine is no fault of the code, so timings never fail it.
//! Without `--bench` (as under `cargo test --benches`) it only tries itself out.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

mod fleet;
mod programs;

use std::process::ExitCode;
use std::time::Duration;

use fleet::{Fleet, Setup};
use programs::{Cost, Programs};

/// Timed runs of each program; the median counts.
const RUNS: usize = 5;
/// Apps that differ between the two commits.
const CHANGED: usize = 5;

fn main() -> ExitCode {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let (small, large) = if measured { (10_000, 100_000) } else { (40, 80) };
    match run(small, large) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("affected: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(small: usize, large: usize) -> Result<(), String> {
    println!("affected: {} on {} processors", load(), programs::processors());
    let inferred = measure(small, Setup::Inferred)?;
    line(&format!("affected-inferred-{}", short(small)), inferred.ratio(), "<= 2", &inferred.against());
    let first = measure(small, Setup::Configured)?;
    line(&format!("affected-{}", short(small)), first.ratio(), "<= 2", &first.against());
    let cold = ratio(first.cold, first.git.wall);
    line(&format!("affected-cold-{}", short(small)), cold, "<= -", "no cache of tree facts yet; information");
    let second = measure(large, Setup::Configured)?;
    line(&format!("affected-{}", short(large)), second.ratio(), "<= 2", &second.against());
    // As durations, which divide without a loss that anybody could see.
    let bytes = |measured: &Measured| Duration::from_nanos(measured.definition_bytes);
    let definitions = ratio(bytes(&second), bytes(&first));
    let growth = ratio(second.luigi.wall, first.luigi.wall) / definitions;
    let against = format!(
        "time grew {:.2} times, the definitions {definitions:.2} times; git's time grew {:.2} times",
        ratio(second.luigi.wall, first.luigi.wall),
        ratio(second.git.wall, first.git.wall),
    );
    line(&format!("affected-growth-{}", short(large)), growth, "<= 1", &against);
    println!("affected: {} at the end", load());
    Ok(())
}

/// What one repository gave.
struct Measured {
    apps: usize,
    luigi: Cost,
    git: Cost,
    cold: Duration,
    definition_bytes: u64,
}

impl Measured {
    fn ratio(&self) -> f64 {
        ratio(self.luigi.wall, self.git.wall)
    }

    fn against(&self) -> String {
        format!(
            "{} apps: luigi {}, git ls-tree -r of both commits and cat-file --batch of {} definitions {}; medians of {RUNS}",
            self.apps,
            self.luigi,
            2 * self.apps,
            self.git,
        )
    }
}

fn measure(apps: usize, setup: Setup) -> Result<Measured, String> {
    let fleet = Fleet::generate(apps, CHANGED, setup)?;
    let programs = Programs::new(&fleet)?;
    let cold = programs.luigi()?.wall;
    let affected = programs.affected()?;
    if affected != CHANGED {
        return Err(format!("{affected} of {apps} apps are affected, and {CHANGED} were changed"));
    }
    programs.git()?;
    let (mut luigi, mut git) = (Vec::new(), Vec::new());
    // In turns, so that a busy machine slows both.
    for _ in 0..RUNS {
        git.push(programs.git()?);
        luigi.push(programs.luigi()?);
    }
    let measured = Measured {
        apps,
        luigi: Cost::median(luigi),
        git: Cost::median(git),
        cold,
        definition_bytes: fleet.definition_bytes,
    };
    let memory = programs.peak_memory()?;
    println!(
        "affected: {apps} apps, {setup:?}: peak memory {} MiB, definitions {} MiB at each commit",
        memory >> 20,
        fleet.definition_bytes >> 20,
    );
    Ok(measured)
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64().max(1e-9)
}

fn line(name: &str, value: f64, goal: &str, against: &str) {
    println!("ratio {name} {value:.2} goal {goal} ({against})");
}

fn short(apps: usize) -> String {
    if apps.is_multiple_of(1000) { format!("{}k", apps / 1000) } else { apps.to_string() }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("load {}", text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
