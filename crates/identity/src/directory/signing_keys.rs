//! Until when earlier signing keys are published. The keys themselves are files of the process's.

use std::collections::HashMap;

use keyholder_foundation::Timestamp;
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared};

use super::sign_in_tables::SIGNING_KEY;
use super::{Directory, Refusal};

#[derive(Debug)]
pub(super) struct Statements {
    list: Prepared,
    insert: Prepared,
    delete: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        Ok(Self {
            list: Prepared::new(
                Select::from(SIGNING_KEY).column("key_id", Kind::Text).column("published_until", Kind::Time),
            )?,
            insert: Prepared::new(Insert::into(SIGNING_KEY).columns(["key_id", "published_until"]).or_nothing())?,
            delete: Prepared::new(Delete::from(SIGNING_KEY).filter(column("key_id").equals(parameter(0))))?,
        })
    }
}

impl Directory {
    /// Until when each of these earlier keys is published; one that is new here, until `otherwise`.
    pub(crate) async fn keys_published_until(
        &self,
        ids: Vec<String>,
        otherwise: Timestamp,
    ) -> Result<HashMap<String, Timestamp>, Refusal> {
        self.observe(move |statements, transaction| {
            let statements = &statements.signing_keys;
            for id in &ids {
                transaction.execute(&statements.insert, &[id.as_str().into(), otherwise.into()])?;
            }
            Ok(transaction.list(&statements.list, &[], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
        })
        .await
    }

    /// Notes until when a key is published that signs no more.
    pub(crate) async fn retire_key(&self, id: &str, until: Timestamp) -> Result<(), Refusal> {
        let id = id.to_owned();
        self.observe(move |statements, transaction| {
            let statements = &statements.signing_keys;
            transaction.execute(&statements.delete, &[id.as_str().into()])?;
            transaction.execute(&statements.insert, &[id.as_str().into(), until.into()])?;
            Ok(())
        })
        .await
    }
}
