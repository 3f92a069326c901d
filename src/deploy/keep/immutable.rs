//! Fields that an API server lets nobody change, as a table.
//!
//! Knows the built-in kinds only. A custom kind can forbid changes by rules in
//! its definition; the server's dry-run finds those.

use serde_json::Value;

use crate::deploy::fields::{at, is_true, text};
use crate::object::Object;

/// One field that stays as it was created.
struct Fixed {
    path: &'static [&'static str],
    /// What the server takes where the field is absent, if it is a text.
    default: Option<&'static str>,
}

const fn fixed(path: &'static [&'static str]) -> Fixed {
    Fixed { path, default: None }
}

const fn or(path: &'static [&'static str], default: &'static str) -> Fixed {
    Fixed { path, default: Some(default) }
}

struct Rules {
    group: &'static str,
    kind: &'static str,
    fields: &'static [Fixed],
}

/// From the validation of Kubernetes 1.36 (`pkg/apis/*/validation`).
const KINDS: &[Rules] = &[
    Rules { group: "apps", kind: "Deployment", fields: &[fixed(&["spec", "selector"])] },
    Rules { group: "apps", kind: "ReplicaSet", fields: &[fixed(&["spec", "selector"])] },
    Rules { group: "apps", kind: "DaemonSet", fields: &[fixed(&["spec", "selector"])] },
    Rules {
        group: "apps",
        kind: "StatefulSet",
        fields: &[
            fixed(&["spec", "selector"]),
            fixed(&["spec", "serviceName"]),
            fixed(&["spec", "volumeClaimTemplates"]),
            or(&["spec", "podManagementPolicy"], "OrderedReady"),
        ],
    },
    Rules {
        group: "batch",
        kind: "Job",
        fields: &[
            fixed(&["spec", "template"]),
            fixed(&["spec", "selector"]),
            fixed(&["spec", "completions"]),
            or(&["spec", "completionMode"], "NonIndexed"),
            fixed(&["spec", "manualSelector"]),
            fixed(&["spec", "podFailurePolicy"]),
            fixed(&["spec", "successPolicy"]),
            fixed(&["spec", "backoffLimitPerIndex"]),
            fixed(&["spec", "managedBy"]),
        ],
    },
    Rules {
        group: "",
        kind: "PersistentVolumeClaim",
        fields: &[
            fixed(&["spec", "accessModes"]),
            fixed(&["spec", "storageClassName"]),
            fixed(&["spec", "selector"]),
            fixed(&["spec", "dataSource"]),
            fixed(&["spec", "dataSourceRef"]),
            or(&["spec", "volumeMode"], "Filesystem"),
        ],
    },
    Rules {
        group: "",
        kind: "PersistentVolume",
        fields: &[
            fixed(&["spec", "csi"]),
            fixed(&["spec", "nfs"]),
            fixed(&["spec", "hostPath"]),
            fixed(&["spec", "local"]),
            fixed(&["spec", "iscsi"]),
            fixed(&["spec", "fc"]),
            or(&["spec", "volumeMode"], "Filesystem"),
        ],
    },
    Rules { group: "", kind: "Service", fields: &[or(&["spec", "clusterIP"], "")] },
    Rules { group: "", kind: "Secret", fields: &[or(&["type"], "Opaque")] },
    Rules { group: "rbac.authorization.k8s.io", kind: "RoleBinding", fields: &[fixed(&["roleRef"])] },
    Rules { group: "rbac.authorization.k8s.io", kind: "ClusterRoleBinding", fields: &[fixed(&["roleRef"])] },
    Rules {
        group: "storage.k8s.io",
        kind: "StorageClass",
        fields: &[
            fixed(&["provisioner"]),
            fixed(&["parameters"]),
            or(&["reclaimPolicy"], "Delete"),
            or(&["volumeBindingMode"], "Immediate"),
        ],
    },
    Rules {
        group: "scheduling.k8s.io",
        kind: "PriorityClass",
        fields: &[fixed(&["value"]), or(&["preemptionPolicy"], "PreemptLowerPriority")],
    },
    Rules { group: "networking.k8s.io", kind: "IngressClass", fields: &[fixed(&["spec", "controller"])] },
    Rules { group: "node.k8s.io", kind: "RuntimeClass", fields: &[fixed(&["handler"])] },
    Rules {
        group: "apiextensions.k8s.io",
        kind: "CustomResourceDefinition",
        fields: &[
            fixed(&["spec", "group"]),
            fixed(&["spec", "scope"]),
            fixed(&["spec", "names", "kind"]),
            fixed(&["spec", "names", "plural"]),
        ],
    },
];

