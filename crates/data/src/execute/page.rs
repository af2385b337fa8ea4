//! Which rows make a page, and how the answer says that there are more.
//!
//! OData's options, saved queries and SQL go on by a link; a FetchXML document names its page
//! itself, and gets a cookie to name the next one by.

use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::value::write_json_text;
use keyholder_operation::query::Door;
use keyholder_operation::{PageToken, Preferences, Query};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::Write;
use uuid::Uuid;

use super::Session;
use crate::error::Failure;
use crate::lower::cookie::Cookie;

/// The rows of a page when nobody says how many, and at most.
const PAGE: u32 = 5_000;
const COOKIE: &str = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie";
const MORE: &str = "Microsoft.Dynamics.CRM.morerecords";

/// The size of a page and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// At most so many rows.
    pub(super) limit: u32,
    /// Whether further pages can follow.
    pub(super) follows: bool,
    /// Rows to leave out before the first.
    pub(super) skip: u32,
    /// Whether it may end before it has all its rows: only what goes on from its last row may, since
    /// a page that is named by its number would leave out what the one before did not show.
    pub(super) ends_early: bool,
}

impl Page {
    /// The page that a query asks for. `by_number` where no row marks the end of the one before.
    pub(super) fn of(query: &Query, preferences: &Preferences, by_number: bool) -> Self {
        let sized = |rows: Option<u32>| (rows.unwrap_or(PAGE).min(PAGE), true);
        let preferred = preferences.max_page_size;
        let (limit, follows) = match (query.door, query.top) {
            // A page size takes the place of `$top`.
            (Door::OData, Some(top)) if preferred.is_none() => (top.min(PAGE), false),
            (Door::Fetch { .. } | Door::Linked { .. }, Some(top)) => (top.min(PAGE), false),
            (Door::Fetch { rows, .. }, None) => sized(rows.or(preferred)),
            _ => sized(preferred),
        };
        let before = match (query.door, &query.page) {
            (Door::Fetch { page, .. }, None) => page.saturating_sub(1).saturating_mul(limit),
            (Door::Linked { skip }, None) => skip,
            (_, Some(token)) if by_number => token.page.saturating_sub(1).saturating_mul(limit),
            _ => 0,
        };
        let annotations = preferences.annotations.as_ref();
        let goes_on = match query.door {
            Door::Fetch { .. } => annotations.is_some_and(|annotations| annotations.include(COOKIE)),
            _ => true,
        };
        Self { limit, follows, skip: before, ends_early: follows && goes_on && !by_number }
    }

    /// What becomes of a page whose rows are larger than an answer can be.
    pub(super) fn too_large(self) -> Failure {
        DataverseError::new(
            code::INVALID_ARGUMENT,
            format!(
                "The {} rows of the page are larger than 32 MiB; ask for fewer rows or columns at once.",
                self.limit
            ),
        )
        .into()
    }

    /// How many rows to ask the store for: one more than the page holds tells whether there is
    /// another.
    pub(super) fn most(self) -> u32 {
        self.skip.saturating_add(self.limit).saturating_add(u32::from(self.follows))
    }
}

/// Where the rows of a page begin and end.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) first: Uuid,
    pub(super) last: Cookie,
}

/// Says in the body that more rows follow; `at` is the place before its rows. Where no row marks
/// the end of the page, the next one is named by its number.
pub(super) fn more(session: &Session<'_>, query: &Query, body: &mut String, at: usize, ends: Option<&Ends>) {
    let number = match (query.door, &query.page) {
        (Door::Fetch { page, .. }, _) => page,
        (_, Some(token)) => token.page,
        _ => 1,
    };
    let cookie = ends.map(|ends| ends.last.print());
    let token = PageToken { page: number.saturating_add(1), cookie: cookie.unwrap_or_default() };
    if !matches!(query.door, Door::Fetch { .. }) {
        body.push_str(",\"@odata.nextLink\":");
        write_json_text(body, &next_link(session, &token));
        return;
    }
    let annotations = session.request.bound.preferences.annotations.as_ref();
    let wants = |name| annotations.is_some_and(|annotations| annotations.include(name));
    let mut members = String::new();
    if let Some(ends) = ends.filter(|_| wants(COOKIE)) {
        let _ = write!(members, ",\"@{COOKIE}\":");
        let id = &query.table.primary_id().name;
        write_json_text(&mut members, &token.print_for_fetch(id, ends.first, ends.last.id));
    }
    if wants(MORE) {
        let _ = write!(members, ",\"@{MORE}\":true");
    }
    // Clients that read as they receive learn it before the rows.
    body.insert_str(at, &members);
}

/// The address of the next page: this one's, with another token.
fn next_link(session: &Session<'_>, token: &PageToken) -> String {
    let mut link = format!("{}/api/data/{}?", session.core.org_url, session.request.path);
    for option in session.request.query.as_deref().unwrap_or_default().split('&') {
        let name = option.split('=').next().unwrap_or_default().replace("%24", "$");
        if !option.is_empty() && name != "$skiptoken" {
            link.push_str(option);
            link.push('&');
        }
    }
    let _ = write!(link, "$skiptoken={}", utf8_percent_encode(&token.print(), NON_ALPHANUMERIC));
    link
}
