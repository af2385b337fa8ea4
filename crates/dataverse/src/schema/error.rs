//! Why a schema cannot be used.

/// A schema that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The text is no schema at all.
    #[error("the schema is not readable: {reason}; import it again")]
    Unreadable {
        /// What the reader met, and where.
        reason: String,
    },
    /// One table's definition contradicts itself.
    #[error("table `{table}` in the schema cannot be used: {reason}; correct its definition and import it again")]
    Table {
        /// The table's logical name.
        table: String,
        /// What is wrong.
        reason: String,
    },
    /// Two tables claim one name or type code.
    #[error("the schema has two tables with the {what} `{name}`; keep one of them")]
    Duplicate {
        /// Logical name, entity set or type code.
        what: &'static str,
        /// The name that occurs twice.
        name: String,
    },
}
