//! Input made to cost time or memory: each is a problem with a place, and the
//! rest is read all the same.
//!
//! The limits are far above what is needed; they only tell bounded from unbounded.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{CONFIG, affected, app, config_map, luigi, places};
use crate::support::repo::Scratch;

/// Address space of the program, in KiB.
const MEMORY: u64 = 3 << 20;
/// A guard against a hang, no measurement.
const TIME: Duration = Duration::from_secs(120);

/// The graph, by a program that may not take more than `MEMORY`.
fn bounded(scratch: &Scratch) -> serde_json::Value {
    let luigi = luigi(&scratch.path());
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -v {MEMORY} && exec \"$@\"")).arg("sh").arg(luigi.get_program());
    command.args(luigi.get_args()).args(["graph", "--no-render", "--format", "json"]).env_clear();
    command.envs(luigi.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let start = Instant::now();
    let output = command.output().unwrap();
    let took = start.elapsed();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(took < TIME, "{took:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn laughs(levels: usize) -> String {
    let mut out = "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..levels {
        let again = vec![format!("*l{}", level - 1); 9].join(", ");
        writeln!(out, "l{level}: &l{level} [{again}]").unwrap();
    }
    out
}

#[test]
fn bombs_are_bounded_and_hide_nothing() {
    const HEAD: &str = "apiVersion: luigi.dev/v1\nkind: App\n";
    let deep = 10_000;
    let block = (0..deep / 10).fold(HEAD.to_owned(), |mut text, level| {
        writeln!(text, "{}a:", " ".repeat(level)).unwrap();
        text
    });
    let merges = (1..40).fold("m0: &m0 {a: 1}\n".to_owned(), |mut text, i| {
        writeln!(text, "m{i}: &m{i} {{<<: [*m{0}, *m{0}], k{i}: *m{0}}}", i - 1).unwrap();
        text
    });
    let definitions = [
        ("laughs", format!("{HEAD}{}", laughs(30))),
        ("merges", format!("{HEAD}{merges}")),
        ("lists", format!("{HEAD}a: {}{}\n", "[".repeat(deep), "]".repeat(deep))),
        ("maps", format!("{HEAD}a: {}1{}\n", "{a: ".repeat(deep), "}".repeat(deep))),
        ("json", format!("{}1{}\n", "{\"a\":".repeat(deep), "}".repeat(deep))),
        ("block", block),
        ("dashes", format!("{HEAD}a:\n{}x\n", "- ".repeat(deep))),
        ("keys", format!("{HEAD}{}\n", (0..300_000).map(|i| format!("k{i}: 1\n")).collect::<String>())),
        ("quote", format!("{HEAD}a: \"{}\n", "x".repeat(1 << 20))),
    ];
    let scratch = Scratch::new();
    let (good, bomb, map) = (app("good", "x"), app("bomb", "k"), config_map("x"));
    let kustomization = format!("resources: [cm.yaml]\n{}", laughs(30));
    let mut files = vec![
        ("luigi.yaml".to_owned(), CONFIG.to_owned()),
        ("x/x.yaml".to_owned(), map.clone()),
        ("k/cm.yaml".to_owned(), map),
        ("k/kustomization.yaml".to_owned(), kustomization),
        ("apps/good.yaml".to_owned(), good),
        ("apps/bomb.yaml".to_owned(), bomb),
    ];
    files.extend(definitions.iter().map(|(name, text)| (format!("apps/x-{name}.yaml"), text.clone())));
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    scratch.commit(&files, "bombs");
    let report = bounded(&scratch);
    assert_eq!(affected(&report), ["App/_/bomb", "App/_/good"]);
    let found = places(&report);
    for (name, _) in &definitions {
        let file = format!("apps/x-{name}.yaml:");
        let code = if *name == "quote" { " L0101" } else { " L0103" };
        assert!(found.iter().any(|p| p.starts_with(&file) && p.ends_with(code)), "{name}: {found:#?}");
    }
    assert!(
        found.iter().any(|p| p.starts_with("k/kustomization.yaml:") && p.ends_with("L0103")),
        "{found:#?}"
    );
    assert!(found.iter().all(|p| !p.contains(":0:")), "{found:#?}");
    assert_eq!(report["complete"], false);
}

#[test]
fn long_lines_and_large_files_are_bounded() {
    let scratch = Scratch::new();
    let line = app("line", "x") + "# " + &"x".repeat(50 << 20) + "\n";
    let text = app("text", "x").replace("spec:", &format!("data: \"{}\"\nspec:", "x".repeat(50 << 20)));
    let huge = app("huge", "x") + &"# larger than is read\n".repeat((64 << 20) / 21);
    let (map, good) = (config_map("x"), app("good", "x"));
    let files = [
        ("luigi.yaml", CONFIG),
        ("x/x.yaml", &map),
        // Beside manifests, what is no manifest may be as large as it likes.
        ("x/data.bin", &huge),
        ("apps/good.yaml", &good),
        ("apps/line.yaml", &line),
        ("apps/text.yaml", &text),
        ("apps/huge.yaml", &huge),
    ];
    scratch.commit(&files, "large");
    let report = bounded(&scratch);
    assert_eq!(affected(&report), ["App/_/good", "App/_/line", "App/_/text"]);
    let found: Vec<String> = places(&report).into_iter().collect();
    assert_eq!(found, ["apps/huge.yaml:1:1 L0103"], "{report:#}");
}
