//! Sentences in lines that fit a terminal.

/// What a command begins with.
const PROGRAMS: [&str; 4] = ["keyholder ", "az ", "pac ", "sudo "];

/// `words` behind `start`, in lines of at most `width` columns where words allow; further lines are indented as far.
/// A command, which is copied, stays on one line.
pub(crate) fn wrapped(start: &str, words: &str, width: usize) -> Vec<String> {
    if PROGRAMS.iter().any(|program| words.starts_with(program)) {
        return vec![format!("{start}{words}")];
    }
    let indent = " ".repeat(start.chars().count());
    let mut lines = Vec::new();
    let (mut line, mut is_empty) = (start.to_owned(), true);
    for word in words.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_lines_short() {
        let lines = wrapped("  mend  ", &"word ".repeat(40), 40);
        assert!(lines.len() > 4 && lines.iter().all(|line| line.chars().count() <= 40), "{lines:?}");
        assert!(lines[0].starts_with("  mend  word") && lines[1].starts_with("        word"), "{lines:?}");
        assert_eq!(wrapped("> ", &"x".repeat(50), 20), [format!("> {}", "x".repeat(50))]);
        assert_eq!(wrapped("> ", "keyholder app-user list --all --output json", 20).len(), 1);
        assert_eq!(wrapped("> ", "", 20), ["> "]);
    }
}
