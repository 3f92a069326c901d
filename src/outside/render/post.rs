//! What happens to objects after a tool rendered them: Flux's substitution, and
//! the namespace of those that name none.
//!
//! Does not look for objects that are rendered twice: several sources of one app
//! may override one another, which only the caller sees.

use crate::catalog::job::{Job, Tool};
use crate::catalog::substitute::substitute;
use crate::object::Object;
use crate::problem::{Code, Place, Problem};

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

/// The objects as they are deployed.
pub(super) fn apply(job: &Job, place: &Place, objects: Vec<Object>) -> Result<Vec<Object>, Vec<Problem>> {
    let namespace = match &job.tool {
        Tool::Plain(_) => job.namespace.as_deref(),
        Tool::Kustomize(_) | Tool::Helm(_) => None,
    };
    let mut out = Vec::with_capacity(objects.len());
    let mut problems = Vec::new();
    for object in objects {
        match one(job, place, namespace, object) {
            Ok(object) => out.push(object),
            Err(wrong) => problems.extend(wrong),
        }
    }
    if problems.is_empty() { Ok(out) } else { Err(problems) }
}

fn one(job: &Job, place: &Place, namespace: Option<&str>, object: Object) -> Result<Object, Vec<Problem>> {
    let mut object = match &job.substitute {
        None => object,
        Some(variables) => {
            let json = substitute(&object.json, variables).map_err(|error| {
                let message = format!("substitution in {}: {error}", object.key);
                vec![Problem::new(Code::RenderFailed, Some(place.clone()), message)]
            })?;
            Object::from_json(place, json).map_err(|problem| vec![problem])?
        }
    };
    if let Some(namespace) = namespace
        && object.key.namespace.is_empty()
        && is_namespaced(&object.key.group, &object.key.kind)
    {
        object.json["metadata"]["namespace"] = namespace.into();
        object = Object::from_json(place, object.json).map_err(|problem| vec![problem])?;
    }
    Ok(object)
}

/// Whether an object of Kubernetes' own groups lives in a namespace. Of others
/// only the cluster knows; they stay as they are.
fn is_namespaced(group: &str, kind: &str) -> bool {
    let find = |table: &[(&str, &[&str])]| {
        table.iter().find(|(name, _)| *name == group).map(|(_, kinds)| !kinds.contains(&kind))
    };
    find(&CLUSTER_KINDS).or_else(|| find(&OTHER_GROUPS)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::is_namespaced;

    #[test]
    fn only_known_kinds_get_a_namespace() {
        for (group, kind) in [("", "ConfigMap"), ("apps", "Deployment"), ("networking.k8s.io", "Ingress")] {
            assert!(is_namespaced(group, kind), "{kind}");
        }
        for (group, kind) in [
            ("", "Namespace"),
            ("rbac.authorization.k8s.io", "ClusterRole"),
            ("scheduling.k8s.io", "PriorityClass"),
            ("cert-manager.io", "Certificate"),
        ] {
            assert!(!is_namespaced(group, kind), "{kind}");
        }
    }
}
