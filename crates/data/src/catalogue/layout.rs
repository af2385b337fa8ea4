//! How a table of the schema lies in the store: logical names to physical ones.
//!
//! A Dataverse table is one SQL table with one typed column for each of its columns, prefixed so
//! that no two can collide: `v_name` is the value, `f_name` a text's folded twin, `t_name` the
//! type code that a lookup with several targets points at. Comparisons, orders and unique keys use
//! the twin where there is one, because Dataverse compares without regard to case and accents.

use std::sync::{Arc, OnceLock};

use keyholder_dataverse::schema::{Column, ColumnKind, Table};
use keyholder_store::statement::{
    ColumnDefinition, CreateIndex, Insert, Name, Select, Statement, TableDefinition, column, parameter,
};
use keyholder_store::{Kind, Prepared};

use crate::error::Failure;

/// The longest physical name; both stores keep it whole.
const LONGEST_NAME: usize = 63;

/// A table and its place in the store.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) table: Arc<Table>,
    /// The physical table.
    pub(crate) name: Name,
    /// Where each column lies, by its position in the table.
    pub(crate) places: Vec<Place>,
    insert: OnceLock<Prepared>,
    insert_if_missing: OnceLock<Prepared>,
    load: OnceLock<Prepared>,
}

/// Where one column lies.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) column: Arc<Column>,
    /// How its member begins in a JSON object: `"_ownerid_value":`.
    pub(crate) member: Box<str>,
    /// The physical column and what it holds; none for images, which lie beside the rows.
    pub(crate) value: Option<(Name, Kind)>,
    /// The folded twin of a text.
    pub(crate) folded: Option<Name>,
    /// Which table a lookup points at.
    pub(crate) target: Target,
}

/// Which table a lookup points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// It is no lookup.
    None,
    /// Always this one, named as in the schema.
    Always(Box<str>),
    /// The one whose type code stands in this physical column.
    Stored(Name),
}

impl Target {
    /// Which table the rows are of that a column of this name and kind names.
    pub(super) fn of(column: &str, kind: &ColumnKind) -> Self {
        match kind.targets() {
            [] => Self::None,
            // An activity's lookup has a property of its own and that of every activity, to one table.
            [first, more @ ..] if more.iter().all(|target| target.table == first.table) => {
                Self::Always(first.table.as_str().into())
            }
            _ => Self::Stored(physical("t_", column)),
        }
    }
}

impl Place {
    fn of(column: &Arc<Column>) -> Self {
        let value = kind_of(&column.kind).map(|kind| (physical("v_", &column.name), kind));
        let folded = column.kind.is_text().then(|| physical("f_", &column.name));
        let target = Target::of(&column.name, &column.kind);
        let member = format!("\"{}\":", column.property_name()).into();
        Self { column: Arc::clone(column), member, value, folded, target }
    }

    /// Whether a column lies as another does, whatever table a lookup leads to.
    pub(super) fn lies_as(&self, other: &Self) -> bool {
        self.value == other.value && self.folded == other.folded
    }

    /// The physical column to compare and order by, and what it holds.
    pub(crate) fn compared(&self) -> Option<(&Name, Kind)> {
        match (&self.folded, &self.value) {
            (Some(folded), _) => Some((folded, Kind::Text)),
            (None, Some((value, kind))) => Some((value, *kind)),
            (None, None) => None,
        }
    }

    /// The physical columns, in the order in which a record gives its values.
    pub(crate) fn physical(&self) -> impl Iterator<Item = (Name, Kind)> + '_ {
        let target = match &self.target {
            Target::Stored(name) => Some((name.clone(), Kind::Integer)),
            Target::None | Target::Always(_) => None,
        };
        self.value.clone().into_iter().chain(self.folded.clone().map(|name| (name, Kind::Text))).chain(target)
    }
}

