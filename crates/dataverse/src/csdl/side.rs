//! What a metadata document cannot say, told beside it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Verb;
use crate::schema::{ColumnKind, OptionItem, Ownership};

/// What is assumed of columns and tables of which a document says too little.
pub(super) const LONG_TEXTS: &str = "texts as long as they can be";
pub(super) const ANY_CHOICE: &str = "choices with any number and no labels";
pub(super) const TWO_STATES: &str = "states Active and Inactive";
pub(super) const OWNED_BY_THE_ORGANIZATION: &str = "tables whose rows belong to the organization";
pub(super) const WITHOUT_NAMES: &str = "tables without a column that names rows";

/// Labels, lengths, options, keys and privileges by logical names. Everything is optional.
///
/// ```toml
/// [tables.new_visit]
/// display_name = "Visit"
/// schema_name = "new_Visit"          # also what its privileges are called after
/// primary_name = "new_title"
/// keys = { new_bynumber = ["new_number"] }
///
/// [tables.new_visit.columns.new_outcome]
/// label = "Outcome"
/// options = [ { value = 100000000, label = "Good" }, { value = 100000001, label = "Bad" } ]
///
/// [tables.new_visit.columns.new_title]
/// max_length = 200
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideFile {
    /// By logical name.
    #[serde(default)]
    pub tables: BTreeMap<String, TableSide>,
}

impl SideFile {
    /// Whether it tells what a document left open and was assumed: of a table, or of one of its columns.
    #[must_use]
    pub fn tells(&self, table: &str, column: Option<&str>, what: &str) -> bool {
        let Some(told) = self.tables.get(table) else { return false };
        let Some(column) = column else {
            return match what {
                OWNED_BY_THE_ORGANIZATION => told.ownership.is_some(),
                WITHOUT_NAMES => told.primary_name.is_some(),
                _ => false,
            };
        };
        let Some(told) = told.columns.get(column) else { return false };
        let says_more = match what {
            LONG_TEXTS => told.max_length.is_some(),
            ANY_CHOICE | TWO_STATES => told.options.is_some(),
            _ => false,
        };
        told.kind.is_some() || says_more
    }
}

/// What is told of one table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSide {
    /// What people call a row of it.
    pub display_name: Option<String>,
    /// Its name in its own writing, after which its privileges are called.
    pub schema_name: Option<String>,
    /// What its privileges are called after, where that is not the schema name.
    pub privilege_stem: Option<String>,
    /// The verbs that it has privileges for.
    pub verbs: Option<Vec<Verb>>,
    /// Who owns its rows.
    pub ownership: Option<Ownership>,
    /// The column that names a row to people.
    pub primary_name: Option<String>,
    /// Alternate keys by name: their columns.
    #[serde(default)]
    pub keys: BTreeMap<String, Vec<String>>,
    /// By logical name.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnSide>,
}

/// What is told of one column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSide {
    /// What people see.
    pub label: Option<String>,
    /// Its name in its own writing.
    pub schema_name: Option<String>,
    /// The longest text.
    pub max_length: Option<u32>,
    /// The options of a choice, in the order in which people see them (told of a text, those of several choices); for a status with the state that each belongs to
    /// (`pair`), for a state with the status that a row gets on entering it.
    pub options: Option<Vec<OptionItem>>,
    /// What it holds, in the words of our own schema files, where the guess is wrong: `{ integer = { min = 0, max = 9 } }`.
    pub kind: Option<ColumnKind>,
}

/// Who says what of tables that are brought from elsewhere: what a document is silent about is assumed, and does not count
/// against what is known of a table already.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The tables that metadata documents tell of, by logical name, each with the columns whose longest text they tell. Of all
    /// other tables everything is said.
    #[serde(default)]
    pub documents: BTreeMap<String, BTreeSet<String>>,
    /// What a side file tells beside them.
    #[serde(default)]
    pub told: SideFile,
}
