//! Conditions: what a query's filter, its reach and its place among the pages ask of a row.
//!
//! Dataverse's comparisons are true or false, never unknown: `ne` holds for a row without a value.
//! SQL's are unknown there. Wherever the two differ the condition says what happens to NULL.

use keyholder_dataverse::error;
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::{Column, ColumnKind, DateBehavior, Table};
use keyholder_operation::query::{PatternPart, Range};
use keyholder_operation::{
    Circumstances, ColumnOf, Comparand, Comparison, Exists, Filter, JoinOn, Link, LinkKind, TextFunction,
};
use keyholder_security::{Reach, ReachedTable, Rows};
use keyholder_store::statement::{
    Expr, Join, JoinKind, Name, Order, Select, Source, all, any, literal, not, parameter, qualified,
};
use keyholder_store::{Kind, Pattern, Piece, Value};

use uuid::Uuid;

use super::Parents;
use super::cookie::Cookie;
use super::scope::{Placed, Scope};
use crate::catalogue::layout::Target;
use crate::catalogue::record::stored;
use crate::catalogue::{Catalogue, Layout};
use crate::error::Failure;
use crate::shares;

/// A reach of more owners and units than these is asked about at once.
const MOST_APART: usize = 8;

/// A condition under construction: the values for the parameters that it uses so far, and what is
/// left of the tables that the query may still name.
#[derive(Debug)]
pub(super) struct Conditions<'a> {
    catalogue: &'a Catalogue,
    circumstances: &'a Circumstances<'a>,
    further: std::slice::Iter<'a, ReachedTable>,
    hierarchies: std::slice::Iter<'a, Vec<Uuid>>,
    aliases: usize,
    pub(super) values: Vec<Value>,
}

/// One key of an order, as it lies in the store.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) expr: Expr,
    pub(super) kind: Kind,
    pub(super) descending: bool,
}

impl Key {
    /// As a statement has it, whose rows have this id.
    pub(super) fn order(self, id: &Expr) -> Order {
        let never = self.expr == *id;
        let order = if self.descending { self.expr.descending() } else { self.expr.ascending() };
        if never { order.never_null() } else { order }
    }
}

impl<'a> Conditions<'a> {
    /// `further` are the tables of links and conditions, in the order of
    /// [`keyholder_operation::Query::further_tables`].
    pub(super) fn new(
        catalogue: &'a Catalogue,
        circumstances: &'a Circumstances<'a>,
        further: &'a [ReachedTable],
    ) -> Self {
        let hierarchies = circumstances.hierarchies.iter();
        Self { catalogue, circumstances, further: further.iter(), hierarchies, aliases: 0, values: Vec::new() }
    }

