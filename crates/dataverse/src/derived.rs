//! Ids for things that have none of their own.
//!
//! Privileges and definitions of tables and columns have ids in the service that differ from org to org,
//! except those of the platform that documents give. The local org makes one of the thing's name, so that it
//! is the same on every node and after every start.

use uuid::Uuid;

/// An id made of a name: its 128-bit FNV-1a hash in the form of a UUID of version 8 (RFC 9562).
#[must_use]
pub fn derived_id(name: &str) -> Uuid {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = name.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid()
}
