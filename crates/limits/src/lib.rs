//! Dataverse's service protection API limits and entitlement limits, as pure functions of time.
//!
//! Both sides of the wire count with these types: the local org refuses by them, and a client stays
//! under them.
//!
//! - [`Limits`]: how much a user may ask for, and of which time;
//! - [`Window`]: what one user asked for in the last five minutes, and whether one more request is
//!   let in; the server's side;
//! - [`Pacer`]: when the next request may go so that it is not refused; the client's side;
//! - [`entitlement`]: what a user or a pool of users is entitled to in a day, and where a day is heading;
//! - [`history`] and [`outlook`]: days that were counted, where they lead, and when an allowance runs out.
//!
//! The windows slide exactly, to the millisecond, and forget nothing early: a request counts until its
//! window has passed and not a millisecond longer. Nothing here reads a clock: every function is told
//! what time it is.
//!
//! The numbers and names are those of Microsoft's documents "Service protection API limits" and
//! "Requests limits and allocations".

pub mod entitlement;
pub mod history;
mod limits;
pub mod outlook;
mod pacer;
mod sliding;
mod window;

pub use limits::{InvalidLimits, LONGEST_WINDOW, Limits, MOST_CONCURRENT, MOST_EXECUTION, MOST_REQUESTS};
pub use pacer::{Next, Pacer, Sent, Told};
pub use window::{Admitted, Limit, Refused, Used, Window};