    /// What was decided about the next table of the query, which must be this one.
    fn reached(&mut self, table: &Table) -> Result<&'a ReachedTable, Failure> {
        let next = self.further.next().filter(|next| next.table().type_code() == table.type_code());
        next.ok_or_else(|| error::unexpected().into())
    }

    /// A table under a name that no other has in this statement.
    fn placed(&mut self, rows: &ReachedTable) -> Placed {
        self.aliases += 1;
        Placed { alias: Some(format!("s{}", self.aliases).into()), layout: self.catalogue.layout(rows.table()) }
    }

    /// A parameter with this value.
    pub(super) fn value(&mut self, value: impl Into<Value>) -> Expr {
        parameter(self.slot(value))
    }

    fn slot(&mut self, value: impl Into<Value>) -> usize {
        self.values.push(value.into());
        self.values.len() - 1
    }

    /// Which rows the caller reaches; nothing when all.
    pub(super) fn reach(&mut self, placed: &Placed, rows: &ReachedTable) -> Option<Expr> {
        match rows.reach() {
            Reach::Everything => None,
            Reach::Rows(reached) => Some(self.named_by(placed, rows, reached)),
            Reach::Both(one, other) => {
                Some(all([self.named_by(placed, rows, one), self.named_by(placed, rows, other)]))
            }
            // A reach that this crate does not know reaches nothing.
            _ => Some(any([])),
        }
    }

    /// The same as conditions of which each reached row meets exactly one, so that the rows of each are found in the
    /// order of their ids: for callers who reach the rows of a few owners and units.
    pub(super) fn reach_apart(&mut self, placed: &Placed, rows: &ReachedTable) -> Option<Vec<Expr>> {
        let Reach::Rows(reached) = rows.reach() else { return None };
        let lists = [(rows.owner_column(), &reached.owners), (rows.business_unit_column(), &reached.business_units)];
        let named: Vec<_> = lists
            .iter()
            .filter_map(|(of, ids)| Some((of.and_then(|column| placed.kept(column).ok())?, *ids)))
            .flat_map(|(kept, ids)| ids.iter().map(move |id| (kept.clone(), *id)))
            .collect();
        if named.is_empty() || named.len() > MOST_APART || !reached.shared_with.is_empty() {
            return None;
        }
        let mut earlier: Vec<Expr> = Vec::new();
        let apart = named.into_iter().map(|(kept, id)| {
            let id = self.value(id);
            let one = all(std::iter::once(kept.clone().equals(id.clone())).chain(earlier.iter().cloned()));
            earlier.push(kept.clone().differs_from(id).or(kept.is_null()));
            one
        });
        Some(apart.collect())
    }

    fn named_by(&mut self, placed: &Placed, rows: &ReachedTable, reached: &Rows) -> Expr {
        let mut ways = Vec::new();
        let lists = [(rows.owner_column(), &reached.owners), (rows.business_unit_column(), &reached.business_units)];
        for (of, ids) in lists {
            let kept = of.and_then(|column| placed.kept(column).ok());
            if let Some(kept) = kept.filter(|_| !ids.is_empty()) {
                let slot = self.slot(Value::ids(ids.iter().copied()));
                ways.push(kept.in_list(slot));
            }
        }
        if !reached.shared_with.is_empty() {
            let slot = self.slot(Value::ids(reached.shared_with.iter().copied()));
            let shared = shares::objects(rows.table().type_code(), rows.verb(), slot);
            ways.push(placed.id().in_select(shared));
        }
        any(ways)
    }

    /// Joins the links of a scope to it, each within its reach, and gives the joins.
    pub(super) fn links(&mut self, scope: &mut Scope, links: &[Link]) -> Result<Vec<Join>, Failure> {
        let mut joins = Vec::with_capacity(links.len());
        for link in links {
            let rows = self.reached(&link.table)?;
            let further = self.further.clone();
            let placed = self.placed(rows);
            let source = Source { table: placed.layout.name.clone(), alias: placed.alias.clone() };
            let mut on = self.partner(scope, link, rows, placed)?;
            if link.kind == LinkKind::First {
                // The condition is lowered twice, so its tables are taken twice.
                self.further = further;
                on.push(self.no_earlier(scope, link, rows)?);
            }
            let kind = match link.kind {
                LinkKind::Inner | LinkKind::First => JoinKind::Inner,
                LinkKind::Outer => JoinKind::Left,
                _ => return Err(error::not_supported("This kind of link").into()),
            };
            joins.push(Join { kind, source, on: all(on) });
        }
        Ok(joins)
    }

    /// What makes a row of a link's table a partner; leaves it in the scope.
    fn partner(
        &mut self,
        scope: &mut Scope,
        link: &Link,
        rows: &ReachedTable,
        placed: Placed,
    ) -> Result<Vec<Expr>, Failure> {
        let mut on = vec![self.belongs(&link.on, scope.source(link.from)?, &placed)?];
        on.extend(self.reach(&placed, rows));
        scope.links.push(placed);
        if let Some(filter) = &link.filter {
            on.push(self.filter(scope, filter)?);
        }
        Ok(on)
    }

    /// That no partner has a smaller id than the last one in the scope.
    fn no_earlier(&mut self, scope: &mut Scope, link: &Link, rows: &ReachedTable) -> Result<Expr, Failure> {
        let own = scope.links.pop().ok_or_else(error::unexpected)?;
        let other = self.placed(rows);
        let earlier = other.id().less_than(own.id());
        let select = Select::from(other.layout.name.clone()).project(literal(1), Kind::Integer);
        let alias = other.alias.clone();
        let mut asked = self.partner(scope, link, rows, other)?;
        scope.links.pop();
        scope.links.push(own);
        asked.push(earlier);
        let mut select = select.filter(all(asked));
        select.from.alias = alias;
        Ok(not(Expr::Exists(Box::new(select))))
    }

    /// Whether a row of `far` is one of those that are joined to the row of `near`.
    fn belongs(&mut self, on: &JoinOn, near: &Placed, far: &Placed) -> Result<Expr, Failure> {
        match on {
            JoinOn::Lookup { lookup } => self.names(near, lookup, far),
            JoinOn::Referencing { lookup } => self.names(far, lookup, near),
            JoinOn::Pairs { relationship, side } => {
                let pairs = self.catalogue.layout_of(&relationship.intersect)?;
                let (own, other) = relationship.ends(*side);
                self.aliases += 1;
                let alias: Name = format!("p{}", self.aliases).into();
                let others = Select::from(pairs.name.clone())
                    .project(paired(&pairs, &alias, &other.column)?, Kind::Uuid)
                    .filter(paired(&pairs, &alias, &own.column)?.equals(near.id()))
                    .alias(alias);
                Ok(far.id().in_select(others))
            }
            JoinOn::Columns { near: one, far: other } => Ok(near.compared(one)?.0.equals(far.compared(other)?.0)),
            _ => Err(error::not_supported("This kind of link").into()),
        }
    }

    /// Which rows of `far` belong to any of these rows: what has to be joined, the id of the row that
    /// each belongs to, and the condition.
    pub(super) fn of_parents(
        &mut self,
        far: &Placed,
        parents: &Parents<'_>,
    ) -> Result<(Option<Join>, Expr, Expr), Failure> {
        let ids = self.slot(Value::ids(parents.ids.iter().copied()));
        match parents.on {
            JoinOn::Lookup { .. } => Ok((None, far.id(), far.id().in_list(ids))),
            JoinOn::Referencing { lookup } => {
                let kept = far.kept(lookup)?;
                let mut belongs = kept.clone().in_list(ids);
                if let Target::Stored(target) = far.place(lookup)?.target.clone() {
                    belongs = belongs.and(far.physical(target).equals(self.value(parents.table.type_code())));
                }
                Ok((None, kept, belongs))
            }
            JoinOn::Pairs { relationship, side } => {
                let pairs = self.catalogue.layout_of(&relationship.intersect)?;
                let (own, other) = relationship.ends(*side);
                let alias: Name = "p".into();
                let own = paired(&pairs, &alias, &own.column)?;
                let on = paired(&pairs, &alias, &other.column)?.equals(far.id());
                let source = Source { table: pairs.name.clone(), alias: Some(alias) };
                let join = Join { kind: JoinKind::Inner, source, on };
                Ok((Some(join), own.clone(), own.in_list(ids)))
            }
            _ => Err(error::not_supported("This kind of link").into()),
        }
    }

    /// Whether the lookup of a row of `from` names the row of `to`.
    fn names(&mut self, from: &Placed, lookup: &Column, to: &Placed) -> Result<Expr, Failure> {
        let same = from.kept(lookup)?.equals(to.id());
        Ok(match from.place(lookup)?.target.clone() {
            Target::Stored(target) => same.and(from.physical(target).equals(self.value(to.layout.table.type_code()))),
            Target::None | Target::Always(_) => same,
        })
    }

    /// What a `$filter` asks.
    pub(super) fn filter(&mut self, scope: &Scope, filter: &Filter) -> Result<Expr, Failure> {
        Ok(match filter {
            Filter::And(parts) => all(self.each(scope, parts)?),
            Filter::Or(parts) => any(self.each(scope, parts)?),
            Filter::Compare { column, comparison, with } => self.compare(scope, column, *comparison, with)?,
            Filter::Null { column, negated } => {
                let value = scope.kept(column)?;
                if *negated { value.is_not_null() } else { value.is_null() }
            }
            Filter::Text { column, function, pattern, negated } => {
                let (compared, _) = scope.compared(column)?;
                let pattern = search(*function, pattern.parts());
                let within = if *negated { Vec::new() } else { self.within(&compared, &pattern) };
                let matches = compared.clone().matches(self.slot(pattern));
                all(within.into_iter().chain([or_null(matches, compared, *negated)]))
            }
            Filter::In { column, values, negated } => {
                let (compared, kind) = scope.compared(column)?;
                let slot = self.slot(Value::List(kind, values.iter().map(comparable).collect()));
                or_null(compared.clone().in_list(slot), compared, *negated)
            }
            Filter::Caller { column, who, negated } => {
                let kept = scope.kept(column)?;
                let slot = self.slot(Value::ids(self.circumstances.ids(*who)));
                or_null(kept.clone().in_list(slot), kept, *negated)
            }
            Filter::Hierarchy { column, hierarchy, negated } => {
                let kept = scope.kept(column)?;
                self.reached(&hierarchy.table)?;
                let mut ids = self.hierarchies.next().cloned().ok_or_else(error::unexpected)?;
                ids.extend(hierarchy.inclusive.then_some(hierarchy.of));
                let slot = self.slot(Value::ids(ids));
                or_null(kept.clone().in_list(slot), kept, *negated)
            }
            Filter::When { column, span } => {
                let local = matches!(column.kind, ColumnKind::DateTime { behavior: DateBehavior::UserLocal });
                let Range { from, before } = span.range(self.circumstances.now, self.circumstances.zone, local);
                let kept = scope.kept(column)?;
                let from = from.map(|from| kept.clone().at_least(self.value(from)));
                let before = before.map(|before| kept.less_than(self.value(before)));
                all(from.into_iter().chain(before))
            }
            Filter::Exists(exists) => self.exists(scope, exists)?,
            _ => return Err(error::not_supported("This kind of condition").into()),
        })
    }

    /// That a text lies where everything lies that looks like a pattern.
    fn within(&mut self, compared: &Expr, pattern: &Pattern) -> Vec<Expr> {
        let Some((from, before)) = pattern.range() else { return Vec::new() };
        let mut within = vec![compared.clone().at_least(self.value(from))];
        within.extend(before.map(|before| compared.clone().less_than(self.value(before))));
        within
    }

    fn each(&mut self, scope: &Scope, parts: &[Filter]) -> Result<Vec<Expr>, Failure> {
        parts.iter().map(|part| self.filter(scope, part)).collect()
    }

    fn exists(&mut self, outer: &Scope, exists: &Exists) -> Result<Expr, Failure> {
        let rows = self.reached(&exists.table)?;
        let mut scope = Scope { root: self.placed(rows), links: Vec::new() };
        let mut asked = vec![self.belongs(&exists.on, outer.source(exists.from)?, &scope.root)?];
        asked.extend(self.reach(&scope.root, rows));
        let joins = self.links(&mut scope, &exists.links)?;
        if let Some(filter) = &exists.filter {
            asked.push(self.filter(&scope, filter)?);
        }
        let mut select = Select::from(scope.root.layout.name.clone()).project(literal(1), Kind::Integer);
        (select.from.alias, select.joins) = (scope.root.alias, joins);
        let found = Expr::Exists(Box::new(select.filter(all(asked))));
        Ok(if exists.negated { not(found) } else { found })
    }

    fn compare(
        &mut self,
        scope: &Scope,
        column: &ColumnOf,
        comparison: Comparison,
        with: &Comparand,
    ) -> Result<Expr, Failure> {
        let (left, _) = scope.compared(column)?;
        let (right, nullable) = match with {
            Comparand::Value(value) => (self.value(comparable(value)), None),
            Comparand::Column(other) => {
                let (other, _) = scope.compared(other)?;
                (other.clone(), Some(other))
            }
            _ => return Err(error::not_supported("This kind of comparison").into()),
        };
        Ok(match comparison {
            Comparison::Equal => left.equals(right),
            Comparison::NotEqual => {
                let differs = left.clone().differs_from(right).or(left.is_null());
                nullable.into_iter().fold(differs, |differs, other| differs.or(other.is_null()))
            }
            Comparison::Greater => left.greater_than(right),
            Comparison::GreaterOrEqual => left.at_least(right),
            Comparison::Less => left.less_than(right),
            Comparison::LessOrEqual => left.at_most(right),
        })
    }

    /// The rows whose lookup names this row.
    pub(super) fn points_at(
        &mut self,
        placed: &Placed,
        lookup: &Column,
        type_code: i32,
        id: Uuid,
    ) -> Result<Expr, Failure> {
        let same = placed.kept(lookup)?.equals(self.value(id));
        Ok(match placed.place(lookup)?.target.clone() {
            Target::Stored(target) => same.and(placed.physical(target).equals(self.value(type_code))),
            Target::None | Target::Always(_) => same,
        })
    }

    /// What comes after the end of a page, in an order with the id last; without an id, in one whose
    /// keys tell all rows apart. NULL is the smallest value, so it comes first ascending and last
    /// descending.
    ///
    /// Nested, `a > 1 or (a = 1 and (b > 2 or ...))`, so that each key stands in it twice however
    /// many there are. Of the first key it is also said where it begins, where that can be said in one: an index leads
    /// there, and not to this or that.
    pub(super) fn after(&mut self, keys: &[Key], id: Option<Expr>, cookie: &Cookie) -> Expr {
        let mut ends = keys.iter().zip(&cookie.last).enumerate();
        let (told_apart, behind) = match (ends.find(|(_, (key, _))| id.as_ref() == Some(&key.expr)), id) {
            // Ordered by the id itself: what is asked behind that counts for nothing.
            (Some((at, (Key { expr, descending, .. }, last))), _) => {
                let last = self.value(last.clone());
                (at, if *descending { expr.clone().less_than(last) } else { expr.clone().greater_than(last) })
            }
            (None, Some(id)) => (keys.len(), id.greater_than(self.value(cookie.id))),
            (None, None) => (keys.len(), any([])),
        };
        let ends = keys.iter().zip(&cookie.last).take(told_apart).enumerate().rev();
        ends.fold(behind, |later, (index, (key, last))| {
            let key_is = || key.expr.clone();
            if *last == Value::Null {
                let tied = all([key_is().is_null(), later]);
                // Descending, nothing is behind NULL but what has it too.
                return if key.descending { tied } else { any([key_is().is_not_null(), tied]) };
            }
            let last = self.slot(last.clone());
            let tied = all([key_is().equals(parameter(last)), later]);
            if key.descending {
                any([key_is().less_than(parameter(last)), key_is().is_null(), tied])
            } else {
                let after = any([key_is().greater_than(parameter(last)), tied]);
                let from = (index == 0).then(|| key_is().at_least(parameter(last)));
                all(from.into_iter().chain([after]))
            }
        })
    }
}

