//! Groups.

use keyholder_foundation::{ObjectId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::lenient;

/// A group of the tenant. Graph shows all of these unless others are selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The object's id.
    pub id: ObjectId,
    /// When it was deleted, for what is in the recycle bin.
    #[serde(default, with = "lenient::moment")]
    pub deleted_date_time: Option<Timestamp>,
    /// When it was made.
    #[serde(default, with = "lenient::moment")]
    pub created_date_time: Option<Timestamp>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The name that people read.
    #[serde(default)]
    pub display_name: Option<String>,
    /// `Unified` for a Microsoft 365 group, `DynamicMembership` for one with a rule; neither for a
    /// security group.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub group_types: Vec<String>,
    /// Whether it can have directory roles; null counts as no.
    #[serde(default)]
    pub is_assignable_to_role: Option<bool>,
    /// The mail address.
    #[serde(default)]
    pub mail: Option<String>,
    /// Whether it can be written to.
    #[serde(default)]
    pub mail_enabled: Option<bool>,
    /// The part of a mail address before the `@`.
    #[serde(default)]
    pub mail_nickname: Option<String>,
    /// Addresses of its mailbox.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub proxy_addresses: Vec<String>,
    /// Whether rights can be given to it.
    #[serde(default)]
    pub security_enabled: Option<bool>,
    /// Its id as Windows has it (`S-1-12-1-..`).
    #[serde(default)]
    pub security_identifier: Option<String>,
    /// Who sees its members.
    #[serde(default)]
    pub visibility: Option<String>,
}

impl Group {
    /// A security group with this id, and nothing said of it yet.
    #[must_use]
    pub fn security(id: ObjectId) -> Self {
        Self {
            id,
            deleted_date_time: None,
            created_date_time: None,
            description: None,
            display_name: None,
            group_types: Vec::new(),
            is_assignable_to_role: None,
            mail: None,
            mail_enabled: Some(false),
            mail_nickname: None,
            proxy_addresses: Vec::new(),
            security_enabled: Some(true),
            security_identifier: Some(security_identifier(id)),
            visibility: None,
        }
    }
}

/// The id in four numbers, each with its first byte as the least.
fn security_identifier(id: ObjectId) -> String {
    let bytes = id.0.to_bytes_le();
    let numbers =
        bytes.chunks_exact(4).map(|part| part.iter().rev().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)));
    numbers.fold("S-1-12-1".to_owned(), |text, number| format!("{text}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_security_identifier_is_the_id_in_other_words() {
        let id: ObjectId = "d7e3b4f5-1c2d-4e5f-8091-a2b3c4d5e6f7".parse().unwrap();
        let group = Group::security(id);
        assert_eq!(group.security_identifier.as_deref(), Some("S-1-12-1-3622024437-1314855981-3013775744-4159100356"));
        let read: Group = serde_json::from_value(serde_json::to_value(&group).unwrap()).unwrap();
        assert_eq!(read, group);
    }
}
