//! What an administrator applies once, before an environment can be deployed to a
//! cluster: accounts and rights, and whom the API server believes.
//!
//! Values in, YAML out. Gives each app what its objects need, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::name::AppId;
use crate::object::{Object, scope};

/// Who may run, as the API server is to check it itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The issuer of the CI jobs' tokens.
    pub issuer: String,
    /// The authorities that the issuer's certificate is believed by, as PEM; empty for
    /// the system's.
    pub authority: String,
    /// The audience of the tokens.
    pub audience: String,
    /// The repository, by its number: names can be taken over.
    pub repository_id: String,
    /// The protected environment of the CI system.
    pub environment: String,
    /// The ref that may deploy.
    pub reference: String,
    /// Events that may deploy; never those of pull requests.
    pub events: Vec<String>,
    /// The workflow's ref, where only one workflow may deploy.
    pub workflow: Option<String>,
}

/// One app, with what it writes.
#[derive(Debug, Clone)]
pub struct Account {
    /// The app.
    pub app: AppId,
    /// Its `ServiceAccount`.
    pub account: String,
    /// The namespace of objects that name none.
    pub namespace: String,
    /// Everything that it writes.
    pub objects: Vec<Object>,
}

/// An API group and the name of a kind in paths.
type Kind = (String, String);

/// The user that the API server makes of a job's token.
pub fn user(trust: &Trust) -> String {
    format!("gha:{}:{}", trust.repository_id, trust.environment)
}

/// Accounts, roles and their bindings.
pub fn rights(namespace: &str, trust: &Trust, accounts: &[Account]) -> Vec<Value> {
    let mut out = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
    let names: BTreeSet<&str> = accounts.iter().map(|account| account.account.as_str()).collect();
    for name in &names {
        out.push(json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": false,
            "metadata": {"name": name, "namespace": namespace},
        }));
    }
    out.extend(runner(namespace, trust, &names));
    let plurals = defined(accounts);
    for account in accounts {
        out.extend(of_app(namespace, account, &plurals));
    }
    out
}

/// What the run itself may do: tokens of these accounts, Secrets that it may make
/// and take away but never read, inventories and the lock.
fn runner(namespace: &str, trust: &Trust, accounts: &BTreeSet<&str>) -> Vec<Value> {
    let rules = json!([
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"], "resourceNames": accounts},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "delete"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]},
    ]);
    let subject = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user(trust)}]);
    pair(("Role", namespace, "luigi-runner"), &rules, &subject)
}

fn of_app(control: &str, account: &Account, plurals: &BTreeMap<(String, String), String>) -> Vec<Value> {
    let mut namespaced: BTreeMap<String, BTreeSet<Kind>> = BTreeMap::new();
    let mut cluster: BTreeMap<Kind, BTreeSet<String>> = BTreeMap::new();
    for object in &account.objects {
        let key = &object.key;
        let plural = plurals.get(&(key.group.clone(), key.kind.clone())).cloned();
        let kind = (key.group.clone(), plural.unwrap_or_else(|| guess(&key.kind)));
        // A kind that only the cluster knows is taken to live in a namespace.
        if scope::of(&key.group, &key.kind) == Some(scope::Scope::Cluster) {
            cluster.entry(kind).or_default().insert(key.name.clone());
        } else {
            let own = if key.namespace.is_empty() { &account.namespace } else { &key.namespace };
            let own = if own.is_empty() { "default" } else { own };
            namespaced.entry(own.to_owned()).or_default().insert(kind);
        }
    }
    let subject = json!([{"kind": "ServiceAccount", "name": account.account, "namespace": control}]);
    let name = format!("luigi-{}", account.account);
    let mut out = Vec::new();
    for (namespace, kinds) in namespaced {
        let mut rules: Vec<Value> = kinds
            .iter()
            .map(|(group, plural)| {
                json!({"apiGroups": [group], "resources": [plural],
                       "verbs": ["get", "list", "watch", "create", "patch", "delete"]})
            })
            .collect();
        // To say why something does not become ready.
        rules.push(
            json!({"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list", "watch"]}),
        );
        rules.push(json!({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}));
        let sets = json!({"apiGroups": ["apps"], "resources": ["replicasets", "controllerrevisions"],
                          "verbs": ["get", "list", "watch"]});
        rules.push(sets);
        out.extend(pair(("Role", &namespace, &name), &Value::Array(rules), &subject));
    }
    if !cluster.is_empty() {
        let rules = cluster.iter().flat_map(|((group, plural), names)| {
            [
                json!({"apiGroups": [group], "resources": [plural], "verbs": ["get", "patch", "delete"],
                       "resourceNames": names}),
                json!({"apiGroups": [group], "resources": [plural], "verbs": ["create", "list", "watch"]}),
            ]
        });
        out.extend(pair(("ClusterRole", "", &name), &rules.collect(), &subject));
    }
    out
}

