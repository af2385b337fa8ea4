//! Which column of the table a column of the file is, and what it takes.

use std::collections::{BTreeMap, HashMap};

use keyholder_dataverse::Verb as Privilege;
use serde_json::Value;

use super::error::LEAVE_OUT;
use super::target::{Target, Verb};
use super::value::Kind;
use super::{LoadError, MARKS};
use crate::dataverse::{Dataverse, Lookup, TableInfo};

/// The longest value that is looked for, in UTF-16 units: the most that a text column takes (4,000 characters), which has
/// room in an address, however it is encoded.
const LONGEST_SOUGHT: u32 = 4_000;

/// A column of the file, and what it is in the table.
///
/// ```
/// use keyholder_client::bulk::Mapped;
/// let mapped: Mapped = "Company=parentcustomerid:account.name".parse()?;
/// assert_eq!((mapped.from.as_str(), mapped.to.as_str()), ("Company", "parentcustomerid:account.name"));
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// As the file calls it.
    pub from: String,
    /// The table's column, `emailaddress1`; for a lookup also the other table, and the column of it by which its row is
    /// known: `parentcustomerid:account.name`. Empty for what is left out.
    pub to: String,
}

impl std::str::FromStr for Mapped {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.rsplit_once('=') {
            Some((from, to)) if !from.is_empty() => Ok(Self { from: from.to_owned(), to: to.trim().to_owned() }),
            _ => Err("give the file's column and the table's, `FILE-COLUMN=COLUMN`"),
        }
    }
}

/// A lookup whose row is looked for by a column that is no alternate key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LookupRule {
    /// `,"parentcustomerid_account@odata.bind":`
    pub(super) member: String,
    pub(super) set: String,
    pub(super) table: String,
    pub(super) id_column: String,
    pub(super) column: String,
    pub(super) is_text: bool,
    /// No row of the other table has a longer value there, in UTF-16 units; nor can more be asked for.
    pub(super) longest: u32,
}

/// What is done with a column of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Use {
    /// It is left out.
    Left,
    /// It says which row it is: the so-manieth column of the key.
    Key(usize),
    /// It is sent: `,"emailaddress1":` and its value.
    Member { start: Vec<u8>, kind: Kind },
    /// It is looked for: the so-manieth of the lookups, by a value that is no longer than this.
    Sought { lookup: usize, longest: u32 },
}

/// One column of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    /// What it is in the table; for messages.
    pub(super) name: String,
    pub(super) used: Use,
    /// Whether it always has a value: what is empty sends nothing.
    pub(super) is_kept: bool,
    /// The lookup of the table that it is, whichever table it leads into; nothing for what is none.
    pub(super) lookup: Option<String>,
}

impl Bound {
    /// Whether both are one column of the table.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.used, &other.used) {
            (Use::Left, _) | (_, Use::Left) => false,
            // Of the tables that a lookup points into, some rows may name one, and others another.
            (
                Use::Member { start, kind: kind @ (Kind::RowById { .. } | Kind::RowByKey { .. }) },
                Use::Member { start: others, kind: other @ (Kind::RowById { .. } | Kind::RowByKey { .. }) },
            ) => start == others && kind == other,
            (Use::Member { start, .. }, Use::Member { start: others, .. }) => start == others,
            (used, others) => used == others,
        }
    }
}

/// What the table's columns are, and those of others that lookups are known by.
#[derive(Debug)]
pub(super) struct Columns {
    table: TableInfo,
    verb: Verb,
    maps: Vec<Mapped>,
    others: HashMap<String, TableInfo>,
    pub(super) lookups: Vec<LookupRule>,
    /// The tables that rows point into, and whether their rows are looked for; of owners, none.
    points: BTreeMap<String, bool>,
    names_owners: bool,
    /// Whether there are no more lookups to come.
    is_bound: bool,
    /// Whether each column of the key is a text, in its order.
    pub(super) key_is_text: Vec<bool>,
}

