//! Parameters that are rows: `{"@odata.type":"Microsoft.Dynamics.CRM.account","accountid":"…"}` in an action's body,
//! `{'@odata.id':'accounts(…)'}` behind an alias of a function.

use std::borrow::Cow;
use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::value::read_json;
use serde_json::value::RawValue;

use super::NAMESPACE;
use crate::bind::body::{self, NamedValues};
use crate::bind::{Binder, broken, missing_parameter, named_arguments, rows};
use crate::call::NamedRow;
use crate::query::RowKey;
use crate::syntax::path::Named;
use crate::syntax::{Literal, quoted};

/// A function names at most this many tables.
const MOST_TABLES: usize = 200;

impl Binder<'_> {
    /// The row that a function's parameter names, which stands behind an alias.
    pub(super) fn row_parameter(self, call: &Named<'_>, name: &str) -> Result<NamedRow, DataverseError> {
        let text = self.alias_text(call, name)?;
        let json = as_json(text);
        let json: &RawValue = serde_json::from_str(&json).map_err(|_| {
            error::odata(format!("The parameter '{name}' is no row: it must be like {{'@odata.id':'accounts(…)'}}."))
        })?;
        self.row(json, name, None).map(|(row, _)| row)
    }

    /// The row that a member of an action's body names.
    pub(super) fn row_member(
        self,
        members: &NamedValues<'_>,
        name: &str,
        expected: Option<&str>,
    ) -> Result<NamedRow, DataverseError> {
        self.row(member(members, name)?, name, expected).map(|(row, _)| row)
    }

    /// The row that an object names, and its other members. `expected` is its table where only one is possible.
    pub(super) fn row<'j>(
        self,
        json: &'j RawValue,
        name: &str,
        expected: Option<&str>,
    ) -> Result<(NamedRow, NamedValues<'j>), DataverseError> {
        let mut members = body::members_of(json, name)?;
        let text = |json: &RawValue| -> Result<String, DataverseError> {
            serde_json::from_str(json.get())
                .map_err(|_| error::payload(name, "The values of '@odata.type' and '@odata.id' are texts."))
        };
        let mut take = |wanted: &str| {
            let at = members.iter().position(|(given, _)| given == wanted)?;
            Some(members.remove(at).1)
        };
        let (address, kind) = (take("@odata.id"), take("@odata.type"));
        if let Some(address) = address {
            let tables: Vec<&str> = expected.into_iter().collect();
            let (table, key) = rows::reference(self, &tables, &text(address)?)?;
            return Ok((NamedRow { table, key }, members));
        }
        let kind = kind.map(text).transpose()?;
        let logical = match &kind {
            Some(kind) => kind.trim_start_matches('#').strip_prefix(NAMESPACE).unwrap_or(kind),
            None => expected.ok_or_else(|| {
                error::payload(name, &format!("The row in '{name}' must say its type in '@odata.type'."))
            })?,
        };
        let table = self.schema.table(logical).map_err(broken)?.filter(|_| expected.is_none_or(|only| only == logical));
        let table = table.ok_or_else(|| {
            let reason =
                format!("A type named '{}' could not be resolved by the model or cannot stand here.", quoted(logical));
            error::payload(name, &reason)
        })?;
        // Users and teams are also named as the owners that they can be.
        let id_column = table.primary_id();
        let id = match take(&id_column.name) {
            None if table.is_principal() => take("ownerid"),
            id => id,
        };
        let id = id.ok_or_else(|| missing_parameter(&format!("{name}/{}", id_column.name)))?;
        let id = read_json(&table, id_column, id)?.guid().ok_or_else(|| missing_parameter(&id_column.name))?;
        Ok((NamedRow { table, key: RowKey::Id(id) }, members))
    }

    /// The tables that `EntityNames` lists.
    pub(super) fn tables_parameter(self, call: &Named<'_>) -> Result<Vec<Arc<Table>>, DataverseError> {
        let text = as_json(self.alias_text(call, "EntityNames")?);
        let names: Vec<String> = serde_json::from_str(&text).map_err(|_| {
            error::odata("The parameter 'EntityNames' is no list of names: it must be like ['account','contact'].")
        })?;
        if names.is_empty() || names.len() > MOST_TABLES {
            return Err(error::odata(format!("The parameter 'EntityNames' has between 1 and {MOST_TABLES} names.")));
        }
        names.iter().map(|name| self.table_named(name)).collect()
    }

    /// The table with this logical name, which a parameter gives.
    pub(super) fn table_named(self, name: &str) -> Result<Arc<Table>, DataverseError> {
        let table = self.schema.table(name).map_err(broken)?;
        table.ok_or_else(|| DataverseError::new(error::code::QUERY_NO_ENTITY, "The specified entity was not found."))
    }

    /// `Microsoft.Dynamics.CRM.EndpointAccessType'Default'`: whichever it is, there is one way to the local org.
    pub(super) fn access_type(self, call: &Named<'_>) -> Result<(), DataverseError> {
        self.member_parameter(
            call,
            "AccessType",
            "EndpointAccessType",
            &[("Default", ()), ("Internet", ()), ("Intranet", ())],
        )
    }

    /// The member of the enumeration `kind` that a parameter names, in quotes and after the enumeration's name.
    pub(super) fn member_parameter<T: Copy>(
        self,
        call: &Named<'_>,
        name: &str,
        kind: &str,
        known: &[(&str, T)],
    ) -> Result<T, DataverseError> {
        let named = named_arguments(call.arguments.as_ref())?;
        let (_, given) = named.iter().find(|(given, _)| *given == name).ok_or_else(|| missing_parameter(name))?;
        let text = match given {
            Literal::Alias(alias) => self.options.alias(alias).ok_or_else(|| missing_parameter(name))?.to_owned(),
            Literal::Typed { prefix, text } => format!("{prefix}'{text}'"),
            Literal::Text(text) => format!("'{text}'"),
            _ => return Err(error::bad_syntax()),
        };
        let value = text.strip_prefix(NAMESPACE).and_then(|rest| rest.strip_prefix(kind)).unwrap_or(&text);
        let found = known.iter().find(|(member, _)| value == format!("'{member}'"));
        found.map(|(_, member)| *member).ok_or_else(|| {
            let example = known.first().map_or("", |(member, _)| *member);
            error::odata(format!(
                "The parameter '{name}' is '{}'; it must be like {NAMESPACE}{kind}'{example}'.",
                quoted(&text)
            ))
        })
    }

    /// What stands behind the alias that is a function's parameter, or the list that stands there itself.
    pub(super) fn alias_text<'c>(&'c self, call: &'c Named<'_>, name: &str) -> Result<&'c str, DataverseError> {
        let named = named_arguments(call.arguments.as_ref())?;
        let (_, given) = named.iter().find(|(given, _)| *given == name).ok_or_else(|| missing_parameter(name))?;
        match given {
            Literal::Alias(alias) => self.options.alias(alias).ok_or_else(|| missing_parameter(name)),
            Literal::List(list) => Ok(list),
            _ => Err(error::not_supported(&format!("The parameter '{name}' without an alias (write {name}=@p1)"))),
        }
    }
}

