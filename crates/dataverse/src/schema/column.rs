//! One column of a table.

use serde::{Deserialize, Serialize};

/// A column, bound to its table by its position there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Column {
    /// The logical name, always lower case: `parentcustomerid`.
    pub name: Box<str>,
    /// The name in its own writing: `ParentCustomerId`.
    pub schema_name: Box<str>,
    /// What people see: `Company Name`.
    pub label: Box<str>,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether a row needs it.
    pub requirement: Requirement,
    /// Who may set it, and when.
    pub access: Access,
    /// Its place in the table, from 0; the index of its value in a row of values.
    pub position: usize,
}

impl Column {
    /// The column's name in the Web API: `_parentcustomerid_value` for a lookup, else the logical
    /// name.
    #[must_use]
    pub fn property_name(&self) -> String {
        if self.kind.is_lookup() { format!("_{}_value", self.name) } else { self.name.to_string() }
    }

    /// The targets of a lookup; empty for every other column.
    #[must_use]
    pub fn targets(&self) -> &[LookupTarget] {
        match &self.kind {
            ColumnKind::Lookup { targets } | ColumnKind::Customer { targets } | ColumnKind::Owner { targets } => {
                targets
            }
            _ => &[],
        }
    }
}

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnKind {
    /// A GUID that is no lookup; the primary id of a table is one.
    Guid,
    /// One line of text, at most this many UTF-16 code units, as Dataverse counts.
    Text {
        /// The longest text allowed.
        max_length: u32,
    },
    /// Text of several lines; not for unique keys.
    Memo {
        /// The longest text allowed.
        max_length: u32,
    },
    /// A whole number of 32 bits.
    Integer(NumberRange<i32>),
    /// A whole number of 64 bits.
    BigInteger,
    /// An exact decimal number.
    Decimal {
        /// Digits kept after the point, 0 to 10.
        precision: u8,
        /// Smallest and largest value.
        #[serde(flatten)]
        range: NumberRange<f64>,
    },
    /// A binary floating point number.
    Double {
        /// Digits shown after the point, 0 to 5.
        precision: u8,
        /// Smallest and largest value.
        #[serde(flatten)]
        range: NumberRange<f64>,
    },
    /// An amount in the row's currency, exact to 1/10,000.
    Money {
        /// Digits kept after the point, 0 to 4.
        precision: u8,
        /// Smallest and largest value.
        #[serde(flatten)]
        range: NumberRange<f64>,
        /// Whether this is the amount in the org's own currency, which the org itself computes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        base: bool,
    },
    /// Yes or no.
    Boolean(BooleanLabels),
    /// A yes or no of a solution component, shown as an object that also says whether it may be
    /// changed.
    ManagedBoolean(BooleanLabels),
    /// One of a list of options.
    Choice {
        /// The options, in the order in which people see them.
        options: Vec<OptionItem>,
        /// What a new row gets when nothing is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<i32>,
    },
    /// Whether the row is active: each state has a status that a row gets on entering it.
    State {
        /// The states.
        options: Vec<OptionItem>,
    },
    /// Why the row is in its state: each status belongs to one state.
    Status {
        /// The statuses.
        options: Vec<OptionItem>,
    },
    /// A date, or a date and time.
    DateTime {
        /// Whether there is a time, and whose.
        behavior: DateBehavior,
    },
    /// A row of one of some tables.
    Lookup {
        /// The tables and the navigation properties towards them.
        targets: Vec<LookupTarget>,
    },
    /// An account or a contact.
    Customer {
        /// The two tables and the navigation properties towards them.
        targets: Vec<LookupTarget>,
    },
    /// The user or team that owns the row; one navigation property leads to both.
    Owner {
        /// The tables of owners.
        targets: Vec<LookupTarget>,
    },
    /// An image, which the local org does not keep yet.
    Image,
    /// A file, which the local org does not keep yet.
    File,
}

impl ColumnKind {
    /// Whether the column points at a row.
    #[must_use]
    pub const fn is_lookup(&self) -> bool {
        matches!(self, Self::Lookup { .. } | Self::Customer { .. } | Self::Owner { .. })
    }

