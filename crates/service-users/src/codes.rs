//! The codes of the services' errors: found in whatever text they stand in, and explained.
//!
//! The meanings stand in one table for each service (`keyholder_entra::aadsts`, `keyholder_dataverse::error`), by which the
//! local org answers too. A code that neither has is told by what its neighbours are about.

use std::fmt;

use keyholder_client::MissingPrivilege;
use keyholder_client::error::MissingAccess;
use keyholder_dataverse::error::{Code as Printed, known, known_errors};
use keyholder_entra::aadsts;
use serde::Serialize;

/// No text has more codes that are told.
const MOST: usize = 100;

/// Where Microsoft lists the codes of the token service.
const ENTRA_LIST: &str = "https://learn.microsoft.com/entra/identity-platform/reference-error-codes";
/// Where Microsoft lists the codes of Dataverse.
const DATAVERSE_LIST: &str =
    "https://learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes";

/// A code of one of the two services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The token service's, without `AADSTS`.
    SignIn(u32),
    /// The org's.
    Org(u32),
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn(number) => write!(f, "AADSTS{number}"),
            Self::Org(number) => Printed(*number).fmt(f),
        }
    }
}

/// What a code means, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The code as its service prints it.
    pub code: String,
    /// Whether one of the tables has it.
    pub is_known: bool,
    /// The service's word or name for it.
    pub name: Option<&'static str>,
    /// The HTTP status that it comes with.
    pub status: Option<u16>,
    /// What it means; of a code that is not known, what its neighbours are about.
    pub meaning: String,
    /// What to do about it.
    pub mend: Option<&'static str>,
    /// A command that does it or goes on from it, with names as the documents use them.
    pub command: Option<&'static str>,
    /// Who has the right to do it.
    pub who: Option<&'static str>,
    /// Where Microsoft documents it.
    pub documented: String,
}

impl Code {
    /// Reads a code as people write one: `AADSTS7000222`, `7000222`, `0x80040220`, `80040220`, `-2147220960`.
    ///
    /// ```
    /// use keyholder_service_users::codes::Code;
    /// assert_eq!(Code::read("aadsts7000222"), Some(Code::SignIn(7_000_222)));
    /// for form in ["0x80040220", "80040220", "-2147220960", "2147746336"] {
    ///     assert_eq!(Code::read(form), Some(Code::Org(0x8004_0220)), "{form}");
    /// }
    /// assert_eq!(Code::read("forbidden"), None);
    /// ```
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::named(text).or_else(|| {
            let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            match text.len() {
                8 => u32::from_str_radix(text, 16).ok().filter(|number| *number >= 0x8000_0000).map(Self::Org),
                4..=7 if is_decimal => text.parse().ok().map(Self::SignIn),
                10 if is_decimal => text.parse().ok().filter(|number| *number >= 0x8000_0000).map(Self::Org),
                _ => None,
            }
        })
    }

    /// One that says by its form whose it is: nothing else in a text looks like it.
    fn named(word: &str) -> Option<Self> {
        let after = |prefix: &str| {
            let (start, rest) = word.split_at_checked(prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then_some(rest)
        };
        if let Some(digits) = after("AADSTS") {
            return digits.parse().ok().map(Self::SignIn);
        }
        let digits = after("0x").filter(|digits| digits.len() == 8);
        if let Some(number) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            return (number >= 0x8000_0000).then_some(Self::Org(number));
        }
        // .NET clients print the code as a signed number.
        let signed = word.parse::<i32>().ok().filter(|number| word.len() >= 10 && *number < 0)?;
        Some(Self::Org(signed.cast_unsigned()))
    }

    /// The codes in a text, each once, in the order in which they stand: a message, an answer's body, a line of a log.
    #[must_use]
    pub fn find(text: &str) -> Vec<Self> {
        let whole = Self::read(text);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        // Some write the codes of Dataverse without `0x`: believed where the table has one.
        let bare = |word: &str| {
            let found = Some(word).filter(|word| word.len() == 8).and_then(Self::read);
            found.filter(|code| matches!(code, Self::Org(number) if known(*number).is_some()))
        };
        let found = words.filter_map(|word| Self::named(word).or_else(|| bare(word)));
        let mut codes: Vec<Self> = Vec::new();
        for code in whole.into_iter().chain(found).chain(listed(text)) {
            if codes.len() < MOST && !codes.contains(&code) {
                codes.push(code);
            }
        }
        codes
    }

    /// Every code that the tables have: the token service's first.
    pub fn all() -> impl Iterator<Item = Self> {
        let of_entra = aadsts::explanations().iter().map(|known| Self::SignIn(known.number));
        of_entra.chain(known_errors().map(|known| Self::Org(known.code)))
    }

    /// What it means, and what to do.
    #[must_use]
    pub fn explained(self) -> Explained {
        match self {
            Self::SignIn(number) => sign_in(self, number),
            Self::Org(number) => of_org(self, number),
        }
    }
}

/// The numbers in a token service's `"error_codes": [7000215]`.
fn listed(text: &str) -> impl Iterator<Item = Code> {
    let list = text.split_once("\"error_codes\"").and_then(|(_, rest)| rest.split_once('[')?.1.split_once(']'));
    let numbers = list.map_or("", |(numbers, _)| numbers).split(',');
    numbers.filter_map(|number| number.trim().parse().ok().map(Code::SignIn))
}