/// What of an immutable `ConfigMap` or Secret may not change.
const SEALED: &[&str] = &["data", "binaryData", "stringData", "immutable"];

/// The fields that differ and may not, as `.spec.selector`.
pub(super) fn changed(before: &Object, after: &Object) -> Vec<String> {
    let key = &before.key;
    let kind = KINDS.iter().find(|kind| kind.group == key.group && kind.kind == key.kind);
    let fields = kind.map_or(&[][..], |kind| kind.fields);
    let mut found: Vec<String> = fields
        .iter()
        .filter(|field| field.of(&before.json) != field.of(&after.json))
        .map(|field| format!(".{}", field.path.join(".")))
        .collect();
    let sealed = key.group.is_empty() && matches!(key.kind.as_str(), "ConfigMap" | "Secret");
    if sealed && is_true(&before.json, &["immutable"]) {
        let differs = |field: &&&str| before.json.get(**field) != after.json.get(**field);
        found.extend(SEALED.iter().filter(differs).map(|field| format!(".{field}")));
    }
    if key.group.is_empty() && key.kind == "Pod" && pod_spec(&before.json) != pod_spec(&after.json) {
        found.push(".spec".to_owned());
    }
    if key.group.is_empty() && key.kind == "PersistentVolumeClaim" && shrinks(&before.json, &after.json) {
        found.push(".spec.resources.requests.storage".to_owned());
    }
    found
}

impl Fixed {
    fn of(&self, object: &Value) -> Option<Value> {
        let value = at(object, self.path).filter(|value| !value.is_null()).cloned();
        match (value, self.default) {
            (None, Some(default)) => Some(Value::String(default.to_owned())),
            (value, _) => value,
        }
    }
}

/// A Pod's spec without what may change: its images.
fn pod_spec(pod: &Value) -> Option<Value> {
    let mut spec = pod.get("spec")?.clone();
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            container.remove("image");
        }
    }
    for may_change in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
        spec.as_object_mut()?.remove(may_change);
    }
    Some(spec)
}

/// Whether a claim asks for less than before. Sizes that cannot be read and
/// differ count as less.
fn shrinks(before: &Value, after: &Value) -> bool {
    const SIZE: &[&str] = &["spec", "resources", "requests", "storage"];
    let (before, after) = (at(before, SIZE), at(after, SIZE));
    if before == after {
        return false;
    }
    match (before.and_then(bytes), after.and_then(bytes)) {
        (Some(before), Some(after)) => after < before,
        _ => true,
    }
}

/// A quantity as bytes: digits, at most one point, and a suffix
/// (`apimachinery/pkg/api/resource`).
fn bytes(quantity: &Value) -> Option<f64> {
    const SUFFIXES: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let quantity = match quantity {
        Value::Number(number) => return number.as_f64(),
        Value::String(text) => text.as_str(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let suffixed = SUFFIXES.iter().find_map(|(suffix, times)| Some((quantity.strip_suffix(suffix)?, times)));
    let (digits, times) = suffixed.unwrap_or((quantity, &1.0));
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+'));
    let number: f64 = digits.parse().ok().filter(|_| plain)?;
    Some(number * times)
}

/// How a `StatefulSet`'s claims fare when it is deleted or made smaller.
pub(super) fn claims_go(set: &Value, when: &str) -> bool {
    text(set, &["spec", "persistentVolumeClaimRetentionPolicy", when]) == Some("Delete")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_compared_as_sizes() {
        let claim = |size: Value| json!({"spec": {"resources": {"requests": {"storage": size}}}});
        let shrinks = |a: Value, b: Value| shrinks(&claim(a), &claim(b));
        assert!(!shrinks(json!("1Gi"), json!("1024Mi")));
        assert!(shrinks(json!("1Gi"), json!("1G")));
        assert!(!shrinks(json!("1G"), json!("1Gi")));
        assert!(!shrinks(json!("0.5Ti"), json!("512Gi")));
        assert!(shrinks(json!(2048), json!("1Ki")));
        assert!(!shrinks(json!("1e3"), json!("1k")));
        assert!(!shrinks(json!("many"), json!("many")));
        assert!(shrinks(json!("many"), json!("more")));
        assert!(shrinks(json!("1Gi"), json!("-1Gi")));
    }
}
