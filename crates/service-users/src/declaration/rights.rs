//! The shorthand for rights, both ways: `contact = "read:organization write:business-unit"`.

use std::collections::BTreeMap;
use std::path::Path;

use keyholder_platform::read_bounded;
use keyholder_security::{Depth, RoleFile, Verb, role_file};

use super::Right;
use super::nearest::did_you_mean;

/// How the file calls the verbs.
const VERBS: [(&str, Verb); 8] = [
    ("create", Verb::Create),
    ("read", Verb::Read),
    ("write", Verb::Write),
    ("delete", Verb::Delete),
    ("append", Verb::Append),
    ("append-to", Verb::AppendTo),
    ("assign", Verb::Assign),
    ("share", Verb::Share),
];

/// Every verb that the table has.
const ALL: &str = "all";

/// How the file calls the depths: the role editor's words, first the one that is printed.
const DEPTHS: [(&str, Depth); 6] = [
    ("user", Depth::Basic),
    ("own", Depth::Basic),
    ("business-unit", Depth::Local),
    ("parent-child-business-units", Depth::Deep),
    ("deep", Depth::Deep),
    ("organization", Depth::Global),
];

/// The words for verbs, `all` among them.
pub(super) fn verb_words() -> impl Iterator<Item = &'static str> {
    VERBS.iter().map(|(word, _)| *word).chain([ALL])
}

/// The words for depths.
pub(super) fn depth_words() -> impl Iterator<Item = &'static str> {
    DEPTHS.iter().map(|(word, _)| *word)
}

/// Whether a key names a privilege and not a table: `prvReadContact`, but not `prv_thing`.
#[must_use]
pub fn is_privilege_name(key: &str) -> bool {
    key.strip_prefix("prv").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
}

/// Reads what a role grants on one table, or one privilege with its depth.
///
/// # Errors
/// Everything that is wrong with the key or the text; each a sentence of its own.
pub fn parse_rights(key: &str, text: &str) -> Result<Vec<Right>, Vec<String>> {
    if is_privilege_name(key) {
        return parse_privilege(key, text).map(|right| vec![right]).map_err(|mistake| vec![mistake]);
    }
    let mut mistakes: Vec<String> = check_table(key).err().into_iter().collect();
    let mut rights = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for part in text.split_whitespace() {
        match parse_part(key, part) {
            Err(mistake) => mistakes.push(mistake),
            Ok((verb, right)) => {
                if seen.contains(&verb) {
                    mistakes.push(format!("`{key}` says `{verb}` twice"));
                }
                seen.push(verb);
                rights.push(right);
            }
        }
    }
    mistakes.extend(included(key, &rights));
    if seen.is_empty() && mistakes.is_empty() {
        mistakes.push(format!("`{key}` grants nothing: write `VERB:DEPTH`, like `read:organization`"));
    }
    if mistakes.is_empty() { Ok(rights) } else { Err(mistakes) }
}

/// Reads the same from one text, as a command line gives it: `contact=read:organization`.
///
/// # Errors
/// As [`parse_rights`].
pub fn parse_grant(text: &str) -> Result<Vec<Right>, Vec<String>> {
    match text.split_once('=') {
        Some((key, rights)) => parse_rights(key.trim(), rights),
        None => Err(vec![format!("`{text}` is no grant: write it like `contact=read:organization`")]),
    }
}

/// What a role file grants: exactly the privileges that it lists; and the role's name in it.
///
/// # Errors
/// What is wrong with the file, naming it.
pub fn read_role_file(path: &Path) -> Result<(String, Vec<Right>), String> {
    let text = read_bounded(path, role_file::LIMIT as u64).map_err(|error| error.to_string())?;
    let file = RoleFile::parse(&text).map_err(|error| format!("`{}`, {error}", path.display()))?;
    let rights = file.privileges.into_iter().map(|(name, depth)| Right::Privilege { name, depth });
    Ok((file.name, rights.collect()))
}

/// What `all` grants already. Rights add up, so beside it only a deeper one means something.
fn included(key: &str, rights: &[Right]) -> Vec<String> {
    let every = rights.iter().find_map(|right| match right {
        Right::Every { depth, .. } => Some(*depth),
        _ => None,
    });
    let included = |right: &Right| match right {
        Right::Table { verb, depth, .. } if every.is_some_and(|every| *depth <= every) => Some(format!(
            "`{key}` says `{}:{}`, which its `{ALL}` includes: leave it out, or name each verb with its own depth",
            print_verb(*verb),
            print_depth(*depth)
        )),
        _ => None,
    };
    rights.iter().filter_map(included).collect()
}

