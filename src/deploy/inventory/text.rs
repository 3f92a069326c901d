//! An inventory as text, and as what one object of a cluster can hold.
//!
//! Small ones are plain, so that `kubectl get` shows them; large ones are packed.
//! One object in any case: two could not be replaced together. Measured with
//! random uids and digests: 179 bytes an object plain, 72 packed, so that 1,450
//! objects are plain and 13,700 fit. An app of more is refused by name.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::{Inventory, InventoryError, Member, MemberRole};
use crate::name::{AppId, Digest, Environment};
use crate::object::ObjectKey;

/// The version of the document.
const API_VERSION: &str = "luigi.dev/inventory/v1";

/// The most bytes of a stored inventory. A `ConfigMap` or Secret may hold 1 MiB
/// (`MaxSecretSize`, `pkg/apis/core/types.go`); the rest is for its metadata and
/// managed fields.
pub const MOST_BYTES: usize = 960 << 10;
/// The most bytes of one that is stored plain.
pub const PLAIN_BYTES: usize = 256 << 10;
/// The most bytes that are unpacked.
const MOST_TEXT: u64 = 64 << 20;

/// What a `ConfigMap` or Secret holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// The text, for `data`.
    Plain(String),
    /// The text packed by gzip, for `binaryData`. Compare what is in it, never
    /// these bytes: another version may pack otherwise.
    Packed(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    api_version: String,
    app: String,
    entry: u64,
    environment: String,
    epoch: u64,
    kinds: Vec<OfKind>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfKind {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    group: String,
    kind: String,
    objects: Vec<Item>,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hook: Option<bool>,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
}

/// Only the version, for documents of which nothing else may be assumed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versioned {
    api_version: String,
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over")]
fn unreadable(words: impl ToString) -> InventoryError {
    InventoryError::Unreadable(words.to_string())
}

impl Inventory {
    /// The canonical text: equal inventories have equal texts.
    pub fn to_text(&self) -> String {
        let mut kinds: BTreeMap<(&str, &str, &str), Vec<Item>> = BTreeMap::new();
        for (key, member) in self.members() {
            let kind = kinds.entry((&key.group, &key.kind, &member.version)).or_default();
            kind.push(Item {
                digest: member.digest.as_ref().map(ToString::to_string),
                hook: (member.role == MemberRole::Hook).then_some(true),
                name: key.name.clone(),
                namespace: key.namespace.clone(),
                uid: member.uid.clone(),
            });
        }
        let kinds = kinds.into_iter().map(|((group, kind, version), objects)| OfKind {
            group: group.to_owned(),
            kind: kind.to_owned(),
            objects,
            version: version.to_owned(),
        });
        let document = Document {
            api_version: API_VERSION.to_owned(),
            app: self.app.to_string(),
            entry: self.entry,
            environment: self.environment.to_string(),
            epoch: self.epoch,
            kinds: kinds.collect(),
        };
        // Fails for values that are not JSON only, and this one is.
        serde_json_canonicalizer::to_string(&document).unwrap_or_default()
    }

    /// The inventory of a text. What is not fully understood is an error: an
    /// object missed here would be lost in the cluster.
    pub fn parse(text: &str) -> Result<Self, InventoryError> {
        let Versioned { api_version } = serde_json::from_str(text).map_err(unreadable)?;
        if api_version != API_VERSION {
            return Err(InventoryError::Version(api_version));
        }
        let document: Document = serde_json::from_str(text).map_err(unreadable)?;
        let environment = Environment::parse(&document.environment).map_err(unreadable)?;
        let app = AppId::parse(&document.app).map_err(unreadable)?;
        let mut members = BTreeMap::new();
        for kind in document.kinds {
            for item in kind.objects {
                let key = ObjectKey {
                    group: kind.group.clone(),
                    kind: kind.kind.clone(),
                    namespace: item.namespace,
                    name: item.name,
                };
                if [&key.kind, &key.name, &kind.version].into_iter().any(String::is_empty) {
                    return Err(unreadable(format!(
                        "an object of kind `{}` has no name or version",
                        kind.kind
                    )));
                }
                let member = Member {
                    version: kind.version.clone(),
                    role: if item.hook == Some(true) { MemberRole::Hook } else { MemberRole::Part },
                    uid: item.uid,
                    digest: item.digest.map(|text| Digest::parse(&text)).transpose().map_err(unreadable)?,
                };
                if members.insert(key.clone(), member).is_some() {
                    return Err(InventoryError::Twice(key));
                }
            }
        }
        Ok(Self { environment, app, epoch: document.epoch, entry: document.entry, members })
    }

    /// What a `ConfigMap` or Secret is to hold.
    pub fn store(&self) -> Result<Stored, InventoryError> {
        let text = self.to_text();
        if text.len() <= PLAIN_BYTES {
            return Ok(Stored::Plain(text));
        }
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let packed = packer.write_all(text.as_bytes()).and_then(|()| packer.finish()).map_err(unreadable)?;
        if packed.len() > MOST_BYTES {
            return Err(InventoryError::TooLarge { objects: self.len(), bytes: packed.len() });
        }
        Ok(Stored::Packed(packed))
    }

    /// The inventory of this app from what is stored.
    pub fn load(stored: &Stored, environment: &Environment, app: &AppId) -> Result<Self, InventoryError> {
        let found = match stored {
            Stored::Plain(text) => Self::parse(text)?,
            Stored::Packed(bytes) => Self::parse(&unpack(bytes)?)?,
        };
        if found.environment != *environment || found.app != *app {
            return Err(InventoryError::OtherApp {
                found: format!("{}:{}", found.environment, found.app),
                wanted: format!("{environment}:{app}"),
            });
        }
        Ok(found)
    }
}

fn unpack(bytes: &[u8]) -> Result<String, InventoryError> {
    let mut text = String::new();
    let mut unpacker = GzDecoder::new(bytes).take(MOST_TEXT + 1);
    let length = unpacker.read_to_string(&mut text).map_err(unreadable)?;
    if length as u64 > MOST_TEXT {
        return Err(unreadable("it unpacks to more than is safe to read"));
    }
    Ok(text)
}
