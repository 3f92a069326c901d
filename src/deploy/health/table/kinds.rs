//! The tables themselves: what conditions and phases mean, kind by kind.
//!
//! Data only. Written from each project's API reference and compared with the rules
//! of Argo CD (`resource_customizations`, August 2026) and kstatus. Where those call
//! a condition a failure that heals by itself, such as a Secret's source that is not
//! there yet, it is waited for here: the deadline ends that, and says why.

use super::{Line, Table, Then, When};
use Then::{Fail, Noted, Ready, Suspend, Wait};
use When::{Field, For, Is, NotFor};

const fn line(when: &'static [When], then: Then) -> Line {
    Line { when, then }
}

const fn kind(group: &'static str, kind: &'static str, lines: &'static [Line]) -> Table {
    Table { group, kind, lines }
}

/// Kinds that are what they are once they are stored.
pub(super) const AT_ONCE: &[(&str, &str)] = &[
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "ServiceAccount"),
    ("", "LimitRange"),
    ("", "ResourceQuota"),
    ("", "Endpoints"),
    ("", "Event"),
    ("", "PodTemplate"),
    ("admissionregistration.k8s.io", ""),
    ("apps", "ControllerRevision"),
    ("batch", "CronJob"),
    ("certificates.k8s.io", ""),
    ("coordination.k8s.io", ""),
    ("discovery.k8s.io", "EndpointSlice"),
    ("flowcontrol.apiserver.k8s.io", ""),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", ""),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttributesClass"),
];

/// Custom kinds that have a status by their definition and whose controllers do not
/// write it, or only when they are told to.
pub(super) const NO_STATUS: &[(&str, &str)] = &[
    ("*.crossplane.io", "ClusterProviderConfig"),
    ("*.crossplane.io", "Composition"),
    ("*.crossplane.io", "DeploymentRuntimeConfig"),
    ("*.crossplane.io", "ProviderConfig"),
    ("*.upbound.io", "ClusterProviderConfig"),
    ("*.upbound.io", "ProviderConfig"),
    ("argoproj.io", "AnalysisTemplate"),
    ("argoproj.io", "AppProject"),
    ("argoproj.io", "ClusterAnalysisTemplate"),
    ("argoproj.io", "ClusterWorkflowTemplate"),
    ("argoproj.io", "WorkflowTemplate"),
    ("extensions.istio.io", ""),
    ("keda.sh", "ClusterTriggerAuthentication"),
    ("keda.sh", "TriggerAuthentication"),
    ("kyverno.io", "PolicyException"),
    ("monitoring.coreos.com", "AlertmanagerConfig"),
    ("monitoring.coreos.com", "PodMonitor"),
    ("monitoring.coreos.com", "Probe"),
    ("monitoring.coreos.com", "PrometheusRule"),
    ("monitoring.coreos.com", "ScrapeConfig"),
    ("monitoring.coreos.com", "ServiceMonitor"),
    ("networking.istio.io", ""),
    ("security.istio.io", ""),
    ("telemetry.istio.io", ""),
    ("traefik.containo.us", ""),
    ("traefik.io", ""),
];

const READY: &[Line] = &[
    line(&[Is("Ready", "True")], Ready),
    line(&[Is("Ready", "False")], Wait),
    line(&[Is("Ready", "Unknown")], Wait),
];

/// Flux: kstatus conditions, which the rules for every kind have read, and a switch.
const FLUX: &[Line] = &[
    line(&[Field("spec.suspend", &["true"])], Suspend),
    line(&[Is("Ready", "True")], Ready),
    line(&[Is("Ready", "False")], Wait),
    line(&[Is("Ready", "Unknown")], Wait),
];

/// Crossplane: `Synced` is about the desired state, `Ready` about the resource.
const CROSSPLANE: &[Line] = &[
    line(&[Is("Synced", "False")], Wait),
    line(&[Is("Ready", "True")], Ready),
    line(&[Is("Ready", "False")], Wait),
    line(&[Is("Offered", "True")], Ready),
    line(&[Is("Established", "True")], Ready),
    line(&[Is("Healthy", "True")], Ready),
    line(&[Is("Synced", "True")], Wait),
];

/// Knative: `False` is an error, `Unknown` is on the way.
const KNATIVE: &[Line] = &[
    line(&[Is("Ready", "True")], Ready),
    line(&[Is("Ready", "False")], Fail),
    line(&[Is("Ready", "Unknown")], Wait),
];

