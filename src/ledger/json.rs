//! Reading JSON of the ledger field by field, each fault with its file.
//!
//! Unknown fields are not looked at and not lost: values stay values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{DeployedApp, EnvironmentState, Lease, LedgerError};
use crate::name::{AppId, CommitId, Digest, NameError, RepoPath};
use crate::object::ObjectKey;
use crate::plan::Target;
use crate::problem::Code;
use crate::record::Holder;

/// A value with the file and field it was read from.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    pub(super) file: &'a RepoPath,
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
}

/// A file's JSON.
pub(super) fn parse(file: &RepoPath, bytes: &[u8]) -> Result<Value, LedgerError> {
    serde_json::from_slice(bytes)
        .map_err(|e| LedgerError::fault(Code::LedgerBroken, file, format!("it is not JSON: {e}")))
}

impl<'a> Field<'a> {
    pub(super) fn top(file: &'a RepoPath, value: &'a Value) -> Self {
        Self { file, name: "", value }
    }

    fn bad(&self, what: &str) -> LedgerError {
        let name = if self.name.is_empty() { "the document" } else { self.name };
        LedgerError::fault(Code::LedgerBroken, self.file, format!("{name} is not {what}"))
    }

    /// A field that may be absent or null.
    pub(super) fn get(&self, name: &'a str) -> Option<Field<'a>> {
        let value = self.value.get(name)?;
        (!value.is_null()).then_some(Field { file: self.file, name, value })
    }

    pub(super) fn need(&self, name: &'a str) -> Result<Field<'a>, LedgerError> {
        self.get(name)
            .ok_or_else(|| LedgerError::fault(Code::LedgerBroken, self.file, format!("{name} is missing")))
    }

    pub(super) fn text(&self) -> Result<&'a str, LedgerError> {
        self.value.as_str().ok_or_else(|| self.bad("text"))
    }

    pub(super) fn number(&self) -> Result<u64, LedgerError> {
        self.value.as_u64().ok_or_else(|| self.bad("a whole number"))
    }

    pub(super) fn list(&self) -> Result<impl Iterator<Item = Field<'a>> + use<'a>, LedgerError> {
        let (file, name) = (self.file, self.name);
        let list = self.value.as_array().ok_or_else(|| self.bad("a list"))?;
        Ok(list.iter().map(move |value| Field { file, name, value }))
    }

    pub(super) fn name<T>(&self, parse: impl Fn(&str) -> Result<T, NameError>) -> Result<T, LedgerError> {
        parse(self.text()?).map_err(|e| self.bad(&format!("a name: {e}")))
    }

    pub(super) fn app(&self) -> Result<AppId, LedgerError> {
        self.name(AppId::parse)
    }
    pub(super) fn commit(&self) -> Result<CommitId, LedgerError> {
        self.name(CommitId::parse)
    }
    pub(super) fn digest(&self) -> Result<Digest, LedgerError> {
        self.name(Digest::parse)
    }
    pub(super) fn texts(&self) -> Result<Vec<String>, LedgerError> {
        self.list()?.map(|field| Ok(field.text()?.to_owned())).collect()
    }

    pub(super) fn object_key(&self) -> Result<ObjectKey, LedgerError> {
        let part = |name| Ok::<_, LedgerError>(self.need(name)?.text()?.to_owned());
        Ok(ObjectKey {
            group: part("group")?,
            kind: part("kind")?,
            namespace: part("namespace")?,
            name: part("name")?,
        })
    }

    pub(super) fn holder(&self) -> Result<Holder, LedgerError> {
        let part = |name| Ok::<_, LedgerError>(self.need(name)?.text()?.to_owned());
        let attempt = self.need("attempt")?;
        Ok(Holder {
            run: part("run")?,
            attempt: u32::try_from(attempt.number()?).map_err(|_| attempt.bad("an attempt"))?,
            host: part("host")?,
            process: part("process")?,
            deadline: part("deadline")?,
        })
    }

    pub(super) fn environment_state(&self) -> Result<EnvironmentState, LedgerError> {
        let mut apart = BTreeMap::new();
        if let Some(field) = self.get("apart") {
            let map = field.value.as_object().ok_or_else(|| field.bad("a mapping"))?;
            for (app, value) in map {
                let app = AppId::parse(app).map_err(|e| field.bad(&format!("a mapping of apps: {e}")))?;
                apart.insert(app, Field { value, ..field }.commit()?);
            }
        }
        let lease = |field: Field<'a>| {
            Ok::<_, LedgerError>(Lease {
                seq: field.need("seq")?.number()?,
                before: field.get("before").map(|f| f.commit()).transpose()?,
                holder: field.need("holder")?.holder()?,
            })
        };
        Ok(EnvironmentState {
            commit: self.get("commit").map(|f| f.commit()).transpose()?,
            seq: self.get("seq").map(|f| f.number()).transpose()?,
            apart,
            lease: self.get("lease").map(lease).transpose()?,
        })
    }

    pub(super) fn deployed_app(&self) -> Result<DeployedApp, LedgerError> {
        Ok(DeployedApp {
            revision: self.need("revision")?.commit()?,
            digest: self.need("digest")?.digest()?,
            inventory: self.need("inventory")?.list()?.map(|f| f.object_key()).collect::<Result<_, _>>()?,
            needs: self.need("needs")?.list()?.map(|f| f.app()).collect::<Result<_, _>>()?,
            pins: self.need("pins")?.texts()?,
            target: Target {
                namespace: self.get("namespace").map_or(Ok(""), |f| f.text())?.to_owned(),
                account: self.get("account").map(|f| f.text().map(str::to_owned)).transpose()?,
            },
            seq: self.need("seq")?.number()?,
            settled_at: self.get("settledAt").map(|f| f.text().map(str::to_owned)).transpose()?,
        })
    }
}
