//! The one door to standard output and standard error.
//!
//! Data goes to standard output, talk to standard error. A reader that closes the pipe early has what
//! it wanted: that is no failure. A command that only tells (`keyholder query ... | head -1`) ends
//! then; one that does something (`keyholder quickstart | head -1`) does the rest of it unheard.
//!
//! Words for people often repeat what a service or a file says. Whatever could steer a terminal is
//! shown in them, not sent.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::args::Output;
use crate::exit::Exit;
use crate::failure::Failure;

/// What becomes of a command when nobody reads its output any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It ends: telling is all that it does.
    Ends,
    /// It goes on: half of a change is worse than one that nobody read about.
    GoesOn,
}

/// Bytes that would have gone to a terminal.
#[derive(Debug)]
pub(crate) struct ToTerminal;

/// Prints for people or for programs, as `--output` asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    output: Output,
    quiet: bool,
    unread: Unread,
}

impl Printer {
    pub(crate) fn new(output: Output, quiet: bool, unread: Unread) -> Self {
        Self { output, quiet, unread }
    }

    /// Whether JSON is wanted instead of lines.
    pub(crate) fn is_json(self) -> bool {
        matches!(self.output, Output::Json | Output::Jsonl)
    }

    /// Whether rows are wanted as CSV.
    pub(crate) fn is_csv(self) -> bool {
        self.output == Output::Csv
    }

    /// Whether JSON is wanted whose every line is a document by itself.
    pub(crate) fn is_jsonl(self) -> bool {
        self.output == Output::Jsonl
    }

    /// A line of the result, for people; nothing when JSON is wanted.
    pub(crate) fn line(self, text: &str) {
        if !self.is_json() {
            self.data(&visible(text));
        }
    }

    /// A line of the result that says what something is called: no name in it makes a line of its own.
    pub(crate) fn sentence(self, start: &str, text: &str) {
        self.line(&format!("{start}{}", one_line(text)));
    }

    /// A line of the result, whatever the form.
    pub(crate) fn data(self, text: &str) {
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
            self.unwritable(&error);
        }
    }

    /// A line of values: as they are for programs, with nothing that steers it for a terminal.
    pub(crate) fn values(self, text: &str) {
        if io::stdout().is_terminal() { self.data(&visible(text)) } else { self.data(text) }
    }

    /// What a file holds, as it is, whatever the form; refused where a terminal would get it.
    pub(crate) fn contents(self, bytes: &[u8]) -> Result<(), ToTerminal> {
        let mut out = io::stdout().lock();
        if out.is_terminal() {
            return Err(ToTerminal);
        }
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            self.unwritable(&error);
        }
        Ok(())
    }

    /// The JSON form of the result; nothing when lines are wanted.
    pub(crate) fn json(self, value: &Value) {
        match self.output {
            Output::Text | Output::Csv => {}
            Output::Json => self.data(&escaped(&serde_json::to_string_pretty(value).unwrap_or_default())),
            Output::Jsonl => self.data(&escaped(&value.to_string())),
        }
    }

    /// A JSON object on a line of its own, as something happens.
    pub(crate) fn progress(self, value: &Value) {
        if self.is_jsonl() {
            self.data(&escaped(&value.to_string()));
        }
    }

    /// A JSON event on one line, for programs that wait for it.
    pub(crate) fn event(self, value: &Value) {
        if self.is_json() {
            self.data(&escaped(&value.to_string()));
        }
    }

    /// Something worth knowing that is not the result; nothing when only the result is wanted.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            self.ask(text);
        }
    }

    /// What somebody has to do now for the command to go on: said however little is wanted.
    pub(crate) fn ask(self, text: &str) {
        let _ = writeln!(io::stderr(), "note: {}", visible(text));
    }

    /// Whether somebody watches a line that changes as the command goes on.
    pub(crate) fn is_watched(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// That line as it is now; empty at the end. For who is watched alone.
    pub(crate) fn status(self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = write!(err, "\r{}\u{1b}[K", visible(text)).and_then(|()| err.flush());
    }

    /// Why the command failed, and what to do.
    pub(crate) fn failure(self, failure: &Failure) {
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "error: {}", visible(failure.message()));
        for hint in failure.hints() {
            let _ = writeln!(err, "hint: {}", visible(hint));
        }
        if self.is_json() && !failure.is_in_document() {
            drop(err);
            self.data(&escaped(&failure.to_json().to_string()));
        }
    }

    /// Ends the process when its output has nowhere to go: quietly when the reader asked for no more
    /// and nothing is left to do, with an error when a part of the result is lost.
    fn unwritable(self, error: &io::Error) {
        match (error.kind(), self.unread) {
            (io::ErrorKind::BrokenPipe, Unread::GoesOn) => return,
            (io::ErrorKind::BrokenPipe, Unread::Ends) => std::process::exit(0),
            _ => {}
        }
        let _ = writeln!(io::stderr(), "error: cannot write the output: {error}; it is not whole");
        std::process::exit(Exit::CannotCreate as i32)
    }
}

/// Whether a character steers a terminal, ends a line or turns the direction of what follows.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The same JSON with everything unseen in its texts escaped, as JSON allows: a terminal may show it.
pub(crate) fn escaped(json: &str) -> Cow<'_, str> {
    // Between its texts JSON has the ends of lines alone; within them serde_json escapes those itself.
    let steers = |character: char| is_unseen(character) && character != '\n';
    // Most rows are plain, which is seen sooner byte by byte.
    let is_plain = json.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
    if is_plain || !json.contains(steers) {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if steers(character) {
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

/// The text with its line ends written out.
pub(crate) fn one_line(text: &str) -> String {
    text.replace('\n', "\\n")
}

/// The text with everything unseen written out, but for the ends of lines.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let steers = |character: char| is_unseen(character) && character != '\n';
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if steers(character) { shown.extend(character.escape_unicode()) } else { shown.push(character) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_service_said_steers_the_terminal() {
        assert_eq!(visible("one\n  two `ä`"), "one\n  two `ä`");
        assert_eq!(visible("role `\u{1b}[2Jx\u{7}\r\u{9b}\u{202e}`"), "role `\\u{1b}[2Jx\\u{7}\\u{d}\\u{9b}\\u{202e}`");
        assert_eq!(visible("a\u{61c}b\u{2028}c\u{2029}d"), "a\\u{61c}b\\u{2028}c\\u{2029}d");
    }

    #[test]
    fn a_name_makes_no_line_of_its_own() {
        assert_eq!(one_line("role `x`\n  = everything"), "role `x`\\n  = everything");
    }

    #[test]
    fn json_on_a_terminal_steers_it_no_more_and_says_the_same() {
        let value = serde_json::json!({ "name": "x\u{9b}31m\u{202e}\u{2028}\u{61c}\u{7f}\n\u{1b}ä😀" });
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap_or_default()] {
            let shown = escaped(&text);
            assert!(!shown.contains(|character| is_unseen(character) && character != '\n'), "{shown:?}");
            assert_eq!(serde_json::from_str::<Value>(&shown).ok(), Some(value.clone()));
        }
    }
}
