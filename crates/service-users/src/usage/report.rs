//! The reports on "Microsoft Power Platform requests" that an administrator downloads from the Power Platform admin center.
//!
//! There are two that tell of users, by the columns that Microsoft's page "Requests limits and allocations" names: one of
//! users with a licence, each with an entitlement of their own, and one of those without, who share the tenant's. Both
//! have a line for each user, environment and day, and more where requests came from several places.

use std::borrow::Cow;
use std::collections::BTreeMap;

use keyholder_client::bulk::records;
use keyholder_client::entitlement::Day;
use keyholder_client::history::History;
use keyholder_foundation::Timestamp;

/// What a report tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What all users without a licence may ask for in a day, where the report is on them.
    pub pool: Option<u64>,
    /// The users, by environment and id.
    pub callers: Vec<Caller>,
    /// The last day that it tells of.
    pub last: Day,
}

/// A user in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The directory's id of whoever asked; empty where the report has none, as for the platform itself.
    pub id: String,
    /// The kind, in the report's own word.
    pub kind: String,
    /// The environment; nothing for a user with a licence, whose entitlement is one for all environments.
    pub environment: Option<String>,
    /// Requests by day.
    pub history: History,
    /// The user's own entitlement, as large as the report has it; nothing where it is shared or not told.
    pub entitled: Option<u64>,
}

/// What is wrong with a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is another file.
    #[error(
        "this is no report on \"Microsoft Power Platform requests\" of users: it has no column `{missing}` (a report on \
         flows is not read)"
    )]
    Column {
        /// The column that is looked for.
        missing: &'static str,
    },
    /// A line is no record of CSV, or has too few cells.
    #[error("line {line} is no row of the report: it is cut off, or its quotes are not closed")]
    Line {
        /// Which, from 1.
        line: usize,
    },
    /// A value is not what its column is for.
    #[error("line {line}: `{value}` is no {what}")]
    Value {
        /// Which line, from 1.
        line: usize,
        /// A day, or a number of requests.
        what: &'static str,
        /// What stands there, cut to 64 characters.
        value: String,
    },
    /// There is no line.
    #[error("the report has no rows")]
    Empty,
}

/// Where the columns are that are looked at.
struct Columns {
    environment: usize,
    caller: usize,
    kind: usize,
    day: usize,
    requests: usize,
    entitled: usize,
    is_licensed: bool,
}

impl Columns {
    fn of(header: &[Cow<'_, str>]) -> Result<Self, ReportError> {
        let find = |missing: &'static str| {
            let place = header.iter().position(|name| plain(name) == plain(missing));
            place.ok_or(ReportError::Column { missing })
        };
        let is_licensed = find("Total consumed quantity").is_ok();
        let (requests, entitled) = if is_licensed {
            (find("Total consumed quantity")?, find("Entitled quantity")?)
        } else {
            (find("Consumed Quantity")?, find("Power platform request entitlement for this tenant")?)
        };
        let (caller, kind) = (find("Caller ID")?, find("Caller Type")?);
        let (environment, day) = (find("Environment Name")?, find("Usage Datetime")?);
        Ok(Self { environment, caller, kind, day, requests, entitled, is_licensed })
    }
}

/// A column's name as it is compared: letters alone, and without the `(UTC)` that some have at the end.
fn plain(name: &str) -> String {
    let letters: String =
        name.chars().filter(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase()).collect();
    letters.strip_suffix("utc").map(str::to_owned).unwrap_or(letters)
}

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn read(text: &str) -> Result<Self, ReportError> {
        let mut lines = records(text.strip_prefix('\u{feff}').unwrap_or(text));
        let header = lines.next().and_then(|(_, header)| header).unwrap_or_default();
        let columns = Columns::of(&header)?;
        let mut pool = None;
        let mut callers: BTreeMap<(Option<String>, String, String), Caller> = BTreeMap::new();
        for (line, cells) in lines {
            let cells = cells.ok_or(ReportError::Line { line })?;
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let cell = |at: usize| cells.get(at).map(|cell| cell.trim()).ok_or(ReportError::Line { line });
            let wrong = |what: &'static str, value: &str| ReportError::Value {
                line,
                what,
                value: value.chars().take(64).collect(),
            };
            let (day, requests, entitled) = (cell(columns.day)?, cell(columns.requests)?, cell(columns.entitled)?);
            let day = self::day(day).ok_or_else(|| wrong("day like 2026-11-28 or 11/28/2026", day))?;
            let requests = number(requests).ok_or_else(|| wrong("number of requests", requests))?;
            // Microsoft's page: an entitlement by a licence for one app is told as 0.
            let entitled = match entitled {
                "" => None,
                text => {
                    Some(number(text).ok_or_else(|| wrong("number of requests", text))?).filter(|number| *number > 0)
                }
            };
            let environment = (!columns.is_licensed).then(|| cell(columns.environment)).transpose()?.map(str::to_owned);
            let (id, kind) = (cell(columns.caller)?.to_owned(), cell(columns.kind)?.to_owned());
            let key = (environment.clone(), id.clone(), kind.clone());
            let caller = callers.entry(key).or_insert_with(|| Caller {
                id,
                kind,
                environment,
                history: History::default(),
                entitled: None,
            });
            caller.history.add(day, requests);
            if columns.is_licensed {
                caller.entitled = caller.entitled.max(entitled);
            } else {
                pool = pool.max(entitled);
            }
        }
        let callers: Vec<Caller> = callers.into_values().collect();
        let last = callers.iter().filter_map(|caller| caller.history.last()).max().ok_or(ReportError::Empty)?;
        Ok(Self { pool, callers, last })
    }

    /// All requests of users without a licence; nothing in a report on those with one.
    #[must_use]
    pub fn pooled(&self) -> History {
        let mut all = History::default();
        self.callers.iter().filter(|caller| caller.environment.is_some()).for_each(|caller| all.merge(&caller.history));
        all
    }
}

