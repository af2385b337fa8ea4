//! Lookups whose row is known by a column that is no alternate key: it is looked for, many with one request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::block::{Block, Sought};
use super::columns::LookupRule;
use super::send::{MOST_SOUGHT, Sender};
use super::value::{literal, shown};
use crate::dataverse::{Filter, Query, Row, encode, segment};
use crate::error::Error;

/// So many rows are remembered of all lookups; then they are forgotten and looked for anew.
const MOST_KNOWN: usize = 20_000;
/// And so many bytes of their values.
const MOST_BYTES_KNOWN: usize = 4 << 20;
/// The most bytes of the values in one request's address, encoded; the service takes 32,768 for all of an address.
const MOST_BYTES_SOUGHT: usize = 16 << 10;
/// The rows of one request for all the values that it names: more share a value.
const MOST_FOUND: u32 = 5_000;

/// What was found: one row, none, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Match {
    One(String),
    None,
    Several,
}

/// The rows that lookups point to, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    pub(super) rules: Vec<LookupRule>,
    known: Mutex<Known>,
}

/// What was found already, and the bytes of the values in it.
#[derive(Debug, Default)]
struct Known {
    matches: HashMap<(usize, String), Match>,
    bytes: usize,
}

impl Known {
    /// Remembers what was found, and forgets what was known before where it becomes too much.
    fn add(&mut self, found: &HashMap<(usize, String), Match>) {
        let bytes: usize = found.keys().map(|(_, value)| value.len()).sum();
        if self.matches.len() + found.len() > MOST_KNOWN || self.bytes + bytes > MOST_BYTES_KNOWN {
            *self = Self::default();
        }
        for (key, matched) in found {
            if self.matches.insert(key.clone(), matched.clone()).is_none() {
                self.bytes += key.1.len();
            }
        }
    }
}

impl Lookups {
    pub(super) fn new(rules: Vec<LookupRule>) -> Self {
        Self { rules, known: Mutex::default() }
    }

    /// Looks for the rows that the block's lookups name, and puts them there.
    pub(super) async fn complete(&self, sender: &Sender, block: &mut Block) -> Result<(), Error> {
        if block.sought.is_empty() {
            return Ok(());
        }
        let mut found: HashMap<(usize, String), Match> = HashMap::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let mut wanted: Vec<&str> = Vec::new();
            {
                let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                for sought in block.sought.iter().filter(|sought| sought.lookup == at) {
                    let key = (at, sought.value.clone());
                    if let Some(known) = known.matches.get(&key) {
                        found.insert(key, known.clone());
                    } else if !wanted.contains(&sought.value.as_str()) {
                        wanted.push(&sought.value);
                    }
                }
            }
            let mut left = portions(&wanted, rule);
            while let Some(values) = left.pop() {
                match ask(sender, rule, values).await? {
                    Some(matches) => found.extend(matches.into_iter().map(|(value, matched)| ((at, value), matched))),
                    // So many rows have one of these values that the others' may be missing.
                    None => left.extend([values.split_at(values.len() / 2).0, values.split_at(values.len() / 2).1]),
                }
            }
        }
        self.known.lock().unwrap_or_else(PoisonError::into_inner).add(&found);
        let members: Vec<_> = block.sought.iter().map(|sought| self.member(sought, &found)).collect();
        block.complete(&members);
        Ok(())
    }

    fn member(&self, sought: &Sought, found: &HashMap<(usize, String), Match>) -> Result<String, String> {
        let Some(rule) = self.rules.get(sought.lookup) else { return Ok(String::new()) };
        let (table, column, value) = (&rule.table, &rule.column, shown(&sought.value));
        match found.get(&(sought.lookup, sought.value.clone())) {
            Some(Match::One(id)) => Ok(format!("{}\"/{}({id})\"", rule.member, segment(&rule.set))),
            Some(Match::Several) => Err(format!("several rows of `{table}` have {value} as `{column}`")),
            Some(Match::None) | None => Err(format!("no row of `{table}` has {value} as `{column}`")),
        }
    }
}

/// The values in portions that have room in an address, however long they are once they are encoded.
fn portions<'a, 'b>(values: &'b [&'a str], rule: &LookupRule) -> Vec<&'b [&'a str]> {
    // `column eq  or ` and quotes, encoded, stand around each.
    let around = rule.column.len() + 32;
    // A quote is doubled, and becomes `%27%27` in an address.
    let size = |value: &str| encode(value).len() + 5 * value.matches('\'').count() + around;
    let (mut portions, mut rest) = (Vec::new(), values);
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = |value: &&&str| {
            bytes += size(value);
            bytes <= MOST_BYTES_SOUGHT
        };
        let count = rest.iter().take(MOST_SOUGHT).take_while(fits).count().max(1);
        let (portion, behind) = rest.split_at(count);
        portions.push(portion);
        rest = behind;
    }
    portions
}

