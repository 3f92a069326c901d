//! Principals, groups, agents and events of tokens that are verified.

use serde_json::{Value, json};

use super::sign::{self, AUDIENCE, ISSUER, NOW, Signer, claims, with};
use super::*;
use crate::config::identity::Actor;
use crate::event::Vars;
use crate::problem::Place;

fn claims_from(issuer: &Issuer, said: &Value) -> Claims {
    let signer = Signer::rsa("one", "RS256");
    let said = with(said.clone(), json!({"iss": issuer.url.as_str()}));
    let token = Secret::new(signer.token(&said));
    verify(&token, &sign::key_set(&[signer.jwk()]), issuer, AUDIENCE, NOW).unwrap()
}

fn github() -> Identity {
    sign::identity(sign::issuer(Provider::GitHub, ISSUER))
}

fn judge(identity: &Identity, said: &Value) -> Result<Principal, PrincipalError> {
    principal(&claims_from(&identity.issuers[0], said), identity)
}

fn changed(changes: Value) -> Principal {
    judge(&github(), &with(claims(), changes)).unwrap()
}

fn actor(id: &str, name: &str, issuer: Option<&Issuer>) -> Actor {
    let issuer = issuer.map(|i| i.url.clone());
    Actor { id: id.into(), name: name.into(), issuer, place: Place::file("luigi.yaml") }
}

fn member(who: Who, issuer: Option<&Issuer>) -> Member {
    Member { who, issuer: issuer.map(|i| i.url.clone()), place: Place::file("luigi.yaml") }
}

#[test]
fn a_job_that_a_person_started_is_a_workflow() {
    let found = changed(json!({}));
    let workflow = "acme/platform/.github/workflows/luigi.yml@refs/heads/main";
    assert_eq!(found.kind, Kind::Workflow);
    assert_eq!(found.id, "token.actions.githubusercontent.com/repositories/7001");
    assert_eq!(found.name, workflow);
    let facts = &found.facts;
    assert_eq!(facts.repository_owner_id.as_deref(), Some("9001"));
    assert_eq!((facts.actor_id.as_deref(), facts.environment.as_deref()), (Some("42"), Some("production")));
    assert_eq!((facts.reference.as_deref(), facts.ref_protected), (Some("refs/heads/main"), Some(true)));
    assert_eq!(facts.event.as_deref(), Some("push"));
    assert_eq!(facts.properties, [("tier".to_owned(), "gold".to_owned())].into());
    assert!(found.proof.is_verified());
    let words =
        format!("workflow {workflow}, started by alice, verified by token.actions.githubusercontent.com");
    assert_eq!(found.to_string(), words);
}

