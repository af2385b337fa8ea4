//! The parts of an HTTP request that say what is asked.

use std::borrow::Cow;

use http::{HeaderMap, Method};
use keyholder_dataverse::error::{self, DataverseError};
use uuid::Uuid;

use crate::batch::References;

/// Addresses are at most this long, as the service documents;
const LONGEST_ADDRESS: usize = 32_768;
/// inside a batch twice that.
const LONGEST_ADDRESS_IN_BATCH: usize = 65_536;
/// The longest mark of a page in an address; percent-encoding makes a token longer.
const LONGEST_TOKEN: usize = 2 * crate::page::LONGEST;
/// A query string has at most this many options.
const MOST_OPTIONS: usize = 100;
/// More rows than this come in pages, whatever the caller prefers.
const LARGEST_PAGE: u32 = 5_000;

/// A request to the Web API, already read and bounded by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a Method,
    /// The path after `/api/data/`, still percent-encoded: `v9.2/contacts`.
    pub path: &'a str,
    /// What follows the `?`, still percent-encoded.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
    /// Inside a batch: what its references stand for.
    pub references: Option<&'a References>,
}

/// Another user, in whose name the caller acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActingFor {
    /// By the org's id of the user: `MSCRMCallerID`.
    User(Uuid),
    /// By the directory's object id: `CallerObjectId`.
    DirectoryObject(Uuid),
}

/// A decoded query option.
pub type NameAndValue<'a> = (Cow<'a, str>, Cow<'a, str>);

impl<'a> Request<'a> {
    /// Refuses what is too long, and headers that ask for something the local org does not do.
    pub(crate) fn check(&self) -> Result<(), DataverseError> {
        let longest = if self.references.is_some() { LONGEST_ADDRESS_IN_BATCH } else { LONGEST_ADDRESS };
        if self.path.len() + self.query.map_or(0, own_length) > longest {
            return Err(error::odata(format!("The address is longer than {longest} characters.")).with_status(414));
        }
        if let Some(version) =
            self.header("OData-MaxVersion").filter(|version| !matches!(version.trim(), "4.0" | "4.01"))
        {
            return Err(error::odata(format!("The OData-MaxVersion '{version}' is not supported; ask for 4.0.")));
        }
        if let Some(version) = self.header("OData-Version").filter(|version| version.trim() != "4.0") {
            return Err(error::odata(format!("The OData-Version '{version}' is not supported; send 4.0.")));
        }
        Ok(())
    }

    /// In whose name the caller acts.
    pub(crate) fn acting_for(&self) -> Result<Option<ActingFor>, DataverseError> {
        let id = |name: &str| {
            let Some(written) = self.headers.get(name) else { return Ok(None) };
            let text = written.to_str().unwrap_or_default().trim();
            match Uuid::try_parse(text.trim_matches(['{', '}'])) {
                Ok(id) => Ok(Some(id)),
                Err(_) => Err(error::odata(format!(
                    "The header {name} is '{}', which is no GUID.",
                    crate::syntax::quoted(text)
                ))),
            }
        };
        match (id("CallerObjectId")?, id("MSCRMCallerID")?) {
            (Some(_), Some(_)) => {
                Err(error::odata("CallerObjectId and MSCRMCallerID say the same thing twice; send one of them."))
            }
            (Some(object), None) => Ok(Some(ActingFor::DirectoryObject(object))),
            (None, Some(user)) => Ok(Some(ActingFor::User(user))),
            (None, None) => Ok(None),
        }
    }

    /// The value of a header, where it is there once and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The options of the query string, decoded, in order. A bare `?` has none.
    pub(crate) fn options(&self) -> Result<Vec<NameAndValue<'a>>, DataverseError> {
        let mut options = Vec::new();
        for option in self.query.unwrap_or_default().split('&').filter(|option| !option.is_empty()) {
            if options.len() == MOST_OPTIONS {
                return Err(error::odata(format!("The address has more than {MOST_OPTIONS} query options.")));
            }
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            options.push((decode_query(name)?, decode_query(value)?));
        }
        Ok(options)
    }
}

