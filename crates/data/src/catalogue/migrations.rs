//! The tables that every organization has, whatever its schema.

use keyholder_store::statement::TableDefinition;
use keyholder_store::{Kind, Migration};

/// In this order, for ever.
pub(crate) fn migrations() -> Vec<Migration> {
    vec![Migration::new(
        1,
        "create the catalogue",
        [
            // Whose file this is: one row.
            TableDefinition::new("keyholder_owner")
                .required("organization", Kind::Uuid)
                .required("tenant", Kind::Uuid)
                .primary_key(["organization"])
                .into(),
            // The compiled schema: one row.
            TableDefinition::new("keyholder_schema")
                .required("number", Kind::Integer)
                .required("packed", Kind::Text)
                .primary_key(["number"])
                .into(),
            // Counters that are bumped in the transaction that changes what they count.
            TableDefinition::new("keyholder_epoch")
                .required("name", Kind::Text)
                .required("value", Kind::Integer)
                .primary_key(["name"])
                .into(),
        ],
    )]
}
