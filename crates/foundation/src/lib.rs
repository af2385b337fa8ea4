//! Clocks, ids, secrets and randomness: what every room stands on.
//!
//! Nothing here touches a file, a socket or a global. Time and randomness are values that the
//! binary makes once and hands down, so that two local orgs can live in one process and a test
//! can move one of them ninety days ahead without touching the other.

pub mod causes;
pub mod clock;
pub mod ids;
pub mod random;
pub mod secret;
pub mod sleep;
pub mod timestamp;

pub use causes::causes;
pub use clock::{Clocks, ManualClock, MonotonicClock, OrgClock, SystemClock, WallClock};
pub use ids::{ClientId, KeyId, ObjectId, OrgId, RowIds, TenantId};
pub use random::{OsRandom, Random, SeededRandom};
pub use secret::Secret;
pub use sleep::Sleep;
pub use timestamp::Timestamp;
