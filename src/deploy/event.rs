//! What can happen to a deploy, and its form in a record's log.
//!
//! Does not say what follows from it: that is `machine`.

use serde::{Deserialize, Serialize};

use crate::name::AppId;

/// What happened. Lists of apps are never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The intent was pushed.
    Announced,
    /// The intent was refused; nothing was written.
    NotAnnounced {
        /// The server's reason.
        reason: String,
    },
    /// These were written, or their objects deleted.
    Applied {
        /// The apps.
        #[serde(with = "app_ids")]
        apps: Vec<AppId>,
    },
    /// Writing these was refused as a whole: nothing of them was written.
    Refused {
        /// The apps.
        #[serde(with = "app_ids")]
        apps: Vec<AppId>,
        /// The server's reason.
        reason: String,
    },
    /// The run was stopping before these were written: they never began.
    Withdrawn {
        /// The apps.
        #[serde(with = "app_ids")]
        apps: Vec<AppId>,
    },
    /// These are ready (or, pruned, gone).
    Settled {
        /// The apps.
        #[serde(with = "app_ids")]
        apps: Vec<AppId>,
    },
    /// This failed, and may have written something.
    Failed {
        /// The app.
        #[serde(with = "app_id")]
        app: AppId,
        /// Why.
        reason: String,
    },
    /// Someone asked the run to stop.
    Cancelled,
    /// Another run has taken the environment: this one may not write any more.
    Outrun {
        /// Who has it.
        reason: String,
    },
    /// These were put back.
    Undone {
        /// The apps.
        #[serde(with = "app_ids")]
        apps: Vec<AppId>,
    },
    /// These could not be put back.
    UndoFailed {
        /// The apps.
        #[serde(with = "app_ids")]
        apps: Vec<AppId>,
        /// Why.
        reason: String,
    },
    /// The outcome is recorded.
    Concluded,
}

/// A log entry that is no event.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {0}")]
pub struct EventError(#[from] serde_json::Error);

impl Event {
    /// The event's name in the log.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Announced => "announced",
            Event::NotAnnounced { .. } => "not-announced",
            Event::Applied { .. } => "applied",
            Event::Refused { .. } => "refused",
            Event::Withdrawn { .. } => "withdrawn",
            Event::Settled { .. } => "settled",
            Event::Failed { .. } => "failed",
            Event::Cancelled => "cancelled",
            Event::Outrun { .. } => "outrun",
            Event::Undone { .. } => "undone",
            Event::UndoFailed { .. } => "undo-failed",
            Event::Concluded => "concluded",
        }
    }

    /// The event as it stands in a record's log.
    pub fn to_json(&self) -> Result<serde_json::Value, EventError> {
        Ok(serde_json::to_value(self)?)
    }

    /// Reads an event of a record's log.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, EventError> {
        Ok(Self::deserialize(value)?)
    }
}

mod app_id {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::name::AppId;

    pub(super) fn serialize<S: Serializer>(app: &AppId, s: S) -> Result<S::Ok, S::Error> {
        app.serialize(s)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<AppId, D::Error> {
        AppId::parse(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

mod app_ids {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::name::AppId;

    pub(super) fn serialize<S: Serializer>(apps: &[AppId], s: S) -> Result<S::Ok, S::Error> {
        apps.serialize(s)
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<AppId>, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        texts.iter().map(|text| AppId::parse(text).map_err(D::Error::custom)).collect()
    }
}
