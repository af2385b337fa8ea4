//! Rows as a table for people: the columns that say most, as many as fit.

use std::collections::HashMap;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::printer::is_unseen;

/// A printed table and how many columns with values did not fit.
pub(crate) struct Printed {
    pub(crate) text: String,
    pub(crate) hidden: usize,
}

/// The width when output goes to a file or a pipe, in columns.
const WIDTH_WITHOUT_TERMINAL: usize = 120;
/// A longer value is cut: a table is for an overview.
const LONGEST_VALUE: usize = 60;

/// How wide the terminal is.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH_WITHOUT_TERMINAL, |(width, _)| usize::from(width.0).max(40))
}

/// Prints rows. With `all`, every column is shown in the order of the answer, because the query
/// named them; otherwise those that hold values, the most telling first, while they fit `width`.
pub(crate) fn of(rows: &[Map<String, Value>], all: bool, width: usize) -> Printed {
    // Name, widest content, and whether all that was seen are plain flags.
    let mut columns: Vec<(&str, usize, bool)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for row in rows {
        for (name, value) in row.iter().filter(|(name, _)| !name.contains('@')) {
            if value.is_null() && !all {
                continue;
            }
            let needed = cell(value).chars().count().max(name.chars().count());
            let place = *places.entry(name).or_insert_with(|| {
                columns.push((name, 0, true));
                columns.len() - 1
            });
            if let Some(column) = columns.get_mut(place) {
                column.1 = column.1.max(needed);
                column.2 &= value.is_boolean();
            }
        }
    }
    let with_values = columns.len();
    if !all {
        columns.sort_by_key(|(name, _, flags)| if *flags { FLAGS } else { rank(name) });
        let mut used = 0;
        columns.retain(|(_, needed, _)| {
            // Two blanks of padding and a rule beside each.
            used += needed + 3;
            used <= width
        });
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(name, ..)| *name));
    for row in rows {
        table.add_row(columns.iter().map(|(name, ..)| row.get(*name).map(cell).unwrap_or_default()));
    }
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    if !lines.is_empty() {
        lines.insert(1, "─".repeat(widest));
    }
    let text = lines.join("\n");
    Printed { text, hidden: with_values - columns.len() }
}

/// Yes and no say little in an overview.
const FLAGS: u8 = 5;

/// What a person looks for first: names, ways to reach, then the rest; ids and bookkeeping last.
fn rank(name: &str) -> u8 {
    const BOOKKEEPING: [&str; 8] = [
        "createdon",
        "modifiedon",
        "versionnumber",
        "statecode",
        "statuscode",
        "importsequencenumber",
        "overriddencreatedon",
        "ownerid",
    ];
    match name {
        "fullname" | "name" => 0,
        _ if name.contains("email") => 1,
        _ if name.contains("telephone") || name.contains("phone") => 2,
        "jobtitle" | "address1_city" => 2,
        _ if name.starts_with('_') => 6,
        _ if BOOKKEEPING.contains(&name) => 7,
        _ if name.ends_with("id") => 3,
        _ => 4,
    }
}

/// A value in one line. Control characters are shown, not sent: a row must not be able to steer
/// the reader's terminal.
fn cell(value: &Value) -> String {
    let text = words(value);
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == LONGEST_VALUE {
            shown.push('…');
            break;
        }
        if is_unseen(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A value as people read it. Of rows inside a row, the columns that hold something are told, without
/// what is noted beside them.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join("; "),
        Value::Object(row) => {
            let told = row.iter().filter(|(name, value)| !name.contains('@') && !value.is_null());
            told.map(|(name, value)| format!("{name}: {}", words(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(value: Value) -> Vec<Map<String, Value>> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_most_telling_columns_come_first_and_empty_ones_not_at_all() {
        let rows = rows(json!([
            {"@odata.etag": "W/1", "contactid": "id-1", "createdon": "2026-01-01", "fullname": "A", "middlename": null},
            {"@odata.etag": "W/2", "contactid": "id-2", "createdon": "2026-01-01", "fullname": "B", "emailaddress1": "b@example.com"},
        ]));
        let wide = of(&rows, false, 200);
        let header = wide.text.lines().next().unwrap();
        let order: Vec<_> = header.split_whitespace().collect();
        assert_eq!(order, ["fullname", "emailaddress1", "contactid", "createdon"]);
        assert_eq!(wide.hidden, 0);
        let narrow = of(&rows, false, 30);
        assert!(narrow.text.contains("fullname") && !narrow.text.contains("createdon"));
        assert!(narrow.hidden >= 1);
    }

    #[test]
    fn chosen_columns_are_all_shown_in_their_order() {
        let rows = rows(json!([{"zeta": null, "alpha": 1}]));
        let order: Vec<_> =
            of(&rows, true, 5).text.lines().next().unwrap().split_whitespace().map(str::to_owned).collect();
        assert_eq!(order, ["zeta", "alpha"]);
    }

    #[test]
    fn rows_inside_a_row_are_told_without_what_is_noted_beside_them() {
        let one = json!({"@odata.etag": "W/\"1\"", "name": "Fabrikam", "fax": null, "rank": 3, "rank@x.y": "three"});
        let rows = rows(json!([{"parent": one, "kept": [{"@odata.etag": "W/2", "a": "b"}, {"a": "c"}], "none": {}}]));
        let text = of(&rows, true, 200).text;
        assert!(text.contains("name: Fabrikam, rank: 3 ") && text.contains("a: b; a: c"), "{text}");
        assert!(!text.contains("etag") && !text.contains("three") && !text.contains('{'), "{text}");
    }

    #[test]
    fn a_row_cannot_steer_the_terminal() {
        let rows = rows(json!([{"name": "\u{1b}[31mred\u{7}\n\u{202e}"}]));
        let text = of(&rows, false, 200).text;
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}') && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("\\u{1b}[31mred"));
    }
}