/// A member of an action's body that must be there.
pub(super) fn member<'j>(members: &NamedValues<'j>, name: &str) -> Result<&'j RawValue, DataverseError> {
    let found = members.iter().find(|(given, json)| given == name && json.get() != "null");
    found.map(|(_, json)| *json).ok_or_else(|| missing_parameter(name))
}

/// JSON in an address may have its texts in single quotes, doubled inside.
pub(super) fn as_json(text: &str) -> Cow<'_, str> {
    if !text.contains('\'') {
        return Cow::Borrowed(text);
    }
    let mut json = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    // Which quote the text that is being read began with.
    let mut open: Option<char> = None;
    while let Some(letter) = letters.next() {
        match (open, letter) {
            (None, '\'' | '"') => {
                open = Some(letter);
                json.push('"');
            }
            (Some('\''), '\'') if letters.next_if_eq(&'\'').is_some() => json.push('\''),
            (Some(quote), _) if letter == quote => {
                open = None;
                json.push('"');
            }
            (Some('\''), '"') => json.push_str("\\\""),
            (Some(_), '\\') => {
                json.push('\\');
                json.extend(letters.next());
            }
            (_, letter) => json.push(letter),
        }
    }
    Cow::Owned(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_quotes_become_double_ones() {
        for (written, json) in [
            ("{'@odata.id':'accounts(1)'}", r#"{"@odata.id":"accounts(1)"}"#),
            (r#"{"a":"it's"}"#, r#"{"a":"it's"}"#),
            ("['O''Neil','a\"b']", r#"["O'Neil","a\"b"]"#),
            (r#"["a\"'"]"#, r#"["a\"'"]"#),
            ("[1,'x", r#"[1,"x"#),
        ] {
            assert_eq!(as_json(written), json);
        }
    }
}