fn parse_privilege(name: &str, text: &str) -> Result<Right, String> {
    if name.len() > 100 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("`{name}` is no privilege's name: they are `prv` and letters, digits and `_`"));
    }
    if let Some((verb, depth)) = text.split_once(':') {
        return Err(format!(
            "`{name}` is a privilege, which has its verb in its name: write `\"{depth}\"` and not `\"{verb}:{depth}\"`"
        ));
    }
    Ok(Right::Privilege { name: name.to_owned(), depth: parse_depth(name, text)? })
}

/// Logical names are what the org's metadata calls them: lower case, ASCII.
fn check_table(key: &str) -> Result<(), String> {
    let is_name = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && key.len() <= 128;
    match (is_name, key.to_ascii_lowercase()) {
        (false, _) => Err(format!("`{key}` is no table's logical name: those are ASCII letters, digits and `_`")),
        (true, lower) if lower != key => {
            Err(format!("`{key}` is no table's logical name: those are lower case, `{lower}`"))
        }
        _ => Ok(()),
    }
}

fn parse_part<'t>(table: &str, part: &'t str) -> Result<(&'t str, Right), String> {
    if part.contains(',') {
        return Err(format!(
            "`{table}` says `{part}`: each verb has a depth of its own, with spaces between them, like \
             `create:organization read:organization`"
        ));
    }
    let Some((word, depth)) = part.split_once(':') else {
        return Err(format!("`{table}` says `{part}` without a depth: write it like `read:organization`"));
    };
    let verb = VERBS.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb);
    if verb.is_none() && word != ALL {
        let all: Vec<_> = verb_words().collect();
        let meant = did_you_mean(word, verb_words());
        let list = if meant.is_empty() { format!("; there are {}", all.join(", ")) } else { meant };
        return Err(format!("`{table}` says `{word}`, which is no verb{list}"));
    }
    let depth = parse_depth(table, depth)?;
    let table = table.to_owned();
    Ok((
        word,
        match verb {
            Some(verb) => Right::Table { table, verb, depth },
            None => Right::Every { table, depth },
        },
    ))
}

fn parse_depth(key: &str, word: &str) -> Result<Depth, String> {
    let found = DEPTHS.iter().find(|(known, _)| *known == word.trim()).map(|(_, depth)| *depth);
    found.ok_or_else(|| {
        let all: Vec<_> = depth_words().collect();
        let meant = did_you_mean(word, depth_words());
        let list = if meant.is_empty() { format!("; there are {}", all.join(", ")) } else { meant };
        format!("`{key}` says `{word}`, which is no depth{list}")
    })
}

/// The word for a depth.
#[must_use]
pub fn print_depth(depth: Depth) -> &'static str {
    match depth {
        Depth::Basic => "user",
        Depth::Local => "business-unit",
        Depth::Deep => "parent-child-business-units",
        Depth::Global => "organization",
    }
}

/// The word for a verb.
#[must_use]
pub fn print_verb(verb: Verb) -> &'static str {
    VERBS.iter().find(|(_, known)| *known == verb).map_or("", |(word, _)| word)
}

