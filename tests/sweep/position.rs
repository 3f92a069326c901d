//! Scenarios, and one position of one: the world is made, the blow falls, runs
//! follow until one ends as a clean one does, and the truth is looked at.

use std::time::Instant;

use crate::fault::{self, Blow};
use crate::fleet::{Credentials, Setup, State};
use crate::oracle::{self, Faults, Truth};
use crate::proxy::{Proxy, Seen, Strike};
use crate::support::cluster::Cluster;
use crate::world::{Ran, World};

/// The most runs after the one that was struck.
const RUNS: usize = 3;

/// What a run does, and what comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scenario {
    pub name: &'static str,
    pub setup: Setup,
    /// What is deployed before.
    pub before: Option<State>,
    /// What is deployed by a run that is killed at its request of that name, before.
    pub dies: Option<(State, &'static str)>,
    /// What is deployed by the run that is struck.
    pub then: State,
    /// How it ends when nothing befalls it.
    pub code: i32,
    /// Blows that are dealt.
    pub blows: Blows,
}

/// Which blows a scenario is put through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blows {
    All,
    Kills,
}

const OWN: Setup = Setup { credentials: Credentials::Own, on_crash: "resume" };
const PER_APP: Setup = Setup { credentials: Credentials::PerApp, on_crash: "resume" };
const NEW: Scenario = Scenario {
    name: "new",
    setup: OWN,
    before: None,
    dies: None,
    then: State::First,
    code: 0,
    blows: Blows::All,
};
const UPGRADE: Scenario =
    Scenario { name: "upgrade", before: Some(State::First), then: State::Second, ..NEW };

/// All scenarios.
pub const SCENARIOS: [Scenario; 9] = [
    NEW,
    UPGRADE,
    Scenario { name: "new, credentials per app", setup: PER_APP, ..NEW },
    Scenario { name: "upgrade, credentials per app", setup: PER_APP, ..UPGRADE },
    Scenario { name: "rollback", then: State::Broken, code: 4, blows: Blows::Kills, ..UPGRADE },
    Scenario { name: "recovery", dies: Some((State::Second, MIDDLE)), blows: Blows::Kills, ..UPGRADE },
    Scenario {
        name: "undone after a crash",
        setup: Setup { on_crash: "rollback", ..OWN },
        blows: Blows::Kills,
        ..UPGRADE
    },
    Scenario {
        name: "undoing a crash",
        setup: Setup { on_crash: "rollback", ..OWN },
        dies: Some((State::Second, MIDDLE)),
        blows: Blows::Kills,
        ..UPGRADE
    },
    Scenario {
        name: "recovery, credentials per app",
        setup: PER_APP,
        dies: Some((State::Second, MIDDLE)),
        blows: Blows::Kills,
        ..UPGRADE
    },
];

/// In the midst of an upgrade: what `api` needs is done.
const MIDDLE: &str = "PATCH /apis/apps/v1/namespaces/@-api/deployments/api #1";

/// One position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub scenario: &'static str,
    pub strike: Strike,
}

/// What became of one.
#[derive(Debug, Clone)]
pub struct Result {
    pub faults: Faults,
    /// Whether the run that was struck ended as a clean one does.
    pub alone: bool,
    /// Whether the request came at all.
    pub reached: bool,
    /// Runs after it.
    pub runs: usize,
    pub seconds: f64,
    /// What the runs said, where something is wrong.
    pub words: String,
}

/// A scenario as it goes when nothing befalls it.
pub struct Clean {
    pub scenario: Scenario,
    /// Requests that come in every run.
    pub seen: Vec<Seen>,
    pub truth: Truth,
    pub seconds: f64,
}

/// What the workers share.
#[derive(Clone, Copy)]
pub struct Bench<'c> {
    pub cluster: &'c Cluster,
    pub proxy: &'c Proxy,
}

impl Bench<'_> {
    /// Runs a scenario twice without a blow.
    pub fn clean(&self, scenario: &Scenario) -> Clean {
        let once = || {
            let world = self.prepared(scenario);
            let ran = world.deploy(None);
            assert_eq!(ran.code, Some(scenario.code), "{}: {}", scenario.name, ran.words);
            assert_eq!(ran.log.faults, [""; 0], "{}", scenario.name);
            let (truth, faults) = oracle::look(&world);
            assert!(faults.is_clean(), "{}: {}", scenario.name, faults.words());
            (ran, truth)
        };
        let ((first, truth), (second, again)) = (once(), once());
        let mut faults = Faults::default();
        oracle::compare(&truth, &again, &mut faults);
        assert!(faults.is_clean(), "{}: {}", scenario.name, faults.words());
        let mut seen = first.log.seen;
        seen.retain(|seen| second.log.seen.contains(seen));
        seen.sort_by(|a, b| a.key.cmp(&b.key));
        Clean { scenario: *scenario, seen, truth, seconds: first.took.as_secs_f64() }
    }

    fn prepared(&self, scenario: &Scenario) -> World<'_> {
        let world = World::new(self.cluster, self.proxy, scenario.setup);
        if let Some(state) = scenario.before {
            world.commit(state);
            let ran = world.deploy(None);
            assert_eq!(ran.code, Some(0), "{}", ran.words);
        }
        if let Some((state, key)) = scenario.dies {
            world.commit(state);
            let ran = world.deploy(Some(&Strike { key: key.to_owned(), blow: Blow::KillAfter }));
            assert!(ran.log.struck && ran.code.is_none(), "{}: {}", scenario.name, ran.words);
        }
        world.commit(scenario.then);
        world
    }

    /// Strikes at one position.
    pub fn strike(&self, clean: &Clean, strike: &Strike) -> Result {
        let start = Instant::now();
        let scenario = &clean.scenario;
        let world = self.prepared(scenario);
        let mut runs = vec![world.deploy(Some(strike))];
        let reached = runs[0].log.struck;
        let ended = |ran: &Ran| ran.code == Some(scenario.code);
        let alone = ended(&runs[0]);
        while runs.len() <= RUNS {
            runs.push(world.deploy(None));
            if runs.last().is_some_and(ended) {
                break;
            }
        }
        let (truth, mut faults) = oracle::look(&world);
        if !runs.last().is_some_and(ended) {
            faults.stuck.push(format!("{} runs did not end it", runs.len() - 1));
        }
        oracle::compare(&clean.truth, &truth, &mut faults);
        let mut words = String::new();
        let passes = strike.blow.passes();
        if !faults.is_clean() || (passes && !alone) {
            words = faults.words();
            for ran in &runs {
                let said: String = ran.words.chars().take(6000).collect();
                words.push_str(&format!(
                    "\n--- {:?} after {:.1?} {:?}\n{said}",
                    ran.code, ran.took, ran.log.faults
                ));
            }
        }
        Result { faults, alone, reached, runs: runs.len() - 1, seconds: start.elapsed().as_secs_f64(), words }
    }
}

impl Clean {
    /// Every position of it.
    pub fn positions(&self) -> Vec<Position> {
        let deals = |blow: &Blow| match self.scenario.blows {
            Blows::All => true,
            Blows::Kills => matches!(blow, Blow::KillBefore | Blow::KillAfter),
        };
        let all = fault::ALL.into_iter().filter(deals);
        all.flat_map(|blow| self.seen.iter().map(move |seen| (blow, seen)))
            .filter(|(blow, seen)| blow.befalls(seen.kind))
            .map(|(blow, seen)| Position {
                scenario: self.scenario.name,
                strike: Strike { key: seen.key.clone(), blow },
            })
            .collect()
    }
}