/// What a column is kept as.
pub(crate) fn kind_of(kind: &ColumnKind) -> Option<Kind> {
    Some(match kind {
        ColumnKind::Guid
        | ColumnKind::Lookup { .. }
        | ColumnKind::Customer { .. }
        | ColumnKind::Owner { .. }
        // The id of the file.
        | ColumnKind::File => Kind::Uuid,
        ColumnKind::Text { .. } | ColumnKind::Memo { .. } | ColumnKind::MultiSelect { .. } => Kind::Text,
        ColumnKind::Integer(_)
        | ColumnKind::BigInteger
        | ColumnKind::Choice { .. }
        | ColumnKind::State { .. }
        | ColumnKind::Status { .. } => Kind::Integer,
        ColumnKind::Decimal { .. } => Kind::Decimal,
        ColumnKind::Double { .. } => Kind::Double,
        ColumnKind::Money { .. } => Kind::Money,
        ColumnKind::Boolean(_) | ColumnKind::ManagedBoolean(_) => Kind::Bool,
        ColumnKind::DateTime { .. } => Kind::Time,
        _ => return None,
    })
}

/// The physical name of a logical one: the same behind a prefix, or, when that is too long or has
/// other characters, its beginning and a hash.
pub(crate) fn physical(prefix: &str, logical: &str) -> Name {
    let plain = logical.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && prefix.len() + logical.len() <= LONGEST_NAME {
        return format!("{prefix}{logical}").into();
    }
    // 64-bit FNV-1a: stable, and enough to tell a table's columns apart.
    let hash = logical
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let kept: String =
        logical.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(LONGEST_NAME - 20).collect();
    format!("{prefix}{kept}_{hash:016x}").into()
}

impl Layout {
    pub(crate) fn new(table: &Arc<Table>) -> Self {
        Self {
            table: Arc::clone(table),
            name: physical("d_", table.logical_name()),
            places: table.columns().iter().map(Place::of).collect(),
            insert: OnceLock::new(),
            insert_if_missing: OnceLock::new(),
            load: OnceLock::new(),
        }
    }

    /// Where a column of this table lies.
    pub(crate) fn place(&self, column: &Column) -> Option<&Place> {
        self.places.get(column.position)
    }

    /// The place of the column with this logical name.
    pub(crate) fn named(&self, name: &str) -> Option<&Place> {
        self.table.column(name).and_then(|column| self.place(column))
    }

    /// The physical column of the primary id.
    pub(crate) fn id(&self) -> Name {
        physical("v_", &self.table.primary_id().name)
    }

    /// All physical columns, in the order in which a record gives its values.
    pub(crate) fn physical_columns(&self) -> impl Iterator<Item = (Name, Kind)> + '_ {
        self.places.iter().flat_map(Place::physical)
    }

    /// The insert of a whole record.
    pub(crate) fn insert(&self) -> Result<Prepared, Failure> {
        kept(&self.insert, || {
            Insert::into(self.name.clone()).columns(self.physical_columns().map(|(name, _)| name)).into()
        })
    }

    /// The insert of a whole record that drops it when its id is there.
    pub(crate) fn insert_if_missing(&self) -> Result<Prepared, Failure> {
        kept(&self.insert_if_missing, || {
            let columns = self.physical_columns().map(|(name, _)| name);
            Insert::into(self.name.clone()).columns(columns).or_nothing().into()
        })
    }

    /// The select of a whole record by its id.
    pub(crate) fn load(&self) -> Result<Prepared, Failure> {
        kept(&self.load, || {
            Select::from(self.name.clone())
                .columns(self.physical_columns())
                .filter(column(self.id()).equals(parameter(0)))
                .into()
        })
    }

    /// The statements that make the table and its indexes.
    pub(crate) fn definition(&self) -> Vec<Statement> {
        let id = self.id();
        let mut table = TableDefinition::new(self.name.clone()).primary_key([id.clone()]).if_missing();
        for (name, kind) in self.physical_columns() {
            table = table.with(definition(&id, name, kind));
        }
        let mut statements = vec![table.into()];
        statements.extend(self.indexes());
        statements
    }

    /// The statements that make the indexes that are missing.
    pub(crate) fn indexes(&self) -> Vec<Statement> {
        let id = self.id();
        let mut statements: Vec<Statement> = Vec::new();
        if let Some(name) = self.table.primary_name().and_then(|column| self.place(column)?.folded.clone()) {
            statements
                .push(self.index("n", self.table.primary_name().map_or("", |c| &c.name), [name, id.clone()]).into());
        }
        let own = self.table.primary_id().position;
        for place in self.places.iter().filter(|place| place.column.position != own && is_followed(&place.column)) {
            if let Some((name, _)) = &place.value {
                // What a caller of a lower depth reaches is listed in the order of the ids.
                let whose = matches!(place.column.kind, ColumnKind::Owner { .. }).then(|| id.clone());
                let index = self.index("l", &place.column.name, std::iter::once(name.clone()).chain(whose));
                statements.push(index.filter(column(name.clone()).is_not_null()).into());
            }
        }
        for key in self.table.keys() {
            let columns = key.columns.iter().filter_map(|column| Some(self.place(column)?.compared()?.0.clone()));
            statements.push(self.index("k", &key.name, columns).unique().into());
        }
        for relationship in self.table.pairs() {
            statements.extend(self.pair_indexes(&relationship.first.column, &relationship.second.column));
        }
        statements
    }

    /// The statement that adds a column which a newer schema has; the table's rows have NULL there.
    pub(crate) fn added_columns(&self, place: &Place) -> Vec<Statement> {
        let id = self.id();
        let add = |(name, kind)| {
            keyholder_store::statement::AddColumn { table: self.name.clone(), column: definition(&id, name, kind) }
                .into()
        };
        place.physical().map(add).collect()
    }

    /// The indexes of a table of pairs: one keeps each pair single and finds from the first side to the second, one
    /// finds the other way.
    fn pair_indexes(&self, first: &str, second: &str) -> Vec<Statement> {
        let lies = |name: &str| Some(self.named(name)?.value.clone()?.0);
        let (Some(one), Some(two)) = (lies(first), lies(second)) else { return Vec::new() };
        let mut indexes = vec![self.index("p", first, [one, two.clone()]).unique().into()];
        if self.named(second).is_some_and(|place| !is_followed(&place.column)) {
            indexes.push(self.index("l", second, [two]).into());
        }
        indexes
    }

    fn index(&self, sort: &str, of: &str, columns: impl IntoIterator<Item = Name>) -> CreateIndex {
        let name = physical("i_", &format!("{}_{sort}_{of}", self.table.logical_name()));
        CreateIndex::new(name, self.name.clone(), columns).never_null(self.id()).if_missing()
    }
}

