//! Ids as types, so that a tenant is never passed where an application is meant, and the source
//! of time-ordered row ids.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Random, Timestamp};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id! {
    /// A directory tenant.
    TenantId
}
id! {
    /// A Dataverse organization (environment).
    OrgId
}
id! {
    /// The application (client) id of an app registration; the same in every tenant.
    ClientId
}
id! {
    /// The object id of something in a tenant's directory: a user, a service principal, an
    /// application object.
    ObjectId
}
id! {
    /// The id of one credential (secret or certificate) of an application.
    KeyId
}

/// Gives rows their ids: UUIDs of version 7 (RFC 9562) whose order is the order of their making.
///
/// Rows whose ids lie near each other cost a store several times less to insert than randomly
/// spread ones. The source never runs backwards: when the clock does, or when ids of one
/// millisecond run out, it goes on from the last id that it gave.
#[derive(Debug, Default)]
pub struct RowIds {
    /// The 48-bit milliseconds and 12-bit counter of the last id, as one number.
    last: Mutex<u64>,
}

impl RowIds {
    /// The next id, not before `now` and after every id given so far.
    pub fn next(&self, now: Timestamp, random: &dyn Random) -> Uuid {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0) & 0xffff_ffff_ffff;
        let ticks = {
            // The number is written whole, so a poisoned lock still holds a valid one.
            let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *last = (millis << 12).max(*last + 1);
            *last
        };
        let mut bytes = [0; 16];
        random.fill(&mut bytes[8..]);
        bytes[..6].copy_from_slice(&(ticks >> 12).to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | (ticks & 0x0fff) as u16).to_be_bytes());
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Uuid::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn row_ids_only_go_up_whatever_the_clock_does(clock in prop::collection::vec(0i64..50, 1..200)) {
            let (ids, random) = (RowIds::default(), SeededRandom::new(1));
            let mut last = Uuid::nil();
            for millis in clock {
                let id = ids.next(Timestamp::from_millis(millis), &random);
                prop_assert!(id > last);
                prop_assert_eq!(id.get_version_num(), 7);
                last = id;
            }
        }
    }

    #[test]
    fn ids_read_and_print_lower_case() {
        let id: TenantId = "9188040D-6C67-4C5B-B112-36A304B66DAD".parse().unwrap();
        assert_eq!(id.to_string(), "9188040d-6c67-4c5b-b112-36a304b66dad");
        assert!("common".parse::<TenantId>().is_err());
    }
}
