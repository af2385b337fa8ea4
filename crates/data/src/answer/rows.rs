//! Rows as JSON, written straight from the store's cursor into the answer.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_dataverse::schema::ColumnKind;
use keyholder_dataverse::value::{write_json, write_json_text};
use keyholder_operation::Preferences;
use keyholder_security::{Grants, Verb, privilege_id};
use keyholder_store::statement::{Select, column};
use keyholder_store::{Error, FromValue, Kind, Prepared, Row, Snapshot, Value, ValueRef};
use uuid::Uuid;

use crate::catalogue::record::loaded;
use crate::catalogue::{Catalogue, Layout, Shape};
use crate::contents::image::thumbnails;
use crate::error::Failure;
use crate::lower::{Cell, CellTarget, Lowered};

pub(super) const FORMATTED: &str = "OData.Community.Display.V1.FormattedValue";
pub(super) const LOGICAL_NAME: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
pub(super) const ATTRIBUTE_NAME: &str = "OData.Community.Display.V1.AttributeName";
const NAVIGATION: &str = "Microsoft.Dynamics.CRM.associatednavigationproperty";

/// The names of rows that lookups point at, by type code and id.
pub(super) type Names = HashMap<(i32, Uuid), String>;

/// Writes the rows of one statement.
pub(crate) struct RowWriter<'a> {
    catalogue: &'a Catalogue,
    layout: Arc<Layout>,
    lowered: &'a Lowered,
    formatted: bool,
    logical_names: bool,
    navigations: bool,
    attribute_names: bool,
    sparse: bool,
    names: Names,
    /// What the rows show of their images, in base64, by column and row.
    images: HashMap<(usize, Uuid), String>,
}

impl<'a> RowWriter<'a> {
    /// A writer for these rows. Runs the statement once more beforehand when the names of rows are
    /// wanted that its lookups point at: one statement per table for all rows of the page.
    pub(crate) fn new(
        snapshot: &mut Snapshot<'_>,
        catalogue: &'a Catalogue,
        layout: Arc<Layout>,
        lowered: &'a Lowered,
        preferences: &Preferences,
        grants: &Grants,
    ) -> Result<Self, Failure> {
        let wants = |name| preferences.annotations.as_ref().is_some_and(|annotations| annotations.include(name));
        let (formatted, logical_names, navigations) = (wants(FORMATTED), wants(LOGICAL_NAME), wants(NAVIGATION));
        let names = if formatted { names(snapshot, catalogue, lowered, grants)? } else { Names::new() };
        let attribute_names = wants(ATTRIBUTE_NAME);
        let sparse = false;
        let images = images(snapshot, &layout, lowered)?;
        Ok(Self {
            catalogue,
            layout,
            lowered,
            formatted,
            logical_names,
            navigations,
            attribute_names,
            sparse,
            names,
            images,
        })
    }

    /// Whether members without a value are left out, as the service does for FetchXML.
    pub(crate) fn sparse(self, sparse: bool) -> Self {
        Self { sparse, ..self }
    }