    /// Whether the column holds text, which is compared folded.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Memo { .. })
    }

    /// The options of a choice, state or status; empty for every other column.
    #[must_use]
    pub fn options(&self) -> &[OptionItem] {
        match self {
            Self::Choice { options, .. } | Self::State { options } | Self::Status { options } => options,
            _ => &[],
        }
    }

    /// The type's name in the service's metadata document, which its error texts quote.
    #[must_use]
    pub const fn edm_type(&self) -> &'static str {
        match self {
            Self::Guid | Self::Lookup { .. } | Self::Customer { .. } | Self::Owner { .. } => "Edm.Guid",
            Self::Text { .. } | Self::Memo { .. } => "Edm.String",
            Self::Integer(_) | Self::Choice { .. } | Self::State { .. } | Self::Status { .. } => "Edm.Int32",
            Self::BigInteger => "Edm.Int64",
            Self::Decimal { .. } | Self::Money { .. } => "Edm.Decimal",
            Self::Double { .. } => "Edm.Double",
            Self::Boolean(_) => "Edm.Boolean",
            Self::ManagedBoolean(_) => "Microsoft.Dynamics.CRM.BooleanManagedProperty",
            Self::DateTime { behavior: DateBehavior::DateOnly } => "Edm.Date",
            Self::DateTime { .. } => "Edm.DateTimeOffset",
            Self::Image | Self::File => "Edm.Binary",
        }
    }
}

/// The smallest and the largest number that a column takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NumberRange<N> {
    /// The smallest.
    pub min: N,
    /// The largest.
    pub max: N,
}

/// The words for yes and no, and what a new row gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BooleanLabels {
    /// The word for `false`.
    #[serde(rename = "false", default = "no")]
    pub no: String,
    /// The word for `true`.
    #[serde(rename = "true", default = "yes")]
    pub yes: String,
    /// What a new row gets when nothing is given.
    #[serde(default)]
    pub default: bool,
}

fn no() -> String {
    "No".to_owned()
}

fn yes() -> String {
    "Yes".to_owned()
}

/// One option of a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionItem {
    /// The number that is stored and sent.
    pub value: i32,
    /// What people see.
    pub label: String,
    /// For a status, the state it belongs to; for a state, the status that a row gets on
    /// entering it; else nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<i32>,
}

/// Whether a date has a time, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateBehavior {
    /// A date without a time: `2026-01-31`.
    DateOnly,
    /// A moment, sent in UTC and shown to people in their own time zone.
    UserLocal,
    /// A date and time that is the same for everybody.
    TimeZoneIndependent,
}

/// A table that a lookup can point at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupTarget {
    /// The table's logical name.
    pub table: String,
    /// The navigation property from here to there: `parentcustomerid_account`. Case-sensitive.
    pub navigation: String,
    /// The navigation property from there to all rows that point at it: `contact_customer_accounts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
}

/// Whether a row needs the column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// It may stay empty.
    #[default]
    None,
    /// Forms suggest it; the service does not insist.
    Recommended,
    /// Forms insist; the service does not.
    Application,
    /// The service insists, or fills it itself.
    System,
}

/// Who may read and set a column: up to three of the letters `c`, `r` and `u` in the schema file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Access {
    /// May be given when a row is made.
    pub create: bool,
    /// May be read.
    pub read: bool,
    /// May be given when a row is changed.
    pub update: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self { create: true, read: true, update: true }
    }
}

impl TryFrom<String> for Access {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.chars().all(|letter| "cru".contains(letter)) {
            Ok(Self { create: text.contains('c'), read: text.contains('r'), update: text.contains('u') })
        } else {
            Err(format!("the access `{text}` has other letters than c, r and u"))
        }
    }
}

impl From<Access> for String {
    fn from(access: Access) -> Self {
        [(access.create, 'c'), (access.read, 'r'), (access.update, 'u')]
            .into_iter()
            .filter_map(|(allowed, letter)| allowed.then_some(letter))
            .collect()
    }
}
