//! The keys of `luigi.yaml`, for the reader, its messages and its schema
//! (`docs/luigi.schema.json`); a test holds the three equal.
//!
//! Says nothing about values.

/// The top.
pub const ROOT: &[&str] =
    &["apiVersion", "kind", "urls", "environments", "ledger", "branch", "deploy", "render"];
/// One environment.
pub const ENVIRONMENT: &[&str] = &["apps", "after", "engine", "identity", "credentials"];
/// An engine, one of them.
pub const ENGINE: &[&str] = &["ledger", "kubernetes"];
/// Options of the engine `ledger`.
pub const ENGINE_LEDGER: &[&str] = &[];
/// Options of the engine `kubernetes`.
pub const ENGINE_KUBERNETES: &[&str] =
    &["server", "certificateAuthority", "namespace", "force", "timeout", "preflight"];
/// How credentials are got.
pub const CREDENTIALS: &[&str] = &["kubernetes", "perApp"];
/// How the run itself gets one for an API server.
pub const CREDENTIALS_KUBERNETES: &[&str] = &["audience"];
/// How each app gets its own, one of them.
pub const PER_APP: &[&str] = &["tokenRequest"];
/// A token of the app's `ServiceAccount`.
pub const TOKEN_REQUEST: &[&str] = &["lifetime"];
/// Who runs, and which groups they are in.
pub const IDENTITY: &[&str] = &["issuers", "agents", "workflows", "groups"];
/// A token issuer: one of the first five, and options.
pub const ISSUER: &[&str] =
    &["github", "gitlab", "buildkite", "circleci", "oidc", "groupsClaim", "maxLifeMinutes"];
/// An actor.
pub const ACTOR: &[&str] = &["actorId", "name", "issuer"];
/// A member of a group: one of the first five, and of which issuer.
pub const MEMBER: &[&str] = &["actorId", "claim", "workflow", "repositoryId", "subject", "issuer"];
/// An entry of `apps` that is not a pattern, one of them.
pub const PARENT: &[&str] = &["kustomize", "helm"];
/// A parent that is a chart.
pub const HELM: &[&str] = &["path", "valueFiles"];
/// The ledger.
pub const LEDGER: &[&str] = &["branch"];
/// How deploys go.
pub const DEPLOY: &[&str] = &["branches", "onFailure", "onCrash", "dependents", "pruneThreshold"];
/// How many deletes need a confirmation.
pub const PRUNE_THRESHOLD: &[&str] = &["count", "percent"];
/// How content is rendered.
pub const RENDER: &[&str] = &["network", "kubeVersion", "apiVersions"];

/// Every mapping with its keys, by the JSON pointer of its schema.
pub const ALL: [(&str, &[&str]); 19] = [
    ("", ROOT),
    ("/$defs/environment", ENVIRONMENT),
    ("/$defs/engine", ENGINE),
    ("/$defs/engineLedger", ENGINE_LEDGER),
    ("/$defs/engineKubernetes", ENGINE_KUBERNETES),
    ("/$defs/credentials", CREDENTIALS),
    ("/$defs/credentialsKubernetes", CREDENTIALS_KUBERNETES),
    ("/$defs/perApp", PER_APP),
    ("/$defs/tokenRequest", TOKEN_REQUEST),
    ("/$defs/identity", IDENTITY),
    ("/$defs/issuer", ISSUER),
    ("/$defs/actor", ACTOR),
    ("/$defs/member", MEMBER),
    ("/$defs/parent", PARENT),
    ("/$defs/helm", HELM),
    ("/$defs/ledger", LEDGER),
    ("/$defs/deploy", DEPLOY),
    ("/$defs/pruneThreshold", PRUNE_THRESHOLD),
    ("/$defs/render", RENDER),
];
