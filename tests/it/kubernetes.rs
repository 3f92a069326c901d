//! Engine `kubernetes`: a fleet on a real API server, with real controllers.

mod fleet;

use fleet::{Fleet, THREE};

use crate::support::cluster;

#[test]
fn a_fleet_is_deployed_in_order_and_waited_for() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", "");
    let (code, record) = fleet.deploy();
    assert_eq!(code, Some(0), "{record:#}");
    for (app, _) in THREE {
        assert_eq!(fleet.live(app, &format!("deployment/{app}"), ".status.availableReplicas"), "1", "{app}");
    }
    // The first write of an app comes after what it needs has settled.
    let log = record["log"].to_string();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text}: {log}"));
    assert!(at("db") < at("api") && at("api") < at("web"), "{log}");

    // Again: nothing differs, and nothing is written.
    let before = fleet.cluster.audit().writes().0.len();
    let (code, record) = fleet.deploy();
    assert_eq!((code, &record["outcome"]["verdict"]), (Some(0), &"nothing-to-do".into()));
    let after = fleet.cluster.audit().writes().0.into_iter().skip(before);
    let ours: Vec<_> = after.filter(|entry| entry.namespace.starts_with(&fleet.prefix)).collect();
    assert!(ours.iter().all(|entry| !entry.agent.starts_with("luigi/")), "{ours:?}");
}

/// Everything of an app's namespace that Luigi writes, as it is now.
fn state(fleet: &Fleet<'_>, app: &str) -> String {
    let fields = "{range .items[*]}{.kind}/{.metadata.name} {.data} {.spec.template.spec.containers[*].image} {.spec.replicas}{\"\\n\"}{end}";
    let namespace = fleet.namespace(app);
    fleet
        .cluster
        .kubectl(&[
            "get",
            "configmap,deployment,service",
            "-n",
            &namespace,
            "-o",
            &format!("jsonpath={fields}"),
        ])
        .lines()
        .filter(|line| !line.contains("kube-root-ca"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_broken_image_puts_the_whole_set_back() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", "");
    assert_eq!(fleet.deploy().0, Some(0));
    let before: Vec<String> = THREE.iter().map(|(app, _)| state(&fleet, app)).collect();
    let files: Vec<(String, String)> = THREE
        .iter()
        .map(|(app, _)| {
            let image = if *app == "web" { "registry.example/app:broken" } else { "registry.example/app:2" };
            (format!("content/{app}/app.yaml"), Fleet::content(app, image, 2))
        })
        .collect();
    fleet.commit(&files);
    let (code, record) = fleet.deploy();
    assert_eq!((code, &record["outcome"]["verdict"]), (Some(4), &"rolled-back".into()), "{record:#}");
    let why = record["outcome"]["message"].as_str().unwrap();
    assert!(why.contains("CrashLoopBackOff") && why.contains("App/_/web"), "{why}");
    let after: Vec<String> = THREE.iter().map(|(app, _)| state(&fleet, app)).collect();
    assert_eq!(before, after);
    // Last begun, first put back.
    let undone: Vec<&serde_json::Value> = record["log"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "undone")
        .map(|event| &event["apps"][0])
        .collect();
    assert_eq!(undone, ["App/_/web", "App/_/api", "App/_/db"], "{record:#}");
}

#[test]
fn what_is_gone_is_pruned_once_it_is_confirmed() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", "");
    assert_eq!(fleet.deploy().0, Some(0));
    std::fs::remove_file(fleet.scratch.path().join("apps/web.yaml")).unwrap();
    // An object of another app goes, too: within the threshold.
    let api = Fleet::content("api", "registry.example/app:1", 1);
    let (without, _) = api.rsplit_once("---").unwrap();
    fleet.change("api", without.to_owned());
    let (code, record) = fleet.deploy();
    assert_eq!(code, Some(3), "{record:#}");
    let digest = record["planDigest"].as_str().unwrap().to_owned();
    let (code, record) = fleet.carry(&["deploy", "--environment", "prod", "--confirm", &digest]);
    assert_eq!(code, Some(0), "{record:#}");
    assert_eq!(state(&fleet, "web"), "");
    assert_eq!(fleet.live("api", "service/api", ".metadata.name"), "");
    assert_eq!(fleet.live("api", "deployment/api", ".metadata.name"), "api");
    // Back to the first entry: all is there again.
    let (code, record) = fleet.carry(&["rollback", "--environment", "prod", "--to", "2"]);
    assert_eq!(code, Some(0), "{record:#}");
    assert_eq!(fleet.live("web", "deployment/web", ".status.availableReplicas"), "1");
    assert_eq!(fleet.live("api", "service/api", ".metadata.name"), "api");
}

const PER_APP: &str = "    credentials: {kubernetes: {audience: luigi-bench}, perApp: {tokenRequest: {}}}\n";

/// Lets an administrator apply what `luigi init cluster` prints.
fn set_up(fleet: &Fleet<'_>) {
    let issuer = crate::support::issuer::shared();
    let authority = fleet.scratch.around().join("issuer.pem");
    std::fs::write(&authority, issuer.authority().unwrap()).unwrap();
    let output = fleet.luigi(&[
        "init",
        "cluster",
        "--environment",
        "prod",
        "--repository-id",
        cluster::REPOSITORY_ID,
        "--protected-environment",
        cluster::ENVIRONMENT,
        "--issuer",
        issuer.url(),
        "--issuer-authority",
        authority.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("# kind: AuthenticationConfiguration"), "{printed}");
    fleet.cluster.kubectl_with(&printed, &["apply", "-f", "-"]);
}

/// A job's token, as the run gets it.
fn job(fleet: &Fleet<'_>) {
    let claims = crate::support::issuer::claims::Claims::push(cluster::ENVIRONMENT);
    std::fs::write(&fleet.token, crate::support::issuer::shared().token(&claims, cluster::AUDIENCE)).unwrap();
}

#[test]
fn each_app_is_written_as_itself_and_its_token_dies() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", PER_APP);
    set_up(&fleet);
    job(&fleet);
    let (code, record) = fleet.deploy();
    assert_eq!(code, Some(0), "{record:#}");
    let runner = "gha:456789:production";
    let mut seen = std::collections::BTreeSet::new();
    for entry in fleet.cluster.audit().writes().0 {
        if !entry.agent.starts_with("luigi/") || !entry.namespace.starts_with(&fleet.prefix) {
            continue;
        }
        if entry.namespace == fleet.control {
            assert_eq!(entry.user, runner, "{entry:?}");
        } else {
            let app = entry.namespace.strip_prefix(&format!("{}-", fleet.prefix)).unwrap();
            let own = format!("system:serviceaccount:{}:app-{app}-", fleet.control);
            assert!(entry.user.starts_with(&own), "{entry:?}");
            seen.insert(app.to_owned());
        }
    }
    assert_eq!(seen.len(), THREE.len(), "{seen:?}");
    let credentials = record["credentials"].as_array().unwrap();
    assert_eq!(credentials.len(), THREE.len(), "{record:#}");
    for credential in credentials {
        assert!(credential["revocation"].as_str().unwrap().starts_with("revoked, proved"), "{credential}");
    }
    let left = fleet.cluster.kubectl(&["get", "secrets", "-n", &fleet.control, "-o", "name"]);
    assert_eq!(left, "", "Secrets that tokens were bound to");
    // No token is in anything that was written down.
    let all = record.to_string() + &fleet.scratch.git(&["log", "-p", "luigi/ledger"]);
    assert!(!all.contains("eyJ"), "a token");
}

#[test]
fn what_an_app_may_not_do_is_told_before_anything_is_written() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", PER_APP);
    set_up(&fleet);
    job(&fleet);
    // One app tries the namespace of another; one wants a kind that it was not given.
    let elsewhere = Fleet::content("web", "registry.example/app:1", 1).replace(
        "kind: Service\nmetadata: {name: web}",
        &format!("kind: Service\nmetadata: {{name: web, namespace: {}}}", fleet.namespace("db")),
    );
    let role = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: api}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}\n";
    let api = Fleet::content("api", "registry.example/app:1", 1) + role;
    fleet.commit(&[("content/web/app.yaml".to_owned(), elsewhere), ("content/api/app.yaml".to_owned(), api)]);
    let (code, record) = fleet.deploy();
    assert_eq!(code, Some(4), "{record:#}");
    let why = record["outcome"]["message"].as_str().unwrap();
    assert!(
        why.contains("nothing was written")
            && why.contains("App/_/web may not")
            && why.contains("App/_/api may not"),
        "{why}"
    );
    for (app, _) in THREE {
        assert_eq!(state(&fleet, app), "", "{app}");
    }
    let left = fleet.cluster.kubectl(&["get", "secrets", "-n", &fleet.control, "-o", "name"]);
    assert_eq!(left, "", "Secrets that tokens were bound to");
}