/// How long a query string is without the org's own mark of a page: an address that the org took
/// must not become too long by the next link that the org made of it.
fn own_length(query: &str) -> usize {
    let token =
        query.split('&').find(|option| option.starts_with("$skiptoken=") || option.starts_with("%24skiptoken="));
    query.len() - token.map_or(0, |token| token.len().min(LONGEST_TOKEN))
}

/// Decodes a part of a query string, where `+` is a blank.
fn decode_query(text: &str) -> Result<Cow<'_, str>, DataverseError> {
    if text.contains('+') {
        let blanks = text.replace('+', " ");
        decode(&blanks).map(|decoded| Cow::Owned(decoded.into_owned()))
    } else {
        decode(text)
    }
}

/// Undoes percent-encoding. A `%` that begins no code stands for itself, as people write
/// `contains(name,'50%')`; bytes that are no UTF-8 are refused.
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, DataverseError> {
    percent_encoding::percent_decode_str(text).decode_utf8().map_err(|_| error::bad_syntax())
}

/// Undoes percent-encoding in the path of an address, where a `%` must begin a code: the web server before the
/// service refuses such an address, which it does not do of what stands behind the `?`.
pub(crate) fn decode_path(text: &str) -> Result<Cow<'_, str>, DataverseError> {
    let is_code = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if text.split('%').skip(1).any(|rest| !is_code(rest)) {
        return Err(error::odata(format!(
            "The path has a '%' that begins no code: '{}'.",
            crate::syntax::quoted(text)
        )));
    }
    decode(text)
}

/// What the caller prefers about the answer (RFC 7240). A preference that is not known is not
/// followed, which is what that standard asks for; the answer's `Preference-Applied` says what was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `return=representation`: answer a write with the row.
    pub representation: bool,
    /// `odata.maxpagesize`: at most this many rows in a page, 1 to 5,000.
    pub max_page_size: Option<u32>,
    /// `odata.include-annotations`: which annotations to show.
    pub annotations: Option<Annotations>,
    /// `odata.continue-on-error`: a batch goes on behind a request that fails.
    pub continue_on_error: bool,
    /// `odata.track-changes`: with the rows a link to what changes from now on. The link is what is asked for, so this
    /// one is refused where it means something, and not passed over.
    pub track_changes: bool,
}

/// A list of annotation names, with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotations {
    written: String,
}

impl Annotations {
    /// As the request has it, without quotes.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether the annotation with this full name is wanted: by name, by `*` or by
    /// `Some.Namespace.*`, unless a name with `-` before it forbids it.
    #[must_use]
    pub fn include(&self, name: &str) -> bool {
        let covers = |pattern: &str| match pattern.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == pattern,
        };
        let mut wanted = false;
        for pattern in self.written.split(',').map(str::trim) {
            match pattern.strip_prefix('-') {
                Some(unwanted) if covers(unwanted) => return false,
                Some(_) => {}
                None => wanted |= covers(pattern),
            }
        }
        wanted
    }
}

impl Preferences {
    /// Reads the `Prefer` headers; several may be sent, each with several preferences.
    ///
    /// # Errors
    /// The service's refusal of headers that are not readable and of page sizes that are no numbers.
    pub fn read(headers: &HeaderMap) -> Result<Self, DataverseError> {
        let mut preferences = Self::default();
        for header in headers.get_all("Prefer") {
            let header = header.to_str().map_err(|_| error::odata("The Prefer header is not readable."))?;
            for preference in split_outside_quotes(header) {
                preferences.take(preference)?;
            }
        }
        Ok(preferences)
    }

