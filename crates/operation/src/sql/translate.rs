//! From a statement to the document that asks the same.

use keyholder_dataverse::error::{DataverseError, code};

use super::{ColumnName, Expression, Item, Join, Select, Statement, Table, What};
use crate::fetch::{
    Attribute, Body, Condition, Entity, Fetch, Figure, Filter, Link, LinkKind, Order, OrderBy, Part, With,
};
use crate::syntax::quoted;

fn refused(message: String) -> DataverseError {
    DataverseError::new(code::INVALID_ARGUMENT, message)
}

/// The tables of a statement: 0 is the one behind `FROM`.
struct Tables<'a> {
    root: &'a Table,
    joins: &'a [Join],
}

impl Tables<'_> {
    fn get(&self, index: usize) -> &Table {
        index.checked_sub(1).and_then(|index| self.joins.get(index)).map_or(self.root, |join| &join.table)
    }

    /// The table that a column is of: the named one, else the first.
    fn of(&self, column: &ColumnName) -> Result<usize, DataverseError> {
        let Some(name) = &column.table else { return Ok(0) };
        let mut known = (0..=self.joins.len()).filter(|index| self.get(*index).alias == *name);
        match (known.next(), known.next()) {
            (Some(index), None) => Ok(index),
            (Some(_), Some(_)) => {
                Err(refused(format!("Two tables of the sql option go by the name '{}'.", quoted(name))))
            }
            (None, _) => Err(refused(format!(
                "The sql option names the table '{}', which is not behind FROM or JOIN under that name.",
                quoted(name)
            ))),
        }
    }

    /// What a condition or order calls the table; nothing for the first.
    fn entity_name(&self, index: usize) -> Option<String> {
        (index > 0).then(|| self.get(index).alias.clone())
    }
}

pub(super) fn statement(select: &Select) -> Result<Statement, DataverseError> {
    let tables = Tables { root: &select.from, joins: &select.joins };
    let aggregate =
        !select.groups.is_empty() || select.items.iter().any(|item| matches!(item.what, What::Figure { .. }));
    let mut bodies: Vec<Body> = (0..=select.joins.len()).map(|_| Body::default()).collect();
    for item in &select.items {
        let (table, attribute) = shown(&tables, item, aggregate)?;
        push(&mut bodies, table, attribute)?;
    }
    if aggregate {
        check_groups(&tables, select)?;
    }
    let mut filters = Vec::new();
    if let Some(filter) = &select.filter {
        filters.push(as_filter(&tables, filter)?);
    }
    let mut orders = Vec::new();
    for order in &select.orders {
        orders.push(ordered(&tables, select, &order.column, order.descending, aggregate)?);
    }
    let links = links(&tables, bodies.split_off(1))?;
    let mut body = bodies.pop().unwrap_or_default();
    (body.filters, body.orders, body.links) = (filters, orders, links);
    let top = match (select.top, select.fetch) {
        (Some(_), Some(_)) | (Some(_), None) if select.offset.is_some() => {
            return Err(refused("TOP and OFFSET exclude each other in the sql option.".to_owned()));
        }
        (top, fetch) => top.or(fetch),
    };
    if top == Some(0) {
        return Err(refused("The sql option asks for no rows at all: TOP and FETCH take a number from 1.".to_owned()));
    }
    let fetch = Fetch {
        aggregate,
        distinct: select.distinct && !aggregate,
        top,
        count: None,
        page: None,
        paging_cookie: None,
        total_count: false,
        // The names of choices are nothing that SQL knows of.
        raw_order: true,
        entity: Entity { name: select.from.name.clone(), body },
    };
    Ok(Statement { fetch, skip: select.offset.unwrap_or(0) })
}

fn push(bodies: &mut [Body], table: usize, attribute: Attribute) -> Result<(), DataverseError> {
    let body =
        bodies.get_mut(table).ok_or_else(|| refused("The sql option names a table that it has not.".to_owned()))?;
    body.attributes.push(attribute);
    Ok(())
}

