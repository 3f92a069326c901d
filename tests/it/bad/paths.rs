//! Paths and links that leave the repository, links in circles, submodules.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use super::{CONFIG, affected, app, config_map, graph, places, run};
use crate::support::repo::{Scratch, git};

/// A repository whose `links/NAME` leads to each target, with an app over each.
fn linked(targets: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path().join("links")).unwrap();
    let mut files = vec![("luigi.yaml".to_owned(), CONFIG.to_owned())];
    for (name, target) in targets {
        symlink(target, scratch.path().join("links").join(name)).unwrap();
        files.push((format!("apps/{name}.yaml"), app(name, &format!("links/{name}"))));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    scratch.commit(&files, "links");
    scratch
}

#[test]
fn links_that_leave_or_turn_in_circles_are_refused() {
    let targets = [
        ("absolute", "/etc"),
        ("up", "../../etc"),
        ("far", "../../../../../../etc/passwd"),
        ("self", "self"),
        ("a", "b"),
        ("b", "a"),
    ];
    let report = graph(&linked(&targets).path(), &[]);
    let found = places(&report);
    for (name, _) in targets {
        assert!(found.contains(&format!("apps/{name}.yaml:4:23 L0405")), "{name}: {found:#?}");
    }
    assert!(found.iter().all(|p| p.ends_with("L0405")), "{found:#?}");
    assert_eq!(affected(&report).len(), targets.len());
}

#[test]
fn links_below_content_and_definitions_are_followed_inside_only() {
    let scratch = Scratch::new();
    for dir in ["plain", "apps", "real"] {
        std::fs::create_dir_all(scratch.path().join(dir)).unwrap();
    }
    for (target, link) in [
        ("/etc/passwd", "plain/out.yaml"),
        ("../real/map.yaml", "plain/in.yaml"),
        ("../../x.yaml", "apps/out.yaml"),
        ("circle.yaml", "apps/circle.yaml"),
        ("gone.yaml", "apps/dangling.yaml"),
        ("../real/app.yaml", "apps/linked.yaml"),
    ] {
        symlink(target, scratch.path().join(link)).unwrap();
    }
    let (plain, linked, map) = (app("plain", "plain"), app("linked", "real"), config_map("m"));
    let files = [
        ("luigi.yaml", CONFIG),
        ("apps/plain.yaml", &plain),
        ("real/app.yaml", &linked),
        ("real/map.yaml", &map),
    ];
    scratch.commit(&files, "one");
    let report = graph(&scratch.path(), &[]);
    let found = places(&report);
    for place in [
        "apps/out.yaml:1:1 L0405",
        "apps/circle.yaml:1:1 L0405",
        "apps/dangling.yaml:1:1 L0403",
        "apps/plain.yaml:4:23 L0405",
    ] {
        assert!(found.contains(place), "{place}: {found:#?}");
    }
    assert!(affected(&report).contains(&"App/_/linked".to_owned()), "a definition behind a link is read");
    // A change of what a link leads to is a change of the app.
    scratch.commit(&[("real/map.yaml", &config_map("n"))], "two");
    assert!(affected(&graph(&scratch.path(), &["--no-render"])).contains(&"App/_/plain".to_owned()));
}

#[test]
fn what_is_in_a_submodule_is_unknown_and_so_affected() {
    let other = Scratch::new();
    let first = other.commit(&[("cm.yaml", &config_map("sub"))], "sub");
    let second = other.commit(&[("cm.yaml", &config_map("bus"))], "sub");
    let scratch = Scratch::new();
    let (inside, at, beside) = (app("inside", "mixed"), app("at", "mixed/sub"), app("beside", "plain"));
    let map = config_map("x");
    let files = [
        ("luigi.yaml", CONFIG),
        ("apps/inside.yaml", &inside),
        ("apps/at.yaml", &at),
        ("apps/beside.yaml", &beside),
        ("mixed/cm.yaml", &map),
        ("plain/cm.yaml", &map),
    ];
    scratch.commit(&files, "one");
    let point = |id: &str| {
        scratch.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},mixed/sub")]);
        scratch.git(&["commit", "-q", "-m", id]);
    };
    point(&first);
    point(&second);
    let report = graph(&scratch.path(), &[]);
    assert_eq!(affected(&report), ["App/_/at", "App/_/inside"], "{report:#}");
    assert!(report.to_string().contains("mixed/sub is a submodule"));
    assert!(places(&report).iter().all(|p| !p.ends_with("L0403")), "{report:#}");
}

#[test]
fn nothing_of_this_machine_gets_into_a_render() {
    let scratch = Scratch::new();
    let secret = scratch.around().join("secret.yaml");
    std::fs::write(&secret, config_map("stolen")).unwrap();
    std::fs::create_dir_all(scratch.path().join("k")).unwrap();
    symlink("../../secret.yaml", scratch.path().join("k/link.yaml")).unwrap();
    let kustomization = "resources: [../../secret.yaml, link.yaml]\n".to_owned();
    let by_path = format!("resources: [{}]\n", secret.display());
    let apps = app("k", "k") + "---\n" + &app("l", "l");
    let files = [
        ("luigi.yaml", CONFIG),
        ("apps/a.yaml", &apps),
        ("k/kustomization.yaml", &kustomization),
        ("l/kustomization.yaml", &by_path),
    ];
    scratch.commit(&files, "one");
    let report = graph(&scratch.path(), &[]);
    let found = places(&report);
    for place in [
        "k/kustomization.yaml:1:13 L0404",
        "k/kustomization.yaml:1:32 L0405",
        "l/kustomization.yaml:1:13 L0404",
    ] {
        assert!(found.contains(place), "{place}: {found:#?}");
    }
    let plan = run(&scratch.path(), &["plan", "--format", "json"]);
    assert_ne!(plan.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&plan.stdout).contains("stolen"));
}

#[test]
fn a_name_that_is_not_text_is_named() {
    let scratch = Scratch::new();
    scratch.commit(
        &[("luigi.yaml", CONFIG), ("apps/a.yaml", &app("a", "a")), ("a/a.yaml", &config_map("a"))],
        "one",
    );
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.yaml");
    std::fs::write(scratch.path().join("a").join(name), config_map("b")).unwrap();
    git(&scratch.path(), &["add", "-A"]);
    git(&scratch.path(), &["commit", "-q", "-m", "two"]);
    let output = run(&scratch.path(), &["graph", "--format", "json"]);
    // A folder that cannot be listed is never taken for one without that file.
    assert_ne!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("xe9.yaml"), "{output:?}");
}
