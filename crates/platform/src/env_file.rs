//! Environment files: `NAME=value` lines, as shells, Docker and systemd read them.
//!
//! What is read: blank lines, `#` comments, an optional `export `, values bare (a `#` after a
//! blank begins a comment), in single quotes (literal) or in double quotes (`\"`, `\\`, `\$`,
//! `` \` ``, `\n`, `\r`, `\t`). LF or CRLF line ends and a byte order mark are fine. Nothing is
//! expanded: a `$` is a dollar sign. What the readers disagree on (a name twice, a value over several
//! lines, text behind a closing quote) is refused, since a secret that one reader sees and another
//! does not costs hours. A refusal names the line, never its content.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use keyholder_foundation::Secret;

use crate::files::{FileError, is_private, read_bounded};

/// Why an environment file cannot be used. None of these repeats a value: it could be a secret.
#[derive(Debug, thiserror::Error)]
pub enum EnvFileError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line cannot be read.
    #[error("`{}` line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

/// Largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// One `NAME=value`.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The name: letters, digits and `_`, no digit first.
    pub name: String,
    /// The value. Every value counts as secret: which one is, only its reader knows.
    pub value: Secret,
    /// Its line, counted from 1.
    pub line: usize,
}

/// The variables of one file, in its order.
#[derive(Debug, Clone, Default)]
pub struct EnvFile {
    /// Where it was read from; empty for a text that came from elsewhere.
    pub path: PathBuf,
    /// Whether others than the owner may read the file.
    pub is_exposed: bool,
    variables: Vec<Variable>,
}

impl EnvFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EnvFileError::File`] when it cannot be read, [`EnvFileError::Line`] when a line cannot.
    pub fn read(path: &Path) -> Result<Self, EnvFileError> {
        let text = read_bounded(path, LIMIT)?;
        let is_exposed = !is_private(path)?;
        Ok(Self { is_exposed, ..Self::parse(path, &text)? })
    }

    /// Reads the text of the file `path`.
    ///
    /// # Errors
    /// [`EnvFileError::Line`] with the first line that cannot be read.
    pub fn parse(path: &Path, text: &str) -> Result<Self, EnvFileError> {
        let mut variables: Vec<Variable> = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.split('\n').enumerate() {
            let number = index + 1;
            let failed = |problem: String| EnvFileError::Line { path: path.into(), line: number, problem };
            let line = line.strip_suffix('\r').unwrap_or(line);
            let Some((name, value)) = assignment(line).map_err(|problem| failed(problem.to_owned()))? else {
                continue;
            };
            if let Some(earlier) = variables.iter().find(|variable| variable.name == name) {
                return Err(failed(format!("{name} is set a second time (first on line {})", earlier.line)));
            }
            variables.push(Variable { name: name.to_owned(), value, line: number });
        }
        Ok(Self { path: path.into(), is_exposed: false, variables })
    }

    /// The value of `name`; one that is empty counts as not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name && !variable.value.is_empty())
    }

    /// All variables, in the file's order.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

/// Prints variables so that shells and this module read the same values back. The text holds
/// secrets, so it is one.
#[must_use]
pub fn print<'a>(comment: &str, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Secret {
    let mut text = String::new();
    for line in comment.lines() {
        let _ = writeln!(text, "# {line}");
    }
    for (name, value) in variables {
        text.push_str(name);
        text.push('=');
        push_value(&mut text, value);
        text.push('\n');
    }
    Secret::new(text)
}

fn push_value(text: &mut String, value: &str) {
    // A tilde means a home folder to a shell only where a path could begin; quoted, it would be
    // read with its quotes by Docker's `--env-file`, and most client secrets have one.
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-~".contains(c);
    let home = value.starts_with('~') || value.contains(":~");
    if !value.is_empty() && value.chars().all(is_bare) && !home {
        text.push_str(value);
    } else if !value.contains(['\'', '\n', '\r']) {
        text.push('\'');
        text.push_str(value);
        text.push('\'');
    } else {
        text.push('"');
        for c in value.chars() {
            match c {
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '"' | '\\' | '$' | '`' => text.extend(['\\', c]),
                c => text.push(c),
            }
        }
        text.push('"');
    }
}

fn assignment(line: &str) -> Result<Option<(&str, Secret)>, &'static str> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    };
    let (name, value) = line.split_once('=').ok_or("there is no `=`")?;
    let name = name.trim_end();
    if !is_name(name) {
        return Err("what stands before the `=` is no variable name");
    }
    Ok(Some((name, read_value(value.trim_start())?)))
}

fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn read_value(text: &str) -> Result<Secret, &'static str> {
    const OPEN: &str = "the quote is not closed on this line";
    if text.contains('\0') {
        return Err("there is a zero byte in it");
    }
    if let Some(rest) = text.strip_prefix('\'') {
        let (value, behind) = rest.split_once('\'').ok_or(OPEN)?;
        nothing_behind(behind)?;
        return Ok(Secret::new(value));
    }
    if let Some(rest) = text.strip_prefix('"') {
        let mut value = String::with_capacity(rest.len());
        let mut chars = rest.chars();
        loop {
            match chars.next().ok_or(OPEN)? {
                '"' => break,
                '\\' => match chars.next().ok_or(OPEN)? {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    c @ ('"' | '\\' | '$' | '`') => value.push(c),
                    // As in a shell: a backslash before anything else is a backslash.
                    c => value.extend(['\\', c]),
                },
                c => value.push(c),
            }
        }
        nothing_behind(chars.as_str())?;
        return Ok(Secret::new(value));
    }
    let mut end = text.len();
    let mut after_blank = true;
    for (index, c) in text.char_indices() {
        if c == '#' && after_blank {
            end = index;
            break;
        }
        after_blank = c.is_whitespace();
    }
    Ok(Secret::new(text.get(..end).unwrap_or(text).trim_end()))
}

fn nothing_behind(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') { Ok(()) } else { Err("there is something behind the closing quote") }
}

#[cfg(test)]
mod tests;
