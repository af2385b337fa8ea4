//! The tables that a document's names can mean, and how they are joined.

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::{Column, Navigation, Side, Table};

use super::condition;
use super::{column_of, table_of};
use crate::bind::condition::comparable;
use crate::fetch;
use crate::query::{Exists, Filter, JoinOn, Link, LinkKind, SourceId};
use crate::syntax::quoted;

/// The most tables joined to find the names that rows are sorted by, beside the document's own.
const MOST_LINKS: usize = 30;

/// A query's own scope, or the one inside a condition about other rows.
pub(super) struct Scope<'a> {
    pub(super) schema: &'a Schema,
    root: Arc<Table>,
    links: Vec<Link>,
    /// How the document calls each link, whether it gave the name or not.
    names: Vec<Box<str>>,
}

/// How a link and what it is joined to belong together.
struct Joined {
    table: Arc<Table>,
    on: JoinOn,
}

impl<'a> Scope<'a> {
    pub(super) fn of(schema: &'a Schema, root: &Arc<Table>) -> Self {
        Self { schema, root: Arc::clone(root), links: Vec::new(), names: Vec::new() }
    }

    pub(super) fn into_links(self) -> Vec<Link> {
        self.links
    }

    /// The table of a source.
    pub(super) fn table(&self, source: SourceId) -> &Arc<Table> {
        source.0.checked_sub(1).and_then(|index| self.links.get(index)).map_or(&self.root, |link| &link.table)
    }

    /// What the document calls a source.
    pub(super) fn name(&self, source: SourceId) -> &str {
        let name = source.0.checked_sub(1).and_then(|index| self.names.get(index));
        name.map_or(self.root.logical_name(), |name| name)
    }

    /// The source that the document calls so: by alias, or where it has none by its table's name.
    pub(super) fn named(&self, name: &str) -> Option<SourceId> {
        let alias = self.names.iter().position(|known| **known == *name);
        let table = || self.links.iter().position(|link| link.alias.is_none() && link.table.logical_name() == name);
        match alias.or_else(table) {
            Some(index) => Some(SourceId(index + 1)),
            None => (self.root.logical_name() == name).then_some(SourceId::ROOT),
        }
    }

