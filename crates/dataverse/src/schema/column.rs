//! One column of a table.

use serde::{Deserialize, Serialize};

use super::ColumnDefinition;

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
    /// What is said of it beside its label.
    pub description: Option<Box<str>>,
    /// Whether changes of it are to be audited. The local org keeps no audit.
    pub audit: bool,
    /// The list of options that it shares with other columns, by its name.
    pub option_set: Option<Box<str>>,
    /// Of an id that is no lookup: where it leads all the same.
    pub references: Vec<LookupTarget>,
    /// How much a file or image column keeps, where that is not what is usual: see [`Column::contents`].
    pub contents: Option<ContentsLimit>,
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

    /// Where it leads: the targets of a lookup, or what an id names that is none; empty for every other column.
    #[must_use]
    pub fn targets(&self) -> &[LookupTarget] {
        if self.kind.is_lookup() { self.kind.targets() } else { &self.references }
    }

    /// How much a file or image column keeps; none for every other column.
    #[must_use]
    pub fn contents(&self) -> Option<ContentsLimit> {
        let usual = ContentsLimit::usual(&self.kind)?;
        Some(self.contents.unwrap_or(usual))
    }
}

/// How much a file or image column keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentsLimit {
    /// The largest contents, in units of 1,024 bytes: `MaxSizeInKB`.
    pub max_size_kb: u32,
    /// Whether an image is kept as it came beside its thumbnail: `CanStoreFullImage`. A file always is.
    #[serde(default)]
    pub full_image: bool,
}

impl ContentsLimit {
    /// The largest limit that a file column can have, in units of 1,024 bytes: 10 GB.
    pub const LARGEST_FILE_KB: u32 = 10 * 1024 * 1024;
    /// And an image column: 30 MB.
    pub const LARGEST_IMAGE_KB: u32 = 30 * 1024;

    /// What a column of this kind has where nobody says; none for what is no file and no image.
    #[must_use]
    pub const fn usual(kind: &ColumnKind) -> Option<Self> {
        match kind {
            ColumnKind::File => Some(Self { max_size_kb: 32 * 1024, full_image: false }),
            ColumnKind::Image => Some(Self { max_size_kb: 10 * 1024, full_image: false }),
            _ => None,
        }
    }

    /// The largest contents in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.max_size_kb) * 1024
    }
}

impl Column {
    /// The column as it is written down.
    #[must_use]
    pub fn definition(&self) -> ColumnDefinition {
        ColumnDefinition {
            schema_name: (self.schema_name != self.name).then(|| self.schema_name.to_string()),
            requirement: self.requirement,
            access: self.access,
            description: self.description.as_deref().map(str::to_owned),
            audit: self.audit,
            option_set: self.option_set.as_deref().map(str::to_owned),
            references: self.references.clone(),
            contents: self.contents,
            ..ColumnDefinition::new(&*self.name, &*self.label, self.kind.clone())
        }
    }

    /// What happens to a row when something happens to the row that this lookup names in `target`: as the schema says,
    /// or else what Dataverse's table reference shows for most lookups of the kind.
    ///
    /// Customers, and what an activity or a note is about, are parents. A currency in use cannot be deleted. Other
    /// lookups that clients set are emptied. What the org itself fills (who made a row) stays as it is.
    #[must_use]
    pub fn behavior(&self, target: &LookupTarget) -> Behavior {
        if let Some(behavior) = target.behavior {
            return behavior;
        }
        match (&self.kind, &*self.name) {
            (kind, _) if !kind.is_lookup() => Behavior::NONE,
            (ColumnKind::Owner { .. }, _) => Behavior::NONE,
            (ColumnKind::Customer { .. }, _) | (_, "regardingobjectid" | "objectid") => Behavior::PARENTAL,
            (_, "transactioncurrencyid") => Behavior::RESTRICT,
            _ if self.access.create || self.access.update => Behavior::REFERENTIAL,
            _ => Behavior::NONE,
        }
    }
}

/// What happens to a row when something happens to the row that its lookup names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behavior {
    /// When that one gets another owner.
    pub assign: Cascading,
    /// When that one is shared.
    pub share: Cascading,
    /// When that one is shared no more.
    pub unshare: Cascading,
    /// When the lookup comes to name that one.
    pub reparent: Cascading,
    /// When that one is deleted.
    pub delete: OnDelete,
    /// Whether the lookup follows when that one is merged into another.
    pub merge: bool,
}

