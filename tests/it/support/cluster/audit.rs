//! The API server's audit log: who did what, when, with what result.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Lines of the log, in the order they were written: when a request was answered.
#[derive(Debug, Clone)]
pub struct Log(pub Vec<Entry>);

/// One line (audit.k8s.io/v1 `Event`). What a request does not have is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The same in all lines of one request.
    pub id: String,
    pub user: String,
    pub agent: String,
    pub verb: String,
    /// With the group before it and the part after it: `apps/deployments/scale`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub uri: String,
    /// `ResponseStarted` (watches), `ResponseComplete` or `Panic`.
    pub stage: String,
    pub code: u16,
    /// When the request came; texts sort as times do.
    pub received: String,
    /// When this line's stage was reached.
    pub time: String,
}

impl Log {
    /// All whole lines there are; no file yet, no lines yet.
    pub fn read(path: &Path) -> Self {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => panic!("{}: {e}", path.display()),
        };
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        Self(whole.map(|line| Entry::new(&serde_json::from_str(line).unwrap())).collect())
    }

    /// The lines of one user.
    pub fn of(&self, user: &str) -> Self {
        Self(self.0.iter().filter(|e| e.user == user).cloned().collect())
    }

    /// The lines of requests that change something.
    pub fn writes(&self) -> Self {
        Self(self.0.iter().filter(|e| e.is_write()).cloned().collect())
    }
}

impl Entry {
    fn new(event: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        let parts = [&object["apiGroup"], &object["resource"], &object["subresource"]].map(text);
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        Self {
            id: text(&event["auditID"]),
            user: text(&event["user"]["username"]),
            agent: text(&event["userAgent"]),
            verb: text(&event["verb"]),
            resource: parts.join("/"),
            namespace: text(&object["namespace"]),
            name: text(&object["name"]),
            uri: text(&event["requestURI"]),
            stage: text(&event["stage"]),
            code: event["responseStatus"]["code"]
                .as_u64()
                .and_then(|c| c.try_into().ok())
                .unwrap_or_default(),
            received: text(&event["requestReceivedTimestamp"]),
            time: text(&event["stageTimestamp"]),
        }
    }

    /// Whether it changes something, a rehearsal (`dryRun=All`) and a question
    /// about access aside.
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        let asks = self.resource.starts_with("authorization.k8s.io/")
            || self.resource.starts_with("authentication.k8s.io/");
        writes.contains(&self.verb.as_str()) && !asks && !self.uri.contains("dryRun=All")
    }
}
