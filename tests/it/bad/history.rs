//! Base commits that cannot be had, and repositories of every shape.

use std::path::{Path, PathBuf};

use super::{CONFIG, affected, app, config_map, graph, run, told};
use crate::support::repo::{Scratch, git};

/// Three commits; the last changes `a` only.
fn history() -> Scratch {
    let scratch = Scratch::new();
    let (map, a, b) = (config_map("x"), app("a", "a"), app("b", "b"));
    let first = [
        ("luigi.yaml", CONFIG),
        ("apps/a.yaml", &a),
        ("apps/b.yaml", &b),
        ("a/x.yaml", &map),
        ("b/x.yaml", &map),
    ];
    scratch.commit(&first, "one");
    scratch.commit(&[("b/x.yaml", &config_map("y"))], "two");
    scratch.commit(&[("a/x.yaml", &config_map("z"))], "three");
    scratch
}

fn shallow(scratch: &Scratch) -> PathBuf {
    let url = format!("file://{}", scratch.path().display());
    git(scratch.around(), &["clone", "-q", "--depth", "1", &url, "shallow"]);
    scratch.around().join("shallow")
}

fn everything_and_no_prune(dir: &Path, base: &[&str]) {
    let report = graph(dir, base);
    assert_eq!(affected(&report), ["App/_/a", "App/_/b"], "{report:#}");
    assert_eq!((report["complete"].as_bool(), report["base"].is_null()), (Some(false), true));
    assert_eq!(told(&report, "L0601").len(), 1, "{report:#}");
    let plan = run(dir, &[&["plan", "--format", "json"], base].concat());
    let words = String::from_utf8_lossy(&plan.stderr).into_owned();
    assert!(matches!(plan.status.code(), Some(2 | 3)), "{:?} {words}", plan.status.code());
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert!(!plan.to_string().contains("\"action\":\"prune\""), "{plan:#}");
}

#[test]
fn an_unknown_base_makes_everything_affected() {
    let scratch = history();
    everything_and_no_prune(&scratch.path(), &["--base", &"7".repeat(40)]);
    let output = run(&scratch.path(), &["graph", "--base", "no-such-branch"]);
    assert_eq!(output.status.code(), Some(2), "a name that means nothing is a mistake, not a missing base");
}

#[test]
fn a_base_that_is_cut_off_is_fetched_by_its_id() {
    let scratch = history();
    let whole = graph(&scratch.path(), &[]);
    assert_eq!(affected(&whole), ["App/_/a"]);
    // Only the commit that is named: the history stays cut off.
    scratch.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let clone = shallow(&scratch);
    assert_eq!(graph(&clone, &[]), whole);
    let first = scratch.git(&["rev-parse", "HEAD~2"]);
    assert_eq!(graph(&clone, &["--base", &first]), graph(&scratch.path(), &["--base", &first]));
    assert_eq!(git(&clone, &["rev-parse", "--is-shallow-repository"]), "true");
}

#[test]
fn a_base_that_is_cut_off_for_good_makes_everything_affected() {
    let scratch = history();
    let (first, second) = (scratch.git(&["rev-parse", "HEAD~2"]), scratch.git(&["rev-parse", "HEAD~1"]));
    let clone = shallow(&scratch);
    std::fs::rename(scratch.path(), scratch.around().join("gone")).unwrap();
    everything_and_no_prune(&clone, &[]);
    everything_and_no_prune(&clone, &["--base", &first]);
    everything_and_no_prune(&clone, &["--base", &second]);
}

#[test]
fn a_branch_in_a_shallow_clone_finds_its_merge_base() {
    let scratch = history();
    scratch.git(&["checkout", "-q", "-b", "feature", "HEAD~1"]);
    scratch.commit(&[("b/x.yaml", &config_map("feature"))], "feature");
    let url = format!("file://{}", scratch.path().display());
    let clone = |to: &str| {
        git(
            scratch.around(),
            &["clone", "-q", "--depth", "1", "--no-single-branch", "-b", "feature", &url, to],
        );
        scratch.around().join(to)
    };
    let (with, without) = (clone("with"), clone("without"));
    assert_eq!(affected(&graph(&with, &[])), ["App/_/b"]);
    std::fs::rename(scratch.path(), scratch.around().join("gone")).unwrap();
    everything_and_no_prune(&without, &[]);
}

#[test]
fn every_shape_of_repository_gives_the_same_bytes() {
    let scratch = history();
    scratch.git(&["clone", "-q", "--bare", ".", "../bare"]);
    scratch.git(&["worktree", "add", "-q", "--detach", "../linked"]);
    scratch.git(&["clone", "-q", ".", "../detached"]);
    scratch.git(&["clone", "-q", ".", "../foreign"]);
    scratch.git(&["clone", "-q", "--no-checkout", ".", "../empty"]);
    let url = format!("file://{}", scratch.path().display());
    git(scratch.around(), &["clone", "-q", "--depth", "2", &url, "shallow"]);
    let around = scratch.around();
    git(&around.join("detached"), &["checkout", "-q", "--detach"]);
    let id = git(around.join("bare").as_path(), &["rev-parse", "HEAD"]);
    for path in ["foreign", "foreign/.git", "foreign/.git/config"] {
        // Only root can give files away; elsewhere this shape is one more clone.
        let _ = std::os::unix::fs::chown(around.join(path), Some(12_345), Some(12_345));
    }
    let bytes = |dir: &Path| {
        let output = run(dir, &["graph", "--affected", "--format", "json", "--head", &id]);
        assert_eq!(output.status.code(), Some(0), "{}: {output:?}", dir.display());
        output.stdout
    };
    let here = bytes(&scratch.path());
    assert_eq!(here, bytes(&scratch.path()), "twice the same");
    for name in ["bare", "linked", "detached", "foreign", "empty", "shallow", "repo/apps"] {
        assert_eq!(
            String::from_utf8_lossy(&bytes(&around.join(name))),
            String::from_utf8_lossy(&here),
            "{name}"
        );
    }
}