#[test]
fn a_new_cluster_gets_everything_back_from_the_ledger_alone() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", "");
    assert_eq!(fleet.deploy().0, Some(0));
    let before: Vec<String> = THREE.iter().map(|(app, _)| state(&fleet, app)).collect();
    // As if the cluster were new: nothing of any app is there, nor what Luigi kept.
    for (app, _) in THREE {
        let namespace = fleet.namespace(app);
        fleet.cluster.kubectl(&[
            "delete",
            "deployment,configmap,service",
            "-n",
            &namespace,
            "-l",
            "!x",
            "--field-selector",
            &format!("metadata.name={app}"),
        ]);
    }
    fleet.cluster.kubectl(&["delete", "configmap,lease", "--all", "-n", &fleet.control]);
    // The repository's content is gone, too: only the ledger knows.
    fleet.scratch.git(&["rm", "-rqf", "content"]);
    fleet.scratch.git(&["commit", "-qm", "content is gone"]);
    let (code, record) = fleet.carry(&["restore", "--environment", "prod"]);
    assert_eq!(code, Some(0), "{record:#}");
    let after: Vec<String> = THREE.iter().map(|(app, _)| state(&fleet, app)).collect();
    assert_eq!(before, after);
}

#[test]
fn drift_names_what_is_missing_changed_and_unexplained() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", "");
    assert_eq!(fleet.deploy().0, Some(0));
    let drift = || {
        let token = fleet.token.to_str().unwrap();
        let output = fleet.luigi(&["drift", "--format", "json", "--token-file", token]);
        let found: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), found["prod"].clone())
    };
    let (code, found) = drift();
    assert_eq!(code, Some(0), "{found:#}");
    let kubectl = |args: &[&str]| fleet.cluster.kubectl(args);
    kubectl(&["delete", "service", "db", "-n", &fleet.namespace("db")]);
    kubectl(&["scale", "deployment", "api", "--replicas=3", "-n", &fleet.namespace("api")]);
    // What other managers add is not drift.
    kubectl(&["annotate", "configmap", "web", "a=b", "-n", &fleet.namespace("web")]);
    let (code, found) = drift();
    assert_eq!(code, Some(8), "{found:#}");
    let of = |app: &str| {
        let all = found.as_array().unwrap();
        all.iter().find(|one| one["app"] == format!("App/_/{app}")).unwrap()["objects"].to_string()
    };
    assert!(of("db").contains("missing") && of("db").contains("Service"), "{found:#}");
    assert!(of("api").contains(".spec.replicas") && of("api").contains('3'), "{found:#}");
    assert_eq!(of("web"), "{}", "{found:#}");
}
