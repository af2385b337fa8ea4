//! The query options of an address, each at most once.
//!
//! Names are case-sensitive. An option that is not known would change the answer if it were
//! followed, so it is refused by its name; only the two extras that clients are known to send and
//! that change nothing (`tag`, `api-version`) pass.

use std::borrow::Cow;

use keyholder_dataverse::error::{self, DataverseError};

use super::quoted;
use crate::request::NameAndValue;

/// What one request may have at most in a list.
const LONGEST_LIST: usize = 1_000;

/// The options as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// `$select`
    pub select: Option<Cow<'a, str>>,
    /// `$filter`
    pub filter: Option<Cow<'a, str>>,
    /// `$orderby`
    pub order_by: Option<Cow<'a, str>>,
    /// `$top`
    pub top: Option<Cow<'a, str>>,
    /// `$count`
    pub count: Option<Cow<'a, str>>,
    /// `$apply`
    pub apply: Option<Cow<'a, str>>,
    /// `$expand`
    pub expand: Option<Cow<'a, str>>,
    /// `$skiptoken`
    pub skip_token: Option<Cow<'a, str>>,
    /// `$id`, the other row when a reference is removed.
    pub id: Option<Cow<'a, str>>,
    /// `fetchXml`
    pub fetch_xml: Option<Cow<'a, str>>,
    /// `savedQuery`
    pub saved_query: Option<Cow<'a, str>>,
    /// `userQuery`
    pub user_query: Option<Cow<'a, str>>,
    /// `sql`
    pub sql: Option<Cow<'a, str>>,
    /// `size`, of an image that is downloaded.
    pub size: Option<Cow<'a, str>>,
    /// `x-ms-file-name`, of a file that is uploaded.
    pub file_name: Option<Cow<'a, str>>,
    /// `sessiontoken`, of an upload in several requests.
    pub session_token: Option<Cow<'a, str>>,
    /// `@p1=…`, without the `@`.
    pub aliases: Vec<NameAndValue<'a>>,
}

impl<'a> Options<'a> {
    /// Sorts decoded options by name.
    ///
    /// # Errors
    /// The service's refusal of options that it does not have, ours of those not built yet.
    pub fn read(options: Vec<NameAndValue<'a>>) -> Result<Self, DataverseError> {
        let mut read = Self::default();
        for (name, value) in options {
            let slot = match &*name {
                "$select" => &mut read.select,
                "$filter" => &mut read.filter,
                "$orderby" => &mut read.order_by,
                "$top" => &mut read.top,
                "$count" => &mut read.count,
                "$expand" => &mut read.expand,
                "$skiptoken" => &mut read.skip_token,
                "$id" => &mut read.id,
                "fetchXml" => &mut read.fetch_xml,
                "savedQuery" => &mut read.saved_query,
                "userQuery" => &mut read.user_query,
                "sql" => &mut read.sql,
                "size" => &mut read.size,
                "x-ms-file-name" => &mut read.file_name,
                "sessiontoken" => &mut read.session_token,
                "tag" | "api-version" => continue,
                "$apply" => &mut read.apply,
                "$deltatoken" | "partitionId" => {
                    return Err(error::not_supported(&format!("The query parameter {name}")));
                }
                alias if alias.starts_with('@') && alias.len() > 1 => {
                    let alias: Cow<'a, str> = Cow::Owned(alias.trim_start_matches('@').to_owned());
                    if read.aliases.iter().any(|(known, _)| *known == alias) {
                        return Err(twice(&name));
                    }
                    read.aliases.push((alias, value));
                    continue;
                }
                other => return Err(error::unsupported_option(&quoted(other))),
            };
            if slot.replace(value).is_some() {
                return Err(twice(&name));
            }
        }
        Ok(read)
    }

    /// What an alias stands for; one that is not assigned stands for null.
    #[must_use]
    pub fn alias(&self, name: &str) -> Option<&str> {
        self.aliases.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// Refuses every option but those named, for an address where they mean nothing.
    ///
    /// # Errors
    /// The service's refusal, naming the first.
    pub fn only(&self, allowed: &[&str]) -> Result<(), DataverseError> {
        let given = [
            ("$select", &self.select),
            ("$filter", &self.filter),
            ("$orderby", &self.order_by),
            ("$top", &self.top),
            ("$count", &self.count),
            ("$apply", &self.apply),
            ("$expand", &self.expand),
            ("$skiptoken", &self.skip_token),
            ("$id", &self.id),
            ("fetchXml", &self.fetch_xml),
            ("savedQuery", &self.saved_query),
            ("userQuery", &self.user_query),
            ("sql", &self.sql),
            ("size", &self.size),
            ("x-ms-file-name", &self.file_name),
            ("sessiontoken", &self.session_token),
        ];
        match given.iter().find(|(name, value)| value.is_some() && !allowed.contains(name)) {
            Some((name, _)) => Err(error::unsupported_option(name)),
            None => Ok(()),
        }
    }
}

fn twice(name: &str) -> DataverseError {
    error::odata(format!(
        "Query option '{}' was specified more than once, but it must be specified at most once.",
        quoted(name)
    ))
}

/// The items of a comma-separated list without the blanks around them. An empty text has none.
///
/// # Errors
/// A refusal of empty items and of endless lists.
pub fn list(text: &str) -> Result<Vec<&str>, DataverseError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<&str> = text.split(',').map(str::trim).take(LONGEST_LIST + 1).collect();
    if items.len() > LONGEST_LIST {
        return Err(error::odata(format!("The list has more than {LONGEST_LIST} items.")));
    }
    if items.iter().any(|item| item.is_empty()) {
        return Err(error::bad_syntax());
    }
    Ok(items)
}

/// The value of `$top`.
///
/// # Errors
/// The OData reader's refusal of anything but a whole number.
pub fn top(text: &str) -> Result<u32, DataverseError> {
    text.trim().parse().map_err(|_| {
        error::odata(format!(
            "Invalid value '{}' for $top query option found. The $top query option requires a non-negative integer \
             value.",
            quoted(text)
        ))
    })
}

/// The value of `$count`.
///
/// # Errors
/// The OData reader's refusal of anything but `true` and `false`.
pub fn count(text: &str) -> Result<bool, DataverseError> {
    match text.trim() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(error::odata(format!(
            "Invalid value '{}' for $count query option found. Valid values are 'true' and 'false'.",
            quoted(text)
        ))),
    }
}