impl Columns {
    /// Reads what has to be known of other tables for what the file's columns may be.
    pub(super) async fn new(
        org: &Dataverse,
        table: TableInfo,
        verb: &Verb,
        maps: Vec<Mapped>,
        headers: &[String],
    ) -> Result<Self, LoadError> {
        let key_is_text = key_is_text(&table, verb)?;
        let (others, lookups) = (HashMap::new(), Vec::new());
        let mut columns = Self {
            table,
            verb: verb.clone(),
            maps,
            others,
            lookups,
            points: BTreeMap::new(),
            names_owners: false,
            is_bound: false,
            key_is_text,
        };
        let named = columns.maps.iter().map(|map| &map.to).chain(headers);
        let other = |name: &String| Some(name.split_once(':')?.1.split_once('.')?.0.to_owned());
        let mut wanted: Vec<String> = named.filter_map(other).collect();
        wanted.sort_unstable();
        wanted.dedup();
        // Only into what lookups of this table point to: nobody makes this ask for anything else.
        wanted.retain(|name| columns.table.lookups.iter().any(|lookup| lookup.table == *name));
        for name in wanted {
            let other = org.table(&name).await?;
            columns.others.insert(name, other);
        }
        Ok(columns)
    }

    pub(super) fn target(&self) -> Target {
        Target::new(&self.table, self.verb.clone())
    }

    /// Which verbs on which tables the rows need, by the columns that they had so far.
    pub(super) fn needs(&self) -> Vec<(String, Privilege)> {
        let own = match self.verb {
            Verb::Create => &[Privilege::Create][..],
            Verb::Update(_) => &[Privilege::Write],
            Verb::Upsert(_) => &[Privilege::Create, Privilege::Write],
        };
        let own = own.iter().copied();
        let own = own.chain(self.names_owners.then_some(Privilege::Assign));
        let own = own.chain((!self.points.is_empty()).then_some(Privilege::Append));
        let others = self.points.iter().flat_map(|(table, is_sought)| {
            let needs = [Some(Privilege::AppendTo), is_sought.then_some(Privilege::Read)];
            needs.into_iter().flatten().map(|verb| (table.clone(), verb))
        });
        own.map(|verb| (self.table.logical_name.clone(), verb)).chain(others).collect()
    }

    /// Rows point into that table by that lookup.
    fn point(&mut self, lookup: &Lookup, is_sought: bool) {
        if self.table.columns.get(&lookup.column).is_some_and(|column| column.kind == "Owner") {
            self.names_owners = true;
        } else {
            *self.points.entry(lookup.table.clone()).or_default() |= is_sought;
        }
    }

    /// The mapped columns that none of these is.
    pub(super) fn unknown_maps(&self, names: &[String]) -> Vec<String> {
        self.maps.iter().map(|map| &map.from).filter(|from| !names.contains(from)).cloned().collect()
    }

    /// Binds what the first row of JSON lines names, as far as it can be; what cannot be is told of the rows.
    pub(super) fn bind_first(&mut self, names: &[String]) {
        for name in names {
            let _ = self.bind(name);
        }
    }

    /// Binds every column that is mapped, so that a wrong mapping is told before any row is read.
    pub(super) fn bind_maps(&mut self) -> Result<(), LoadError> {
        for from in self.maps.iter().map(|map| map.from.clone()).collect::<Vec<_>>() {
            self.bind(&from)?;
        }
        self.is_bound = true;
        Ok(())
    }

    /// What is done with a column that the file calls so.
    pub(super) fn bind(&mut self, header: &str) -> Result<Bound, LoadError> {
        let map = self.maps.iter().find(|map| map.from == header);
        let (name, place) = match map {
            Some(map) => (map.to.clone(), format!("`{}={}`", map.from, map.to)),
            None if MARKS.contains(&header) => (String::new(), String::new()),
            None => (header.trim().to_owned(), "the file".to_owned()),
        };
        if MARKS.contains(&header) && !name.is_empty() {
            // What stands before a rejected row is put there anew by each load: it would not be the file's.
            let problem = format!("{place} maps `{header}`, which is what a load writes of a row that it rejects");
            return Err(LoadError::input(problem).hint("give the file's column another name"));
        }
        if name.is_empty() && (map.is_some() || MARKS.contains(&header)) {
            return Ok(Bound { name, used: Use::Left, is_kept: false, lookup: None });
        }
        let used = self.used(&name, &place)?;
        let column = match name.strip_suffix("@odata.bind") {
            Some(property) => {
                let lookup = self.table.lookups.iter().find(|lookup| lookup.navigation_property == property);
                lookup.map_or(property, |lookup| lookup.column.as_str())
            }
            None => plain(name.split(':').next().unwrap_or_default()),
        };
        let is_kept = self.table.columns.get(column).is_some_and(|column| column.kind == "Owner");
        let is_lookup = match &used {
            Use::Member { kind, .. } => matches!(kind, Kind::RowById { .. } | Kind::RowByKey { .. } | Kind::Address),
            Use::Sought { .. } => true,
            Use::Left | Use::Key(_) => false,
        };
        let lookup = is_lookup.then(|| column.to_owned());
        Ok(Bound { name, used, is_kept, lookup })
    }

