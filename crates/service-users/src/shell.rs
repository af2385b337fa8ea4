//! What others chose, in a command that a person may copy.

/// A text as one word of a shell's.
pub(crate) fn for_shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@/:+,%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", clean.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word() {
        for (text, word) in [
            ("/data/app.env", "/data/app.env"),
            ("my app", "'my app'"),
            ("it's", r"'it'\''s'"),
            ("$(id)\n", "'$(id)'"),
            ("", "''"),
        ] {
            assert_eq!(for_shell(text), word);
        }
    }
}
