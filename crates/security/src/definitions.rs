//! Who may read and change definitions of tables, columns and relationships.
//!
//! Each kind of definition has a privilege of its own: `prvReadEntity`, `prvReadAttribute`,
//! `prvReadRelationship`, `prvReadOptionSet` and `prvReadEntityKey`. Basic User has them all; to make, change and delete takes
//! `prvCreateEntity` and its like, which customizers have. A reading: which
//! of them a question needs, and the type codes in the refusals, are in no document at hand.

use keyholder_dataverse::error::MissingPrivilege;
use keyholder_operation::MetadataWrite;
use keyholder_operation::metadata::{Kind, kinds};

use crate::denied::Denied;
use crate::grants::Grants;
use crate::privilege::privilege_id;

/// The privileges for reading definitions, beside those that guard rows.
pub const DEFINITION_READS: [&str; 5] =
    ["prvReadAttribute", "prvReadEntity", "prvReadEntityKey", "prvReadOptionSet", "prvReadRelationship"];

/// The privileges for changing definitions.
pub const DEFINITION_WRITES: [&str; 15] = [
    "prvCreateAttribute",
    "prvCreateEntity",
    "prvCreateEntityKey",
    "prvCreateOptionSet",
    "prvCreateRelationship",
    "prvDeleteAttribute",
    "prvDeleteEntity",
    "prvDeleteEntityKey",
    "prvDeleteOptionSet",
    "prvDeleteRelationship",
    "prvPublishCustomization",
    "prvWriteAttribute",
    "prvWriteEntity",
    "prvWriteOptionSet",
    "prvWriteRelationship",
];

/// Refuses a caller who lacks a privilege for what a question reads.
pub(crate) fn check(grants: &Grants, kinds: Vec<&'static Kind>) -> Result<(), Denied> {
    kinds.into_iter().try_for_each(|kind| permit(grants, format!("prvRead{}", guard(kind).0), kind))
}

/// Refuses a caller who lacks the privilege for a change.
pub(crate) fn check_change(grants: &Grants, change: &MetadataWrite) -> Result<(), Denied> {
    let (verb, kind) = change.about();
    let name = match change {
        MetadataWrite::Publish => "prvPublishCustomization".to_owned(),
        _ => format!("prv{verb}{}", guard(kind).0),
    };
    permit(grants, name, kind)
}

fn permit(grants: &Grants, name: String, kind: &Kind) -> Result<(), Denied> {
    let id = privilege_id(&name);
    if grants.depth(id).is_some() {
        return Ok(());
    }
    let caller = Box::new(grants.caller().clone());
    if !grants.has_roles() {
        return Err(Denied::NoRoles { caller, privilege: name });
    }
    let (_, table, type_code, display_name) = guard(kind);
    let (table, display_name) = (table.to_owned(), display_name.to_owned());
    Err(Denied::Privilege { caller, missing: Box::new(MissingPrivilege { name, id, table, type_code, display_name }) })
}

/// What the privileges for a kind of definition are called, and the table that the platform keeps it in.
fn guard(kind: &Kind) -> (&'static str, &'static str, i32, &'static str) {
    if kind.is(&kinds::ATTRIBUTE) {
        ("Attribute", "attribute", 9808, "Attribute")
    } else if kind.is(&kinds::KEY) {
        ("EntityKey", "entitykey", 9811, "Entity Key")
    } else if kind.is(&kinds::RELATIONSHIP) {
        ("Relationship", "relationship", 9810, "Relationship")
    } else if kind.is(&kinds::OPTION_SET_BASE) {
        ("OptionSet", "optionset", 9809, "Option Set")
    } else {
        ("Entity", "entity", 9800, "Entity")
    }
}
