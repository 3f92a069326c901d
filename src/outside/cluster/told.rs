//! What a cluster tells of a failure: the end of a container's log, and warnings.

use reqwest::Method;
use serde_json::Value;

use super::error::ClusterError;
use super::resources::encoded;
use super::session::{Ask, Session};
use crate::deploy::health::{Log, LogRun};

/// Bytes of a log that are read at most.
const MOST: usize = 64 << 10;

impl Session {
    /// The last lines of a container's log.
    pub async fn pod_log(&self, log: &Log, lines: usize) -> Result<Vec<String>, ClusterError> {
        let what = format!("read the log of {}/{}", log.namespace, log.pod);
        let previous = match log.run {
            LogRun::Current => "",
            LogRun::Previous => "&previous=true",
        };
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/log?container={}&tailLines={lines}&limitBytes={MOST}{previous}",
            encoded(&log.namespace),
            encoded(&log.pod),
            encoded(&log.container)
        );
        let text = self.send_text(&Ask { accept: "*/*", ..Ask::new(&what, Method::GET, path) }).await?;
        let all: Vec<String> = text.lines().map(str::to_owned).collect();
        Ok(all.into_iter().rev().take(lines).rev().collect())
    }

    /// The newest warnings about an object, by its uid.
    pub async fn warnings(
        &self,
        namespace: &str,
        uid: &str,
        most: usize,
    ) -> Result<Vec<String>, ClusterError> {
        let what = format!("read the events of {namespace}");
        let path = format!(
            "/api/v1/namespaces/{}/events?fieldSelector={}",
            encoded(namespace),
            encoded(&format!("involvedObject.uid={uid},type=Warning"))
        );
        let list = self.send(&Ask::new(&what, Method::GET, path)).await?;
        let items = list.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let mut all: Vec<(String, String)> = items
            .iter()
            .map(|item| {
                (text(item, "lastTimestamp"), format!("{}: {}", text(item, "reason"), text(item, "message")))
            })
            .collect();
        all.sort();
        Ok(all.into_iter().rev().take(most).map(|(_, words)| words).collect())
    }
}
