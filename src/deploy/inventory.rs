//! The inventory: which objects of an app are in a cluster because of Luigi.
//!
//! One document for each app. Grown before anything is applied, shrunk for each
//! delete that is confirmed, so that a run killed anywhere loses no object. Does
//! not read or write a cluster, and compares no resource versions: the caller
//! replaces the document only if nobody else has.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use crate::name::{AppId, Digest, Environment};
use crate::object::{Object, ObjectKey};

pub use text::{MOST_BYTES, PLAIN_BYTES, Stored};

/// What an inventory cannot be, or must not become.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// The text cannot be read. Never the same as an empty inventory.
    #[error("the inventory cannot be read: {0}")]
    Unreadable(String),
    /// It is of a version that this program does not know.
    #[error("the inventory is of version `{0}`, which this Luigi does not know")]
    Version(String),
    /// It says that it belongs to something else.
    #[error("the inventory is that of {found}, not of {wanted}")]
    OtherApp {
        /// Whose it says it is.
        found: String,
        /// Whose it should be.
        wanted: String,
    },
    /// An object is in it twice.
    #[error("the inventory has {0} twice")]
    Twice(ObjectKey),
    /// It would not fit into one object of the cluster.
    #[error(
        "the inventory of {objects} objects needs {bytes} bytes and may have {MOST_BYTES}; split the app"
    )]
    TooLarge {
        /// How many objects.
        objects: usize,
        /// How many bytes it would need.
        bytes: usize,
    },
    /// A later run has written it.
    #[error("run {theirs} has written the inventory after run {ours}, which may write no more")]
    Outrun {
        /// The epoch of who asks.
        ours: u64,
        /// The epoch in the inventory.
        theirs: u64,
    },
    /// What was deleted is not what the inventory holds.
    #[error("{key} was deleted with uid {deleted}, and the inventory holds uid {held}")]
    OtherObject {
        /// The object.
        key: Box<ObjectKey>,
        /// The uid that was deleted.
        deleted: String,
        /// The uid in the inventory.
        held: String,
    },
}

/// What a member is to its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRole {
    /// One of its objects.
    Part,
    /// A hook's object.
    Hook,
}

/// One object that Luigi wrote, or was about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The version under which it is asked for, such as `v1`.
    pub version: String,
    /// What it is to the app.
    pub role: MemberRole,
    /// Its uid; `None` while it is not known whether it was written. An object of
    /// unknown uid may be somebody else's of the same name: look whose fields it
    /// has before it is deleted.
    pub uid: Option<String>,
    /// Of what was applied; never of a Secret, whose values could be guessed from it.
    pub digest: Option<Digest>,
}

/// An object that is about to be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Which object. Its namespace is that in which it will be.
    pub key: ObjectKey,
    /// The version.
    pub version: String,
    /// What it is to the app.
    pub role: MemberRole,
}

impl Wanted {
    /// The object as it is; its namespace must have been filled in.
    pub fn of(object: &Object, role: MemberRole) -> Self {
        let api = object.api_version();
        let version = api.rsplit_once('/').map_or(api, |(_, version)| version).to_owned();
        Self { key: object.key.clone(), version, role }
    }
}

/// The digest of an object for the inventory; none for a Secret.
pub fn digest(object: &Object) -> Option<Digest> {
    let secret = object.key.group.is_empty() && object.key.kind == "Secret";
    (!secret).then(|| Digest::of(&crate::object::canonical(std::slice::from_ref(object))))
}

/// The inventory of one app in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    environment: Environment,
    app: AppId,
    epoch: u64,
    entry: u64,
    members: BTreeMap<ObjectKey, Member>,
}

impl Inventory {
    /// That of an app of which nothing was ever written. Only for an inventory
    /// that the server says is not there; never for one that could not be read.
    pub fn empty(environment: Environment, app: AppId) -> Self {
        Self { environment, app, epoch: 0, entry: 0, members: BTreeMap::new() }
    }

    /// The app's environment.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The app.
    pub fn app(&self) -> &AppId {
        &self.app
    }

    /// The ledger number of the intent whose run last wrote it.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The ledger entry whose set of objects was last applied or begun.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// Every member, by key.
    pub fn members(&self) -> impl Iterator<Item = (&ObjectKey, &Member)> {
        self.members.iter()
    }

    /// One member.
    pub fn get(&self, key: &ObjectKey) -> Option<&Member> {
        self.members.get(key)
    }

    /// How many objects it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a run of this epoch may still write. The same epoch may: a run that
    /// takes its own work up again.
    pub fn admit(&self, epoch: u64) -> Result<(), InventoryError> {
        if epoch < self.epoch {
            return Err(InventoryError::Outrun { ours: epoch, theirs: self.epoch });
        }
        Ok(())
    }

    /// With all that is about to be applied, to be stored before the first write.
    /// What is known of objects that are already there stays. Fails for an
    /// older epoch.
    pub fn grow(&self, epoch: u64, entry: u64, wanted: &[Wanted]) -> Result<Self, InventoryError> {
        self.admit(epoch)?;
        let mut grown = Self { epoch, entry, ..self.clone() };
        for wanted in wanted {
            let new = Member { version: String::new(), role: wanted.role, uid: None, digest: None };
            let member = grown.members.entry(wanted.key.clone()).or_insert(new);
            member.version.clone_from(&wanted.version);
            member.role = wanted.role;
        }
        Ok(grown)
    }

    /// With what the server said of an object that was applied. An object that was
    /// not announced by `grow` is taken in as well: it is there.
    pub fn applied(
        &self,
        epoch: u64,
        wanted: &Wanted,
        uid: &str,
        digest: Option<Digest>,
    ) -> Result<Self, InventoryError> {
        let mut grown = self.grow(epoch, self.entry, std::slice::from_ref(wanted))?;
        if let Some(member) = grown.members.get_mut(&wanted.key) {
            member.uid = Some(uid.to_owned());
            member.digest = digest;
        }
        Ok(grown)
    }

    /// Without an object whose deletion is confirmed: the server said that it is not
    /// there, or has it no more. `uid` is that of the object deleted, `None` where it
    /// was not there at all. Fails, and keeps the member, for another uid:
    /// somebody has made the object anew.
    pub fn shrink(&self, epoch: u64, key: &ObjectKey, uid: Option<&str>) -> Result<Self, InventoryError> {
        self.admit(epoch)?;
        let held = self.members.get(key).and_then(|member| member.uid.as_deref());
        if let (Some(deleted), Some(held)) = (uid, held)
            && deleted != held
        {
            let (deleted, held) = (deleted.to_owned(), held.to_owned());
            return Err(InventoryError::OtherObject { key: Box::new(key.clone()), deleted, held });
        }
        let mut shrunk = Self { epoch, ..self.clone() };
        shrunk.members.remove(key);
        Ok(shrunk)
    }

    /// Without an object that Luigi leaves where it is, because an annotation keeps it.
    pub fn forget(&self, epoch: u64, key: &ObjectKey) -> Result<Self, InventoryError> {
        self.shrink(epoch, key, None)
    }

    /// The members that a complete set of desired objects does not have: what is to
    /// be pruned. The caller vouches that the set is complete.
    pub fn surplus<'i>(&'i self, desired: &BTreeSet<ObjectKey>) -> Vec<(&'i ObjectKey, &'i Member)> {
        self.members.iter().filter(|(key, _)| !desired.contains(*key)).collect()
    }
}

#[cfg(test)]
mod tests;
