//! `$metadata`: the org's types as a CSDL 4.0 document (OASIS, OData Common Schema Definition Language).
//!
//! In the form that the service gives it: every table derives from `crmbaseentity`, users and teams from
//! `principal`, activities of each kind from `activitypointer`, whose properties they do not repeat. A lookup is
//! a property `_name_value` and a navigation property for each table that it leads to. What the service does
//! not say and a reader can use, the length of a text, stands in `MaxLength`.

mod calls;
mod operations;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use keyholder_dataverse::schema::{Column, ColumnKind, Navigation, Side, Table};

use crate::answer::Answer;
use crate::error::Failure;
use crate::execute::Session;

/// The table whose columns activities of every kind have.
const ACTIVITIES: &str = "activitypointer";

/// Answers with the document.
pub(crate) fn answer(session: &Session<'_>) -> Result<Answer, Failure> {
    let tables = session.catalogue.schema.each().collect::<Result<Vec<_>, _>>()?;
    Ok(Answer::xml(document(&tables)))
}

/// The whole document.
fn document(tables: &[Arc<Table>]) -> String {
    let by_name: HashMap<&str, &Arc<Table>> = tables.iter().map(|table| (table.logical_name(), table)).collect();
    let mut out = String::with_capacity(tables.len() * 16_384);
    out.push_str(concat!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
        "<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">",
        "<edmx:Reference Uri=\"http://vocabularies.odata.org/OData.Community.Keys.V1.xml\">",
        "<edmx:Include Namespace=\"OData.Community.Keys.V1\" Alias=\"Keys\" />",
        "<edmx:IncludeAnnotations TermNamespace=\"OData.Community.Keys.V1\" /></edmx:Reference>",
        "<edmx:DataServices>",
        "<Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">",
        "<EntityType Name=\"crmbaseentity\" Abstract=\"true\" />",
    ));
    let document = Document { by_name };
    document.principal(tables, &mut out);
    for table in tables {
        document.entity_type(table, &mut out);
    }
    out.push_str(calls::TYPES);
    operations::types(&mut out);
    out.push_str("<EntityContainer Name=\"System\">");
    for table in tables {
        document.entity_set(table, &mut out);
    }
    out.push_str(calls::IMPORTS);
    operations::imports(&mut out);
    out.push_str("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>");
    out
}

/// What the types are made from.
struct Document<'a> {
    by_name: HashMap<&'a str, &'a Arc<Table>>,
}

impl Document<'_> {
    /// What users and teams have in common: the rows that they own.
    fn principal(&self, tables: &[Arc<Table>], out: &mut String) {
        out.push_str("<EntityType Name=\"principal\" BaseType=\"mscrm.crmbaseentity\" Abstract=\"true\">");
        key("ownerid", out);
        property("ownerid", "Edm.Guid", "", out);
        let mut named = HashSet::new();
        for table in tables {
            for column in table.columns().iter().filter(|column| matches!(column.kind, ColumnKind::Owner { .. })) {
                for target in column.targets() {
                    if let Some(collection) = &target.collection
                        && named.insert(collection.clone())
                    {
                        collection_of(collection, table.logical_name(), &target.navigation, out);
                    }
                }
            }
        }
        out.push_str("</EntityType>");
    }

    fn entity_type(&self, table: &Arc<Table>, out: &mut String) {
        let base = if table.is_activity() { self.by_name.get(ACTIVITIES).copied() } else { None };
        let (base_name, id) = match base {
            Some(base) => (base.logical_name(), &*table.primary_id().name),
            None if table.is_principal() => ("principal", "ownerid"),
            None => ("crmbaseentity", &*table.primary_id().name),
        };
        element(
            out,
            "EntityType",
            &[("Name", table.logical_name()), ("BaseType", &format!("mscrm.{base_name}"))],
            false,
        );
        key(id, out);
        for column in table.columns().iter().filter(|column| column.access.read) {
            let name = column.property_name();
            if base.is_some_and(|base| base.property(&name).is_some()) || (table.is_principal() && name == "ownerid") {
                continue;
            }
            let facets = match &column.kind {
                ColumnKind::Text { max_length } | ColumnKind::Memo { max_length } => {
                    format!(" MaxLength=\"{max_length}\" Unicode=\"false\"")
                }
                ColumnKind::Decimal { .. } | ColumnKind::Money { .. } => " Scale=\"Variable\"".to_owned(),
                _ => String::new(),
            };
            property(&name, &edm_type(column), &facets, out);
        }
        for (name, navigation) in sorted(table) {
            // What the base has under this name, and what principals have together, is not said again.
            let inherited = base.is_some_and(|base| base.navigation(name).is_some());
            let owned = table.is_principal() && self.owner_collection(navigation);
            if !inherited && !owned {
                self.navigation(table, name, navigation, out);
            }
        }
        annotate_keys(table, out);
        out.push_str("</EntityType>");
    }

    fn navigation(&self, table: &Table, name: &str, navigation: &Navigation, out: &mut String) {
        match navigation {
            Navigation::Lookup { column, targets } => {
                let Some(target) = targets.first() else { return };
                let owner = matches!(column.kind, ColumnKind::Owner { .. });
                let to = if owner { Some("principal") } else { self.known(&target.table) };
                let Some(to) = to else { return };
                let kind = format!("mscrm.{to}");
                let mut attributes = vec![("Name", name), ("Type", kind.as_str()), ("Nullable", "false")];
                attributes.extend(target.collection.as_deref().map(|partner| ("Partner", partner)));
                element(out, "NavigationProperty", &attributes, false);
                let referenced = match self.by_name.get(target.table.as_str()) {
                    Some(_) if owner => "ownerid",
                    Some(other) => &other.primary_id().name,
                    None => return,
                };
                let constrained = column.property_name();
                let pair = [("Property", constrained.as_str()), ("ReferencedProperty", referenced)];
                element(out, "ReferentialConstraint", &pair, true);
                out.push_str("</NavigationProperty>");
            }
            Navigation::OneToMany(back) if self.known(&back.table).is_some() => {
                let partner = self.partner(table, name, &back.table, &back.column);
                collection_of(name, &back.table, partner.as_deref().unwrap_or_default(), out);
            }
            Navigation::ManyToMany { relationship, side } => {
                let (_, other) = relationship.ends(*side);
                // A table that is paired with itself is met from one side at a time.
                let partner = if *side == Side::First { &relationship.second } else { &relationship.first };
                if self.known(&other.table).is_some() {
                    collection_of(name, &other.table, &partner.navigation, out);
                }
            }
            _ => {}
        }
    }

    /// The navigation property of the other table that leads back here.
    fn partner(&self, table: &Table, collection: &str, other: &str, lookup: &str) -> Option<String> {
        let column = self.by_name.get(other)?.column(lookup)?;
        let back = column
            .targets()
            .iter()
            .find(|target| target.table == table.logical_name() && target.collection.as_deref() == Some(collection));
        back.map(|target| target.navigation.clone())
    }

    /// Whether a navigation property leads to the rows that a user or team owns.
    fn owner_collection(&self, navigation: &Navigation) -> bool {
        let Navigation::OneToMany(back) = navigation else { return false };
        let column = self.by_name.get(back.table.as_str()).and_then(|table| table.column(&back.column));
        column.is_some_and(|column| matches!(column.kind, ColumnKind::Owner { .. }))
    }

    fn known<'n>(&self, table: &'n str) -> Option<&'n str> {
        self.by_name.contains_key(table).then_some(table)
    }

    fn entity_set(&self, table: &Table, out: &mut String) {
        let Some(set) = table.shown_set() else { return };
        let kind = format!("Microsoft.Dynamics.CRM.{}", table.logical_name());
        element(out, "EntitySet", &[("Name", set), ("EntityType", &kind)], false);
        for (name, navigation) in sorted(table) {
            let to = match navigation {
                Navigation::Lookup { column, targets } if !matches!(column.kind, ColumnKind::Owner { .. }) => {
                    targets.first().map(|target| target.table.as_str())
                }
                Navigation::OneToMany(back) => Some(back.table.as_str()),
                Navigation::ManyToMany { relationship, side } => Some(relationship.ends(*side).1.table.as_str()),
                _ => None,
            };
            if let Some(set) = to.and_then(|to| self.by_name.get(to)).and_then(|other| other.shown_set()) {
                element(out, "NavigationPropertyBinding", &[("Path", name), ("Target", set)], true);
            }
        }
        out.push_str("</EntitySet>");
    }
}

