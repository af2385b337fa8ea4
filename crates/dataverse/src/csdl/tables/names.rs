//! Names for people, made of those for machines.

/// `new_visit` as it is, `knowledgearticle` with a capital: custom tables have a prefix, and the case of the others is not told.
pub(super) fn schema_name(logical: &str) -> String {
    if logical.contains('_') { logical.to_owned() } else { capital(logical) }
}

/// `new_birth_date` as `Birth Date`: without the prefix of custom names.
pub(super) fn label(logical: &str) -> String {
    let own = logical.split_once('_').map_or(logical, |(_, own)| own);
    let words: Vec<String> = own.split('_').filter(|word| !word.is_empty()).map(capital).collect();
    if words.is_empty() { logical.to_owned() } else { words.join(" ") }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