    fn take(&mut self, preference: &str) -> Result<(), DataverseError> {
        // Parameters of a preference (`;callback=…`) belong to ones that are not followed.
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let value = value.trim().trim_matches('"').trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "return" if value.eq_ignore_ascii_case("representation") => self.representation = true,
            "odata.maxpagesize" | "maxpagesize" => {
                let rows: u32 = value.parse().ok().filter(|rows| *rows > 0).ok_or_else(|| {
                    error::odata(format!("The odata.maxpagesize '{value}' is no whole number above 0."))
                })?;
                self.max_page_size = Some(rows.min(LARGEST_PAGE));
            }
            "odata.continue-on-error" | "continue-on-error" => {
                self.continue_on_error = !value.eq_ignore_ascii_case("false");
            }
            "odata.track-changes" | "track-changes" => self.track_changes = true,
            "odata.include-annotations" | "include-annotations" => {
                self.annotations = Some(Annotations { written: value.to_owned() });
            }
            _ => {}
        }
        Ok(())
    }

    /// What to say in `Preference-Applied` about an answer of this kind; none when nothing was
    /// followed.
    #[must_use]
    pub fn applied(&self, to_a_write: bool) -> Option<String> {
        let mut applied = Vec::new();
        if self.representation && to_a_write {
            applied.push("return=representation".to_owned());
        }
        if let Some(rows) = self.max_page_size.filter(|_| !to_a_write) {
            applied.push(format!("odata.maxpagesize={rows}"));
        }
        if let Some(annotations) = self.annotations.as_ref().filter(|_| self.representation || !to_a_write) {
            applied.push(format!("odata.include-annotations=\"{}\"", annotations.written));
        }
        (!applied.is_empty()).then(|| applied.join(","))
    }
}

fn split_outside_quotes(header: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    header
        .split(move |letter: char| {
            quoted ^= letter == '"';
            letter == ',' && !quoted
        })
        .map(str::trim)
        .filter(|preference| !preference.is_empty())
}

/// A version from an entity tag: `W/"506868"`.
pub(crate) fn version_of(tag: &str) -> Option<i64> {
    tag.trim().strip_prefix("W/")?.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferences(headers: &[&str]) -> Preferences {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append("Prefer", header.parse().unwrap());
        }
        Preferences::read(&map).unwrap()
    }

    #[test]
    fn preferences_in_one_header_or_several() {
        let one = preferences(&["return=representation, odata.maxpagesize=3,odata.include-annotations=\"*\""]);
        let three = preferences(&["return=representation", "odata.maxpagesize=3", "odata.include-annotations=*"]);
        assert_eq!(one, three);
        assert!(one.representation);
        assert_eq!(one.applied(false).as_deref(), Some("odata.maxpagesize=3,odata.include-annotations=\"*\""));
        assert_eq!(preferences(&["odata.maxpagesize=9000, respond-async"]).max_page_size, Some(5_000));
    }

    #[test]
    fn a_list_of_annotations_stays_one_preference() {
        let listed =
            preferences(&["odata.include-annotations=\"OData.Community.Display.V1.FormattedValue,Microsoft.*\""]);
        let annotations = listed.annotations.unwrap();
        assert!(annotations.include("OData.Community.Display.V1.FormattedValue"));
        assert!(annotations.include("Microsoft.Dynamics.CRM.lookuplogicalname"));
        assert!(!annotations.include("Other.Name"));
        let but = preferences(&["odata.include-annotations=\"*,-Microsoft.*\""]).annotations.unwrap();
        assert!(!but.include("Microsoft.Dynamics.CRM.lookuplogicalname"));
    }

    #[test]
    fn query_options_decode() {
        let method = Method::GET;
        let headers = HeaderMap::new();
        let request = |query| Request {
            method: &method,
            path: "v9.2/contacts",
            query,
            headers: &headers,
            body: b"",
            references: None,
        };
        let options = request(Some("%24filter=name+eq+%27a%2Bb%27&$top=3&")).options().unwrap();
        assert_eq!(options, [("$filter".into(), "name eq 'a+b'".into()), ("$top".into(), "3".into())]);
        assert!(request(Some("")).options().unwrap().is_empty());
        assert_eq!(request(Some("a=%FF")).options().unwrap_err().status, 400);
    }

    #[test]
    fn a_sign_for_a_code_that_begins_none_is_refused_in_a_path_only() {
        assert_eq!(decode_path("v9.2/contacts(firstname=%27a%2Fb%27)").unwrap(), "v9.2/contacts(firstname='a/b')");
        for path in ["contacts%ZZ", "contacts%", "contacts%4", "contacts%é"] {
            assert_eq!(decode_path(path).unwrap_err().status, 400, "{path}");
        }
        assert_eq!(decode("contains(name,'50%')").unwrap(), "contains(name,'50%')");
    }

    #[test]
    fn entity_tags() {
        assert_eq!(version_of("W/\"506868\""), Some(506_868));
        for other in ["*", "\"1\"", "W/\"x\"", "null"] {
            assert_eq!(version_of(other), None);
        }
    }
}