fn edm_type(column: &Column) -> String {
    match column.kind {
        ColumnKind::ManagedBoolean(_) => "mscrm.BooleanManagedProperty".to_owned(),
        _ => column.kind.edm_type().to_owned(),
    }
}

/// A table's navigation properties in the order of their names.
fn sorted(table: &Table) -> Vec<(&str, &Navigation)> {
    let mut all: Vec<_> = table.navigations().collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    all
}

/// The alternate keys, in the words of the community's vocabulary for them.
fn annotate_keys(table: &Table, out: &mut String) {
    if table.keys().is_empty() {
        return;
    }
    out.push_str("<Annotation Term=\"OData.Community.Keys.V1.AlternateKeys\"><Collection>");
    for key in table.keys() {
        out.push_str(
            "<Record Type=\"OData.Community.Keys.V1.AlternateKey\"><PropertyValue Property=\"Key\"><Collection>",
        );
        for column in &key.columns {
            let name = column.property_name();
            out.push_str("<Record Type=\"OData.Community.Keys.V1.PropertyRef\">");
            element(out, "PropertyValue", &[("Property", "Alias"), ("String", &name)], true);
            element(out, "PropertyValue", &[("Property", "Name"), ("PropertyPath", &name)], true);
            out.push_str("</Record>");
        }
        out.push_str("</Collection></PropertyValue></Record>");
    }
    out.push_str("</Collection></Annotation>");
}

fn key(name: &str, out: &mut String) {
    out.push_str("<Key>");
    element(out, "PropertyRef", &[("Name", name)], true);
    out.push_str("</Key>");
}

/// One property; `facets` is written as it is.
fn property(name: &str, kind: &str, facets: &str, out: &mut String) {
    out.push_str("<Property");
    attribute(out, "Name", name);
    attribute(out, "Type", kind);
    out.push_str(facets);
    out.push_str(" />");
}

fn collection_of(name: &str, table: &str, partner: &str, out: &mut String) {
    let kind = format!("Collection(mscrm.{table})");
    let mut attributes = vec![("Name", name), ("Type", kind.as_str())];
    if !partner.is_empty() {
        attributes.push(("Partner", partner));
    }
    element(out, "NavigationProperty", &attributes, true);
}

fn element(out: &mut String, name: &str, attributes: &[(&str, &str)], closed: bool) {
    out.push('<');
    out.push_str(name);
    for (name, value) in attributes {
        attribute(out, name, value);
    }
    out.push_str(if closed { " />" } else { ">" });
}

fn attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for letter in value.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            // Names hold none of these; XML has no way to write them.
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out.push('"');
}