/// Asks for the rows that have these values; nothing where they are too many to tell for several values at once.
async fn ask(sender: &Sender, rule: &LookupRule, values: &[&str]) -> Result<Option<Vec<(String, Match)>>, Error> {
    let column = rule.column.as_str();
    let literals = values.iter().map(|value| literal(value.trim(), rule.is_text).map(|literal| (*value, literal)));
    // What can be no value of the column, no row has.
    let literals: Vec<_> = literals.flatten().collect();
    let filters = literals.iter().map(|(_, literal)| Filter::raw(format!("{column} eq {literal}")));
    let mut rows: Vec<Row> = Vec::new();
    if let Some(filter) = filters.reduce(Filter::or) {
        let query = Query::rows(&rule.set).select([rule.id_column.as_str(), column]).filter(filter).top(MOST_FOUND);
        rows = sender.patiently(|| sender.org.query(query.clone()).collect()).await?;
    }
    if rows.len() >= MOST_FOUND as usize && values.len() > 1 {
        return Ok(None);
    }
    let mut all = Vec::with_capacity(values.len());
    for value in values {
        let mut ids = rows
            .iter()
            .filter(|row| is_equal(row.get(column), value))
            .filter_map(|row| row.get(&rule.id_column)?.as_str());
        let matched = match (ids.next(), ids.next()) {
            (Some(id), None) => Match::One(id.to_owned()),
            (Some(_), Some(_)) => Match::Several,
            _ => Match::None,
        };
        all.push(((*value).to_owned(), matched));
    }
    Ok(Some(all))
}

/// Whether the org takes both for equal: it heeds neither case nor accents nor blanks at the end.
fn is_equal(found: Option<&Value>, wanted: &str) -> bool {
    match found {
        Some(Value::String(text)) => {
            keyholder_dataverse::fold::fold(text.trim_end()) == keyholder_dataverse::fold::fold(wanted.trim())
        }
        Some(Value::Number(number)) => {
            number.to_string() == wanted.trim() || wanted.trim().parse().ok() == number.as_f64()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> LookupRule {
        LookupRule {
            member: String::new(),
            set: "accounts".to_owned(),
            table: "account".to_owned(),
            id_column: "accountid".to_owned(),
            column: "name".to_owned(),
            is_text: true,
            longest: 4_000,
        }
    }

    #[test]
    fn what_is_looked_for_together_has_room_in_an_address() {
        let rule = rule();
        for (value, count, portion) in [
            ("Acme".to_owned(), 120, 50),
            ("名".repeat(150), 60, 11),
            ("名".repeat(4_000), 3, 1),
            ("'".repeat(2_000), 9, 1),
        ] {
            let values = vec![value.as_str(); count];
            let portions = portions(&values, &rule);
            assert_eq!(portions.iter().map(|portion| portion.len()).sum::<usize>(), count);
            assert_eq!(portions[0].len(), portion, "{count}");
            for values in portions {
                let literals = values.iter().map(|value| literal(value, true).unwrap());
                let filter = literals.map(|literal| Filter::raw(format!("name eq {literal}"))).reduce(Filter::or);
                let address = encode(&filter.unwrap().to_string()).replace('\'', "%27").len();
                assert!(address <= MOST_BYTES_SOUGHT || values.len() == 1 && address < 40_000, "{address}");
            }
        }
    }

    #[test]
    fn what_is_known_is_bounded_by_bytes_and_by_count() {
        let mut known = Known::default();
        let some = |from: usize, count: usize, length: usize| -> HashMap<(usize, String), Match> {
            (from..from + count).map(|at| ((0, format!("{at:0>length$}")), Match::None)).collect()
        };
        for round in 0..10 {
            known.add(&some(round * 1_000, 1_000, 1_000));
            let bytes: usize = known.matches.keys().map(|(_, value)| value.len()).sum();
            assert!(bytes == known.bytes && bytes <= MOST_BYTES_KNOWN && known.matches.len() >= 1_000, "{bytes}");
        }
        known.add(&some(0, MOST_KNOWN, 8));
        assert_eq!(known.matches.len(), MOST_KNOWN);
    }
}
