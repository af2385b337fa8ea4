//! Which columns the rows of a FetchXML document can have, before there is one ("Select columns using FetchXML").
//!
//! A row has no member for a column that is empty, so the first page does not tell which come later.

use std::collections::HashMap;

use serde::Deserialize;

use super::fetch::{Element, elements};
use super::{Dataverse, Key, Query};
use crate::error::Error;

/// A document with more columns is not looked into; no table has so many.
const MOST_COLUMNS: usize = 5_000;

/// What a document says of its columns.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    table: String,
    columns: Vec<Named>,
    /// Whether all columns of the table are wanted.
    all: bool,
}

/// A column that a document names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// Of the table itself: a lookup is called `_x_value` in a row.
    Own(String),
    /// By an alias, or of a linked table.
    As(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    logical_name: String,
    attribute_type: Option<String>,
    attribute_of: Option<String>,
    #[serde(default)]
    is_valid_for_read: bool,
}

impl Dataverse {
    /// The columns that rows of a FetchXML document can have, as rows call them, in the document's order; the columns of a
    /// linked table that has no alias, or of which all are wanted, are not among them. Asks for the table's columns.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// let document = "<fetch><entity name='contact'><attribute name='ownerid'/></entity></fetch>";
    /// assert_eq!(org.fetch_columns(document).await?, ["_ownerid_value"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn fetch_columns(&self, document: &str) -> Result<Vec<String>, Error> {
        let wanted = wanted(document);
        if !wanted.all && !wanted.columns.iter().any(|column| matches!(column, Named::Own(_))) {
            return Ok(wanted.columns.into_iter().filter_map(|column| column.shown(&HashMap::new())).collect());
        }
        let key = Key::alternate("LogicalName", wanted.table.as_str());
        let select = ["LogicalName", "AttributeType", "AttributeOf", "IsValidForRead"];
        let query = Query::from(format!("EntityDefinitions{key}/Attributes")).select(select);
        let all: Vec<Attribute> = self.query(query).collect_as().await?;
        let mut shown: HashMap<&str, String> = HashMap::new();
        let mut columns = Vec::new();
        for attribute in all.iter().filter(|attribute| attribute.is_valid_for_read && attribute.attribute_of.is_none())
        {
            let Some(name) = attribute.property() else { continue };
            if wanted.all {
                columns.push(name.clone());
            }
            shown.insert(&attribute.logical_name, name);
        }
        for column in wanted.columns {
            if let Some(name) = column.shown(&shown)
                && !columns.contains(&name)
            {
                columns.push(name);
            }
        }
        Ok(columns)
    }
}

impl Named {
    fn shown(self, own: &HashMap<&str, String>) -> Option<String> {
        match self {
            Self::Own(name) => own.get(name.as_str()).cloned(),
            Self::As(name) => Some(name),
        }
    }
}

impl Attribute {
    /// What a row calls it; nothing for what no row has.
    fn property(&self) -> Option<String> {
        match self.attribute_type.as_deref() {
            Some("Lookup" | "Customer" | "Owner") => Some(format!("_{}_value", self.logical_name)),
            Some("PartyList" | "CalendarRules" | "ManagedProperty" | "EntityName") => None,
            _ => Some(self.logical_name.clone()),
        }
    }
}

/// Reads the document; what it means is the org's to say.
fn wanted(document: &str) -> Wanted {
    let mut wanted = Wanted::default();
    let (mut is_aggregate, mut names_own) = (false, false);
    // The alias of each table that is open, the root's first.
    let mut open: Vec<Option<String>> = Vec::new();
    for element in elements(document) {
        match element {
            Element::Start { name: "fetch", tag } => {
                is_aggregate = matches!(tag.attribute("aggregate"), Some("true" | "1"));
            }
            Element::Start { name: name @ ("entity" | "link-entity"), tag } => {
                if open.is_empty() && name == "entity" {
                    wanted.table = tag.attribute("name").unwrap_or_default().to_owned();
                }
                if !tag.is_empty {
                    open.push(tag.attribute("alias").map(str::to_owned));
                }
            }
            Element::End("entity" | "link-entity") => {
                open.pop();
            }
            Element::Start { name: "all-attributes", .. } if open.len() == 1 => wanted.all = true,
            Element::Start { name: "attribute", tag } if wanted.columns.len() < MOST_COLUMNS => {
                let (name, is_own) = (tag.attribute("name").unwrap_or_default(), open.len() == 1);
                names_own |= is_own;
                let named = match (tag.attribute("alias"), open.last()) {
                    (Some(alias), _) if !is_own || alias != name => Named::As(alias.to_owned()),
                    (_, Some(_)) if is_own => Named::Own(name.to_owned()),
                    (_, Some(Some(table))) => Named::As(format!("{table}.{name}")),
                    _ => continue,
                };
                if !wanted.columns.contains(&named) {
                    wanted.columns.push(named);
                }
            }
            _ => {}
        }
    }
    // A document that names none of the table's columns wants them all.
    wanted.all |= !names_own && !is_aggregate;
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_names_is_read_with_its_aliases() {
        let document = "<?xml version='1.0'?><!-- <attribute name='no'/> --><fetch><entity name='contact'>\
            <attribute name='fullname'/><attribute name=\"ownerid\" alias='ownerid'/><attribute name='fax' alias='f'/>\
            <attribute name='fullname'/><link-entity name='account' from='accountid' to='parentcustomerid' alias='a'>\
            <attribute name='name'/><attribute name='fax' alias='g'/><link-entity name='x' from='y' to='z'/>\
            <link-entity name='team' from='y' to='z'><attribute name='name'/></link-entity><attribute name='city'/>\
            </link-entity><filter><condition attribute='x' operator='null'/></filter><attribute name='last'/></entity></fetch>";
        let own = |name: &str| Named::Own(name.to_owned());
        let named = |name: &str| Named::As(name.to_owned());
        let columns = vec![
            own("fullname"),
            own("ownerid"),
            named("f"),
            named("a.name"),
            named("g"),
            named("a.city"),
            own("last"),
        ];
        assert_eq!(wanted(document), Wanted { table: "contact".to_owned(), columns, all: false });
        for (document, all) in [
            ("<fetch><entity name='contact'><all-attributes/></entity></fetch>", true),
            ("<fetch><entity name='contact'><order attribute='fax'/></entity></fetch>", true),
            ("<fetch aggregate='true'><entity name='contact'></entity></fetch>", false),
            (
                "<fetch><entity name='contact'><attribute name='fax'/><link-entity name='x'><all-attributes/></link-entity></entity></fetch>",
                false,
            ),
        ] {
            assert_eq!(wanted(document).all, all, "{document}");
        }
        for odd in ["", "<", "<fetch><entity", "<attribute name='x'/>", "</entity></entity>", "<entity><attribute ='"] {
            assert_eq!(wanted(odd).columns, [], "{odd}");
        }
    }
}
