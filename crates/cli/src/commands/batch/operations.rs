//! A file of operations: one in a line, as JSON. All of it is checked before anything is sent.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderName, Method};
use keyholder_client::dataverse::{Change, MOST_REQUESTS, Query};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::references::with_references;
use crate::commands::rows::{is_bare, refuse_what_the_shell_ate};

/// One operation of a file.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// What its author calls it.
    pub(crate) id: Option<String>,
    /// The changes that it is done together with.
    pub(crate) changeset: Option<String>,
    pub(crate) method: Method,
    /// As it stands in the file.
    pub(crate) path: String,
    pub(crate) request: Request,
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Request {
    Read(Query),
    Change(Change),
}

/// A line that is no operation, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) problem: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    method: String,
    path: String,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
    id: Option<String>,
    changeset: Option<String>,
    headers: Option<BTreeMap<String, String>>,
}

/// Reads the operations of a text.
///
/// # Errors
/// Every line that is none, in their order.
pub(crate) fn read(text: &str) -> Result<Vec<Operation>, Vec<Mistake>> {
    let (mut operations, mut mistakes) = (Vec::new(), Vec::new());
    let mut reading = Reading::default();
    for (at, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if text.trim().is_empty() {
            continue;
        }
        match reading.operation(at + 1, text) {
            Ok(operation) => operations.push(operation),
            Err(problem) => mistakes.push(Mistake { line: at + 1, problem }),
        }
    }
    if mistakes.is_empty() { Ok(operations) } else { Err(mistakes) }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    /// The line of each id.
    ids: HashMap<String, usize>,
    /// The change set that is open.
    open: Option<String>,
    /// How many operations it has, and which ids are at which place in it.
    length: usize,
    made: HashMap<String, usize>,
    /// The last line of each change set that has ended.
    ended: HashMap<String, usize>,
    last_line: usize,
}

impl Reading {
    fn operation(&mut self, number: usize, text: &str) -> Result<Operation, String> {
        let read: Result<Line<'_>, _> = serde_json::from_str(text);
        // Where in the line is told by the column alone: the reader counts lines within the text that it was given.
        let line = read.map_err(|error| {
            let said = error.to_string();
            let (said, _) = said.rsplit_once(" at line ").unwrap_or((&said, ""));
            format!("is no operation: {said} (column {})", error.column())
        });
        let line = match line {
            Ok(line) => line,
            Err(problem) => {
                self.last_line = number;
                return Err(problem);
            }
        };
        self.enter(line.changeset.as_deref(), number)?;
        if let Some(id) = &line.id {
            if !is_id(id) {
                return Err(format!("has the id `{}`: take letters, digits, `-`, `_` and `.`", id.escape_debug()));
            }
            if let Some(other) = self.ids.insert(id.clone(), number) {
                return Err(format!("has the id `{id}`, which line {other} has too"));
            }
        }
        let request = self.request(&line)?;
        if let (Some(id), Some(_)) = (&line.id, &line.changeset) {
            self.made.insert(id.clone(), self.length);
        }
        let Line { method, path, id, changeset, .. } = line;
        let method = method.to_ascii_uppercase().parse().map_err(|_| "has no method".to_owned())?;
        Ok(Operation { line: number, id, changeset, method, path, request })
    }

    /// Goes on with the change set, or ends it and begins another.
    fn enter(&mut self, changeset: Option<&str>, number: usize) -> Result<(), String> {
        if self.open.as_deref() != changeset {
            if let Some(open) = self.open.take() {
                self.ended.insert(open, self.last_line);
            }
            (self.length, self.open) = (0, changeset.map(str::to_owned));
            self.made.clear();
        }
        self.last_line = number;
        self.length += 1;
        let Some(name) = changeset else { return Ok(()) };
        if let Some(line) = self.ended.get(name) {
            return Err(format!(
                "belongs to the change set `{name}`, which ended with line {line}: its lines follow one another"
            ));
        }
        if self.length == MOST_REQUESTS + 1 {
            return Err(format!(
                "is one too many: the change set `{name}` has more than {MOST_REQUESTS} operations, and is never divided"
            ));
        }
        Ok(())
    }