/// One side of a table of pairs.
fn paired(pairs: &Layout, alias: &Name, column: &str) -> Result<Expr, Failure> {
    let value = pairs.named(column).and_then(|place| place.value.clone());
    let (name, _) = value.ok_or_else(|| error::not_supported("This relationship"))?;
    Ok(qualified(alias.clone(), name))
}

/// What holds when something was found, or when it was not: the latter also for no value at all.
fn or_null(found: Expr, value: Expr, negated: bool) -> Expr {
    if negated { not(found).or(value.is_null()) } else { found }
}

/// A value as it is compared: texts folded.
pub(crate) fn comparable(value: &keyholder_dataverse::Value) -> Value {
    value.text().map_or_else(|| stored(value), |text| fold(text).into())
}

/// The pattern that a folded text must look like.
fn search(function: TextFunction, parts: &[PatternPart]) -> Pattern {
    let inner = parts.iter().map(|part| match part {
        PatternPart::Literal(text) => Piece::Text(text.clone()),
        PatternPart::AnyText => Piece::Many,
        PatternPart::AnyCharacter => Piece::One,
        PatternPart::OneOf { ranges, negated } => Piece::Set { negated: *negated, ranges: ranges.clone() },
    });
    let open = |open: bool| open.then_some(Piece::Many);
    let before = open(matches!(function, TextFunction::Contains | TextFunction::EndsWith));
    let after = open(matches!(function, TextFunction::Contains | TextFunction::StartsWith));
    Pattern::new(before.into_iter().chain(inner).chain(after))
}