fn definition(id: &Name, name: Name, kind: Kind) -> ColumnDefinition {
    if name == *id { ColumnDefinition::required(name, kind) } else { ColumnDefinition::optional(name, kind) }
}

/// Whether rows are looked up by this lookup: the owner, and what callers set themselves. The
/// columns that the org fills (who made a row, in which currency) would cost every write an index.
fn is_followed(column: &Column) -> bool {
    match &column.kind {
        ColumnKind::Owner { .. } | ColumnKind::Customer { .. } => true,
        ColumnKind::Lookup { .. } => column.access.create && &*column.name != "transactioncurrencyid",
        // The pairs of many-to-many relationships, and applications among users.
        ColumnKind::Guid => matches!(
            &*column.name,
            "principalid"
                | "objectid"
                | "roleid"
                | "privilegeid"
                | "systemuserid"
                | "teamid"
                | "applicationid"
                | "azureactivedirectoryobjectid"
        ),
        _ => false,
    }
}

fn kept(place: &OnceLock<Prepared>, statement: impl FnOnce() -> Statement) -> Result<Prepared, Failure> {
    if let Some(prepared) = place.get() {
        return Ok(prepared.clone());
    }
    let prepared = Prepared::new(statement())?;
    Ok(place.get_or_init(|| prepared).clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_dataverse::Schema;

    #[test]
    fn every_core_table_can_be_made() {
        let schema = Schema::core().unwrap();
        for name in schema.names() {
            let table = schema.table(&name.logical_name).unwrap().unwrap();
            let layout = Layout::new(&table);
            for statement in layout.definition() {
                Prepared::new(statement).unwrap();
            }
            assert!(layout.insert().is_ok() && layout.load().is_ok());
        }
    }

    #[test]
    fn long_and_odd_names_stay_apart() {
        let long = "new_".repeat(30);
        let (one, two) = (physical("v_", &format!("{long}a")), physical("v_", &format!("{long}b")));
        assert_ne!(one, two);
        assert!(one.len() <= LONGEST_NAME);
        assert_eq!(physical("v_", "name"), "v_name");
        assert_ne!(physical("v_", "a-b"), physical("v_", "a_b"));
    }
}
