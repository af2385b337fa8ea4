//! Where the entries of a declaration stand in its text.

use std::collections::BTreeMap;
use std::path::Path;

use keyholder_platform::read_bounded;
use toml::de::DeTable;

use super::{LARGEST_FILE, Position};

/// A section of a declaration whose entries have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `[orgs.NAME]`.
    Orgs,
    /// `[application-users.NAME]`.
    ApplicationUsers,
    /// `[non-interactive-users.NAME]`.
    NonInteractiveUsers,
}

const SECTIONS: [(Section, &str); 3] = [
    (Section::Orgs, "orgs"),
    (Section::ApplicationUsers, "application-users"),
    (Section::NonInteractiveUsers, "non-interactive-users"),
];

/// The places of a declaration's entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(BTreeMap<(Section, String), Position>);

impl Places {
    /// Reads them out of a file that was read as a declaration already: mistakes are told there.
    ///
    /// # Errors
    /// [`FileError`](keyholder_platform::FileError) when it cannot be read any more.
    pub fn read(path: &Path) -> Result<Self, keyholder_platform::FileError> {
        Ok(Self::parse(&read_bounded(path, LARGEST_FILE)?))
    }

    /// The same out of its text.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (root, _) = DeTable::parse_recoverable(text);
        let mut offsets = Vec::new();
        for (section, key) in SECTIONS {
            let entries = root.get_ref().get(key).and_then(|value| value.get_ref().as_table());
            for name in entries.into_iter().flat_map(DeTable::keys) {
                offsets.push((name.span().start, (section, name.get_ref().to_string())));
            }
        }
        // One walk through the text for all of them.
        offsets.sort_unstable();
        let mut entries = BTreeMap::new();
        let (mut line, mut start, mut seen) = (1, 0, 0);
        for (offset, entry) in offsets {
            let passed = text.get(seen..offset).unwrap_or_default();
            line += passed.matches('\n').count();
            start = passed.rfind('\n').map_or(start, |newline| seen + newline + 1);
            seen = offset;
            let column = text.get(start..offset).unwrap_or_default().chars().count() + 1;
            entries.insert(entry, Position { line, column });
        }
        Self(entries)
    }

    /// Where an entry's name stands.
    #[must_use]
    pub fn of(&self, section: Section, name: &str) -> Option<Position> {
        self.0.get(&(section, name.to_owned())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_where_their_names_do() {
        let text = "# ä\n[orgs.prod]\nurl = \"x\"\n\n[orgs]\ntest = { url = \"y\" }\n[ application-users . \"a.b\" ]\norgs = []\n";
        let places = Places::parse(text);
        let of = |section, name| places.of(section, name).map(|at| (at.line, at.column));
        assert_eq!(of(Section::Orgs, "prod"), Some((2, 7)));
        assert_eq!(of(Section::ApplicationUsers, "a.b"), Some((7, 23)));
        assert_eq!(of(Section::NonInteractiveUsers, "a.b"), None);
        assert_eq!(Places::parse("orgs = 3\n[["), Places::default());
    }
}
