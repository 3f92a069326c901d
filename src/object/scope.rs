//! Which kinds of Kubernetes' own API groups live in a namespace.
//!
//! Of other groups only the cluster knows.

/// Where objects of a kind live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In none.
    Cluster,
}

/// Kinds of Kubernetes' own API groups that live in no namespace (v1.36).
const CLUSTER_KINDS: [(&str, &[&str]); 14] = [
    ("", &["ComponentStatus", "Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    ("authentication.k8s.io", &["SelfSubjectReview", "TokenReview"]),
    ("authorization.k8s.io", &["SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("flowcontrol.apiserver.k8s.io", &["FlowSchema", "PriorityLevelConfiguration"]),
    ("internal.apiserver.k8s.io", &["StorageVersion"]),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("resource.k8s.io", &["DeviceClass", "DeviceTaintRule", "ResourceSlice"]),
    (
        "storage.k8s.io",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"],
    ),
];

/// Kubernetes' own groups that are not above: all their kinds have a namespace,
/// but for those named with them.
const OTHER_GROUPS: [(&str, &[&str]); 9] = [
    ("apps", &[]),
    ("autoscaling", &[]),
    ("batch", &[]),
    ("coordination.k8s.io", &[]),
    ("discovery.k8s.io", &[]),
    ("events.k8s.io", &[]),
    ("policy", &["PodSecurityPolicy"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storagemigration.k8s.io", &["StorageVersionMigration"]),
];

/// Where objects of a kind live; `None` for groups that are not Kubernetes' own.
pub fn of(group: &str, kind: &str) -> Option<Scope> {
    let find = |table: &[(&str, &[&str])]| {
        let kinds = table.iter().find(|(name, _)| *name == group).map(|(_, kinds)| *kinds)?;
        Some(if kinds.contains(&kind) { Scope::Cluster } else { Scope::Namespaced })
    };
    find(&CLUSTER_KINDS).or_else(|| find(&OTHER_GROUPS))
}

#[cfg(test)]
mod tests {
    use super::{Scope, of};

    #[test]
    fn only_kinds_of_kubernetes_are_known() {
        for (group, kind) in [("", "ConfigMap"), ("apps", "Deployment"), ("networking.k8s.io", "Ingress")] {
            assert_eq!(of(group, kind), Some(Scope::Namespaced), "{kind}");
        }
        for (group, kind) in [
            ("", "Namespace"),
            ("rbac.authorization.k8s.io", "ClusterRole"),
            ("scheduling.k8s.io", "PriorityClass"),
        ] {
            assert_eq!(of(group, kind), Some(Scope::Cluster), "{kind}");
        }
        assert_eq!(of("cert-manager.io", "Certificate"), None);
    }
}
