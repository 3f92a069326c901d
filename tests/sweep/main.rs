//! The crash sweep: every request of a deploy of 5 apps and 30 objects onto a real
//! API server, and everything that can befall it.
//!
//! `cargo test --test sweep` strikes at a sample; `cargo test --test sweep --
//! --all` at every position, `--state FILE` so that it can be stopped and go on.
//! Decides nothing about what Luigi does: it looks at what is left.

#![expect(
    unreachable_pub,
    reason = "a helper is public to the modules beside it, and there is no crate around"
)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "in tests")]

mod fault;
mod fleet;
mod key;
mod oracle;
mod position;
mod proxy;
mod state;
#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the integration tests, which use all of it")]
mod support;
mod table;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use position::{Bench, Clean, Position, SCENARIOS};
use proxy::Proxy;
use state::State;
use support::cluster::{Cluster, Options};
use table::Verdict;
use wire::Target;

/// Positions on one control plane: what they leave behind slows it down.
const ON_ONE: usize = 120;
/// Of the sample, for each scenario and blow.
const SAMPLE: usize = 1;

/// What is asked for.
#[derive(Debug, Default)]
struct Args {
    all: bool,
    again: bool,
    list: bool,
    state: Option<PathBuf>,
    jobs: usize,
    scenario: Option<String>,
    blow: Option<String>,
    key: Option<String>,
    every: usize,
}

fn main() -> ExitCode {
    let Some(args) = arguments() else { return ExitCode::SUCCESS };
    let start = Instant::now();
    let mut state = args.state.as_ref().map_or_else(State::nowhere, |path| State::open(path));
    let clean = clean(&args);
    let mut positions: Vec<Position> = clean.values().flat_map(Clean::positions).collect();
    positions.retain(|position| {
        let has =
            |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|wanted| text.contains(wanted));
        has(&args.blow, position.strike.blow.name()) && has(&args.key, &position.strike.key)
    });
    if !args.all && args.key.is_none() {
        positions = sample(&positions);
    }
    positions = positions.into_iter().step_by(args.every).collect();
    if args.list {
        for position in &positions {
            println!("{} | {} | {}", position.scenario, position.strike.blow.name(), position.strike.key);
        }
        println!("{} positions", positions.len());
        return ExitCode::SUCCESS;
    }
    if args.again {
        for position in &positions {
            let good = |known: &state::Known| {
                known.reached && known.faults.is_clean() && (known.alone || !position.strike.blow.passes())
            };
            if !state.get(position).is_some_and(good) {
                state.forget(position);
            }
        }
    }
    let open: Vec<Position> = positions.iter().filter(|p| state.get(p).is_none()).cloned().collect();
    let state = Mutex::new(state);
    let done = AtomicUsize::new(positions.len() - open.len());
    for some in open.chunks(ON_ONE) {
        let cluster = Cluster::start(&Options::default());
        work(&cluster, args.jobs, some, |bench, position| {
            let clean = &clean[position.scenario];
            let mut result = bench.strike(clean, &position.strike);
            if !result.reached {
                result = bench.strike(clean, &position.strike);
            }
            state.lock().unwrap().put(position, &result);
            let number = done.fetch_add(1, Ordering::SeqCst) + 1;
            if !result.words.is_empty() {
                let strike = &position.strike;
                println!("{}, {}, {}:\n{}", position.scenario, strike.blow.name(), strike.key, result.words);
            }
            if number.is_multiple_of(20) {
                println!("{number} of {} after {} s", positions.len(), start.elapsed().as_secs());
            }
        });
    }
    let (text, verdict) = table::table(&positions, &state.into_inner().unwrap());
    println!("{text}");
    match verdict {
        Verdict::Good => ExitCode::SUCCESS,
        Verdict::Bad => ExitCode::FAILURE,
    }
}

/// `None`: nothing is to be done, because other tests are asked for.
fn arguments() -> Option<Args> {
    let mut args = Args { jobs: 3, every: 1, ..Args::default() };
    let mut all = std::env::args().skip(1);
    while let Some(arg) = all.next() {
        let mut value = || all.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "--all" => args.all = true,
            "--again" => args.again = true,
            "--positions" => args.list = true,
            "--state" => args.state = Some(value().into()),
            "--jobs" => args.jobs = value().parse().unwrap(),
            "--scenario" => args.scenario = Some(value()),
            "--blow" => args.blow = Some(value()),
            "--key" => args.key = Some(value()),
            "--every" => args.every = value().parse().unwrap(),
            "--program" => world::run_program(value().into()),
            // What the test harness would be told: there is one test here.
            "--list" => {
                println!("sweep: test");
                return None;
            }
            filter if !filter.starts_with('-') && !"sweep".contains(filter) => return None,
            _ => {}
        }
    }
    Some(args)
}

/// The scenarios that are asked for, as they go when nothing befalls them.
fn clean(args: &Args) -> BTreeMap<&'static str, Clean> {
    let cluster = Cluster::start(&Options::default());
    let found = Mutex::new(BTreeMap::new());
    let wanted = |name: &str| args.scenario.as_ref().is_none_or(|wanted| name == wanted);
    let scenarios: Vec<_> = SCENARIOS.into_iter().filter(|scenario| wanted(scenario.name)).collect();
    work(&cluster, args.jobs, &scenarios, |bench, scenario| {
        let clean = bench.clean(scenario);
        println!("{}: {} requests in {:.1} s", scenario.name, clean.seen.len(), clean.seconds);
        found.lock().unwrap().insert(scenario.name, clean);
    });
    found.into_inner().unwrap()
}

/// Does all of it, by several at once, each with a proxy of its own.
fn work<T: Sync>(cluster: &Cluster, jobs: usize, all: &[T], each: impl Fn(Bench<'_>, &T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(all.len()) {
            scope.spawn(|| {
                let proxy = Proxy::start(Target::new(&cluster.url(), cluster.authority()));
                while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
                    each(Bench { cluster, proxy: &proxy }, one);
                }
            });
        }
    });
}

/// Of each scenario and blow some positions, spread over the run.
fn sample(positions: &[Position]) -> Vec<Position> {
    let mut groups: BTreeMap<_, Vec<&Position>> = BTreeMap::new();
    for position in positions {
        groups.entry((position.scenario, position.strike.blow)).or_default().push(position);
    }
    let mut chosen = Vec::new();
    for (number, group) in groups.values().enumerate() {
        for part in 0..SAMPLE {
            // Another place in each group, so that the sample sees all of a run.
            let at = (number * 7919 + part * group.len() / SAMPLE) % group.len();
            chosen.push(group[at].clone());
        }
    }
    chosen
}