/// The keys and texts that read as these rights: tables and privileges in the order of their
/// names, verbs in the order of the role editor. A right that is there twice is printed once, at
/// its deepest.
#[must_use]
pub fn print_rights(rights: &[Right]) -> Vec<(String, String)> {
    #[derive(Default)]
    struct Table {
        every: Option<Depth>,
        verbs: BTreeMap<usize, Depth>,
    }
    let mut tables: BTreeMap<&str, Table> = BTreeMap::new();
    let mut privileges: BTreeMap<&str, Depth> = BTreeMap::new();
    for right in rights {
        match right {
            Right::Table { table, verb, depth } => {
                let place = VERBS.iter().position(|(_, known)| known == verb).unwrap_or_default();
                let held = tables.entry(table).or_default().verbs.entry(place).or_insert(*depth);
                *held = (*held).max(*depth);
            }
            Right::Every { table, depth } => {
                let held = tables.entry(table).or_default().every.get_or_insert(*depth);
                *held = (*held).max(*depth);
            }
            Right::Privilege { name, depth } => {
                let held = privileges.entry(name).or_insert(*depth);
                *held = (*held).max(*depth);
            }
        }
    }
    let tables = tables.into_iter().map(|(name, table)| {
        let every = table.every.map(|depth| format!("{ALL}:{}", print_depth(depth)));
        let beyond = table.verbs.iter().filter(|(_, depth)| table.every.is_none_or(|every| **depth > every));
        let verb = |(place, depth): (&usize, &Depth)| {
            VERBS.get(*place).map(|(word, _)| format!("{word}:{}", print_depth(*depth)))
        };
        let words: Vec<_> = every.into_iter().chain(beyond.filter_map(verb)).collect();
        (name.to_owned(), words.join(" "))
    });
    let privileges = privileges.into_iter().map(|(name, depth)| (name.to_owned(), print_depth(depth).to_owned()));
    tables.chain(privileges).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(name: &str, verb: Verb, depth: Depth) -> Right {
        Right::Table { table: name.to_owned(), verb, depth }
    }

    #[test]
    fn s10_the_shorthand_reads_as_rights() {
        assert_eq!(
            parse_rights("contact", "read:organization  write:business-unit append-to:deep").unwrap(),
            [
                table("contact", Verb::Read, Depth::Global),
                table("contact", Verb::Write, Depth::Local),
                table("contact", Verb::AppendTo, Depth::Deep),
            ]
        );
        let act = Right::Privilege { name: "prvActOnBehalfOfAnotherUser".to_owned(), depth: Depth::Global };
        assert_eq!(parse_rights("prvActOnBehalfOfAnotherUser", "organization").unwrap(), [act]);
        let every = Right::Every { table: "prv_thing".to_owned(), depth: Depth::Basic };
        assert_eq!(parse_rights("prv_thing", "all:own").unwrap(), std::slice::from_ref(&every));
        let deeper = [every, table("prv_thing", Verb::Read, Depth::Global)];
        assert_eq!(parse_rights("prv_thing", "all:own read:organization").unwrap(), deeper);
        assert_eq!(print_rights(&deeper), [("prv_thing".to_owned(), "all:user read:organization".to_owned())]);
    }

    #[test]
    fn slips_are_named_all_at_once() {
        let mistakes = |key, text| parse_rights(key, text).unwrap_err().join("\n");
        let two = mistakes("contact", "raed:organization write:busines-unit");
        assert!(two.contains("`raed`, which is no verb; did you mean `read`?"), "{two}");
        let comma = parse_grant("contact=create,read:organization").unwrap_err().join("; ");
        assert!(comma.contains("like `create:organization read:organization`"), "{comma}");
        assert!(two.contains("`busines-unit`, which is no depth; did you mean `business-unit`?"), "{two}");
        for (key, text, reason) in [
            ("contact", "read", "without a depth"),
            ("contact", "", "grants nothing"),
            ("contact", "read:own read:organization", "`read` twice"),
            ("contact", "all:deep read:own", "includes"),
            ("contact", "read:organization all:organization", "includes"),
            ("contact", "all:own all:own", "`all` twice"),
            ("contact", "frobnicate:own", "there are create, read, write"),
            ("Contact", "read:own", "lower case, `contact`"),
            ("con tact", "read:own", "no table's logical name"),
            ("prvReadContact", "read:organization", "verb in its name"),
            ("prvReadContact", "everywhere", "no depth"),
        ] {
            let found = mistakes(key, text);
            assert!(found.contains(reason), "{key} {text}: {found}");
        }
    }

    fn rights() -> impl Strategy<Value = Vec<Right>> {
        let depth = prop::sample::select(&Depth::ALL[..]);
        let verb = prop::sample::select(&Verb::ALL[..]);
        let name = prop::sample::select(vec!["contact", "account", "new_shipment", "_x"]).prop_map(str::to_owned);
        let one = prop_oneof![
            (name.clone(), verb, depth.clone()).prop_map(|(table, verb, depth)| Right::Table { table, verb, depth }),
            (name, depth.clone()).prop_map(|(table, depth)| Right::Every { table, depth }),
            ("prv[A-Z][A-Za-z]{0,12}", depth).prop_map(|(name, depth)| Right::Privilege { name, depth }),
        ];
        prop::collection::vec(one, 0..20)
    }

    /// How deep each verb and privilege is granted.
    fn granted(rights: &[Right]) -> BTreeMap<(String, Option<&'static str>), Depth> {
        let mut granted = BTreeMap::new();
        let mut grant = |key, depth: Depth| {
            let held = granted.entry(key).or_insert(depth);
            *held = (*held).max(depth);
        };
        for right in rights {
            match right {
                Right::Table { table, verb, depth } => grant((table.clone(), Some(verb.name())), *depth),
                Right::Every { table, depth } => {
                    Verb::ALL.iter().for_each(|verb| grant((table.clone(), Some(verb.name())), *depth));
                }
                Right::Privilege { name, depth } => grant((name.clone(), None), *depth),
            }
        }
        granted
    }

    proptest! {
        #[test]
        fn print_then_parse_gives_the_same(rights in rights()) {
            let printed = print_rights(&rights);
            let read: Vec<_> = printed.iter().flat_map(|(key, text)| parse_rights(key, text).unwrap()).collect();
            prop_assert_eq!(print_rights(&read), printed);
            prop_assert_eq!(granted(&read), granted(&rights));
        }

        #[test]
        fn any_text_is_read_or_refused(key in ".{0,20}", text in ".{0,60}") {
            let _ = parse_rights(&key, &text);
        }
    }
}
