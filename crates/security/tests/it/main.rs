//! What operations need, against what Microsoft published.

#![expect(clippy::unwrap_used, reason = "a failing helper fails its test")]

mod published;