/// One member of the rows as an attribute, and the table that has it.
fn shown(tables: &Tables<'_>, item: &Item, aggregate: bool) -> Result<(usize, Attribute), DataverseError> {
    let alias = item.name.as_deref().map(checked).transpose()?;
    let (table, name, figure, distinct) = match &item.what {
        What::Column(column) => (tables.of(column)?, column.name.clone(), None, false),
        // Rows are counted by their ids, whichever column the count is said to be of.
        What::Figure { column: None, .. } => (0, String::new(), Some(Figure::Count), false),
        What::Figure { figure, column: Some(column), distinct } => {
            (tables.of(column)?, column.name.clone(), Some(*figure), *distinct)
        }
    };
    if figure.is_some() && alias.is_none() {
        return Err(DataverseError::new(
            code::QUERY_NO_ALIAS,
            "An aggregate of the sql option has no name; give it one with AS.",
        ));
    }
    // A column of a joined table goes by its own name, unlike in FetchXML.
    let own = (table > 0 || aggregate).then(|| name.clone());
    Ok((
        table,
        Attribute {
            alias: alias.or(own),
            aggregate: figure,
            group_by: aggregate && figure.is_none(),
            date_grouping: None,
            distinct,
            user_time_zone: None,
            name,
        },
    ))
}

/// An alias as FetchXML takes them.
fn checked(name: &str) -> Result<String, DataverseError> {
    let fits = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && name.chars().next().is_some_and(|letter| !letter.is_ascii_digit());
    if fits {
        Ok(name.to_owned())
    } else {
        Err(DataverseError::new(
            code::QUERY_INVALID_ALIAS,
            format!("The alias '{}' of the sql option may only have letters, digits and '_'.", quoted(name)),
        ))
    }
}

/// Rows are grouped by exactly the columns that are shown.
fn check_groups(tables: &Tables<'_>, select: &Select) -> Result<(), DataverseError> {
    let same = |left: &ColumnName, right: &ColumnName| {
        Ok::<_, DataverseError>(left.name == right.name && tables.of(left)? == tables.of(right)?)
    };
    let mut columns = Vec::new();
    for item in &select.items {
        if let What::Column(column) = &item.what {
            columns.push(column);
        }
    }
    for column in &columns {
        let mut grouped = false;
        for group in &select.groups {
            grouped |= same(column, group)?;
        }
        if !grouped {
            return Err(refused(format!(
                "The column '{}' of the sql option stands neither in an aggregate nor behind GROUP BY.",
                quoted(&column.name)
            )));
        }
    }
    for group in &select.groups {
        let mut is_shown = false;
        for column in &columns {
            is_shown |= same(column, group)?;
        }
        if !is_shown {
            return Err(keyholder_dataverse::error::not_supported(&format!(
                "Grouping by the column '{}', which is not behind SELECT, in the sql option",
                quoted(&group.name)
            )));
        }
    }
    Ok(())
}

fn ordered(
    tables: &Tables<'_>,
    select: &Select,
    column: &ColumnName,
    descending: bool,
    aggregate: bool,
) -> Result<Order, DataverseError> {
    // A name from behind SELECT comes first, as in SQL.
    let named = select.items.iter().find(|item| {
        column.table.is_none() && item.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&column.name))
    });
    if aggregate {
        let item = match named {
            Some(item) => Some(item),
            None => {
                let mut found = None;
                for item in &select.items {
                    if let What::Column(of) = &item.what
                        && of.name == column.name
                        && tables.of(of)? == tables.of(column)?
                    {
                        found = Some(item);
                    }
                }
                found
            }
        };
        let item = item.ok_or_else(|| {
            refused(format!("ORDER BY '{}' names nothing that stands behind SELECT.", quoted(&column.name)))
        })?;
        let alias = match (&item.name, &item.what) {
            (Some(name), _) => name.clone(),
            (None, What::Column(of)) => of.name.clone(),
            (None, What::Figure { .. }) => return Err(refused("ORDER BY an aggregate needs its alias.".to_owned())),
        };
        return Ok(Order { by: OrderBy::Alias(alias), entity_name: None, descending });
    }
    let column = match named.map(|item| &item.what) {
        Some(What::Column(of)) => of,
        _ => column,
    };
    let table = tables.of(column)?;
    let by = OrderBy::Attribute(column.name.clone());
    Ok(Order { by, entity_name: tables.entity_name(table), descending })
}