/// Cluster API.
const CLUSTER_API: &[Line] = &[
    line(&[Field("spec.paused", &["true"])], Suspend),
    line(&[Field("status.phase", &["Failed"])], Fail),
    line(&[Is("Available", "True")], Ready),
    line(&[Is("Available", "False")], Wait),
    line(&[Is("Ready", "True")], Ready),
    line(&[Is("Ready", "False")], Wait),
];

/// Phases of things that run once.
const RUN: &[Line] = &[
    line(&[Field("status.phase", &["Succeeded", "Successful"])], Ready),
    line(&[Field("status.phase", &["Failed", "Error", "Inconclusive"])], Fail),
    line(&[Field("spec.suspend", &["true"])], Suspend),
    line(&[Field("status.phase", &["Pending", "Running"])], Wait),
];

/// Reasons for which an autoscaler does not read its metric, which it does once
/// pods have run for a while, or which nobody serves.
const NO_METRIC: &[&str] = &[
    "FailedGetResourceMetric",
    "FailedGetContainerResourceMetric",
    "FailedGetPodsMetric",
    "FailedGetObjectMetric",
    "FailedGetExternalMetric",
    "FailedComputeMetricsReplicas",
    "ScalingDisabled",
];

pub(super) const KINDS: &[Table] = &[
    // Built in.
    kind(
        "",
        "Namespace",
        &[
            line(&[Field("status.phase", &["Active"])], Ready),
            line(&[Field("status.phase", &["Terminating"])], Wait),
        ],
    ),
    kind(
        "",
        "PersistentVolume",
        &[
            line(&[Field("status.phase", &["Available", "Bound"])], Ready),
            line(&[Field("status.phase", &["Released"])], Noted),
            line(&[Field("status.phase", &["Failed"])], Fail),
        ],
    ),
    kind(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &[
            line(&[Is("Terminating", "True")], Wait),
            line(&[Is("NamesAccepted", "False")], Fail),
            line(&[Is("NonStructuralSchema", "True")], Fail),
            line(&[NotFor("Established", "False", &["Installing"])], Fail),
            line(&[Is("Established", "True"), Is("NamesAccepted", "True")], Ready),
        ],
    ),
    kind(
        "apiregistration.k8s.io",
        "APIService",
        &[line(&[Is("Available", "True")], Ready), line(&[Is("Available", "False")], Wait)],
    ),
    kind(
        "autoscaling",
        "HorizontalPodAutoscaler",
        &[
            line(&[For("ScalingActive", "False", &["InvalidSelector", "AmbiguousSelector"])], Fail),
            line(&[Is("AbleToScale", "False")], Wait),
            line(&[For("ScalingActive", "False", NO_METRIC), Is("AbleToScale", "True")], Noted),
            line(&[Is("ScalingActive", "False")], Wait),
            line(&[Is("AbleToScale", "True")], Ready),
        ],
    ),
    kind(
        "policy",
        "PodDisruptionBudget",
        &[
            line(&[Is("DisruptionAllowed", "True")], Ready),
            // Allowed to be so: a budget may forbid every disruption.
            line(&[For("DisruptionAllowed", "False", &["InsufficientPods"])], Ready),
            line(&[Is("DisruptionAllowed", "False")], Wait),
        ],
    ),
    kind(
        "snapshot.storage.k8s.io",
        "VolumeSnapshot",
        &[
            line(&[Field("status.readyToUse", &["true"])], Ready),
            line(&[Field("status.readyToUse", &["false"])], Wait),
        ],
    ),
    // Argo.
    kind(
        "argoproj.io",
        "Rollout",
        &[
            line(&[Field("status.phase", &["Healthy"])], Ready),
            line(&[Field("status.phase", &["Degraded"])], Fail),
            line(&[Field("spec.paused", &["true"])], Suspend),
            line(&[Field("status.phase", &["Paused"])], Suspend),
            line(&[Field("status.phase", &["Progressing"])], Wait),
        ],
    ),
    kind(
        "argoproj.io",
        "ApplicationSet",
        &[
            line(&[Is("ErrorOccurred", "True")], Fail),
            line(&[Is("ResourcesUpToDate", "True")], Ready),
            line(&[Is("ResourcesUpToDate", "False")], Wait),
        ],
    ),
    kind("argoproj.io", "AnalysisRun", RUN),
    kind("argoproj.io", "Experiment", RUN),
    kind("argoproj.io", "Workflow", RUN),
    // Flux.
    kind("*.toolkit.fluxcd.io", "", FLUX),
    // Certificates and secrets.
    kind(
        "cert-manager.io",
        "Certificate",
        &[
            line(&[For("Issuing", "False", &["Failed"])], Fail),
            line(&[Is("Issuing", "True")], Wait),
            line(&[Is("Ready", "True")], Ready),
            line(&[Is("Ready", "False")], Wait),
        ],
    ),
    kind("cert-manager.io", "", READY),
    kind("external-secrets.io", "", READY),
    kind(
        "bitnami.com",
        "SealedSecret",
        &[line(&[Is("Synced", "True")], Ready), line(&[Is("Synced", "False")], Fail)],
    ),
    // Scaling and delivery.
    kind(
        "keda.sh",
        "ScaledObject",
        &[
            line(&[Is("Ready", "False")], Wait),
            line(&[Is("Paused", "True")], Noted),
            line(&[Is("Ready", "True")], Ready),
        ],
    ),
    kind("keda.sh", "ScaledJob", READY),
    kind(
        "flagger.app",
        "Canary",
        &[
            line(&[Field("status.phase", &["Initialized", "Succeeded"])], Ready),
            line(&[Field("status.phase", &["Failed"])], Fail),
        ],
    ),
    kind("serving.knative.dev", "", KNATIVE),
    kind("eventing.knative.dev", "", KNATIVE),
    // Infrastructure.
    kind(
        "gateway.networking.k8s.io",
        "Gateway",
        &[
            line(&[Is("Accepted", "False")], Wait),
            line(&[Is("Programmed", "True")], Ready),
            line(&[Is("Programmed", "False")], Wait),
        ],
    ),
    kind(
        "gateway.networking.k8s.io",
        "GatewayClass",
        &[line(&[Is("Accepted", "True")], Ready), line(&[Is("Accepted", "False")], Wait)],
    ),
    kind("cluster.x-k8s.io", "", CLUSTER_API),
    kind("controlplane.cluster.x-k8s.io", "", CLUSTER_API),
    kind(
        "pkg.crossplane.io",
        "",
        &[
            line(&[Is("Installed", "False")], Wait),
            line(&[Is("Healthy", "True")], Ready),
            line(&[Is("Healthy", "False")], Wait),
        ],
    ),
    kind("*.crossplane.io", "", CROSSPLANE),
    kind("*.upbound.io", "", CROSSPLANE),
    // Data.
    kind(
        "kafka.strimzi.io",
        "",
        &[line(&[Is("NotReady", "True")], Wait), line(&[Is("Ready", "True")], Ready)],
    ),
    kind(
        "postgresql.cnpg.io",
        "Cluster",
        &[
            line(&[Field("status.phase", &["Cluster is unrecoverable and needs manual intervention"])], Fail),
            line(&[Is("Ready", "True"), Field("status.phase", &["Cluster in healthy state"])], Ready),
            line(&[Is("Ready", "False")], Wait),
        ],
    ),
    kind(
        "rabbitmq.com",
        "RabbitmqCluster",
        &[
            line(&[Is("ReconcileSuccess", "False")], Wait),
            line(&[Is("AllReplicasReady", "True")], Ready),
            line(&[Is("AllReplicasReady", "False")], Wait),
        ],
    ),
    kind(
        "elasticsearch.k8s.elastic.co",
        "Elasticsearch",
        &[
            line(&[Field("status.phase", &["Invalid"])], Fail),
            line(&[Field("status.phase", &["Ready"]), Field("status.health", &["green", "yellow"])], Ready),
        ],
    ),
    kind(
        "acid.zalan.do",
        "postgresql",
        &[
            line(&[Field("status.PostgresClusterStatus", &["Running"])], Ready),
            line(
                &[Field(
                    "status.PostgresClusterStatus",
                    &["CreateFailed", "UpdateFailed", "SyncFailed", "Invalid"],
                )],
                Fail,
            ),
        ],
    ),
    kind(
        "monitoring.coreos.com",
        "Prometheus",
        &[
            line(&[Is("Reconciled", "False")], Wait),
            line(&[Is("Available", "True")], Ready),
            line(&[Is("Available", "False")], Wait),
            line(&[Is("Available", "Degraded")], Wait),
        ],
    ),
    // Operators.
    kind(
        "operators.coreos.com",
        "Subscription",
        &[
            line(&[Is("InstallPlanFailed", "True")], Fail),
            line(&[Is("ResolutionFailed", "True")], Wait),
            line(&[Field("status.state", &["AtLatestKnown"])], Ready),
        ],
    ),
    kind(
        "operators.coreos.com",
        "ClusterServiceVersion",
        &[
            line(&[Field("status.phase", &["Succeeded"])], Ready),
            line(&[Field("status.phase", &["Failed"])], Wait),
        ],
    ),
];
