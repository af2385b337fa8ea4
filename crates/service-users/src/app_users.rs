//! Application users one by one: made by the same four stages as declared ones ([`Wanted`]), listed
//! ([`survey()`]), shown ([`find()`], [`show()`]), let in and kept out ([`switch()`]), and removed with all that
//! belongs to them ([`belongings()`], [`remove()`]).

mod admin_api;
mod belongings;
mod beside;
mod find;
mod remove;
mod show;
mod survey;
mod switch;
mod wanted;

pub use admin_api::{by_admin_api, check as check_admin_api, is_no_member, strike_removed, strip_left};
pub use belongings::{Belongings, Elsewhere, Owned, belongings};
pub use beside::RoleBeside;
pub use find::{Found, UserRow, find};
pub use remove::{Place, Reach, buried, find_to_remove, remove, to_purge};
pub use show::{Detail, RoleShown, show};
pub use survey::{Held, Key, KeyKind, Listed, Origin, Survey, survey};
pub use switch::switch;
pub use wanted::Wanted;
