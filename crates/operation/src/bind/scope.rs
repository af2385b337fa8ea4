//! Paths: which source and column a name like `primarycontactid/fullname` means.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::{Column, Navigation, Table};

use super::Binder;
use crate::query::{ColumnOf, JoinOn, Link, LinkKind, SourceId};
use crate::syntax::quoted;

/// A query joins at most this many tables; the service stops there too.
const MOST_LINKS: usize = 15;
/// Lambdas stand in each other at most this deep.
const DEEPEST_LAMBDA: usize = 5;

/// The type of what users and teams have in common, which has no columns but the id.
pub(super) const PRINCIPAL: &str = "Microsoft.Dynamics.CRM.principal";

/// The tables that names can mean at one place of a query: its own, and those joined to it so far.
pub(super) struct Scope<'a> {
    root: &'a Arc<Table>,
    /// The name of a row inside a lambda, which every path there begins with.
    variable: Option<&'a str>,
    /// How many lambdas are around it.
    depth: usize,
    /// What has been joined: the same path twice is one link.
    pub(super) links: Vec<Link>,
}

impl<'a> Scope<'a> {
    /// A query's own.
    pub(super) fn of(root: &'a Arc<Table>) -> Self {
        Self { root, variable: None, depth: 0, links: Vec::new() }
    }

    /// The one inside a lambda over `root`.
    pub(super) fn inside<'b>(&self, root: &'b Arc<Table>, variable: &'b str) -> Result<Scope<'b>, DataverseError> {
        if self.depth == DEEPEST_LAMBDA {
            return Err(error::odata(format!(
                "The $filter nests 'any' and 'all' in each other deeper than {DEEPEST_LAMBDA} levels."
            )));
        }
        Ok(Scope { root, variable: Some(variable), depth: self.depth + 1, links: Vec::new() })
    }

    /// The table of a source.
    pub(super) fn table(&self, source: SourceId) -> &Arc<Table> {
        source.0.checked_sub(1).and_then(|index| self.links.get(index)).map_or(self.root, |link| &link.table)
    }

    /// The column that a path means.
    pub(super) fn column(&mut self, binder: Binder<'_>, path: &[&str]) -> Result<ColumnOf, DataverseError> {
        let (source, name) = self.end(binder, path)?;
        self.property(source, name)
    }

    /// The column of a source with this name.
    pub(super) fn property(&self, source: SourceId, name: &str) -> Result<ColumnOf, DataverseError> {
        Ok(ColumnOf { source, column: property(self.table(source), name)? })
    }

    /// Follows all of a path but its last name.
    pub(super) fn end<'p>(
        &mut self,
        binder: Binder<'_>,
        path: &[&'p str],
    ) -> Result<(SourceId, &'p str), DataverseError> {
        let path = match self.variable {
            None => path,
            Some(variable) => match path.split_first() {
                Some((first, rest)) if *first == variable && !rest.is_empty() => rest,
                _ => {
                    return Err(error::not_supported(&format!(
                        "Naming '{}' inside a lambda, where only '{}/...' is known,",
                        quoted(&path.join("/")),
                        quoted(variable)
                    )));
                }
            },
        };
        let Some((last, before)) = path.split_last() else { return Err(error::bad_syntax()) };
        let mut source = SourceId::ROOT;
        for (name, next) in before.iter().zip(path.iter().skip(1)) {
            if let Some(Navigation::Lookup { targets, .. }) = self.table(source).navigation(name)
                && targets.len() > 1
                && *next != "ownerid"
            {
                return Err(error::unknown_property(&quoted(next), PRINCIPAL));
            }
            source = self.follow(binder, source, name)?;
        }
        Ok((source, last))
    }

    /// Follows a single-valued navigation property.
    pub(super) fn follow(
        &mut self,
        binder: Binder<'_>,
        from: SourceId,
        name: &str,
    ) -> Result<SourceId, DataverseError> {
        let table = Arc::clone(self.table(from));
        match table.navigation(name) {
            Some(Navigation::Lookup { column, targets }) => match targets.as_slice() {
                [target] => {
                    let target = binder.related_table(&target.table, name)?;
                    self.joined(from, &target, column)
                }
                // One property for users and teams: the type behind it has no columns but the id.
                _ => Err(error::not_supported(&format!(
                    "A path over '{}', which leads to rows of several tables,",
                    quoted(name)
                ))),
            },
            Some(_) => Err(error::odata(format!(
                "The parent value for a property access of a property '{}' is not a single value. Property access can \
                 only be applied to a single value.",
                quoted(name)
            ))),
            None if table.property(name).is_some() => Err(error::odata(format!(
                "The property '{}' is no navigation property, so that no path leads over it.",
                quoted(name)
            ))),
            None => Err(error::unknown_property(&quoted(name), &table.qualified_name())),
        }
    }

    /// The link from a source over a lookup to a table; added where it is not there yet.
    pub(super) fn joined(
        &mut self,
        from: SourceId,
        table: &Arc<Table>,
        lookup: &Arc<Column>,
    ) -> Result<SourceId, DataverseError> {
        let same = |link: &Link| {
            link.from == from
                && link.table.type_code() == table.type_code()
                && matches!(&link.on, JoinOn::Lookup { lookup: known } if known.position == lookup.position)
        };
        if let Some(index) = self.links.iter().position(same) {
            return Ok(SourceId(index + 1));
        }
        if self.links.len() == MOST_LINKS {
            return Err(DataverseError::new(
                code::TOO_MANY_LINKS_IN_QUERY,
                "Number of link entities in query exceeded maximum limit.",
            ));
        }
        self.links.push(Link {
            from,
            table: Arc::clone(table),
            on: JoinOn::Lookup { lookup: Arc::clone(lookup) },
            kind: LinkKind::Outer,
            filter: None,
            alias: None,
        });
        Ok(SourceId(self.links.len()))
    }
}

/// The column of a table that a name means.
pub(super) fn property(table: &Table, name: &str) -> Result<Arc<Column>, DataverseError> {
    match table.property(name) {
        Some(column) if column.access.read => Ok(Arc::clone(column)),
        _ => Err(error::unknown_property(&quoted(name), &table.qualified_name())),
    }
}
