//! What can befall a request, and which requests it can befall.

use crate::key::Kind;
use crate::wire::Answer;

/// One thing that happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// SIGKILL; the server never hears of the request.
    KillBefore,
    /// The server has done it; SIGKILL before the program hears of that.
    KillAfter,
    /// 429 with `Retry-After`.
    TooMany,
    /// 500.
    Error,
    /// 503.
    Unavailable,
    /// The connection is reset; the server never hears of the request.
    ResetBefore,
    /// The server has done it; the connection is reset.
    ResetAfter,
    /// The server has done it; no answer ever comes.
    Timeout,
    /// 409.
    Conflict,
    /// 410 as the first event of a watch.
    GoneEvent,
    /// 410 as the answer to a watch.
    GoneAnswer,
    /// A watch that tells of nothing, as long as it lasts.
    EventDropped,
    /// A watch that tells of everything late.
    WatchSlow,
    /// An admission webhook says no to a write.
    DeniesCreate,
    /// An admission webhook says no to a delete.
    DeniesDelete,
    /// 401, once.
    Unauthorized,
}

pub const ALL: [Blow; 16] = [
    Blow::KillBefore,
    Blow::KillAfter,
    Blow::TooMany,
    Blow::Error,
    Blow::Unavailable,
    Blow::ResetBefore,
    Blow::ResetAfter,
    Blow::Timeout,
    Blow::Conflict,
    Blow::GoneEvent,
    Blow::GoneAnswer,
    Blow::EventDropped,
    Blow::WatchSlow,
    Blow::DeniesCreate,
    Blow::DeniesDelete,
    Blow::Unauthorized,
];

impl Blow {
    pub fn name(self) -> &'static str {
        match self {
            Self::KillBefore => "SIGKILL before",
            Self::KillAfter => "SIGKILL after",
            Self::TooMany => "429 with Retry-After",
            Self::Error => "500",
            Self::Unavailable => "503",
            Self::ResetBefore => "reset before",
            Self::ResetAfter => "reset after",
            Self::Timeout => "timeout",
            Self::Conflict => "409",
            Self::GoneEvent => "410 on watch, event",
            Self::GoneAnswer => "410 on watch, answer",
            Self::EventDropped => "watch events dropped",
            Self::WatchSlow => "slow watch",
            Self::DeniesCreate => "webhook denies create",
            Self::DeniesDelete => "webhook denies delete",
            Self::Unauthorized => "401 once",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        ALL.into_iter().find(|blow| blow.name() == name)
    }

    pub fn befalls(self, kind: Kind) -> bool {
        match self {
            Self::KillBefore
            | Self::KillAfter
            | Self::TooMany
            | Self::Error
            | Self::Unavailable
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::Timeout
            | Self::Unauthorized => true,
            Self::Conflict => matches!(kind, Kind::Write | Kind::Delete),
            Self::GoneEvent | Self::GoneAnswer | Self::EventDropped | Self::WatchSlow => kind == Kind::Watch,
            Self::DeniesCreate => kind == Kind::Write,
            Self::DeniesDelete => kind == Kind::Delete,
        }
    }

    /// Whether the program gets over it without another run.
    pub fn passes(self) -> bool {
        match self {
            Self::KillBefore | Self::KillAfter | Self::DeniesCreate | Self::DeniesDelete => false,
            Self::TooMany
            | Self::Error
            | Self::Unavailable
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::Timeout
            | Self::Conflict
            | Self::GoneEvent
            | Self::GoneAnswer
            | Self::EventDropped
            | Self::WatchSlow
            | Self::Unauthorized => true,
        }
    }

    /// What is answered in the server's place; `None` where it is another kind of
    /// blow.
    pub fn answer(self, method: &str) -> Option<Answer> {
        match self {
            Self::TooMany => {
                let mut answer =
                    Answer::status(429, "TooManyRequests", "too many requests, please try again later");
                answer.headers.push(("retry-after".to_owned(), "1".to_owned()));
                Some(answer)
            }
            Self::Error => Some(Answer::status(500, "InternalError", "an internal error occurred")),
            Self::Unavailable => {
                Some(Answer::status(503, "ServiceUnavailable", "the server is shutting down"))
            }
            Self::Conflict if method == "POST" => {
                Some(Answer::status(409, "AlreadyExists", "an object of this name already exists"))
            }
            Self::Conflict => {
                let message = "the object has been modified; please apply your changes to the latest version";
                Some(Answer::status(409, "Conflict", message))
            }
            Self::GoneAnswer => Some(Answer::status(410, "Expired", "too old resource version")),
            Self::DeniesCreate | Self::DeniesDelete => {
                let message = "admission webhook \"deny.sweep.example\" denied the request: not now";
                Some(Answer::status(403, "Forbidden", message))
            }
            Self::Unauthorized => Some(Answer::status(401, "Unauthorized", "Unauthorized")),
            Self::KillBefore
            | Self::KillAfter
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::Timeout
            | Self::GoneEvent
            | Self::EventDropped
            | Self::WatchSlow => None,
        }
    }
}
