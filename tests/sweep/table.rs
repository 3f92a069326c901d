//! What a sweep found, as a table and a last line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::fault::{ALL, Blow};
use crate::position::Position;
use crate::state::{Known, State};

/// Figures of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Row {
    positions: usize,
    clean: usize,
    lost: usize,
    orphaned: usize,
    stuck: usize,
    /// Of those, how many needed no other run.
    alone: usize,
    seconds: f64,
}

/// What all of it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Good,
    Bad,
}

impl Row {
    fn add(&mut self, known: &Known) {
        self.positions += 1;
        let faults = &known.faults;
        self.clean += usize::from(faults.is_clean());
        self.lost += usize::from(!faults.lost.is_empty());
        self.orphaned += usize::from(!faults.orphaned.is_empty());
        self.stuck += usize::from(!faults.stuck.is_empty());
        self.alone += usize::from(known.alone);
        self.seconds += known.seconds;
    }
}

/// The table of these positions, and its last line.
pub fn table(positions: &[Position], state: &State) -> (String, Verdict) {
    let mut rows: BTreeMap<(usize, Blow), Row> = BTreeMap::new();
    let mut scenarios: Vec<&str> = Vec::new();
    let (mut all, mut missed, mut weak) = (Row::default(), 0, Vec::new());
    for position in positions {
        let Some(known) = state.get(position) else { continue };
        if !known.reached {
            missed += 1;
            continue;
        }
        let scenario = scenarios.iter().position(|name| *name == position.scenario).unwrap_or_else(|| {
            scenarios.push(position.scenario);
            scenarios.len() - 1
        });
        rows.entry((scenario, position.strike.blow)).or_default().add(known);
        all.add(known);
        if position.strike.blow.passes() && !known.alone {
            weak.push(position);
        }
    }
    let mut out = format!(
        "{:<32}{:<24}{:>9}{:>7}{:>6}{:>9}{:>6}{:>11}{:>9}\n",
        "scenario", "blow", "positions", "clean", "lost", "orphaned", "stuck", "at once", "seconds"
    );
    for (at, scenario) in scenarios.iter().enumerate() {
        for blow in ALL {
            if let Some(row) = rows.get(&(at, blow)) {
                let _ = writeln!(
                    out,
                    "{scenario:<32}{:<24}{:>9}{:>7}{:>6}{:>9}{:>6}{:>11}{:>9.0}",
                    blow.name(),
                    row.positions,
                    row.clean,
                    row.lost,
                    row.orphaned,
                    row.stuck,
                    row.alone,
                    row.seconds
                );
            }
        }
    }
    for position in &weak {
        let _ = writeln!(
            out,
            "needed another run: {}, {}, {}",
            position.scenario,
            position.strike.blow.name(),
            position.strike.key
        );
    }
    if missed > 0 {
        let _ = writeln!(out, "{missed} more were never reached: the request did not come in that run");
    }
    let _ = writeln!(
        out,
        "{} positions, {} clean, {} lost, {} orphaned, {} stuck",
        all.positions, all.clean, all.lost, all.orphaned, all.stuck
    );
    let good = all.clean == all.positions && weak.is_empty();
    (out, if good { Verdict::Good } else { Verdict::Bad })
}
