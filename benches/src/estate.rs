//! Declarations of as many application users as are wanted.

use std::fmt::{self, Write as _};

/// In which of the orgs each user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum In {
    All,
    /// One, in turn.
    One,
}

/// A declaration of application users, each with a secret in an env file of its name.
pub(crate) struct Estate {
    pub(crate) orgs: Vec<String>,
    pub(crate) users: usize,
    pub(crate) each_in: In,
    /// What their names begin with, and the name of their role.
    pub(crate) name: String,
}

impl Estate {
    /// The env files that it names.
    pub(crate) fn env_files(&self) -> impl Iterator<Item = String> {
        (0..self.users).map(|user| format!("{}-{user}.env", self.name))
    }
}

impl fmt::Display for Estate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = String::new();
        for (number, url) in self.orgs.iter().enumerate() {
            writeln!(f, "[orgs.org-{number}]\nurl = \"{url}\"")?;
            write!(all, "\"org-{number}\", ")?;
        }
        let name = &self.name;
        writeln!(f, "[roles.{name}]\nprivileges = {{ contact = \"read:organization\" }}")?;
        for (user, env) in self.env_files().enumerate() {
            let orgs = match self.each_in {
                In::All => all.clone(),
                In::One => format!("\"org-{}\"", user % self.orgs.len().max(1)),
            };
            writeln!(f, "[application-users.{name}-{user}]\norgs = [{orgs}]\nroles = [\"{name}\"]")?;
            writeln!(f, "user-impersonation = true\ncredential.secret = {{ env-file = \"{env}\" }}")?;
        }
        Ok(())
    }
}
