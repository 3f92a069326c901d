//! How an API server is told to trust an issuer: an `AuthenticationConfiguration`
//! (apiserver.config.k8s.io/v1) with the rules that hold the line there.

use serde_json::{Value, json};

use super::Issuer;

/// What a job must be for its token to be somebody.
#[derive(Clone)]
pub struct Trust<'a> {
    pub issuer: &'a Issuer,
    pub audience: &'a str,
    pub repository_id: &'a str,
    pub environment: &'a str,
}

/// The file's text; JSON is YAML.
pub fn configuration(trusts: &[Trust]) -> String {
    let jwt: Vec<Value> = trusts.iter().map(authenticator).collect();
    json!({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration", "jwt": jwt})
        .to_string()
}

fn authenticator(trust: &Trust) -> Value {
    let events = r#"claims.event_name in ["push", "workflow_dispatch", "schedule", "release"]"#;
    json!({
        "issuer": {
            "url": trust.issuer.url(),
            "certificateAuthority": trust.issuer.authority(),
            "audiences": [trust.audience],
        },
        "claimValidationRules": [
            {"claim": "repository_id", "requiredValue": trust.repository_id},
            {"claim": "environment", "requiredValue": trust.environment},
            {"claim": "ref", "requiredValue": "refs/heads/main"},
            // A list of audiences is none.
            {"expression": format!("claims.aud == {:?}", trust.audience), "message": "it is for others too"},
            {"expression": events, "message": "this event does not deploy"},
            {"expression": "claims.exp - claims.iat <= 900", "message": "it lives too long"},
        ],
        "claimMappings": {
            "username": {"expression": r#""gha:" + claims.repository_id + ":" + claims.environment"#},
            "uid": {"expression": "claims.actor_id"},
            "extra": [{"key": "luigi.dev/run", "valueExpression": "claims.run_id"}],
        },
    })
}
