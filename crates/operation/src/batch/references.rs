//! Names that the requests of a batch give to their rows: `$1`.

use std::borrow::Cow;
use std::collections::HashMap;

use keyholder_dataverse::error::{self, DataverseError};

use crate::syntax::quoted;

/// What each Content-ID so far stands for: the address of a row relative to the service, `contacts(…)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References(HashMap<String, String>);

impl References {
    /// Lets `$content_id` stand for an address.
    pub fn declare(&mut self, content_id: &str, address: String) {
        self.0.insert(content_id.to_owned(), address);
    }

    /// An address with the reference at its beginning, if there is one, replaced.
    ///
    /// # Errors
    /// The service's refusal of a name that no earlier request has. `$batch` and the like are no references.
    pub fn resolve<'a>(&self, address: &'a str) -> Result<Cow<'a, str>, DataverseError> {
        let Some(rest) = address.strip_prefix('$') else { return Ok(Cow::Borrowed(address)) };
        let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        match self.0.get(name) {
            Some(found) => Ok(Cow::Owned(format!("{found}{rest}"))),
            None if matches!(name, "batch" | "metadata" | "all" | "crossjoin" | "entity") => Ok(Cow::Borrowed(address)),
            None => Err(error::odata(format!(
                "Content-ID Reference: '${}' does not exist in the batch context.",
                quoted(name)
            ))),
        }
    }
}