    /// Joins links and the links in them, depth first; gives them with their sources. Links that
    /// are conditions are left to [`Scope::exists_of`].
    pub(super) fn join_all<'d>(
        &mut self,
        from: SourceId,
        links: &'d [fetch::Link],
    ) -> Result<Vec<(SourceId, &'d fetch::Link)>, DataverseError> {
        let mut joined = Vec::new();
        for link in links {
            let kind = match link.kind {
                fetch::LinkKind::Inner => LinkKind::Inner,
                fetch::LinkKind::Outer => LinkKind::Outer,
                fetch::LinkKind::FirstMatch => LinkKind::First,
                _ => continue,
            };
            let Joined { table, on } = self.resolve(from, link)?;
            let number = self.links.len() + 1;
            // The service counts the links of a document from 1.
            let name = link.alias.clone().unwrap_or_else(|| format!("{}{number}", link.name));
            if self.names.iter().any(|known| **known == *name) {
                return Err(DataverseError::new(
                    code::QUERY_DUPLICATE_ALIAS,
                    format!("Two link-entity elements are called '{}'; give one of them another alias.", quoted(&name)),
                ));
            }
            self.names.push(name.into());
            let alias = link.alias.as_deref().map(Into::into);
            self.links.push(Link { from, table, on, kind, filter: None, alias });
            let source = SourceId(number);
            joined.push((source, link));
            joined.extend(self.join_all(source, &link.body.links)?);
        }
        Ok(joined)
    }

    /// Puts a link's own filters where they count: with the join, before rows without a partner
    /// are filled up. What names a later link can stand behind the joins only, which for an inner
    /// link is the same: then it is given back.
    pub(super) fn link_filter(
        &mut self,
        source: SourceId,
        link: &fetch::Link,
    ) -> Result<Option<Filter>, DataverseError> {
        let Some(filter) = condition::all(self.filters(source, &link.body.filters)?) else { return Ok(None) };
        let Some(own) = source.0.checked_sub(1).and_then(|index| self.links.get_mut(index)) else { return Ok(None) };
        if condition::last_source(&filter) <= source {
            own.filter = Some(filter);
            return Ok(None);
        }
        match own.kind {
            LinkKind::Inner => Ok(Some(filter)),
            _ => Err(error::not_supported("A filter of a link-entity that names a later link-entity")),
        }
    }

    /// The conditions of the links of kinds `exists` and `in` among these.
    pub(super) fn exists_of(&self, links: &[fetch::Link], from: SourceId) -> Result<Vec<Filter>, DataverseError> {
        let is_exists = |link: &&fetch::Link| matches!(link.kind, fetch::LinkKind::Exists | fetch::LinkKind::In);
        links.iter().filter(is_exists).map(|link| self.exists(from, link, false, true)).collect()
    }

    /// That there is, or is not, a row of a link that meets its filters.
    fn exists(
        &self,
        from: SourceId,
        link: &fetch::Link,
        negated: bool,
        filtered: bool,
    ) -> Result<Filter, DataverseError> {
        let Joined { table, on } = self.resolve(from, link)?;
        if link.body.all_attributes || !link.body.attributes.is_empty() || !link.body.orders.is_empty() {
            return Err(DataverseError::new(
                code::QUERY_INVALID_NODE,
                format!(
                    "The link-entity '{}' of link-type '{}' only says which rows there are; it can have no attribute or \
                     order.",
                    quoted(&link.name),
                    link.kind.name()
                ),
            ));
        }
        let mut inner = Scope::of(self.schema, &table);
        let mut asked = Vec::new();
        if filtered {
            let joined = inner.join_all(SourceId::ROOT, &link.body.links)?;
            for (source, link) in &joined {
                asked.extend(inner.link_filter(*source, link)?);
                asked.extend(inner.exists_of(&link.body.links, *source)?);
            }
            asked.extend(inner.exists_of(&link.body.links, SourceId::ROOT)?);
            asked.extend(inner.filters(SourceId::ROOT, &link.body.filters)?);
        }
        let filter = condition::all(asked);
        Ok(Filter::Exists(Box::new(Exists { from, on, table, links: inner.into_links(), filter, negated })))
    }

    /// What a link inside a filter asks.
    pub(super) fn link_condition(&self, from: SourceId, link: &fetch::Link) -> Result<Filter, DataverseError> {
        match link.kind {
            fetch::LinkKind::NotAny => self.exists(from, link, true, true),
            // As documented: there are related rows, and none of them meets the filter.
            fetch::LinkKind::All => {
                let related = self.exists(from, link, false, false)?;
                Ok(Filter::And(vec![related, self.exists(from, link, true, true)?]))
            }
            _ => self.exists(from, link, false, true),
        }
    }

    /// Joins the rows of a lookup for their names, outside of what the document joins.
    pub(super) fn joined_for_its_name(
        &mut self,
        from: SourceId,
        table: &Arc<Table>,
        lookup: &Arc<Column>,
    ) -> Result<SourceId, DataverseError> {
        let same = |link: &Link| {
            link.from == from
                && link.alias.is_none()
                && link.kind == LinkKind::Outer
                && link.filter.is_none()
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
        // A name that no document can give.
        self.names.push(format!("{}.{}", from.0, lookup.name).into());
        let on = JoinOn::Lookup { lookup: Arc::clone(lookup) };
        let table = Arc::clone(table);
        self.links.push(Link { from, table, on, kind: LinkKind::Outer, filter: None, alias: None });
        Ok(SourceId(self.links.len()))
    }

    /// Which rows of a link's table belong to a row of `from`.
    fn resolve(&self, from: SourceId, link: &fetch::Link) -> Result<Joined, DataverseError> {
        let near = self.table(from);
        let far = table_of(self.schema, &link.name)?;
        let on = match (&link.from, &link.to) {
            (Some(column), Some(to)) => on_columns(near, column_of(near, to)?, &far, column_of(&far, column)?)?,
            // Half a pair of names leaves the other half to what the named column is.
            (Some(column), None) => {
                let column = column_of(&far, column)?;
                let to = near.column(&column.name).unwrap_or_else(|| near.primary_id());
                on_columns(near, Arc::clone(to), &far, column)?
            }
            (None, Some(to)) => {
                let to = column_of(near, to)?;
                let column = Arc::clone(far.primary_id());
                on_columns(near, to, &far, column)?
            }
            (None, None) => related(near, &far).ok_or_else(|| {
                DataverseError::new(
                    code::QUERY_ELEMENT_NOT_FOUND,
                    format!(
                        "The link-entity '{}' lacks from and to, and not exactly one many-to-many relationship leads \
                         there from '{}'.",
                        quoted(&link.name),
                        near.logical_name()
                    ),
                )
            })?,
        };
        Ok(Joined { table: far, on })
    }
}

/// How two columns join their tables: over a lookup where it is one.
fn on_columns(near: &Table, to: Arc<Column>, far: &Table, from: Arc<Column>) -> Result<JoinOn, DataverseError> {
    let leads_to =
        |column: &Column, table: &Table| column.targets().iter().any(|target| target.table == table.logical_name());
    if from.position == far.primary_id().position && leads_to(&to, far) {
        return Ok(JoinOn::Lookup { lookup: to });
    }
    if to.position == near.primary_id().position && leads_to(&from, near) {
        return Ok(JoinOn::Referencing { lookup: from });
    }
    if !comparable(&to.kind, &from.kind) {
        return Err(DataverseError::new(
            code::QUERY_INVALID_VALUE,
            format!(
                "The columns '{}' of '{}' and '{}' of '{}' are of different types, so that they join nothing.",
                to.name,
                near.logical_name(),
                from.name,
                far.logical_name()
            ),
        ));
    }
    Ok(JoinOn::Columns { near: to, far: from })
}

/// The one many-to-many relationship between two tables.
fn related(near: &Table, far: &Table) -> Option<JoinOn> {
    let mut found = near.navigations().filter_map(|(_, navigation)| match navigation {
        Navigation::ManyToMany { relationship, side } => {
            let (_, other) = relationship.ends(*side);
            (other.table == far.logical_name()).then(|| (Arc::clone(relationship), *side))
        }
        _ => None,
    });
    let (relationship, side): (_, Side) = found.next()?;
    found.next().is_none().then_some(JoinOn::Pairs { relationship, side })
}