/// The joined tables as links in each other, each below the table that it is joined to.
fn links(tables: &Tables<'_>, bodies: Vec<Body>) -> Result<Vec<Link>, DataverseError> {
    let mut built: Vec<(usize, Link)> = Vec::with_capacity(bodies.len());
    for (index, (join, mut body)) in tables.joins.iter().zip(bodies).enumerate() {
        let own = index + 1;
        let (left, right) = (tables.of(&join.on.0)?, tables.of(&join.on.1)?);
        let (near, to, from) = match (left == own, right == own) {
            (true, false) => (right, &join.on.1, &join.on.0),
            (false, true) => (left, &join.on.0, &join.on.1),
            _ => {
                return Err(refused(format!(
                    "The JOIN of '{}' must compare one of its columns with one of another table.",
                    quoted(&join.table.alias)
                )));
            }
        };
        if near >= own {
            return Err(refused(format!(
                "The JOIN of '{}' names a table that is joined after it.",
                quoted(&join.table.alias)
            )));
        }
        if let Some(filter) = &join.filter {
            only_of(tables, filter, own)?;
            body.filters.push(as_filter(tables, filter)?);
        }
        let kind = if join.outer { LinkKind::Outer } else { LinkKind::Inner };
        let link = Link {
            name: join.table.name.clone(),
            from: Some(from.name.clone()),
            to: Some(to.name.clone()),
            alias: Some(checked(&join.table.alias)?),
            kind,
            intersect: false,
            body,
        };
        built.push((near, link));
    }
    // From the last: each is moved whole, with what is below it, into the one that it is joined to.
    let mut roots = Vec::new();
    while let Some((near, link)) = built.pop() {
        match near.checked_sub(1).and_then(|index| built.get_mut(index)) {
            Some((_, parent)) => parent.body.links.insert(0, link),
            None => roots.insert(0, link),
        }
    }
    Ok(roots)
}

/// What stands behind `ON` beside the equality is about the joined table.
fn only_of(tables: &Tables<'_>, expression: &Expression, own: usize) -> Result<(), DataverseError> {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().try_for_each(|part| only_of(tables, part, own)),
        Expression::Condition { column, .. } if tables.of(column)? == own => Ok(()),
        Expression::Condition { column, .. } => Err(refused(format!(
            "A condition behind ON is about the joined table; '{}' is a column of another.",
            quoted(&column.name)
        ))),
    }
}

fn as_filter(tables: &Tables<'_>, expression: &Expression) -> Result<Filter, DataverseError> {
    let (any, parts) = match expression {
        Expression::Any(parts) => (true, parts.iter().map(|part| as_part(tables, part)).collect::<Result<_, _>>()?),
        Expression::All(parts) => (false, parts.iter().map(|part| as_part(tables, part)).collect::<Result<_, _>>()?),
        Expression::Condition { .. } => (false, vec![as_part(tables, expression)?]),
    };
    Ok(Filter { any, quick_find: false, parts })
}

fn as_part(tables: &Tables<'_>, expression: &Expression) -> Result<Part, DataverseError> {
    let Expression::Condition { column, operator, values } = expression else {
        return Ok(Part::Filter(as_filter(tables, expression)?));
    };
    let entity_name = tables.entity_name(tables.of(column)?);
    let (attribute, with) = (column.name.clone(), With::Values(values.clone()));
    Ok(Part::Condition(Condition { attribute, entity_name, operator: *operator, with }))
}
