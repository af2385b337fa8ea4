//! The tables that every organization has, whatever its schema.

use keyholder_store::statement::{CreateIndex, TableDefinition};
use keyholder_store::{Kind, Migration};

use crate::usage::TABLE;

/// In this order, for ever.
pub(crate) fn migrations() -> Vec<Migration> {
    let first = Migration::new(
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
    );
    let made = Migration::new(
        2,
        "write down which tables have been made",
        [TableDefinition::new("keyholder_made").required("name", Kind::Text).primary_key(["name"]).into()],
    );
    let shared = Migration::new(
        3,
        "keep what is shared with whom",
        [
            // One row for each right: what `principalobjectaccess` shows as a mask, as it is looked up.
            TableDefinition::new("keyholder_share")
                .required("principal", Kind::Uuid)
                .required("object_table", Kind::Integer)
                .required("access_right", Kind::Integer)
                .required("object", Kind::Uuid)
                .primary_key(["principal", "object_table", "access_right", "object"])
                .into(),
            CreateIndex::new("i_keyholder_share_object", "keyholder_share", ["object_table", "object"]).into(),
        ],
    );
    let usage = Migration::new(
        4,
        "count what users ask for",
        [
            // Operations by user and day of UTC, numbered from 1970.
            TableDefinition::new(TABLE)
                .required("day", Kind::Integer)
                .required("principal", Kind::Uuid)
                .required("operations", Kind::Integer)
                .primary_key(["day", "principal"])
                .into(),
        ],
    );
    let contents = Migration::new(
        5,
        "keep contents of files and images",
        [
            TableDefinition::new("keyholder_file")
                .required("file", Kind::Uuid)
                // Whose it is.
                .required("object_table", Kind::Integer)
                .required("object", Kind::Uuid)
                .required("column_name", Kind::Text)
                .optional("name", Kind::Text)
                .optional("media_type", Kind::Text)
                .optional("size", Kind::Integer)
                .required("received", Kind::Integer)
                .required("pieces", Kind::Integer)
                .required("complete", Kind::Bool)
                .primary_key(["file"])
                .into(),
            CreateIndex::new("i_keyholder_file_object", "keyholder_file", ["object_table", "object", "column_name"])
                .into(),
            TableDefinition::new("keyholder_file_piece")
                .required("file", Kind::Uuid)
                .required("piece", Kind::Text)
                .optional("position", Kind::Integer)
                .required("length", Kind::Integer)
                .required("bytes", Kind::Bytes)
                .primary_key(["file", "piece"])
                .into(),
            CreateIndex::new("i_keyholder_file_piece", "keyholder_file_piece", ["file", "position"]).into(),
            // What rows show of their images.
            TableDefinition::new("keyholder_thumbnail")
                .required("file", Kind::Uuid)
                .required("bytes", Kind::Bytes)
                .primary_key(["file"])
                .into(),
            TableDefinition::new("keyholder_transfer")
                .required("token", Kind::Bytes)
                .required("file", Kind::Uuid)
                .required("caller", Kind::Uuid)
                .optional("really", Kind::Uuid)
                .required("uploads", Kind::Bool)
                .required("due", Kind::Time)
                .primary_key(["token"])
                .into(),
            CreateIndex::new("i_keyholder_transfer_file", "keyholder_transfer", ["file"]).into(),
            CreateIndex::new("i_keyholder_transfer_caller", "keyholder_transfer", ["caller"]).into(),
        ],
    );
    vec![first, made, shared, usage, contents]
}
