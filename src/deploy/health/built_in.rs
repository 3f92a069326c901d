//! Claims, Services and Ingresses.
//!
//! Kinds whose conditions say all are in `table`.

use serde_json::Value;

use super::conditions::{conditions, find};
use super::{Binding, Case, Settle, has_any};
use crate::deploy::fields::text;

/// A claim that waits for its first consumer is judged with that: it would never
/// be bound if the consumer waited for it.
pub(super) fn claim(case: &Case<'_>, live: &Value) -> Settle {
    let uid = text(live, &["metadata", "uid"]);
    let mut events = case.around.events.iter().filter(|event| Some(event.about.as_str()) == uid);
    match text(live, &["status", "phase"]) {
        Some("Bound") => {
            let conditions = conditions(live);
            let resizing =
                ["Resizing", "FileSystemResizePending"].iter().find_map(|kind| find(&conditions, kind));
            Settle::Ready(
                resizing.map(|condition| format!("its size is being changed: {}", condition.words())),
            )
        }
        Some("Lost") => Settle::failed("its volume is lost"),
        Some("Pending") => {
            let waits = case.around.binding == Binding::FirstConsumer
                || (case.around.binding == Binding::Unknown
                    && events.clone().any(|event| event.reason == "WaitForFirstConsumer"));
            let trouble = events.find(|event| event.warning);
            match (waits, trouble) {
                (true, _) => {
                    Settle::noted("it will be bound with its first consumer, and is judged with that")
                }
                (false, Some(event)) => {
                    Settle::Waiting(format!("it is not bound: {}: {}", event.reason, event.message))
                }
                (false, None) => Settle::waiting("it is not bound to a volume yet"),
            }
        }
        Some(phase) => Settle::Waiting(format!("its phase is {phase}")),
        None => Settle::waiting("it has no phase yet"),
    }
}

pub(super) fn service(live: &Value) -> Settle {
    let balancer = text(live, &["spec", "type"]) == Some("LoadBalancer");
    if balancer && !has_address(live) {
        return Settle::waiting("its load balancer has no address yet");
    }
    Settle::Ready(None)
}

pub(super) fn ingress(live: &Value) -> Settle {
    if has_address(live) {
        return Settle::Ready(None);
    }
    Settle::waiting(
        "it has no address yet; if its controller never sets one, annotate it with luigi.dev/wait: disabled",
    )
}

fn has_address(live: &Value) -> bool {
    has_any(live, &["status", "loadBalancer", "ingress"])
}
