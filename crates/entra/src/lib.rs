//! The nouns of Microsoft Entra ID's token service and of Microsoft Graph, without any I/O.
//!
//! Two rooms stand on this crate and must never disagree: the local org's token service and
//! directory (`keyholder-identity`), which write these shapes, and the client library, which reads
//! them from real services as well as from the local one. So every wire struct goes both ways
//! through serde, ignores what it does not know when it reads, and prints what the documents say.
//! The error that the local org answers and the one that is explained to people come from one
//! table ([`aadsts`]).
//!
//! Public documents followed: RFC 6749 (OAuth 2.0), RFC 7515 and 7517 (JWS, JWK), RFC 7519 (JWT),
//! RFC 6750 (Bearer challenges), OpenID Connect Discovery 1.0, Microsoft's "Microsoft identity
//! platform" pages and the Microsoft Graph v1.0 reference.
//!
//! Left out: signing and checking signatures. [`jws::Signer`] is the door through which the owner
//! of a key, in another crate, does that.

pub mod aadsts;
pub mod assertion;
pub mod base64url;
pub mod challenge;
pub mod claims;
pub mod graph;
pub mod jws;
pub mod licences;
pub mod openid;
pub mod token;
pub mod well_known;

mod lenient;