/// The day that a moment begins with, as ISO 8601 or as Americans write it.
fn day(text: &str) -> Option<Day> {
    let date = text.split(['T', ' ']).next().unwrap_or_default();
    let moment = match date.split('/').collect::<Vec<_>>()[..] {
        [month, day, year] => Timestamp::parse(&format!("{year}-{month:0>2}-{day:0>2}")).ok()?,
        _ => Timestamp::parse(date).ok()?,
    };
    Some(Day::of(moment))
}

/// A number with or without commas between thousands, and with or without a fraction, which is rounded up.
fn number(text: &str) -> Option<u64> {
    let text = text.replace(',', "");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_add(u64::from(fraction.bytes().any(|digit| digit != b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POOL: &str = "\u{feff}Power platform request entitlement for this tenant,Environment ID,Environment Name,\
        Caller ID,Caller Type,Resource Type,Resource ID,Meter Category,Meter Subcategory,Usage Datetime (UTC),Consumed Quantity\r\n\
        505000,e1,Contoso,a1,Non-Interactive/Application,Dataverse,o1,Power Platform Requests,Dataverse,2026-11-27,\"1,200\"\r\n\
        505000,e1,Contoso,a1,Non-Interactive/Application,Power Automate,f1,Power Platform Requests,Power Automate,2026-11-27T00:00:00Z,34.5\r\n\
        505000,e1,Contoso,a1,Non-Interactive/Application,Dataverse,o1,Power Platform Requests,Dataverse,2026-11-28,7\r\n\
        505000,e1,Contoso,,System,Dataverse,o1,Power Platform Requests,Dataverse,11/28/2026 12:00:00 AM,3\r\n\r\n";

    #[test]
    fn s20_the_report_on_users_without_a_licence_is_read() {
        let report = Report::read(POOL).unwrap();
        let day = |text: &str| Day::of(Timestamp::parse(text).unwrap());
        assert_eq!((report.pool, report.last, report.callers.len()), (Some(505_000), day("2026-11-28"), 2));
        let (system, application) = (&report.callers[0], &report.callers[1]);
        assert_eq!((system.kind.as_str(), system.id.as_str()), ("System", ""));
        assert_eq!((application.id.as_str(), application.environment.as_deref()), ("a1", Some("Contoso")));
        assert_eq!((application.history.on(day("2026-11-27")), application.entitled), (1_235, None));
        assert_eq!(report.pooled().on(day("2026-11-28")), 10);
    }

    #[test]
    fn s20_the_report_on_licensed_users_has_one_entitlement_for_all_environments() {
        let text = "Environment ID,Environment Name,Caller ID,Caller Type,Usage Datetime,Entitled quantity,Total consumed \
            quantity,Dataverse Requests,Power Automate Requests,Power Apps Requests\n\
            e1,One,u1,User,2026-11-28,40000,50,50,0,0\ne2,Two,u1,User,2026-11-28,40000,70,70,0,0\n\
            e2,Two,u2,User,2026-11-28,0,1,1,0,0\n";
        let report = Report::read(text).unwrap();
        let told: Vec<_> =
            report.callers.iter().map(|one| (one.id.as_str(), one.entitled, one.history.on(report.last))).collect();
        assert_eq!(told, [("u1", Some(40_000), 120), ("u2", None, 1)]);
        assert_eq!((report.pool, report.pooled()), (None, History::default()));
    }

    #[test]
    fn what_is_no_report_is_said() {
        let header = POOL.split("\r\n").next().unwrap();
        for (text, expected) in [
            (String::new(), "no column `Consumed Quantity`"),
            (
                "Environment ID,Caller ID,Consumed Quantity\n".to_owned(),
                "no column `Power platform request entitlement",
            ),
            (header.to_owned(), "no rows"),
            (format!("{header}\n1,e,E,a,b,c,d,e,f,soon,3"), "line 2: `soon` is no day"),
            (format!("{header}\n1,e,E,a,b,c,d,e,f,28/11/2026,3"), "line 2: `28/11/2026` is no day"),
            (format!("{header}\n1,e,E,a,b,c,d,e,f,2026-11-28,-3"), "line 2: `-3` is no number of requests"),
            (format!("{header}\nmany,e,E,a,b,c,d,e,f,2026-11-28,3"), "line 2: `many` is no number of requests"),
            (format!("{header}\n1,e,E"), "line 2 is no row"),
            (format!("{header}\n1,\"e"), "line 2 is no row"),
        ] {
            let said = Report::read(&text).unwrap_err().to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_fault(text in ".{0,200}", rows in prop::collection::vec("[a-z0-9,/.\" \\-]{0,60}", 0..5)) {
            let _ = Report::read(&text);
            let header = POOL.split("\r\n").next().unwrap();
            let _ = Report::read(&format!("{header}\n{}", rows.join("\n")));
        }
    }
}