#[test]
fn a_record_of_a_principal_holds_no_token_and_no_other_claims() {
    let identity = github();
    let signer = Signer::rsa("one", "RS256");
    let token = signer.token(&with(claims(), json!({"email": "alice@acme.example"})));
    let secret = Secret::new(token.clone());
    let read = verify(&secret, &sign::key_set(&[signer.jwk()]), &identity.issuers[0], AUDIENCE, NOW).unwrap();
    let found = principal(&read, &identity).unwrap();
    let record = serde_json::to_string(&found).unwrap();
    assert!(!record.contains("alice@acme") && found.claims["email"] == "alice@acme.example");
    for part in token.split('.') {
        assert!(!record.contains(part) && !format!("{found:?} {read:?}").contains(part));
    }
    insta::assert_snapshot!(record.replace(&read.digest().to_string(), "DIGEST"), @r#"{"kind":"workflow","id":"token.actions.githubusercontent.com/repositories/7001","name":"acme/platform/.github/workflows/luigi.yml@refs/heads/main","proof":{"by":"token","issuer":"https://token.actions.githubusercontent.com","provider":"github","audience":"luigi-production","subject":"repo:acme@9001/platform@7001:environment:production","issuedAt":1784999995,"expiresAt":1785000295,"digest":"DIGEST"},"facts":{"repositoryId":"7001","repository":"acme/platform","repositoryOwnerId":"9001","actorId":"42","actor":"alice","workflow":"acme/platform/.github/workflows/luigi.yml@refs/heads/main","environment":"production","reference":"refs/heads/main","refProtected":true,"event":"push","commit":"6dcb09b5b57875f334f61aebed695e2e4193db5e","runId":"30433642","runAttempt":"1","runner":"github-hosted","properties":{"tier":"gold"}}}"#);
}

#[test]
fn ids_outlive_names_and_sub_is_never_read() {
    // A repository that was renamed, and the three shapes of `sub`.
    let old = changed(json!({"sub": "repo:acme/platform:environment:production"}));
    let new = changed(
        json!({"repository": "acme/renamed", "sub": "repo:acme@9001/renamed@7001:ref:refs/heads/main"}),
    );
    let odd = changed(json!({"sub": "repo:evil-9001/platform-7001:environment:production"}));
    assert!(old.id == new.id && new.id == odd.id);
    // The same names, given again to somebody else.
    assert_ne!(changed(json!({"repository_id": "7002"})).id, old.id);
}

#[test]
fn what_is_decided_on_must_be_there_and_be_text() {
    for claim in map(Provider::GitHub).required {
        let missing = PrincipalError::Fact(FactError::Missing(claim));
        for value in [json!(null), json!("")] {
            assert_eq!(judge(&github(), &with(claims(), json!({*claim: value}))), Err(missing.clone()));
        }
        for odd in [json!(["x"]), json!({"x": 1}), json!(1.5), json!(true)] {
            let verdict = judge(&github(), &with(claims(), json!({*claim: odd})));
            assert!(matches!(verdict, Err(PrincipalError::Fact(FactError::Form { .. }))), "{claim} {odd}");
        }
    }
    let protected = |value: Value| judge(&github(), &with(claims(), json!({"ref_protected": value})));
    assert_eq!(protected(json!("false")).unwrap().facts.ref_protected, Some(false));
    assert_eq!(protected(json!(null)).unwrap().facts.ref_protected, None);
    for odd in [json!("True"), json!("yes"), json!(""), json!(1)] {
        assert!(protected(odd.clone()).is_err(), "{odd}");
    }
}

#[test]
fn agents_are_known_by_id() {
    for (id, name) in KNOWN_AGENTS {
        let found = changed(json!({"actor_id": id, "actor": "whatever"}));
        assert_eq!((found.kind, found.name.as_str()), (Kind::Agent, name));
        assert_eq!(found.id, format!("token.actions.githubusercontent.com/actors/{id}"));
    }
    // An enterprise's own issuer on github.com has the same ids; a server of
    // one's own has others.
    let kind = |url: &str, id: &str, login: &str| {
        let identity = sign::identity(sign::issuer(Provider::GitHub, url));
        judge(&identity, &with(claims(), json!({"actor_id": id, "actor": login}))).unwrap().kind
    };
    assert_eq!(kind(&format!("{ISSUER}/acme"), "49699333", "x"), Kind::Agent);
    assert_eq!(kind("https://ghes.acme.example/_services/token", "49699333", "x"), Kind::Workflow);
    assert_eq!(kind("https://ghes.acme.example/_services/token", "7", "dependabot[bot]"), Kind::Agent);
    assert_eq!(
        kind("https://token.actions.githubusercontent.com.acme.example", "49699333", "x"),
        Kind::Workflow
    );
}

#[test]
fn an_app_that_nobody_knows_is_an_agent_until_it_is_listed() {
    let said = with(claims(), json!({"actor_id": "77", "actor": "acme-release[bot]"}));
    let mut identity = github();
    let kind = |identity: &Identity| judge(identity, &said).map(|p| (p.kind, p.name)).unwrap();
    assert_eq!(kind(&identity), (Kind::Agent, "acme-release[bot]".to_owned()));
    identity.workflows = vec![actor("77", "release", None)];
    assert_eq!(kind(&identity).0, Kind::Workflow);
    identity.agents = vec![actor("77", "Release bot", None)];
    assert_eq!(kind(&identity), (Kind::Agent, "Release bot".to_owned()));
    // A person's name makes nobody an agent; nor does one that looks like an app's.
    assert_eq!(changed(json!({"actor": "dependabot"})).kind, Kind::Workflow);
    assert_eq!(changed(json!({"actor": "robot"})).kind, Kind::Workflow);
    // The merge queue pushes for whoever made the change.
    for (id, login) in MACHINERY {
        assert_eq!(changed(json!({"actor_id": id, "actor": login})).kind, Kind::Workflow, "{login}");
    }
    // No list makes a known agent a workflow.
    identity.workflows = vec![actor("49699333", "fine", None)];
    let dependabot = judge(&identity, &with(claims(), json!({"actor_id": "49699333"}))).unwrap();
    assert_eq!(dependabot.kind, Kind::Agent);
}

#[test]
fn members_are_those_whose_token_says_so() {
    let mut identity = github();
    let workflow = "acme/platform/.github/workflows/luigi.yml@refs/heads/main";
    let groups = [
        ("by-actor", vec![member(Who::Actor("1".into()), None), member(Who::Actor("42".into()), None)]),
        ("by-workflow", vec![member(Who::Workflow(workflow.into()), None)]),
        ("by-repository", vec![member(Who::Repository("7001".into()), None)]),
        ("by-name", vec![member(Who::Actor("alice".into()), None)]),
        ("by-prefix", vec![member(Who::Workflow(workflow.replace("main", "*")), None)]),
        ("by-subject", vec![member(Who::Subject(claims()["sub"].as_str().unwrap().into()), None)]),
        ("by-claim", vec![member(Who::Claim("gold".into()), None)]),
        ("empty", vec![]),
    ];
    identity.groups = groups.into_iter().map(|(name, members)| (name.to_owned(), members)).collect();
    let found = judge(&identity, &claims()).unwrap();
    assert_eq!(Vec::from_iter(&found.groups), ["by-actor", "by-repository", "by-workflow"]);
}

#[test]
fn the_same_id_at_another_issuer_is_somebody_else() {
    let ghes = sign::issuer(Provider::GitHub, "https://ghes.acme.example/_services/token");
    let mut identity = github();
    let own = identity.issuers[0].clone();
    identity.issuers.push(ghes.clone());
    identity.agents = vec![actor("42", "Bot", Some(&ghes))];
    let here = vec![member(Who::Actor("42".into()), Some(&own))];
    let there = vec![member(Who::Actor("42".into()), Some(&ghes))];
    identity.groups = [("here".to_owned(), here), ("there".to_owned(), there)].into();
    let here = judge(&identity, &claims()).unwrap();
    let there = principal(&claims_from(&ghes, &claims()), &identity).unwrap();
    assert_eq!((here.kind, Vec::from_iter(here.groups)), (Kind::Workflow, vec!["here".to_owned()]));
    assert_eq!((there.kind, Vec::from_iter(there.groups)), (Kind::Agent, vec!["there".to_owned()]));
    assert_ne!(here.id, there.id);
    // And whoever is not listed is nobody.
    let gone = sign::identity(ghes);
    let verdict = principal(&claims_from(&own, &claims()), &gone);
    assert_eq!(verdict, Err(PrincipalError::Unlisted(own.url)));
}

#[test]
fn a_person_has_the_groups_that_their_token_lists() {
    let mut okta = sign::issuer(Provider::Oidc, "https://acme.okta.example");
    okta.groups_claim = Some("groups".into());
    let mut identity = sign::identity(okta);
    let groups = [
        ("release-managers", vec![member(Who::Claim("sre-oncall".into()), None)]),
        ("owners", vec![member(Who::Subject("00u1".into()), None)]),
        ("others", vec![member(Who::Claim("sre".into()), None), member(Who::Actor("42".into()), None)]),
    ];
    identity.groups = groups.into_iter().map(|(name, members)| (name.to_owned(), members)).collect();
    let person =
        json!({"aud": AUDIENCE, "iat": NOW, "nbf": NOW, "exp": NOW + 300, "sub": "00u1", "actor_id": "42"});
    let said = |list: Value| judge(&identity, &with(person.clone(), json!({"groups": list})));
    let found = said(json!(["sre-oncall", "everyone"])).unwrap();
    assert_eq!((found.kind, found.id.as_str()), (Kind::Human, "acme.okta.example/subjects/00u1"));
    assert_eq!(Vec::from_iter(&found.groups), ["owners", "release-managers"]);
    assert_eq!(found.facts, Facts::default(), "a person's token says nothing of a job");
    assert_eq!(Vec::from_iter(said(json!("sre-oncall")).unwrap().groups), ["owners", "release-managers"]);
    assert_eq!(Vec::from_iter(said(json!(null)).unwrap().groups), ["owners"]);
    for odd in [json!([1]), json!({"sre-oncall": true}), json!(true)] {
        assert!(said(odd.clone()).is_err(), "{odd}");
    }
}

#[test]
fn a_terminal_is_a_person_whom_nobody_vouches_for() {
    let found = Principal::terminal("alice");
    assert_eq!((found.kind, found.proof.is_verified(), found.groups.len()), (Kind::Human, false, 0));
    assert_eq!(found.to_string(), "human alice, not verified: this is a terminal");
    assert_eq!(found.check_deploy(), Ok(()), "what a terminal may is for policies");
    let pull = changed(json!({"event_name": "pull_request_target"}));
    assert_eq!(pull.check_deploy(), Err(EventRefusal::PullRequestTarget));
}

#[test]
fn other_providers_say_the_same_in_their_own_words() {
    let times = json!({"aud": AUDIENCE, "iat": NOW, "nbf": NOW, "exp": NOW + 300, "sub": "x"});
    let gitlab = json!({
        "project_id": "22", "project_path": "acme/platform", "namespace_id": "72", "user_id": "1", "user_login": "alice",
        "ref": "main", "ref_path": "refs/heads/main", "ref_protected": "true", "environment": "production",
        "pipeline_source": "push", "pipeline_id": "574", "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "ci_config_ref_uri": "gitlab.example/acme/platform//.gitlab-ci.yml@refs/heads/main", "job_policy_ref_uri": null,
    });
    let buildkite = json!({
        "pipeline_id": "p-1", "organization_id": "o-1", "pipeline_slug": "platform", "build_branch": "main",
        "build_number": 7, "build_commit": "714a629c0b401fdce83e847fc9589983fc6f46bc",
    });
    let circleci = json!({
        "oidc.circleci.com/project-id": "p-2", "oidc.circleci.com/org-id": "o-2",
        "oidc.circleci.com/vcs-ref": "refs/heads/main", "oidc.circleci.com/ssh-rerun": false,
    });
    let facts_of = |provider, url, said: &Value, changes: Value| {
        let said = with(with(times.clone(), said.clone()), changes);
        judge(&sign::identity(sign::issuer(provider, url)), &said)
    };
    let found = facts_of(Provider::GitLab, "https://gitlab.example", &gitlab, json!({})).unwrap();
    assert_eq!((found.kind, found.id.as_str()), (Kind::Workflow, "gitlab.example/repositories/22"));
    assert_eq!((found.facts.actor_id.as_deref(), found.facts.ref_protected), (Some("1"), Some(true)));
    assert_eq!(found.facts.reference.as_deref(), Some("refs/heads/main"));
    let found = facts_of(Provider::Buildkite, "https://agent.buildkite.com", &buildkite, json!({})).unwrap();
    assert_eq!(
        (found.id.as_str(), found.facts.run_id.as_deref()),
        ("agent.buildkite.com/repositories/p-1", Some("7"))
    );
    let bare = facts_of(
        Provider::Buildkite,
        "https://agent.buildkite.com",
        &buildkite,
        json!({"pipeline_id": null}),
    );
    assert_eq!(bare, Err(PrincipalError::Fact(FactError::Missing("pipeline_id"))), "a slug is given again");
    let circle = "https://oidc.circleci.com/org/o-2";
    let found = facts_of(Provider::CircleCi, circle, &circleci, json!({})).unwrap();
    assert_eq!(found.id, "oidc.circleci.com/org/o-2/repositories/p-2");
    for yes in [json!(true), json!("true")] {
        let rerun =
            facts_of(Provider::CircleCi, circle, &circleci, json!({"oidc.circleci.com/ssh-rerun": yes}));
        assert!(matches!(rerun, Err(PrincipalError::Fact(FactError::Refused { .. }))));
    }
}

#[test]
fn only_events_that_are_known_to_deploy_do() {
    let verdict = |event: Option<&str>| {
        let facts = Facts { event: event.map(str::to_owned), ..Facts::default() };
        check_deploy(Provider::GitHub, &facts)
    };
    for event in ["push", "release", "workflow_dispatch", "repository_dispatch", "schedule"] {
        assert_eq!(verdict(Some(event)), Ok(()));
    }
    assert_eq!(verdict(Some("pull_request_target")), Err(EventRefusal::PullRequestTarget));
    assert_eq!(verdict(Some("workflow_run")), Err(EventRefusal::WorkflowRun));
    for event in ["pull_request", "pull_request_review", "pull_request_review_comment"] {
        assert_eq!(verdict(Some(event)), Err(EventRefusal::PullRequest { event: event.into() }));
    }
    for event in ["issue_comment", "merge_group", "fork", "Push", "push ", "", "workflow_call"] {
        assert!(matches!(verdict(Some(event)), Err(EventRefusal::Unlisted { .. })), "{event}");
    }
    assert_eq!(verdict(None), Err(EventRefusal::Unsaid));
    let gitlab = |event: &str| {
        check_deploy(Provider::GitLab, &Facts { event: Some(event.into()), ..Facts::default() })
    };
    assert_eq!(gitlab("push"), Ok(()));
    for event in ["merge_request_event", "external_pull_request_event"] {
        assert_eq!(gitlab(event), Err(EventRefusal::PullRequest { event: event.into() }));
    }
    assert!(gitlab("parent_pipeline").is_err(), "a child of a merge request's pipeline is one, too");
    let at = |provider, reference: &str| {
        let facts =
            Facts { event: Some("push".into()), reference: Some(reference.into()), ..Facts::default() };
        check_deploy(provider, &facts)
    };
    assert_eq!(at(Provider::CircleCi, "refs/heads/main"), Ok(()));
    for (provider, reference) in [
        (Provider::CircleCi, "refs/pull/7/head"),
        (Provider::CircleCi, "pull/7"),
        (Provider::GitHub, "refs/pull/7/merge"),
        (Provider::GitLab, "refs/merge-requests/7/head"),
    ] {
        assert_eq!(
            at(provider, reference),
            Err(EventRefusal::PullRequestRef { reference: reference.into() })
        );
    }
}

#[test]
fn variables_that_say_something_else_than_the_token_are_named() {
    let facts = changed(json!({})).facts;
    let vars = Vars {
        event_name: "push".into(),
        reference: "refs/heads/main".into(),
        sha: "6dcb09b5b57875f334f61aebed695e2e4193db5e".into(),
        actor: "alice".into(),
        run_id: "30433642".into(),
        run_attempt: "1".into(),
        repository: "acme/platform".into(),
        ..Vars::default()
    };
    assert_eq!(disagreements(&facts, &vars), []);
    assert_eq!(disagreements(&facts, &Vars::default()), [], "nothing is said");
    assert_eq!(disagreements(&Facts::default(), &vars), [], "nothing is signed");
    let lie = Vars { reference: "refs/heads/evil".into(), sha: "0".repeat(40), ..vars };
    let found: Vec<String> = disagreements(&facts, &lie).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], "GITHUB_REF says \"refs/heads/evil\", but the token says \"refs/heads/main\"");
}
