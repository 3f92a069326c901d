//! What an API server says no with, told apart as far as Luigi acts on it.

use serde_json::Value;

/// Why a request did not do what it should. Texts are the server's, and may hold
/// anything: whoever shows one redacts and escapes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The configuration of the connection cannot be used.
    #[error("{0}")]
    Setup(String),
    /// The lock was lost before the request was sent.
    #[error("{what}: not sent, because this run has lost the lock")]
    Fenced {
        /// The request.
        what: String,
    },
    /// 401: the token is not believed, or not any more.
    #[error("{what}: the API server does not accept the token (401): {message}")]
    Unauthorized {
        /// The request.
        what: String,
        /// The server's words.
        message: String,
    },
    /// 403: the identity may not do it, or an admission plugin forbids it.
    #[error("{what}: forbidden: {message}")]
    Forbidden {
        /// The request.
        what: String,
        /// The server's words.
        message: String,
    },
    /// 404.
    #[error("{what}: not found: {message}")]
    NotFound {
        /// The request.
        what: String,
        /// The server's words.
        message: String,
    },
    /// 409: another has changed or made it, or owns a field of it.
    #[error("{what}: {message}")]
    Conflict {
        /// The request.
        what: String,
        /// The server's words.
        message: String,
        /// `AlreadyExists`, `Conflict`.
        reason: String,
        /// The fields that another manager owns, with the server's words for whom.
        fields: Vec<(String, String)>,
    },
    /// 410: that version is not kept any more.
    #[error("{what}: gone: {message}")]
    Gone {
        /// The request.
        what: String,
        /// The server's words.
        message: String,
    },
    /// 400, 405, 413, 415, 422: the object or the request is wrong.
    #[error("{what}: {message}")]
    Invalid {
        /// The request.
        what: String,
        /// The server's words.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// No answer, or none but "later", until the time was up.
    #[error("{what}: no answer in time: {message}")]
    Unavailable {
        /// The request.
        what: String,
        /// What happened last.
        message: String,
    },
    /// An answer that does not say what it should.
    #[error("{what}: {message}")]
    Strange {
        /// The request.
        what: String,
        /// What is strange about it.
        message: String,
    },
}

impl ClusterError {
    /// Whether nothing is there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether a name is taken already.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::Conflict { reason, .. } if reason == "AlreadyExists")
    }

    /// The error of an answer that is no success.
    pub(super) fn of(what: &str, status: u16, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let mut message = text("message");
        if message.is_empty() {
            // A proxy's page, say. Its first line has to do.
            let all = String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
            message = format!("HTTP {status} {}", all.lines().next().unwrap_or("").trim());
        }
        let what = what.to_owned();
        match status {
            401 => Self::Unauthorized { what, message },
            403 => Self::Forbidden { what, message },
            404 => Self::NotFound { what, message },
            409 => Self::Conflict { what, message, reason: text("reason"), fields: fields(&json) },
            410 => Self::Gone { what, message },
            400..500 if status != 429 && status != 408 => Self::Invalid { what, message, status },
            _ => Self::Unavailable { what, message },
        }
    }
}

/// The fields of a server-side apply that another manager owns
/// (`FieldManagerConflict` causes of a Status).
fn fields(status: &Value) -> Vec<(String, String)> {
    let causes = status.pointer("/details/causes").and_then(Value::as_array);
    let text = |cause: &Value, key: &str| cause.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    causes
        .into_iter()
        .flatten()
        .filter(|cause| text(cause, "reason") == "FieldManagerConflict")
        .map(|cause| (text(cause, "field"), text(cause, "message")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_fields_and_owners() {
        let body = serde_json::json!({
            "kind": "Status", "status": "Failure", "reason": "Conflict", "code": 409,
            "message": "Apply failed with 1 conflict",
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": "conflict with \"hpa\"", "field": ".spec.replicas"},
            ]},
        });
        let error = ClusterError::of("apply Deployment a/b", 409, body.to_string().as_bytes());
        let ClusterError::Conflict { fields, reason, .. } = &error else { unreachable!("{error}") };
        assert_eq!(reason, "Conflict");
        assert_eq!(*fields, [(".spec.replicas".to_owned(), "conflict with \"hpa\"".to_owned())]);
        assert!(!error.is_already_exists());
    }

    #[test]
    fn what_is_no_status_shows_its_first_line() {
        let error = ClusterError::of("get", 502, b"<html>bad gateway\nmore");
        assert_eq!(error.to_string(), "get: no answer in time: HTTP 502 <html>bad gateway");
    }
}
