//! What a role grants, in words for people who do not read privileges.

use std::collections::BTreeMap;

use keyholder_security::{Depth, Verb};

use super::Right;

/// What these rights allow, a sentence each without its subject: "may read every contact in the
/// org". Verbs of one table with the same depth are said together.
#[must_use]
pub fn in_words(rights: &[Right]) -> Vec<String> {
    let mut tables: BTreeMap<(&str, Depth), Vec<Said>> = BTreeMap::new();
    let mut sentences = Vec::new();
    for right in rights {
        match right {
            Right::Table { table, verb, depth } => {
                let said = tables.entry((table, *depth)).or_default();
                if !said.contains(&Said::Verb(*verb)) {
                    said.push(Said::Verb(*verb));
                }
            }
            Right::Every { table, depth } => tables.entry((table, *depth)).or_default().push(Said::Everything),
            Right::Privilege { name, depth } => sentences.push(privilege(name, *depth)),
        }
    }
    tables
        .into_iter()
        .map(|((table, depth), mut said)| {
            said.sort();
            format!("may {} {}", verbs(&said), rows(table, depth))
        })
        .chain(sentences)
        .collect()
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Everything,
    Verb(Verb),
}

fn verbs(said: &[Said]) -> String {
    let mut words: Vec<_> = said
        .iter()
        .map(|said| match said {
            Said::Everything => "do everything with",
            Said::Verb(Verb::Create) => "create",
            Said::Verb(Verb::Read) => "read",
            Said::Verb(Verb::Write) => "change",
            Said::Verb(Verb::Delete) => "delete",
            Said::Verb(Verb::Append) => "link",
            Said::Verb(Verb::AppendTo) => "link others to",
            Said::Verb(Verb::Assign) => "give away",
            Said::Verb(Verb::Share) => "share",
        })
        .collect();
    if said.first() == Some(&Said::Everything) {
        words.truncate(1);
    }
    match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn rows(table: &str, depth: Depth) -> String {
    let one = singular(table);
    let many = plural(&one);
    match depth {
        Depth::Basic => format!("its own {many}"),
        Depth::Local => format!("the {many} of its business unit"),
        Depth::Deep => format!("the {many} of its business unit and of those below"),
        Depth::Global => format!("every {one} in the org"),
    }
}

/// A table of the platform by the word that people use; another by its logical name.
fn singular(table: &str) -> String {
    match table {
        "systemuser" => "user".to_owned(),
        "incident" => "case".to_owned(),
        "annotation" => "note".to_owned(),
        "businessunit" => "business unit".to_owned(),
        "transactioncurrency" => "currency".to_owned(),
        "phonecall" => "phone call".to_owned(),
        "salesorder" => "order".to_owned(),
        "salesorderdetail" => "order line".to_owned(),
        "activitypointer" => "activity".to_owned(),
        "role" => "security role".to_owned(),
        "account" | "contact" | "lead" | "opportunity" | "task" | "email" | "letter" | "fax" | "appointment"
        | "quote" | "invoice" | "product" | "campaign" | "team" | "queue" | "territory" | "workflow" | "list" => {
            table.to_owned()
        }
        custom => format!("row of `{custom}`"),
    }
}

fn plural(one: &str) -> String {
    if let Some(rest) = one.strip_prefix("row of ") {
        return format!("rows of {rest}");
    }
    match one.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if one.ends_with(['s', 'x']) => format!("{one}es"),
        _ => format!("{one}s"),
    }
}

/// The privileges that open more than one table, by what they come to; others by their name.
fn privilege(name: &str, depth: Depth) -> String {
    let what = match name {
        "prvActOnBehalfOfAnotherUser" => "may act in the name of any other user".to_owned(),
        "prvBypassCustomPlugins" | "prvBypassCustomBusinessLogic" => {
            "may write past the org's own business logic".to_owned()
        }
        "prvReadAuditSummary" => "may read the audit history".to_owned(),
        other => format!("holds `{other}`"),
    };
    match depth {
        Depth::Basic => format!("{what}, for its own rows"),
        Depth::Local => format!("{what}, in its business unit"),
        Depth::Deep => format!("{what}, in its business unit and those below"),
        Depth::Global => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declaration::parse_rights;

    fn words(key: &str, text: &str) -> String {
        in_words(&parse_rights(key, text).unwrap()).join("; ")
    }

    #[test]
    fn rights_read_like_sentences() {
        for (key, text, expected) in [
            ("contact", "read:organization", "may read every contact in the org"),
            ("account", "write:business-unit", "may change the accounts of its business unit"),
            (
                "opportunity",
                "read:deep write:deep create:own",
                "may create its own opportunities; \
                 may read and change the opportunities of its business unit and of those below",
            ),
            ("new_box", "all:organization", "may do everything with every row of `new_box` in the org"),
            (
                "new_box",
                "append:own append-to:own read:own",
                "may read, link and link others to its own rows of `new_box`",
            ),
            ("systemuser", "read:business-unit", "may read the users of its business unit"),
            ("fax", "delete:user", "may delete its own faxes"),
            ("prvActOnBehalfOfAnotherUser", "organization", "may act in the name of any other user"),
            ("prvReadContact", "business-unit", "holds `prvReadContact`, in its business unit"),
        ] {
            assert_eq!(words(key, text), expected);
        }
        assert!(in_words(&[]).is_empty());
    }
}
