//! A credential that works is replaced on purpose, and nothing stops working for it.
//!
//! The new one is made, proved by signing in and by `WhoAmI` in every org, and written to its place; only then, and
//! when nothing needs it any more, the old one is revoked ([`rotate()`]). What there is to do is told beforehand by
//! [`look`], which changes nothing. `apply` makes what is missing and replaces what has ended; this is about what
//! still works.
//!
//! # A run may be killed anywhere and repeated
//!
//! The old credential works until the new one stands in the place, and the new one from before that on: whenever a run
//! is stopped, what the place holds works. There is no state file. The label of the new credential in the directory
//! says for which place it was made and which one it replaces; so a later run sees whether the place holds it yet. If it
//! does not, nobody has it: it is revoked with the old one once another has been made. If it does, the old one is
//! all that is left to be revoked.
//!
//! # Two runs at once
//!
//! On one machine the second one meets the lock of the first (a record of the [journal](crate::journal)). On another
//! it sees a new credential of the same place that is young and that the place does not hold, and refuses; should
//! both have begun within the same moment, each sees the other's before it writes, and gives its own up.

mod aim;
mod carry;
mod declared;
mod federate;
mod found;
mod many;
mod own;
mod proof;
mod standing;
mod turn;
mod used;

pub use aim::{Aim, Manner, Overlap};
pub use carry::{Came, Rotated, rotate};
pub use declared::{Directories, declared, declared_as, directories};
pub use federate::{Federated, federate, to_be_federated};
pub use found::{Found, find};
pub use many::rotate_all;
pub use turn::{Next, Turn, look};

pub(crate) use proof::{prove_in, read_back, refuse_rival};
