//! What is refused before a document is parsed: too much of it, and too deep.

use keyholder_dataverse::error::{DataverseError, code};

/// The longest document, in bytes. An address holds less, but a saved query can be longer.
const LONGEST: usize = 256 << 10;
/// How deep elements may lie in each other.
const DEEPEST: usize = 64;
/// The most nodes: elements, texts and comments.
pub(super) const MOST_NODES: u32 = 20_000;

/// Refuses a document that is too long or too deep. One pass, without memory of its own.
///
/// Whether the document is well-formed is not asked here: where it is not, the depth may come out
/// too large, and the parser's refusal would come anyway.
pub(super) fn check(text: &str) -> Result<(), DataverseError> {
    let refused = |reason: String| Err(DataverseError::new(code::INVALID_FETCH_XML, reason));
    if text.len() > LONGEST {
        return refused(format!(
            "The FetchXML document has {} bytes, and the local org reads at most {LONGEST}; ask for less at once.",
            text.len()
        ));
    }
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        let (opens, after) = if let Some(tag) = tag.strip_prefix("!--") {
            (false, behind(tag, "-->"))
        } else if let Some(tag) = tag.strip_prefix("![CDATA[") {
            (false, behind(tag, "]]>"))
        } else if let Some(tag) = tag.strip_prefix('/') {
            depth = depth.saturating_sub(1);
            (false, behind(tag, ">"))
        } else if tag.starts_with(['?', '!']) {
            (false, behind(tag, ">"))
        } else {
            let (inside, after) = tag_of(tag);
            (!inside.ends_with('/'), after)
        };
        depth += usize::from(opens);
        if depth > DEEPEST {
            return refused(format!(
                "The elements of the FetchXML document lie in each other deeper than {DEEPEST} levels; nest fewer \
                 filters and links."
            ));
        }
        rest = after;
    }
    Ok(())
}

/// What follows an end mark; nothing where there is none.
fn behind<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, after)| after)
}

/// The inside of a tag and what follows it. A `>` in quotes ends no tag.
fn tag_of(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '>') => {
                return (text.get(..index).unwrap_or_default(), text.get(index + 1..).unwrap_or_default());
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if letter == open => quote = None,
            _ => {}
        }
    }
    (text, "")
}
