//! Role files: a security role as unpacked solutions keep it, `Roles/NAME.xml`.
//!
//! What the Solution Packager and `pac solution unpack` write and their counterparts read. The
//! format has no public schema; this follows the files themselves.

use std::fmt::Write as _;

use keyholder_dataverse::Depth;
use roxmltree::{Document, Node, ParsingOptions};
use uuid::Uuid;

/// Longest file, in bytes. System Administrator, the largest role, takes some 600,000.
pub const LIMIT: usize = 4 * 1024 * 1024;

/// Most elements and texts in a file.
const NODES: u32 = 200_000;

/// A security role in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleFile {
    /// Its id in the org that it was taken from.
    pub id: Option<Uuid>,
    /// Its name.
    pub name: String,
    /// `isinherited`: whether a team's role reaches its members' own rows too. Not said in newer files.
    pub is_inherited: Option<bool>,
    /// `IsCustomizable`
    pub is_customizable: Option<bool>,
    /// `IsAutoAssigned`
    pub is_auto_assigned: Option<bool>,
    /// What it grants, in the order of the file.
    pub privileges: Vec<(String, Depth)>,
}

/// Why a text is no role file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct RoleFileError {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub problem: String,
}

impl RoleFile {
    /// Reads a role file.
    ///
    /// # Errors
    /// When it is longer than [`LIMIT`], no well-formed XML, declares a document type, or says
    /// anything that a role file does not say.
    pub fn parse(text: &str) -> Result<Self, RoleFileError> {
        if text.len() > LIMIT {
            return Err(RoleFileError { line: 1, column: 1, problem: format!("longer than {LIMIT} bytes") });
        }
        let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES, ..ParsingOptions::default() };
        let document = Document::parse_with_options(text, options).map_err(|error| {
            let at = error.pos();
            RoleFileError { line: at.row, column: at.col, problem: format!("not XML of a role: {error}") }
        })?;
        Reading { document: &document }.role(document.root_element())
    }

    /// The file's text; [`Self::parse`] reads the same role from it.
    #[must_use]
    pub fn print(&self) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Role");
        if let Some(id) = self.id {
            let _ = write!(text, " id=\"{{{id}}}\"");
        }
        let _ = write!(text, " name=\"{}\"", escaped(&self.name));
        if let Some(is_inherited) = self.is_inherited {
            let _ = write!(text, " isinherited=\"{}\"", u8::from(is_inherited));
        }
        text.push_str(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n");
        for (element, value) in [("IsCustomizable", self.is_customizable), ("IsAutoAssigned", self.is_auto_assigned)] {
            if let Some(value) = value {
                let _ = writeln!(text, "  <{element}>{}</{element}>", u8::from(value));
            }
        }
        text.push_str("  <RolePrivileges>\n");
        for (name, depth) in &self.privileges {
            let _ = writeln!(text, "    <RolePrivilege name=\"{}\" level=\"{depth}\" />", escaped(name));
        }
        text.push_str("  </RolePrivileges>\n</Role>");
        text
    }
}

/// A text as an attribute's value, in double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Attribute values lose these on reading unless they are references.
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

struct Reading<'d, 't> {
    document: &'d Document<'t>,
}

impl Reading<'_, '_> {
    fn wrong<T>(&self, node: Node<'_, '_>, problem: String) -> Result<T, RoleFileError> {
        let at = self.document.text_pos_at(node.range().start);
        Err(RoleFileError { line: at.row, column: at.col, problem })
    }

