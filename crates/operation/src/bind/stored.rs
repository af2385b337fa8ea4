//! The ways to ask for rows beside OData's own options: a FetchXML document, a query that a row of
//! the org holds, and SQL. Each is an option of its own, with few others beside it.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::Table;
use uuid::Uuid;

use super::{Binder, fetch};
use crate::fetch::Fetch;
use crate::query::{Door, Query, Saved, Within};
use crate::request::Preferences;
use crate::sql::Statement;
use crate::syntax::{options, quoted};
use crate::{Operation, PageToken};

impl Binder<'_> {
    /// Rows of a table, in whichever way they are asked for.
    pub(super) fn read_rows(self, table: &Arc<Table>, within: Option<Within>) -> Result<Operation, DataverseError> {
        let options = self.options;
        let ways = [&options.fetch_xml, &options.sql, &options.saved_query, &options.user_query];
        if ways.iter().filter(|way| way.is_some()).count() > 1 {
            return Err(error::odata("Of fetchXml, sql, savedQuery and userQuery only one can stand in an address."));
        }
        if let Some(document) = options.fetch_xml.as_deref() {
            options.only(&["fetchXml", "$count"])?;
            let preferred = Preferences::read(self.request.headers)?.max_page_size;
            let query = fetch::bind(self.schema, table, within, &Fetch::parse(document)?, preferred)?;
            return Ok(Operation::Query(Query { count: query.count || self.wants_count()?, ..query }));
        }
        if let Some(statement) = options.sql.as_deref() {
            options.only(&["sql", "$count", "$skiptoken"])?;
            return self.sql(table, within, statement).map(Operation::Query);
        }
        let holder = match (options.saved_query.as_deref(), options.user_query.as_deref()) {
            (Some(id), _) => Some(("savedquery", "savedQuery", id)),
            (None, Some(id)) => Some(("userquery", "userQuery", id)),
            (None, None) => None,
        };
        let Some((holder, option, id)) = holder else { return self.query(table, within).map(Operation::Query) };
        options.only(&[option, "$count", "$skiptoken"])?;
        let written = id.trim();
        let id = Uuid::try_parse(written)
            .map_err(|_| error::odata(format!("The {option} '{}' is no GUID.", quoted(written))))?;
        Ok(Operation::Saved(Saved {
            holder: fetch::table_of(self.schema, holder)?,
            id,
            table: Arc::clone(table),
            within,
            count: self.wants_count()?,
            page: self.page()?,
        }))
    }

    fn sql(self, table: &Arc<Table>, within: Option<Within>, statement: &str) -> Result<Query, DataverseError> {
        let statement = Statement::parse(statement)?;
        let page = self.page()?;
        if page.is_some() && statement.skip > 0 {
            return Err(DataverseError::new(code::INVALID_ARGUMENT, "OFFSET and $skiptoken exclude each other."));
        }
        let query = fetch::bind(self.schema, table, within, &statement.fetch, None)?;
        let door = Door::Linked { skip: statement.skip };
        Ok(Query { door, page, count: self.wants_count()?, ..query })
    }

    fn wants_count(self) -> Result<bool, DataverseError> {
        Ok(self.options.count.as_deref().map(options::count).transpose()?.unwrap_or(false))
    }

    /// Where an earlier page ended.
    pub(super) fn page(self) -> Result<Option<PageToken>, DataverseError> {
        let token = self.options.skip_token.as_deref();
        token
            .map(|token| {
                PageToken::parse(token).ok_or_else(|| error::odata("The $skiptoken is not one of this org's."))
            })
            .transpose()
    }
}