    /// Appends a row's members, without the braces around them. `first` says whether nothing
    /// stands before them.
    pub(crate) fn members(&self, out: &mut String, row: &Row<'_>, mut first: bool) -> Result<(), Error> {
        if let Some(version) = self.version(row)? {
            let _ = write!(out, "{}\"@odata.etag\":\"W/\\\"{version}\\\"\"", if first { "" } else { "," });
            first = false;
        }
        for cell in &self.lowered.plan.cells {
            let Some(index) = cell.value else {
                self.image(out, row, cell, &mut first)?;
                continue;
            };
            let value = row.value(index)?;
            if !value.is_null() {
                self.annotations(out, row, cell, value, &mut first)?;
            } else if self.sparse {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            match &cell.name {
                // Built once per table: `"_ownerid_value":`.
                None => out.push_str(self.layout.place(&cell.column).map_or("", |place| &place.member)),
                Some(name) => {
                    write_json_text(out, name);
                    out.push(':');
                }
            }
            match value {
                ValueRef::Null => out.push_str("null"),
                ValueRef::Text(text) => write_json_text(out, text),
                other => write_json(out, &cell.column, &loaded(other, None, false)),
            }
        }
        Ok(())
    }

    /// Appends the thumbnail of an image, which lies beside the row.
    fn image(&self, out: &mut String, row: &Row<'_>, cell: &Cell, first: &mut bool) -> Result<(), Error> {
        if cell.column.kind != ColumnKind::Image || cell.name.is_some() {
            return Ok(());
        }
        let image = self.images.get(&(cell.column.position, row.get(self.lowered.plan.id)?));
        if image.is_none() && self.sparse {
            return Ok(());
        }
        if !std::mem::take(first) {
            out.push(',');
        }
        out.push_str(self.layout.place(&cell.column).map_or("", |place| &place.member));
        match image {
            // Base64 needs no escapes.
            Some(image) => {
                let _ = write!(out, "\"{image}\"");
            }
            None => out.push_str("null"),
        }
        Ok(())
    }

    /// Appends one cell's value alone.
    pub(crate) fn value(out: &mut String, row: &Row<'_>, cell: &Cell) -> Result<(), Error> {
        match cell.value.map(|index| row.value(index)).transpose()? {
            None | Some(ValueRef::Null) => out.push_str("null"),
            Some(value) => write_json(out, &cell.column, &loaded(value, None, false)),
        }
        Ok(())
    }

    /// The row's version, where its table has versions.
    pub(crate) fn version(&self, row: &Row<'_>) -> Result<Option<i64>, Error> {
        self.lowered.plan.version.map_or(Ok(None), |index| row.get(index))
    }

    /// The annotations of a value, which stand before it.
    fn annotations(
        &self,
        out: &mut String,
        row: &Row<'_>,
        cell: &Cell,
        value: ValueRef<'_>,
        first: &mut bool,
    ) -> Result<(), Error> {
        let mut annotate = |name: &str, text: &str| {
            if !std::mem::take(first) {
                out.push(',');
            }
            let member = cell.name.as_deref().map_or_else(|| cell.column.property_name().into(), Cow::Borrowed);
            write_json_text(out, &format!("{member}@{name}"));
            out.push(':');
            write_json_text(out, text);
        };
        if self.attribute_names && cell.name.is_some() {
            annotate(ATTRIBUTE_NAME, &cell.column.name);
        }
        let target = target_of(row, cell)?;
        if self.formatted {
            let name = match (target, Uuid::from_value(value)) {
                (Some(type_code), Some(id)) => self.names.get(&(type_code, id)).cloned(),
                _ => super::formatted::formatted(&cell.column.kind, value),
            };
            if let Some(name) = name {
                annotate(FORMATTED, &name);
            }
        }
        let Some(type_code) = target.filter(|_| self.navigations || self.logical_names) else { return Ok(()) };
        let table =
            cell.column.targets().iter().find(|target| self.catalogue.type_code(&target.table) == Some(type_code));
        if let Some(target) = table {
            // A name of one's own belongs to no property that leads anywhere.
            if self.navigations && cell.name.is_none() {
                annotate(NAVIGATION, &target.navigation);
            }
            if self.logical_names {
                annotate(LOGICAL_NAME, &target.table);
            }
        }
        Ok(())
    }
}

/// The type code of the table that a lookup in this row points at.
pub(crate) fn target_of(row: &Row<'_>, cell: &Cell) -> Result<Option<i32>, Error> {
    match cell.target {
        CellTarget::None => Ok(None),
        CellTarget::Always(type_code) => Ok(Some(type_code)),
        CellTarget::At(index) => row.get(index),
    }
}

/// The names of all rows that the lookups of these rows point at, in tables that the caller may
/// read at all.
fn names(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    lowered: &Lowered,
    grants: &Grants,
) -> Result<Names, Failure> {
    let mut wanted: HashMap<i32, HashSet<Uuid>> = HashMap::new();
    if lowered.plan.cells.iter().any(|cell| cell.target != CellTarget::None) {
        snapshot.for_each(&lowered.plan.statement, &lowered.values, |row| {
            for cell in &lowered.plan.cells {
                if let (Some(type_code), Some(index)) = (target_of(row, cell)?, cell.value)
                    && let Some(id) = row.get::<Option<Uuid>>(index)?
                {
                    wanted.entry(type_code).or_default().insert(id);
                }
            }
            Ok::<(), Error>(())
        })?;
    }
    names_of(snapshot, catalogue, wanted, grants)
}

/// What rows show of the images that are asked for: one statement for each column.
fn images(
    snapshot: &mut Snapshot<'_>,
    layout: &Layout,
    lowered: &Lowered,
) -> Result<HashMap<(usize, Uuid), String>, Failure> {
    let is_image = |cell: &&Cell| cell.column.kind == ColumnKind::Image && cell.name.is_none();
    let asked: Vec<&Cell> = lowered.plan.cells.iter().filter(is_image).collect();
    let mut images = HashMap::new();
    if asked.is_empty() {
        return Ok(images);
    }
    let rows: Vec<Uuid> = snapshot.list(&lowered.plan.statement, &lowered.values, |row| row.get(lowered.plan.id))?;
    for cell in asked {
        let found = thumbnails(snapshot, layout.table.type_code(), &cell.column, &rows)?;
        images.extend(found.into_iter().map(|(row, bytes)| ((cell.column.position, row), STANDARD.encode(bytes))));
    }
    Ok(images)
}

/// The names of these rows, by type code, in tables that the caller may read at all: one statement
/// for each table.
pub(super) fn names_of(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    wanted: HashMap<i32, HashSet<Uuid>>,
    grants: &Grants,
) -> Result<Names, Failure> {
    let mut names = Names::new();
    for (type_code, ids) in wanted {
        let Some(table) = catalogue.schema.table_of_code(type_code)? else { continue };
        let guard = table.privilege_name(Verb::Read);
        if guard.is_some_and(|privilege| grants.depth(privilege_id(&privilege)).is_none()) {
            continue;
        }
        let layout = catalogue.layout(&table);
        let named = table.primary_name().and_then(|name| layout.place(name)?.value.clone());
        let Some((name, kind)) = named else { continue };
        let find = catalogue.shape(Shape::NamedOf("names", type_code), || {
            let select = Select::from(layout.name.clone()).column(layout.id(), Kind::Uuid).column(name, kind);
            Ok(Prepared::new(select.filter(column(layout.id()).in_list(0)))?)
        })?;
        snapshot.for_each(&find, &[Value::ids(ids)], |row| {
            if let Some(name) = row.get::<Option<String>>(1)? {
                names.insert((type_code, row.get(0)?), name);
            }
            Ok::<(), Error>(())
        })?;
    }
    Ok(names)
}