impl Behavior {
    /// Everything goes along.
    pub const PARENTAL: Self = Self {
        assign: Cascading::All,
        share: Cascading::All,
        unshare: Cascading::All,
        reparent: Cascading::All,
        delete: OnDelete::Cascade,
        merge: true,
    };
    /// Nothing goes along; the lookup is emptied when its row is deleted.
    pub const REFERENTIAL: Self = Self {
        assign: Cascading::None,
        share: Cascading::None,
        unshare: Cascading::None,
        reparent: Cascading::None,
        delete: OnDelete::RemoveLink,
        merge: false,
    };
    /// Nothing goes along, and what is named cannot be deleted.
    pub const RESTRICT: Self = Self { delete: OnDelete::Restrict, ..Self::REFERENTIAL };
    /// Nothing happens at all: the lookup tells of the past.
    pub const NONE: Self = Self { delete: OnDelete::None, ..Self::REFERENTIAL };
}

impl Default for Behavior {
    fn default() -> Self {
        Self::REFERENTIAL
    }
}

/// Which rows a change goes along to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cascading {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those in their first state.
    Active,
    /// Those with the same owner.
    UserOwned,
}

/// What deleting a row does to those that name it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// Their lookups are emptied.
    #[default]
    RemoveLink,
    /// They are deleted too.
    Cascade,
    /// It is refused while there are any.
    Restrict,
    /// Nothing.
    None,
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
    /// Any number of a list of options. A value is a text of their numbers, ascending and parted by commas.
    MultiSelect {
        /// The options, in the order in which people see them.
        options: Vec<OptionItem>,
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
    /// An image: rows show its thumbnail.
    Image,
    /// A file: rows show its id.
    File,
}

impl ColumnKind {
    /// Whether the column points at a row.
    #[must_use]
    pub const fn is_lookup(&self) -> bool {
        matches!(self, Self::Lookup { .. } | Self::Customer { .. } | Self::Owner { .. })
    }

    /// The targets of a lookup, to be changed; none for every other column.
    pub fn targets_mut(&mut self) -> Option<&mut Vec<LookupTarget>> {
        match self {
            Self::Lookup { targets } | Self::Customer { targets } | Self::Owner { targets } => Some(targets),
            _ => None,
        }
    }

    /// The targets of a lookup; empty for every other column.
    #[must_use]
    pub fn targets(&self) -> &[LookupTarget] {
        match self {
            Self::Lookup { targets } | Self::Customer { targets } | Self::Owner { targets } => targets,
            _ => &[],
        }
    }

    /// Whether the column holds text, which is compared folded.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Memo { .. })
    }

    /// The options of a column that has some, to be changed.
    pub fn options_mut(&mut self) -> Option<&mut Vec<OptionItem>> {
        match self {
            Self::Choice { options, .. }
            | Self::MultiSelect { options }
            | Self::State { options }
            | Self::Status { options } => Some(options),
            _ => None,
        }
    }

    /// The options of a choice, state or status; empty for every other column.
    #[must_use]
    pub fn options(&self) -> &[OptionItem] {
        match self {
            Self::Choice { options, .. }
            | Self::MultiSelect { options }
            | Self::State { options }
            | Self::Status { options } => options,
            _ => &[],
        }
    }

    /// What it is in words for people: `a lookup`, or its type in the service's metadata document.
    #[must_use]
    pub const fn described(&self) -> &'static str {
        if self.is_lookup() { "a lookup" } else { self.edm_type() }
    }

    /// The type's name in the service's metadata document, which its error texts quote.
    #[must_use]
    pub const fn edm_type(&self) -> &'static str {
        match self {
            Self::Guid | Self::Lookup { .. } | Self::Customer { .. } | Self::Owner { .. } => "Edm.Guid",
            Self::Text { .. } | Self::Memo { .. } | Self::MultiSelect { .. } => "Edm.String",
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
    /// What happens to the rows that point there, where it is not what is usual for such a lookup; see
    /// [`Column::behavior`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
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
