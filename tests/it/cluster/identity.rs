//! A job's token at a real API server: who it is there, and which tokens are
//! nobody.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::cluster::{self, AUDIENCE, Beside, Cluster, ENVIRONMENT, Options, REPOSITORY_ID};
use crate::support::issuer::claims::Claims;
use crate::support::issuer::mint::{self, Hostile};
use crate::support::issuer::trust::{self, Trust};
use crate::support::issuer::{self, Face, Issuer, Scheme};
use crate::support::wait::{so, until};

/// How long things may take on a machine that has other work.
const SOON: Duration = Duration::from_mins(1);
/// How the API server calls the job that it trusts.
const USER: &str = "gha:456789:production";

/// Who a token is to the API server: the code, and the name.
fn who(cluster: &Cluster, token: &str) -> (u16, String) {
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let (code, answer) = cluster.call(token, "POST", path, Some(&review));
    (code, answer["status"]["userInfo"]["username"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_genuine_token_of_a_push_is_somebody() {
    let token = issuer::shared().token(&Claims::push(ENVIRONMENT), AUDIENCE);
    assert_eq!(who(cluster::shared(), &token), (201, USER.to_owned()));
}

#[test]
fn a_genuine_token_of_another_event_or_place_is_nobody() {
    let (cluster, issuer) = (cluster::shared(), issuer::shared());
    let push = || Claims::push(ENVIRONMENT);
    let others = [
        ("a pull request", Claims::pull_request(ENVIRONMENT)),
        ("only the event", push().with("event_name", "pull_request")),
        ("its sister", push().with("event_name", "pull_request_target")),
        ("another repository", push().with("repository_id", "456780")),
        ("another environment", push().with("environment", "staging")),
        ("no environment", push().without("environment")),
        ("another branch", push().with("ref", "refs/heads/feature")),
    ];
    for (what, claims) in others {
        assert_eq!(who(cluster, &issuer.token(&claims, AUDIENCE)), (401, String::new()), "{what}");
    }
}

/// What the API server takes though nobody should: these must be refused before
/// they get there. It cannot know when now is, reads the last of two claims, and
/// tries all keys where none is named.
const TAKEN: [Hostile; 3] = [Hostile::FromTheFuture, Hostile::DuplicateClaims, Hostile::NoKeyId];

#[test]
fn hostile_tokens_are_nobody() {
    let (cluster, issuer) = (cluster::shared(), issuer::shared());
    for kind in mint::ALL {
        let token = issuer.hostile(kind, &Claims::push(ENVIRONMENT), AUDIENCE);
        let code = if TAKEN.contains(&kind) { 201 } else { 401 };
        assert_eq!(who(cluster, &token).0, code, "{kind:?}");
    }
    let paths: Vec<String> = issuer.log().into_iter().map(|request| request.path).collect();
    assert!(paths.iter().any(|path| path.ends_with("/jwks")), "{paths:?}");
    assert!(
        !paths.iter().any(|path| path.contains("thief")),
        "it fetched a key that a token named: {paths:?}"
    );
}

#[test]
fn an_issuer_with_another_face_is_believed_as_far_as_the_server_does() {
    // Not the endless keys: the server reads them until it has no memory left.
    let faces = [
        (Face::Genuine, 201),
        (Face::TwinKeys, 201),
        (Face::RedirectedKeys, 201),
        (Face::RedirectedDiscovery, 201),
        (Face::KeysElsewhere, 201),
        (Face::OtherIssuer, 401),
        (Face::Down, 401),
    ];
    let issuers = faces.map(|(face, _)| {
        let issuer = Issuer::start(Scheme::Https);
        issuer.show(face);
        issuer
    });
    let trust = |issuer| Trust { issuer, audience: "faces", repository_id: REPOSITORY_ID, environment: "e" };
    let cluster = Cluster::start(&Options {
        beside: Beside::Nothing,
        authentication: Some(trust::configuration(&issuers.each_ref().map(trust))),
        ..Options::default()
    });
    let claims = Claims::push("e");
    let asked = |issuer: &Issuer| who(&cluster, &issuer.token(&claims, "faces")).0;
    for ((face, code), issuer) in faces.iter().zip(&issuers) {
        // The server gets to know its issuers beside its other work.
        until(SOON, &format!("{face:?}"), || {
            let found = asked(issuer);
            so(found == *code, found.to_string())
        });
    }
    // The configuration is read again when it changes: as soon as all issuers in
    // it have answered.
    let [genuine, twin, ..] = &issuers;
    cluster.trust(&trust::configuration(&[trust(twin)]));
    until(SOON, "the first one is trusted no more", || {
        let found = asked(genuine);
        so(found == 401, found.to_string())
    });
    assert_eq!(asked(twin), 201);
}

/// Role and binding in a namespace for one subject.
fn allow(cluster: &Cluster, namespace: &str, subject: &Value, rules: &Value) {
    let group = "rbac.authorization.k8s.io";
    let path = format!("/apis/{group}/v1/namespaces/{namespace}");
    let role = json!({"metadata": {"name": "bench"}, "rules": rules});
    assert_eq!(cluster.admin("POST", &format!("{path}/roles"), Some(&role)).0, 201);
    let binding = json!({
        "metadata": {"name": "bench"},
        "subjects": [subject],
        "roleRef": {"apiGroup": group, "kind": "Role", "name": "bench"},
    });
    assert_eq!(cluster.admin("POST", &format!("{path}/rolebindings"), Some(&binding)).0, 201);
}

#[test]
fn a_token_bound_to_a_secret_ends_with_the_secret() {
    let cluster = cluster::shared();
    let [control, own, neighbour] = ["control", "own", "neighbour"].map(|name| cluster.namespace(name));
    let account = json!({"metadata": {"name": "app"}});
    let path = format!("/api/v1/namespaces/{control}/serviceaccounts");
    assert_eq!(cluster.admin("POST", &path, Some(&account)).0, 201);
    let runner = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": USER});
    let rules = json!([
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "delete"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["app"], "verbs": ["create"]},
    ]);
    allow(cluster, &control, &runner, &rules);
    let app = json!({"kind": "ServiceAccount", "namespace": control, "name": "app"});
    allow(cluster, &own, &app, &json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]));

    // A token of a job is for one use; each request takes its own.
    let as_runner = |method: &str, path: &str, body: Option<&Value>| {
        let token = issuer::shared().token(&Claims::push(ENVIRONMENT), AUDIENCE);
        cluster.call(&token, method, &format!("/api/v1/namespaces/{control}/{path}"), body)
    };
    let (code, secret) = as_runner("POST", "secrets", Some(&json!({"metadata": {"name": "bound"}})));
    assert_eq!(code, 201, "{secret}");
    let bound =
        json!({"kind": "Secret", "apiVersion": "v1", "name": "bound", "uid": secret["metadata"]["uid"]});
    let request = json!({"spec": {"audiences": [], "expirationSeconds": 600, "boundObjectRef": bound}});
    let (code, grant) = as_runner("POST", "serviceaccounts/app/token", Some(&request));
    assert_eq!(code, 201, "{grant}");
    assert_eq!(as_runner("POST", "serviceaccounts/other/token", Some(&request)).0, 403);
    assert_eq!(as_runner("GET", "secrets/bound", None).0, 403);

    let token = grant["status"]["token"].as_str().unwrap();
    let list =
        |namespace: &str| cluster.call(token, "GET", &format!("/api/v1/namespaces/{namespace}/pods"), None).0;
    assert_eq!((list(&own), list(&neighbour)), (200, 403));
    assert_eq!(as_runner("DELETE", "secrets/bound", None).0, 200);
    let deleted = Instant::now();
    // The server may remember for 10 s that a token was good, and for 10 more if
    // it looks just before it has heard of the deletion.
    until(Duration::from_secs(20), "the token is nobody's", || {
        let code = list(&own);
        so(code == 401, format!("{code} after {:?}", deleted.elapsed()))
    });

    let user = format!("system:serviceaccount:{control}:app");
    let log = cluster.audit();
    let codes = |namespace: &str| -> Vec<u16> {
        log.of(&user).0.iter().filter(|e| e.namespace == namespace).map(|e| e.code).collect()
    };
    assert!(codes(&own).iter().all(|code| *code == 200), "{:?}", codes(&own));
    assert_eq!(codes(&neighbour), [403]);
    let created: Vec<_> = log.of(USER).writes().0.into_iter().filter(|e| e.namespace == control).collect();
    let created: Vec<_> = created.iter().map(|e| (e.verb.as_str(), e.resource.as_str(), e.code)).collect();
    let expected = [
        ("create", "secrets", 201),
        ("create", "serviceaccounts/token", 201),
        ("create", "serviceaccounts/token", 403),
        ("delete", "secrets", 200),
    ];
    assert_eq!(created, expected);
}
