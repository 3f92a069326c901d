//! Stages: which kinds go before which inside one wave.
//!
//! By kind alone; what an object names is not looked at.

use serde::Serialize;

use crate::object::ObjectKey;

/// A stage. Objects of one stage do not need each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Namespaces.
    Namespaces,
    /// Custom resource definitions.
    Definitions,
    /// Limits, classes and network policies, which hold for what comes after.
    Limits,
    /// Service accounts, roles and their bindings.
    Access,
    /// `ConfigMaps`, Secrets, and custom objects that make Secrets.
    Config,
    /// Storage classes, volumes and claims.
    Storage,
    /// Services.
    Services,
    /// What runs.
    Workloads,
    /// Custom objects of any other kind.
    Custom,
    /// What stands in front of workloads or scales them.
    Front,
    /// Webhooks and API services: they answer only once their workloads run.
    Webhooks,
}

/// Kinds by stage; an empty kind stands for every kind of the group.
const KINDS: &[(Stage, &str, &str)] = &[
    (Stage::Namespaces, "", "Namespace"),
    (Stage::Definitions, "apiextensions.k8s.io", "CustomResourceDefinition"),
    (Stage::Limits, "scheduling.k8s.io", "PriorityClass"),
    (Stage::Limits, "networking.k8s.io", "NetworkPolicy"),
    (Stage::Limits, "networking.k8s.io", "IngressClass"),
    (Stage::Limits, "node.k8s.io", "RuntimeClass"),
    (Stage::Limits, "", "ResourceQuota"),
    (Stage::Limits, "", "LimitRange"),
    (Stage::Limits, "policy", "PodDisruptionBudget"),
    (Stage::Limits, "flowcontrol.apiserver.k8s.io", ""),
    (Stage::Access, "", "ServiceAccount"),
    (Stage::Access, "rbac.authorization.k8s.io", ""),
    (Stage::Config, "", "Secret"),
    (Stage::Config, "", "ConfigMap"),
    (Stage::Storage, "storage.k8s.io", ""),
    (Stage::Storage, "", "PersistentVolume"),
    (Stage::Storage, "", "PersistentVolumeClaim"),
    (Stage::Services, "", "Service"),
    (Stage::Services, "", "Endpoints"),
    (Stage::Services, "discovery.k8s.io", "EndpointSlice"),
    (Stage::Workloads, "", "Pod"),
    (Stage::Workloads, "", "PodTemplate"),
    (Stage::Workloads, "", "ReplicationController"),
    (Stage::Workloads, "apps", ""),
    (Stage::Workloads, "batch", ""),
    (Stage::Front, "networking.k8s.io", "Ingress"),
    (Stage::Front, "extensions", "Ingress"),
    (Stage::Front, "autoscaling", ""),
    (Stage::Front, "gateway.networking.k8s.io", ""),
    (Stage::Webhooks, "admissionregistration.k8s.io", ""),
    (Stage::Webhooks, "apiregistration.k8s.io", ""),
];

/// Custom kinds that make Secrets or `ConfigMaps` workloads mount, and so go with
/// those. Deleted they are as other custom kinds, before their operator.
const MAKE_SECRETS: &[(&str, &str)] = &[
    ("bitnami.com", "SealedSecret"),
    ("cert-manager.io", "Certificate"),
    ("external-secrets.io", ""),
    ("generators.external-secrets.io", ""),
    ("isindir.github.com", "SopsSecret"),
    ("onepassword.com", "OnePasswordItem"),
    ("secrets-store.csi.x-k8s.io", "SecretProviderClass"),
    ("secrets.hashicorp.com", ""),
    ("trust.cert-manager.io", "Bundle"),
];

/// The stage in which an object is written.
pub fn stage(key: &ObjectKey) -> Stage {
    let makes = MAKE_SECRETS.iter().any(|(group, kind)| matches(key, group, kind));
    if makes { Stage::Config } else { when_deleted(key) }
}

/// The stage whose turn it is when an object is deleted.
pub(super) fn when_deleted(key: &ObjectKey) -> Stage {
    let found = KINDS.iter().find(|(_, group, kind)| matches(key, group, kind));
    found.map_or(Stage::Custom, |(stage, _, _)| *stage)
}

fn matches(key: &ObjectKey, group: &str, kind: &str) -> bool {
    // An empty kind of the core group would stand for all of it; none is so written.
    key.group == group && (kind.is_empty() || key.kind == kind)
}
