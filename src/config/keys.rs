//! The keys of `luigi.yaml`, for the reader, its messages and its schema
//! (`docs/luigi.schema.json`); a test holds the three equal.
//!
//! Says nothing about values.

/// The top.
pub const ROOT: &[&str] =
    &["apiVersion", "kind", "urls", "environments", "ledger", "branch", "deploy", "render"];
/// One environment.
pub const ENVIRONMENT: &[&str] = &["apps", "after", "engine", "identity"];
/// An engine, one of them.
pub const ENGINE: &[&str] = &["ledger"];
/// Options of the engine `ledger`.
pub const ENGINE_LEDGER: &[&str] = &[];
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
pub const ALL: [(&str, &[&str]); 14] = [
    ("", ROOT),
    ("/$defs/environment", ENVIRONMENT),
    ("/$defs/engine", ENGINE),
    ("/$defs/engineLedger", ENGINE_LEDGER),
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
