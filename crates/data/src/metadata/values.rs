//! Labels, managed properties and the ids of definitions.

use keyholder_dataverse::derived_id;
use serde_json::{Value, json};
use uuid::Uuid;

/// The language of every label: English.
const LANGUAGE: u32 = 1033;

/// The id of a definition: made of what it is and its name, so that it is the same everywhere.
pub(super) fn id(what: &str, name: &str) -> Uuid {
    derived_id(&format!("{what} {name}"))
}

/// What people see, in the one language that there is.
pub(super) fn label(text: &str, of: &str, managed: bool) -> Value {
    let one = json!({
        "Label": text, "LanguageCode": LANGUAGE, "IsManaged": managed, "MetadataId": id("label", of), "HasChanged": null,
    });
    json!({ "LocalizedLabels": [one], "UserLocalizedLabel": one })
}

/// What is said of a definition beside its name.
pub(super) fn described(text: Option<&str>, of: &str, managed: bool) -> Value {
    text.map_or_else(no_label, |text| label(text, &format!("description of {of}"), managed))
}

/// A label that nobody has given.
pub(super) fn no_label() -> Value {
    json!({ "LocalizedLabels": [], "UserLocalizedLabel": null })
}

/// A property that also says whether it may be changed.
pub(super) fn managed(value: &Value, changeable: bool, name: &str) -> Value {
    json!({ "Value": value, "CanBeChanged": changeable, "ManagedPropertyLogicalName": name })
}

/// Whether a table or column was added by somebody: its name begins with the prefix of a publisher.
pub(super) fn is_custom(name: &str) -> bool {
    name.split_once('_').is_some_and(|(prefix, rest)| {
        let letters = prefix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let first = prefix.starts_with(|first: char| first.is_ascii_alphabetic());
        // Columns of the platform with a line in their names: addresses, images, amounts in the base currency.
        letters && first && (2..=8).contains(&prefix.len()) && !prefix.starts_with("address") && rest != "base"
    })
}

/// The same for several: `Account` to `Accounts`, `Currency` to `Currencies`. A reading: the schema has
/// no names for several rows.
pub(super) fn plural(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let vowel_before = |end: usize| lower.chars().rev().nth(end).is_some_and(|c| "aeiou".contains(c));
    if lower.ends_with('y') && !vowel_before(1) {
        return format!("{}ies", name.get(..name.len() - 1).unwrap_or(name));
    }
    if ["s", "x", "ch", "sh"].iter().any(|end| lower.ends_with(end)) { format!("{name}es") } else { format!("{name}s") }
}
