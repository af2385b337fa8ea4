//! The rows that are read and written: the same here and in `cap/server.js`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The id of the account with this number.
pub(crate) fn account_id(number: u32) -> Uuid {
    id(1, number)
}

/// The id of the contact with this number.
pub(crate) fn contact_id(number: u32) -> Uuid {
    id(2, number)
}

fn id(kind: u128, number: u32) -> Uuid {
    Uuid::from_u128((kind << 96) | (0x4000 << 64) | (0x8000 << 48) | u128::from(number))
}

/// The account with this number.
pub(crate) fn account(number: u32) -> Map<String, Value> {
    object(json!({ "accountid": account_id(number), "name": format!("Account {number}") }))
}

/// What people say of the contact with this number.
pub(crate) fn contact(number: u32) -> Map<String, Value> {
    object(json!({
        "firstname": format!("First{}", number % 50),
        "lastname": format!("Last{}", u64::from(number) * 7919 % 1000),
        "emailaddress1": format!("contact{number}@contoso.example"),
        "telephone1": format!("555-{number:06}"),
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
