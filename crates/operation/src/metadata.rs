//! Questions about the schema itself: `EntityDefinitions`, `Attributes`, `RelationshipDefinitions`.
//!
//! The service answers these through the same grammar as rows, but from what it knows of its tables and
//! with far fewer options: `$select`, `$filter`, `$expand` and `$count`. A [`MetadataQuery`] is such a
//! question with every name checked against the published types ([`kinds`]); whoever has the schema
//! evaluates it in memory. What the types do not have is refused as the service refuses it, what the
//! service has and the local org does not is refused by name.

mod changes;
pub mod kinds;
mod read;
mod write;

use uuid::Uuid;

use crate::query::{Comparison, TextFunction};
pub(crate) use changes::read as read_changes;
pub use changes::{ChangesQuery, Deleted};
pub use kinds::{Kind, Member};
pub(crate) use read::read;
pub use write::{
    ColumnUpdate, LabelChange, MOST_OPTIONS, MetadataWrite, NewColumn, NewTable, OptionChange, OptionSetUpdate,
    OptionsOf, RelationshipUpdate, TableUpdate, next_value,
};
pub(crate) use write::{OPERATIONS, create_entities, option_action, read as read_change};

/// A question about the schema.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataQuery {
    /// Where it begins.
    pub root: Root,
    /// The way from there, one part of the address after the other.
    pub path: Vec<Part>,
    /// What the way leads to, after casts.
    pub kind: &'static Kind,
    /// Whether the way ends at several things.
    pub many: bool,
    /// Which of them, and how they are shown.
    pub view: View,
}

/// A set of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// `EntityDefinitions`
    Entities,
    /// `RelationshipDefinitions`
    Relationships,
    /// `GlobalOptionSetDefinitions`
    OptionSets,
}

impl Root {
    /// Its name in an address.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entities => "EntityDefinitions",
            Self::Relationships => "RelationshipDefinitions",
            Self::OptionSets => "GlobalOptionSetDefinitions",
        }
    }

    /// What is in it.
    #[must_use]
    pub const fn kind(self) -> &'static Kind {
        match self {
            Self::Entities => &kinds::ENTITY,
            Self::Relationships => &kinds::RELATIONSHIP,
            Self::OptionSets => &kinds::OPTION_SET_BASE,
        }
    }
}

/// One part of the way.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Of several things, this one.
    Key(MetadataKey),
    /// Only those that are of this kind.
    Cast(&'static Kind),
    /// What is behind this navigation property.
    Member(&'static Member),
    /// A property's own value.
    Property(&'static str),
}

/// What names one definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataKey {
    /// Its `MetadataId`.
    Id(Uuid),
    /// Another property that no two share, and its value: `LogicalName='account'`.
    Name(&'static str, String),
}

/// Which things, and how they are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// The properties; none means all.
    pub select: Option<Vec<&'static str>>,
    /// Which things.
    pub filter: Option<MetadataFilter>,
    /// What is shown inside.
    pub expand: Vec<(&'static Member, Self)>,
    /// Whether their number is told.
    pub count: bool,
}

/// A condition on a definition.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataFilter {
    /// All of them hold.
    And(Vec<Self>),
    /// One of them holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// A property compared with a value.
    Compare {
        /// The property, and a part of its value: `RequiredLevel/Value`.
        path: Vec<String>,
        /// How.
        comparison: Comparison,
        /// With what.
        with: Constant,
    },
    /// A text function of a property.
    Text {
        /// The property.
        path: Vec<String>,
        /// Which.
        function: TextFunction,
        /// The text that it is asked about.
        text: String,
    },
}

/// A value in a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// Nothing.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A text, a name of an enumeration or an id.
    Text(String),
}

impl View {
    /// Adds every kind of thing that is shown inside.
    fn kinds(&self, found: &mut Vec<&'static Kind>) {
        for (member, view) in &self.expand {
            found.push(member.kind);
            view.kinds(found);
        }
    }
}

impl MetadataQuery {
    /// Every kind of thing that is read on the way or shown.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static Kind> {
        let mut found = vec![self.root.kind()];
        for part in &self.path {
            if let Part::Member(member) = part {
                found.push(member.kind);
            }
        }
        self.view.kinds(&mut found);
        found
    }
}
