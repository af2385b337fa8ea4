//! The text of `keyholder.toml` as a tree with places, held against [`shape`](super::shape).

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistakes::{Lines, MOST, Mistake};
use super::nearest::did_you_mean;
use super::shape::{Key, Kind, Table};

/// What is being read and what was found wrong so far.
pub(crate) struct Reader<'t> {
    lines: Lines<'t>,
    pub(crate) mistakes: Vec<Mistake>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { lines: Lines::new(text), mistakes: Vec::new() }
    }

    /// Parses the text as far as it is TOML at all.
    pub(crate) fn parse(&mut self, text: &'t str) -> Spanned<DeTable<'t>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.mistake(at, format!("not TOML: {}", error.message()));
        }
        root
    }

    /// Notes a mistake at a byte of the text; one too many is left out.
    pub(crate) fn mistake(&mut self, at: usize, message: String) {
        if self.mistakes.len() >= MOST {
            return;
        }
        self.mistakes.push(Mistake { position: Some(self.lines.position(at)), message });
    }

    /// Notes everything in a table that `shape` does not have.
    pub(crate) fn check(&mut self, shape: &Table, here: &At<'_, 't>) {
        for (key, value) in here.table {
            match shape.keys.iter().find(|known| known.name == key.get_ref()) {
                Some(known) => self.check_value(known, &here.below(key), value),
                None => self.unknown(shape, here, key),
            }
        }
        for key in shape.keys.iter().filter(|key| key.is_required && !here.has(key.name)) {
            self.mistake(here.at, format!("{} lacks `{}`", here.name(), key.name));
        }
        for choice in shape.choices {
            self.check_choice(choice, here);
        }
    }

    fn unknown(&mut self, shape: &Table, here: &At<'_, 't>, key: &Spanned<std::borrow::Cow<'t, str>>) {
        // A key that is there already was not meant.
        let free = shape.keys.iter().map(|key| key.name).filter(|name| !here.has(name));
        let meant = did_you_mean(key.get_ref(), free);
        let list = if meant.is_empty() {
            let names: Vec<_> = shape.keys.iter().map(|key| format!("`{}`", key.name)).collect();
            format!("; there are {}", names.join(", "))
        } else {
            meant
        };
        let place = if here.path.is_empty() { String::new() } else { format!(" in `{}`", here.path) };
        self.mistake(key.span().start, format!("unknown key `{}`{place}{list}", shown(key.get_ref())));
    }

    fn check_choice(&mut self, choice: &[&str], here: &At<'_, 't>) {
        let there: Vec<_> = choice.iter().filter(|key| here.has(key)).collect();
        let list = |keys: &[&str]| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        match there.as_slice() {
            [] => {
                let message = format!("{} lacks one of {}", here.name(), list(choice));
                self.mistake(here.at, message);
            }
            [_] => {}
            [_, second, ..] => {
                let at = here.place_of(second);
                let all: Vec<&str> = there.iter().map(|key| **key).collect();
                self.mistake(at, format!("{} has {}, which exclude each other", here.name(), list(&all)));
            }
        }
    }

    fn check_value(&mut self, key: &Key, path: &str, value: &Spanned<DeValue<'t>>) {
        let at = value.span().start;
        match (key.kind, value.get_ref()) {
            (Kind::Text(_), DeValue::String(_)) | (Kind::Flag, DeValue::Boolean(_)) => {}
            (Kind::Number(least, most), DeValue::Integer(_)) => {
                if !number(value.get_ref()).is_some_and(|number| (least..=most).contains(&number)) {
                    let upper = if most == i64::MAX { String::new() } else { format!(" and at most {most}") };
                    self.mistake(at, format!("`{path}` must be at least {least}{upper}"));
                }
            }
            (Kind::Word(words), DeValue::String(word)) => {
                if !words.contains(&word.as_ref()) {
                    let all: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                    let message = format!("`{path}` is `{}`, and may be one of {}", shown(word), all.join(", "));
                    self.mistake(at, message);
                }
            }
            (Kind::Texts(_), DeValue::Array(values)) => {
                for value in values {
                    if !value.get_ref().is_str() {
                        self.wrong_kind(value, &format!("each of `{path}`"), "a text in quotes");
                    }
                }
            }
            (Kind::Table(shape), DeValue::Table(table)) => {
                self.check(shape, &At { table, path: path.to_owned(), at: header(value, table) });
            }
            (Kind::OneOrMore(shape), DeValue::Table(table)) => {
                self.check(shape, &At { table, path: path.to_owned(), at: header(value, table) });
            }
            (Kind::OneOrMore(shape), DeValue::Array(values)) => {
                for (place, value) in values.iter().enumerate() {
                    match value.get_ref() {
                        DeValue::Table(table) => {
                            let path = format!("{path}.{place}");
                            self.check(shape, &At { table, path, at: header(value, table) });
                        }
                        _ => self.wrong_kind(value, &format!("each of `{path}`"), "a table"),
                    }
                }
            }
            (Kind::Named(shape), DeValue::Table(tables)) => {
                for (name, value) in tables {
                    let path = format!("{path}.{}", shown(name.get_ref()));
                    match value.get_ref() {
                        DeValue::Table(table) => self.check(shape, &At { table, path, at: name.span().start }),
                        _ => self.wrong_kind(value, &format!("`{path}`"), "a table"),
                    }
                }
            }
            (Kind::Rights, DeValue::Table(rights)) => {
                for (name, value) in rights {
                    if !value.get_ref().is_str() {
                        let path = format!("`{path}.{}`", shown(name.get_ref()));
                        self.wrong_kind(value, &path, "a text like \"read:organization\"");
                    }
                }
            }
            (kind, _) => self.wrong_kind(value, &format!("`{path}`"), wanted(kind)),
        }
    }

    fn wrong_kind(&mut self, value: &Spanned<DeValue<'t>>, what: &str, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.mistake(value.span().start, format!("{what} must be {wanted}, and is {found}"));
    }
}