    fn used(&mut self, name: &str, place: &str) -> Result<Use, LoadError> {
        if let Some(at) = self.verb.key().iter().position(|key| key == name) {
            return Ok(Use::Key(at));
        }
        let member = |name: &str| format!(",{}:", Value::from(name)).into_bytes();
        if let Some(property) = name.strip_suffix("@odata.bind")
            && let Some(lookup) =
                self.table.lookups.iter().find(|lookup| lookup.navigation_property == property).cloned()
        {
            self.point(&lookup, false);
            return Ok(Use::Member { start: member(name), kind: Kind::Address });
        }
        let (column, other) = name.split_once(':').map_or((name, None), |(column, other)| (column, Some(other)));
        let column = plain(column);
        let Some(known) = self.table.columns.get(column) else {
            return Err(LoadError::UnknownColumn {
                place: place.to_owned(),
                column: name.to_owned(),
                table: self.table.logical_name.clone(),
                known: self.table.columns.keys().cloned().collect(),
            });
        };
        let is_open = match self.verb {
            Verb::Create => known.for_create,
            Verb::Update(_) => known.for_update,
            Verb::Upsert(_) => known.for_create || known.for_update,
        };
        if column == self.table.primary_id {
            let problem = format!("{place} gives the rows their ids (`{column}`), and this load is not by id");
            return Err(LoadError::input(problem).hint(format!(
                "load with `{column}` as the key to make or change rows by their ids, or leave the column out"
            )));
        }
        if !is_open {
            let table = &self.table.logical_name;
            let problem =
                format!("{place} names `{column}`, which the org fills itself: `{table}` takes no value for it");
            return Err(LoadError::input(problem).hint(LEAVE_OUT));
        }
        if matches!(known.kind.as_str(), "Lookup" | "Customer" | "Owner") {
            return self.lookup(column, other, place);
        }
        if let Some(other) = other {
            return Err(LoadError::input(format!("{place} names `{name}`, and `{column}` is no lookup"))
                .hint(format!("leave `:{other}` out")));
        }
        match Kind::of(known) {
            Some(kind) => Ok(Use::Member { start: member(column), kind }),
            None => {
                Err(LoadError::input(format!("{place} names `{column}`, whose type {} cannot be loaded", known.kind))
                    .hint(LEAVE_OUT))
            }
        }
    }

    /// `account`, `account.name`, or nothing where the lookup points into one table alone.
    fn lookup(&mut self, column: &str, other: Option<&str>, place: &str) -> Result<Use, LoadError> {
        let (table, by) = match other.map(|other| other.split_once('.').unwrap_or((other, ""))) {
            Some((table, by)) => (Some(table), Some(by).filter(|by| !by.is_empty())),
            None => (None, None),
        };
        let Some(lookup) = self.table.lookup(column, table).cloned() else {
            let all = self.table.lookups.iter().filter(|lookup| lookup.column == column);
            let all = all.map(|lookup| format!("`{column}:{}`", lookup.table)).collect::<Vec<_>>().join(", ");
            let problem = match table {
                Some(table) => format!("{place} has the lookup `{column}` point into `{table}`, where it cannot"),
                None => format!("{place} names the lookup `{column}`, which may point into several tables"),
            };
            return Err(LoadError::input(problem).hint(if all.is_empty() {
                LEAVE_OUT.to_owned()
            } else {
                format!("say into which: {all}")
            }));
        };
        let start = format!(",{}:", Value::from(format!("{}@odata.bind", lookup.navigation_property)));
        let set = crate::dataverse::segment(&lookup.entity_set);
        self.point(&lookup, false);
        let Some(by) = by else {
            return Ok(Use::Member { start: start.into_bytes(), kind: Kind::RowById { set } });
        };
        self.lookup_by(&lookup, start, set, by, place)
    }

