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
//! is stopped, what the place holds works. The label of the new credential in the directory
//! says for which place it was made and which one it replaces; so a later run sees whether the place holds it yet. If it
//! does not, nobody has it: it is revoked with the old one once another has been made. If it does, the old one is
//! all that is left to be revoked. No state is needed for that: a record of the [journal](crate::journal) only tells
//! what this machine asked for from what another is just bringing to the place.
//!
//! # Two runs at once
//!
//! On one machine the second one meets the lock of the first, as `apply` and the commands on single credentials do (the
//! record). On another it sees a new credential of the same place that is young, that the place does not hold and that
//! nobody here asked for, and refuses; should both have begun within the same moment, each sees the other's before it
//! writes, and gives its own up.
//!
//! # Whose is it?
//!
//! A place that gives back what it holds may be a copy: then its credential is labelled for another place, whose programs
//! sign in with it. It is replaced only when somebody says that this very one goes.

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