    fn request(&self, line: &Line<'_>) -> Result<Request, String> {
        let method = line.method.to_ascii_uppercase();
        if method == "GET" {
            return self.read(line);
        }
        let method = Method::from_bytes(method.as_bytes())
            .ok()
            .filter(|method| [Method::POST, Method::PATCH, Method::PUT, Method::DELETE].contains(method));
        let Some(method) = method else {
            return Err(format!(
                "has the method `{}`: it can be GET, POST, PATCH, PUT or DELETE",
                line.method.escape_debug()
            ));
        };
        let path = match line.path.strip_prefix('$') {
            Some(made) => {
                let (id, rest) = made.split_once('/').map_or((made, None), |(id, rest)| (id, Some(rest)));
                let number = self.reference(id)?;
                rest.map_or_else(|| format!("${number}"), |rest| format!("${number}/{rest}"))
            }
            None => line.path.clone(),
        };
        let body = line.body.filter(|body| body.get() != "null").map(|body| {
            if !body.get().starts_with('{') {
                return Err("has a body that is no JSON object".to_owned());
            }
            let text = with_references(body.get(), |id| self.reference(id))?;
            RawValue::from_string(text).map_err(|error| format!("has a body that is no JSON: {error}"))
        });
        if body.is_none() && method != Method::DELETE && method != Method::POST {
            return Err(format!("has no `body`, which {method} needs"));
        }
        let change = Change::typed(method, &path, body.transpose()?);
        let mut change =
            change.map_err(|problem| format!("has the path `{}`, which {problem}", line.path.escape_debug()))?;
        for (name, value) in line.headers.iter().flatten() {
            change = with_header(change, name, value)?;
        }
        Ok(Request::Change(change))
    }

    fn read(&self, line: &Line<'_>) -> Result<Request, String> {
        if line.changeset.is_some() {
            return Err("reads, and a change set takes changes alone".to_owned());
        }
        if line.body.is_some() || line.headers.is_some() {
            return Err("reads, and has neither `body` nor `headers`".to_owned());
        }
        let path = line.path.trim();
        let shown = path.escape_debug();
        if path.starts_with('$') || is_bare(path) {
            return Err(format!("reads `{shown}`, whose answer is no JSON: ask for it with `keyholder get`"));
        }
        if path.is_empty()
            || path.starts_with('/')
            || path.contains(char::is_control)
            || path.split('?').next().is_some_and(|path| path.contains("://"))
        {
            return Err(format!("has the path `{shown}`: give what follows /api/data/v9.2/ in a URL"));
        }
        refuse_what_the_shell_ate(path)
            .map_err(|_| format!("has the path `{shown}`, with an option without a name"))?;
        Ok(Request::Read(Query::from(path)))
    }

    /// The place in the open change set of what that id makes.
    fn reference(&self, id: &str) -> Result<usize, String> {
        if self.open.is_none() {
            return Err(format!("names `${id}`, and is in no change set"));
        }
        self.made.get(id).copied().ok_or_else(|| {
            let shown = id.escape_debug();
            format!("names `${shown}`, and no earlier line of its change set has the id `{shown}`")
        })
    }
}

fn is_id(id: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    !id.is_empty() && id.len() <= 100 && id.chars().all(is_plain)
}