/// A role and the binding that gives it.
fn pair((kind, namespace, name): (&str, &str, &str), rules: &Value, subjects: &Value) -> Vec<Value> {
    let group = "rbac.authorization.k8s.io";
    let mut metadata = json!({"name": name});
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    let version = format!("{group}/v1");
    vec![
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules}),
        json!({
            "apiVersion": version, "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": kind, "name": name}, "subjects": subjects,
        }),
    ]
}

/// Names in paths of kinds that the apps define themselves.
fn defined(accounts: &[Account]) -> BTreeMap<(String, String), String> {
    let objects = accounts.iter().flat_map(|account| &account.objects);
    let definitions = objects.filter(|object| object.key.kind == "CustomResourceDefinition");
    let text =
        |object: &Object, at: &str| object.json.pointer(at).and_then(Value::as_str).unwrap_or("").to_owned();
    definitions
        .map(|crd| {
            let kind = (text(crd, "/spec/group"), text(crd, "/spec/names/kind"));
            (kind, text(crd, "/spec/names/plural"))
        })
        .collect()
}

/// A kind's name in paths, as Kubernetes itself guesses it
/// (`meta.UnsafeGuessKindToResource`).
fn guess(kind: &str) -> String {
    let lower = kind.to_ascii_lowercase();
    match lower.as_bytes().last() {
        _ if lower == "endpoints" => lower,
        Some(b's' | b'x') => format!("{lower}es"),
        Some(b'h') if lower.ends_with("ch") || lower.ends_with("sh") => format!("{lower}es"),
        Some(b'y') if !["ay", "ey", "oy", "uy"].iter().any(|end| lower.ends_with(end)) => {
            format!("{}ies", &lower[..lower.len() - 1])
        }
        Some(_) | None => format!("{lower}s"),
    }
}

/// The API server's `--authentication-config`: a genuine token of the wrong run is
/// refused by the server, whatever a workflow says.
pub fn authentication(trust: &Trust) -> Value {
    let quoted = |text: &str| Value::from(text).to_string();
    let events: Vec<String> = trust.events.iter().map(|event| quoted(event)).collect();
    let mut rules = vec![
        rule("repository_id", &quoted(&trust.repository_id), "another repository"),
        rule("environment", &quoted(&trust.environment), "another environment, or none"),
        rule("ref", &quoted(&trust.reference), "another ref"),
        json!({
            "expression": format!("has(claims.event_name) && claims.event_name in [{}]", events.join(", ")),
            "message": "an event that may not deploy",
        }),
    ];
    // A list of audiences is none, and a long life is a stolen token's friend.
    rules.push(json!({
        "expression": format!("claims.aud == {}", quoted(&trust.audience)), "message": "it is for others too",
    }));
    rules.push(json!({"expression": "claims.exp - claims.iat <= 900", "message": "it lives too long"}));
    if let Some(workflow) = &trust.workflow {
        rules.push(rule("job_workflow_ref", &quoted(workflow), "another workflow"));
    }
    let mut issuer = json!({"url": trust.issuer, "audiences": [trust.audience]});
    if !trust.authority.is_empty() {
        issuer["certificateAuthority"] = json!(trust.authority);
    }
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": issuer,
            "claimValidationRules": rules,
            "claimMappings": {
                "username": {"expression": "'gha:' + claims.repository_id + ':' + claims.environment"},
                "uid": {"claim": "actor_id"},
            },
            "userValidationRules": [
                {"expression": "!user.username.startsWith('system:')", "message": "a name of the system's"},
            ],
        }],
    })
}

fn rule(claim: &str, wanted: &str, message: &str) -> Value {
    // Double quotes are CEL's too, and JSON's escapes are among its own.
    json!({"expression": format!("has(claims.{claim}) && claims.{claim} == {wanted}"), "message": message})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_guessed_as_kubernetes_does() {
        for (kind, plural) in [
            ("Deployment", "deployments"),
            ("Ingress", "ingresses"),
            ("NetworkPolicy", "networkpolicies"),
            ("Gateway", "gateways"),
            ("Endpoints", "endpoints"),
            ("StorageClass", "storageclasses"),
        ] {
            assert_eq!(guess(kind), plural);
        }
    }

    #[test]
    fn no_rule_of_the_runner_reads_a_secret() {
        let trust = Trust {
            issuer: "https://i".to_owned(),
            authority: String::new(),
            audience: "a".to_owned(),
            repository_id: "1\" || true || \"".to_owned(),
            environment: "prod".to_owned(),
            reference: "refs/heads/main".to_owned(),
            events: vec!["push".to_owned()],
            workflow: None,
        };
        let all = rights("luigi-prod", &trust, &[]);
        let role = all.iter().find(|doc| doc["kind"] == "Role").unwrap();
        for rule in role["rules"].as_array().unwrap() {
            let secrets = rule["resources"].as_array().unwrap().contains(&json!("secrets"));
            assert!(!secrets || rule["verbs"] == json!(["create", "delete"]), "{rule}");
        }
        // What a person types cannot leave its quotes.
        let rules = authentication(&trust)["jwt"][0]["claimValidationRules"].clone();
        assert_eq!(
            rules[0]["expression"],
            "has(claims.repository_id) && claims.repository_id == \"1\\\" || true || \\\"\""
        );
    }
}