    fn lookup_by(
        &mut self,
        lookup: &Lookup,
        member: String,
        set: String,
        by: &str,
        place: &str,
    ) -> Result<Use, LoadError> {
        let table = &lookup.table;
        let unmapped = || {
            let name = format!("{}:{table}.{by}", lookup.column);
            LoadError::input(format!(
                "`{name}` is a lookup by a column, and no member of the first row: it has to be known before the rows \
                 are read, by `--map '{name}={name}'`"
            ))
        };
        let other = self.others.get(table).ok_or_else(unmapped)?;
        let known = other.columns.get(by).filter(|column| column.for_read).ok_or_else(|| LoadError::UnknownColumn {
            place: place.to_owned(),
            column: by.to_owned(),
            table: table.clone(),
            known: other.columns.keys().cloned().collect(),
        })?;
        if by == other.primary_id {
            return Ok(Use::Member { start: member.into_bytes(), kind: Kind::RowById { set } });
        }
        let is_text = is_text(&known.kind, by)?;
        if other.key(&[by]).is_some() {
            let kind = Kind::RowByKey { set, column: by.to_owned(), is_text };
            return Ok(Use::Member { start: member.into_bytes(), kind });
        }
        let rule = LookupRule {
            member,
            set: lookup.entity_set.clone(),
            table: table.clone(),
            id_column: other.primary_id.clone(),
            column: by.to_owned(),
            is_text,
            longest: known.max_length.unwrap_or(LONGEST_SOUGHT).min(LONGEST_SOUGHT),
        };
        let longest = rule.longest;
        self.point(lookup, true);
        if self.is_bound && !self.lookups.contains(&rule) {
            return Err(unmapped());
        }
        let at = self.lookups.iter().position(|known| *known == rule).unwrap_or_else(|| {
            self.lookups.push(rule);
            self.lookups.len() - 1
        });
        Ok(Use::Sought { lookup: at, longest })
    }
}

/// What the table calls a lookup that is called as the Web API does where it is read: `_ownerid_value`.
fn plain(column: &str) -> &str {
    column.strip_prefix('_').and_then(|name| name.strip_suffix("_value")).unwrap_or(column)
}

/// Whether a column's values stand in quotes in a key or a filter; what cannot stand there is refused.
fn is_text(kind: &str, column: &str) -> Result<bool, LoadError> {
    match kind {
        "String" | "Memo" => Ok(true),
        "Integer" | "BigInt" | "Decimal" | "Double" | "Money" | "DateTime" | "Uniqueidentifier" | "Picklist" => {
            Ok(false)
        }
        _ => Err(LoadError::input(format!("no row can be known by `{column}`, whose type is {kind}"))),
    }
}

fn key_is_text(table: &TableInfo, verb: &Verb) -> Result<Vec<bool>, LoadError> {
    let key: Vec<&str> = verb.key().iter().map(String::as_str).collect();
    if key.is_empty() {
        return match verb {
            Verb::Create => Ok(Vec::new()),
            _ => Err(LoadError::input(format!("to {} rows, say by which columns they are known", verb.word()))),
        };
    }
    for column in &key {
        if !table.columns.contains_key(*column) {
            return Err(LoadError::UnknownColumn {
                place: "the key".to_owned(),
                column: (*column).to_owned(),
                table: table.logical_name.clone(),
                known: table.columns.keys().cloned().collect(),
            });
        }
    }
    if key != [table.primary_id.as_str()] && table.key(&key).is_none() {
        let has: Vec<String> = table.keys.iter().map(|key| format!("`{}`", key.columns.join(","))).collect();
        let has = if has.is_empty() { "it has none".to_owned() } else { format!("it has {}", has.join(", ")) };
        let name = &table.logical_name;
        return Err(LoadError::input(format!("`{}` is no alternate key of `{name}`: {has}", key.join(","))).hint(
            format!(
                "make that key in the org (Power Apps: the table `{name}`, Keys; the guide to loading has a command), or name rows by `{}`",
                table.primary_id
            ),
        ));
    }
    key.iter().map(|name| table.columns.get(*name).map_or(Ok(true), |column| is_text(&column.kind, name))).collect()
}