fn with_header(change: Change, name: &str, value: &str) -> Result<Change, String> {
    let lower = name.to_ascii_lowercase();
    Ok(match (lower.as_str(), value) {
        ("if-match", "*") => change.if_present(),
        ("if-match", etag) => change.if_unchanged(etag),
        ("if-none-match", "*") => change.if_absent(),
        (other, value) if other == "prefer" || other.starts_with("mscrm") => {
            let header = HeaderName::from_bytes(other.as_bytes());
            change
                .header(header.map_err(|_| format!("has the header `{}`, which is none", name.escape_debug()))?, value)
        }
        _ => {
            let shown = name.escape_debug();
            return Err(format!(
                "has the header `{shown}`: If-Match, If-None-Match (`*`), Prefer and those that begin with MSCRM can be given"
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        read(text).unwrap_err().into_iter().map(|mistake| format!("{}: {}", mistake.line, mistake.problem)).collect()
    }

    #[test]
    fn every_line_that_is_no_operation_is_named() {
        let text = [
            r#"{"method": "POST", "path": "contacts", "body": {}, "colour": 1}"#,
            "",
            r#"{"method": "POST""#,
            r#"{"method": "TRACE", "path": "contacts"}"#,
            r#"{"method": "PATCH", "path": "contacts(1)"}"#,
            r#"{"method": "POST", "path": "../x", "body": {}}"#,
            r#"{"method": "POST", "path": "contacts", "body": [1]}"#,
            r#"{"method": "POST", "path": "contacts", "body": {"x@odata.bind": "$a"}}"#,
            r#"{"method": "GET", "path": "contacts/$count"}"#,
            r#"{"method": "GET", "path": "contacts", "changeset": "s"}"#,
            r#"{"method": "POST", "path": "contacts", "headers": {"Host": "x"}}"#,
            r#"{"method": "DELETE", "path": "contacts(1)", "body": {}}"#,
            r#"{"method": "POST", "path": "contacts", "id": "a b"}"#,
            "[]",
        ];
        let told = problems(&text.join("\n"));
        let expected = [
            "1: is no operation: unknown field `colour`",
            "3: is no operation: EOF",
            "4: has the method `TRACE`",
            "5: has no `body`",
            "6: has the path `../x`, which leads elsewhere",
            "7: has a body that is no JSON object",
            "8: names `$a`, and is in no change set",
            "9: reads `contacts/$count`, whose answer is no JSON",
            "10: reads, and a change set takes changes alone",
            "11: has the header `Host`",
            "12: has the path `contacts(1)`, which is a deletion",
            "13: has the id `a b`",
            "14: is no operation",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told} is not {expected}");
        }
    }

    #[test]
    fn change_sets_keep_together_and_know_what_they_make() {
        let set = |set: &str, id: &str, path: &str| {
            format!(r#"{{"changeset": "{set}", "id": "{id}", "method": "post", "path": "{path}", "body": {{}}}}"#)
        };
        let text = [set("1", "a", "accounts"), set("1", "b", "$a/contacts"), set("2", "c", "accounts")].join("\r\n");
        let read_well = read(&format!("\u{feff}{text}\r\n")).unwrap();
        let Request::Change(second) = &read_well[1].request else { panic!("{read_well:?}") };
        assert_eq!((second.to_string().as_str(), read_well[1].path.as_str()), ("POST $1/contacts", "$a/contacts"));

        let told = problems(&[text, set("1", "d", "accounts"), set("3", "a", "$c/x"), set("3", "e", "$e")].join("\n"));
        assert_eq!(told.len(), 3, "{told:#?}");
        assert!(told[0].starts_with("4: belongs to the change set `1`, which ended with line 2"), "{told:#?}");
        assert!(told[1].starts_with("5: has the id `a`, which line 1 has too"), "{told:#?}");
        assert!(told[2].starts_with("6: names `$e`, and no earlier line"), "{told:#?}");
    }

    #[test]
    fn a_change_set_that_no_batch_takes_is_refused_once() {
        let line = r#"{"changeset": "s", "method": "POST", "path": "contacts", "body": {}}"#;
        read(&vec![line; MOST_REQUESTS].join("\n")).unwrap();
        let told = problems(&vec![line; MOST_REQUESTS + 5].join("\n"));
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("1001: is one too many") && told[0].contains("never divided"), "{told:?}");
    }
}
