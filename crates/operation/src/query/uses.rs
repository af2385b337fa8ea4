//! Every table that a query touches.

use std::sync::Arc;

use keyholder_dataverse::schema::Table;

use super::{CallerSet, Exists, Expand, Filter, Hierarchy, Link, Query};

impl Query {
    /// The tables that it touches beside its own, one entry for each use, in one fixed order:
    /// links, conditions, expands, each in depth. A link comes before what its own condition
    /// touches, and an expand's table before what the expand touches in turn.
    ///
    /// Who lowers a query takes what was decided about these tables in the same order.
    #[must_use]
    pub fn further_tables(&self) -> Vec<&Arc<Table>> {
        // Empty for most queries, and then it takes no memory.
        let mut tables = Vec::new();
        self.own_tables(&mut tables);
        of_expands(&self.expand, &mut tables);
        tables
    }

    /// How many of [`Query::further_tables`] come before those of the first expand.
    #[must_use]
    pub fn joined_tables(&self) -> usize {
        let mut tables = Vec::new();
        self.own_tables(&mut tables);
        tables.len()
    }

    fn own_tables<'a>(&'a self, tables: &mut Vec<&'a Arc<Table>>) {
        of_links(&self.links, tables);
        self.filter.iter().for_each(|filter| of_filter(filter, tables));
    }

    /// Whether a condition of it means the caller's reports, who have to be found first. Its
    /// expands are asked themselves.
    #[must_use]
    pub fn needs_reports(&self) -> bool {
        let mut needs = false;
        self.each_leaf(&mut |leaf| {
            needs |= matches!(
                leaf,
                Filter::Caller { who: CallerSet::UserAndReports | CallerSet::UserAndReportsAndTeams, .. }
            );
        });
        needs
    }

    /// The hierarchies that its conditions mean, whose rows have to be found first.
    #[must_use]
    pub fn hierarchies(&self) -> Vec<&Hierarchy> {
        let mut found = Vec::new();
        self.each_leaf(&mut |leaf| {
            if let Filter::Hierarchy { hierarchy, .. } = leaf {
                found.push(&**hierarchy);
            }
        });
        found
    }

    fn each_leaf<'a>(&'a self, visit: &mut dyn FnMut(&'a Filter)) {
        leaves_of_links(&self.links, visit);
        self.filter.iter().for_each(|filter| leaves(filter, visit));
    }
}

fn leaves_of_links<'a>(links: &'a [Link], visit: &mut dyn FnMut(&'a Filter)) {
    links.iter().filter_map(|link| link.filter.as_ref()).for_each(|filter| leaves(filter, visit));
}

fn leaves<'a>(filter: &'a Filter, visit: &mut dyn FnMut(&'a Filter)) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| leaves(part, visit)),
        Filter::Exists(exists) => {
            leaves_of_links(&exists.links, visit);
            exists.filter.iter().for_each(|filter| leaves(filter, visit));
        }
        leaf => visit(leaf),
    }
}

/// The tables of these expands: of each its own, then what it touches in turn.
#[must_use]
pub fn expanded_tables(expands: &[Expand]) -> Vec<&Arc<Table>> {
    let mut tables = Vec::new();
    of_expands(expands, &mut tables);
    tables
}

fn of_expands<'a>(expands: &'a [Expand], tables: &mut Vec<&'a Arc<Table>>) {
    for expand in expands {
        tables.push(&expand.query.table);
        tables.extend(expand.query.further_tables());
    }
}

fn of_links<'a>(links: &'a [Link], tables: &mut Vec<&'a Arc<Table>>) {
    for link in links {
        tables.push(&link.table);
        link.filter.iter().for_each(|filter| of_filter(filter, tables));
    }
}

fn of_filter<'a>(filter: &'a Filter, tables: &mut Vec<&'a Arc<Table>>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| of_filter(part, tables)),
        Filter::Exists(exists) => {
            let Exists { table, links, filter, .. } = &**exists;
            tables.push(table);
            of_links(links, tables);
            filter.iter().for_each(|filter| of_filter(filter, tables));
        }
        // Who asks where rows stand must be allowed to read them.
        Filter::Hierarchy { hierarchy, .. } => tables.push(&hierarchy.table),
        _ => {}
    }
}