fn sign_in(code: Code, number: u32) -> Explained {
    let documented = format!("https://login.microsoftonline.com/error?code={number}");
    match aadsts::explain(number) {
        Some(known) => Explained {
            code: code.to_string(),
            is_known: true,
            name: Some(known.error.as_str()),
            status: Some(known.status),
            meaning: known.meaning.to_owned(),
            mend: Some(known.mend),
            command: known.command,
            who: Some(known.who.as_str()),
            documented,
        },
        None => unknown(code, aadsts::family(number), "the token service", format!("{documented} or {ENTRA_LIST}")),
    }
}

fn of_org(code: Code, number: u32) -> Explained {
    match known(number) {
        Some(known) => Explained {
            code: code.to_string(),
            is_known: true,
            name: Some(known.name),
            status: Some(known.status),
            meaning: known.explanation.to_owned(),
            mend: Some(known.mend),
            command: known.command(),
            who: Some(known.who.as_str()),
            documented: DATAVERSE_LIST.to_owned(),
        },
        None => unknown(code, family(number), "Dataverse", DATAVERSE_LIST.to_owned()),
    }
}

fn unknown(code: Code, family: Option<&str>, service: &str, documented: String) -> Explained {
    let neighbours = family.map(|words| format!(" Its neighbours are about this: {words}.")).unwrap_or_default();
    Explained {
        code: code.to_string(),
        is_known: false,
        name: None,
        status: None,
        meaning: format!("Keyholder does not know this code of {service}.{neighbours}"),
        mend: None,
        command: None,
        who: None,
        documented,
    }
}

/// What the codes of Dataverse around `number` are about, by the blocks of the published list.
fn family(number: u32) -> Option<&'static str> {
    Some(match number {
        0x8004_0200..=0x8004_02FF => "rows, rights and requests of the platform",
        0x8004_1100..=0x8004_11FF => "a query: FetchXML, its names and its paging",
        0x8004_1A00..=0x8004_1DFF => "roles, users and business units",
        0x8004_4100..=0x8004_45FF => "people, licences and access modes",
        0x8004_5000..=0x8004_5FFF => "workflows and processes",
        0x8004_6000..=0x8004_6FFF => "importing and duplicate detection",
        0x8004_7000..=0x8004_7FFF => "tables, columns and relationships as such",
        0x8004_8000..=0x8004_8FFF => "tables, columns, business units and teams",
        0x8004_0000..=0x8004_FFFF => "the platform: rows, rights, customisation",
        0x8005_0000..=0x8005_FFFF => "solutions, forms and other components",
        0x8006_0000..=0x8006_FFFF => "the Web API, alternate keys, virtual tables",
        0x8007_2000..=0x8007_2FFF => "the service protection limits, or signing in to the org",
        0x8007_0000..=0x8007_FFFF => "Windows or the network beneath the service",
        0x8009_0000..=0x8009_FFFF => "keys and certificates",
        _ => return None,
    })
}

/// What a message says beyond its code: the privilege that is missing, or the row that is out of reach.
#[must_use]
pub fn details(text: &str) -> Option<String> {
    // A message that was pasted may have been wrapped.
    let text = &text.split_whitespace().collect::<Vec<_>>().join(" ");
    let privilege = MissingPrivilege::read(text).map(|missing| missing.sentence());
    privilege.or_else(|| MissingAccess::read(text).map(|missing| missing.sentence()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_wherever_they_stand() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000222: The provided client secret keys for app
            '0b8f0a2e-8004-4dc5-9d5c-54c880040220' are expired. Trace ID: x","error_codes":[7000222, 50012]}"#;
        assert_eq!(Code::find(body), [Code::SignIn(7_000_222), Code::SignIn(50_012)]);
        let body = r#"{"error":{"code":"0x80040220","message":"Principal user (Id=.., type=8) is missing
            prvReadAccount privilege on OTC=1"}}"#;
        assert_eq!(Code::find(body), [Code::Org(0x8004_0220)]);
        assert!(details(body).is_some_and(|words| words.contains("prvReadAccount")));
        let log = "2026-11-28 07:00:00 ErrorCode: -2147220891, then 80072560 and HTTP 403 after 7000222 ms";
        assert_eq!(Code::find(log), [Code::Org(0x8004_0265), Code::Org(0x8007_2560)]);
        for none in ["", "Forbidden", "HTTP 401", "12345678901234567890", "0x1234", "-5", "0x80040220ff"] {
            assert_eq!(Code::find(none), [], "{none}");
        }
    }

    #[test]
    fn a_text_full_of_codes_is_cut() {
        let text: String = (0..5_000).map(|number| format!("AADSTS{} ", 50_000 + number)).collect();
        assert_eq!(Code::find(&text).len(), MOST);
    }

    #[test]
    fn every_code_of_the_tables_says_what_it_means_what_to_do_and_who_may() {
        let mut seen = 0;
        for code in Code::all() {
            let told = code.explained();
            assert!(told.is_known && told.meaning.ends_with('.'), "{code}");
            assert!(told.mend.is_some_and(|mend| mend.ends_with('.')), "{code}");
            assert!(told.who.is_some_and(|who| !who.is_empty()), "{code}");
            assert_eq!(Code::read(&told.code), Some(code));
            seen += 1;
        }
        assert!(seen > 250, "{seen}");
    }

    #[test]
    fn an_unknown_code_is_told_by_its_neighbours() {
        let told = Code::SignIn(53_999).explained();
        assert!(!told.is_known && told.mend.is_none() && told.meaning.contains("Conditional Access"), "{told:?}");
        assert!(told.documented.contains("code=53999"));
        assert!(Code::Org(0x8004_11FE).explained().meaning.contains("FetchXML"));
        assert!(!Code::Org(0xE043_4352).explained().meaning.contains("neighbours"));
    }
}
