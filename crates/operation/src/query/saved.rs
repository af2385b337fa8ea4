//! Queries that rows of the org hold.

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::error::DataverseError;
use keyholder_dataverse::schema::Table;
use uuid::Uuid;

use super::{Door, Query, Within};
use crate::fetch::Fetch;
use crate::{PageToken, bind};

/// A view of the org, or somebody's own: `accounts?savedQuery=…`.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The table that holds the query: `savedquery` or `userquery`.
    pub holder: Arc<Table>,
    /// The row of it.
    pub id: Uuid,
    /// The table that the address names.
    pub table: Arc<Table>,
    /// The row whose related rows are asked for.
    pub within: Option<Within>,
    /// Whether to say how many rows there are altogether.
    pub count: bool,
    /// Where an earlier page ended.
    pub page: Option<PageToken>,
}

impl Saved {
    /// The query, once the document is known that the row holds.
    ///
    /// # Errors
    /// What the service, or the local org, refuses of the document.
    pub fn query(&self, schema: &Schema, document: &str) -> Result<Query, DataverseError> {
        // A page that the document itself names is a remainder of whoever saved it: neither given nor checked.
        let fetch = Fetch { page: None, paging_cookie: None, ..Fetch::parse(document)? };
        let query = bind::fetch::bind(schema, &self.table, self.within.clone(), &fetch, None)?;
        let door = Door::Linked { skip: 0 };
        Ok(Query { door, page: self.page.clone(), count: query.count || self.count, ..query })
    }
}