fn wanted(kind: Kind) -> &'static str {
    match kind {
        Kind::Text(_) | Kind::Word(_) => "a text in quotes",
        Kind::Flag => "true or false",
        Kind::Number(..) => "a whole number",
        Kind::Texts(_) => "a list of texts, like [\"a\", \"b\"]",
        Kind::Table(_) | Kind::Named(_) | Kind::Rights => "a table",
        Kind::OneOrMore(_) => "a table or a list of tables",
    }
}

/// Where a table begins: at its header or brace; one that exists only by its dotted keys, at the
/// first of those.
fn header(value: &Spanned<DeValue<'_>>, table: &DeTable<'_>) -> usize {
    let first = table.keys().map(|key| key.span().start).min();
    match value.span() {
        span if span.is_empty() => first.unwrap_or(span.start),
        span => span.start,
    }
}

/// A name from the file as it is shown: short, on one line.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let clean: String = text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() { format!("{clean}...") } else { clean }
}

/// A whole number, in whichever notation.
pub(crate) fn number(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A table of the file with its place.
#[derive(Clone)]
pub(crate) struct At<'d, 't> {
    pub(crate) table: &'d DeTable<'t>,
    /// `application-users.orders-sync`
    pub(crate) path: String,
    /// Its header, as a byte of the text.
    pub(crate) at: usize,
}

impl<'d, 't> At<'d, 't> {
    pub(crate) fn root(root: &'d Spanned<DeTable<'t>>) -> Self {
        Self { table: root.get_ref(), path: String::new(), at: 0 }
    }

    fn name(&self) -> String {
        if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) }
    }

    fn below(&self, key: &Spanned<std::borrow::Cow<'t, str>>) -> String {
        let key = shown(key.get_ref());
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'d Spanned<DeValue<'t>>> {
        self.table.get(key)
    }

    /// Where a key's value stands; the table itself for one that is not there.
    pub(crate) fn place_of(&self, key: &str) -> usize {
        self.get(key).map_or(self.at, |value| value.span().start)
    }

    pub(crate) fn text(&self, key: &str) -> Option<&'d str> {
        self.get(key)?.get_ref().as_str()
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(|value| value.get_ref().as_bool()).unwrap_or(false)
    }

    /// The texts of a list, each with its place.
    pub(crate) fn texts(&self, key: &str) -> Option<Vec<(&'d str, usize)>> {
        let values = self.get(key)?.get_ref().as_array()?;
        Some(values.iter().filter_map(|value| Some((value.get_ref().as_str()?, value.span().start))).collect())
    }

    pub(crate) fn below_table(&self, key: &str) -> Option<At<'d, 't>> {
        let value = self.get(key)?;
        let table = value.get_ref().as_table()?;
        Some(At { table, path: self.path_of(key), at: header(value, table) })
    }

    /// The table, or each table of the list.
    pub(crate) fn one_or_more(&self, key: &str) -> Vec<At<'d, 't>> {
        if let Some(table) = self.below_table(key) {
            return vec![table];
        }
        let Some(values) = self.get(key).and_then(|value| value.get_ref().as_array()) else { return Vec::new() };
        let tables = values.iter().enumerate().filter_map(|(place, value)| {
            let table = value.get_ref().as_table()?;
            Some(At { table, path: format!("{}.{place}", self.path_of(key)), at: header(value, table) })
        });
        tables.collect()
    }

    /// The tables below a key by their names, in the order of the names.
    pub(crate) fn named(&self, key: &str) -> Vec<(&'d str, At<'d, 't>)> {
        let Some(tables) = self.get(key).and_then(|value| value.get_ref().as_table()) else { return Vec::new() };
        let tables = tables.iter().filter_map(|(name, value)| {
            let table = value.get_ref().as_table()?;
            let path = format!("{}.{}", self.path_of(key), shown(name.get_ref()));
            Some((name.get_ref().as_ref(), At { table, path, at: name.span().start }))
        });
        tables.collect()
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}