    fn role(&self, role: Node<'_, '_>) -> Result<RoleFile, RoleFileError> {
        if role.tag_name().name() != "Role" {
            return self.wrong(role, format!("the root is `{}` and not `Role`", brief(role.tag_name().name())));
        }
        let mut read = RoleFile {
            id: None,
            name: String::new(),
            is_inherited: None,
            is_customizable: None,
            is_auto_assigned: None,
            privileges: Vec::new(),
        };
        for attribute in role.attributes() {
            match attribute.name() {
                "id" => match Uuid::try_parse(attribute.value()) {
                    Ok(id) => read.id = Some(id),
                    Err(_) => return self.wrong(role, format!("the id `{}` is no GUID", brief(attribute.value()))),
                },
                "name" => read.name = attribute.value().to_owned(),
                "isinherited" => read.is_inherited = Some(self.flag(role, "isinherited", attribute.value())?),
                // What solutions mark their files with; it says nothing about the role.
                "unmodified" => {}
                other => {
                    return self.wrong(role, format!("`Role` has an attribute `{}`, which is not known", brief(other)));
                }
            }
        }
        if read.name.trim().is_empty() {
            return self.wrong(role, "the role has no name".to_owned());
        }
        let mut has_privileges = false;
        for child in self.elements(role)? {
            match child.tag_name().name() {
                "IsCustomizable" => read.is_customizable = Some(self.text_flag(child)?),
                "IsAutoAssigned" => read.is_auto_assigned = Some(self.text_flag(child)?),
                "RolePrivileges" if !has_privileges => {
                    has_privileges = true;
                    read.privileges = self.privileges(child)?;
                }
                "RolePrivileges" => return self.wrong(child, "there are two lists of privileges".to_owned()),
                other => return self.wrong(child, format!("`{}` is not known in a role", brief(other))),
            }
        }
        if !has_privileges {
            return self.wrong(role, "the role has no `RolePrivileges`".to_owned());
        }
        Ok(read)
    }

    fn privileges(&self, list: Node<'_, '_>) -> Result<Vec<(String, Depth)>, RoleFileError> {
        let mut privileges = Vec::new();
        let mut names = std::collections::HashSet::new();
        for node in self.elements(list)? {
            if node.tag_name().name() != "RolePrivilege" {
                let found = brief(node.tag_name().name());
                return self.wrong(node, format!("`{found}` among the privileges, where only `RolePrivilege` stands"));
            }
            if let Some(other) = node.attributes().find(|attribute| !matches!(attribute.name(), "name" | "level")) {
                let other = brief(other.name());
                return self.wrong(node, format!("a privilege has an attribute `{other}`, which is not known"));
            }
            let name = match node.attribute("name") {
                Some(name) if is_name(name) => name,
                Some(name) => return self.wrong(node, format!("`{}` is no privilege's name", brief(name))),
                None => return self.wrong(node, "a privilege has no name".to_owned()),
            };
            let Some(depth) = node.attribute("level").and_then(Depth::from_name) else {
                let level = brief(node.attribute("level").unwrap_or_default());
                let message = format!("`{name}` has the level `{level}`; there are Basic, Local, Deep and Global");
                return self.wrong(node, message);
            };
            if !names.insert(name.to_ascii_lowercase()) {
                return self.wrong(node, format!("`{name}` is listed twice"));
            }
            privileges.push((name.to_owned(), depth));
        }
        Ok(privileges)
    }

    /// The elements inside another; text between them is a mistake.
    fn elements<'n, 'i>(&self, of: Node<'n, 'i>) -> Result<Vec<Node<'n, 'i>>, RoleFileError> {
        let stray = |node: &Node<'_, '_>| node.is_text() && node.text().is_some_and(|text| !text.trim().is_empty());
        if let Some(stray) = of.children().find(stray) {
            return self.wrong(
                stray,
                format!(
                    "there is text where only elements stand: `{}`",
                    brief(stray.text().unwrap_or_default().trim())
                ),
            );
        }
        Ok(of.children().filter(Node::is_element).collect())
    }

    fn text_flag(&self, node: Node<'_, '_>) -> Result<bool, RoleFileError> {
        self.flag(node, node.tag_name().name(), node.text().unwrap_or_default().trim())
    }

    fn flag(&self, node: Node<'_, '_>, what: &str, value: &str) -> Result<bool, RoleFileError> {
        match value {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            other => self.wrong(node, format!("`{}` is `{}`; it may be 0 or 1", brief(what), brief(other))),
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Something from the file, short enough for a message.
fn brief(text: &str) -> String {
    let clean: String = text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() { format!("{clean}...") } else { clean }
}

#[cfg(test)]
mod tests;
