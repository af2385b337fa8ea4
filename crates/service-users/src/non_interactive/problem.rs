//! What stands in the way of a non-interactive user, with what to do about it.

use std::time::Duration;

use keyholder_client::ErrorKind;
use keyholder_foundation::ObjectId;

/// Why somebody cannot be a non-interactive user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The user name is none, or not one of the tenant's.
    #[error("`{user_name}` cannot be a user name here: {reason}")]
    UserName {
        /// The name.
        user_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A person of that name exists whom Keyholder did not make.
    #[error("there is a person `{user_name}` ({id}) in the directory whom Keyholder did not make")]
    ForeignPerson {
        /// The user name.
        user_name: String,
        /// The object id.
        id: ObjectId,
    },
    /// Place and directory do not both have the new password any more.
    #[error(
        "`{place}` holds another password than the directory takes for `{user_name}`: another run may have set one at the same moment"
    )]
    PasswordOvertaken {
        /// The user name.
        user_name: String,
        /// The place.
        place: String,
    },
    /// There is no person to convert.
    #[error("the directory has no person `{user_name}`")]
    NoSuchPerson {
        /// The user name.
        user_name: String,
    },
    /// The person administers the tenant: without a licence they always become administrative.
    #[error("`{user_name}` has the directory role {}", roles.join(", "))]
    Administrator {
        /// The user name.
        user_name: String,
        /// The roles that matter, by name.
        roles: Vec<String>,
    },
    /// The caller may set up no service user.
    #[error("you are a partner's delegated administrator in {org}, who may set up no service user")]
    DelegatedAdministrator {
        /// The org.
        org: String,
    },
    /// Nobody knows where the person is, and licences must.
    #[error("`{user_name}` has no usage location, without which the directory gives nobody a licence")]
    NoUsageLocation {
        /// The user name.
        user_name: String,
    },
    /// The tenant did not buy the licence that was named.
    #[error("the tenant has no licence `{wanted}`; it has {}", or_none(bought))]
    NoSuchLicence {
        /// What was named.
        wanted: String,
        /// What there is, each with its counts.
        bought: Vec<String>,
    },
    /// Every unit is given away.
    #[error("no licence is free to borrow: {}", or_none(counts))]
    NoFreeLicence {
        /// What there is, each with its counts.
        counts: Vec<String>,
    },
    /// The org has all the non-interactive users that it may have.
    #[error(
        "{org} has {used} of at most {limit} non-interactive users already: {}", holders.join(", ")
    )]
    NoSlot {
        /// The org.
        org: String,
        /// How many there are.
        used: usize,
        /// How many there may be.
        limit: u32,
        /// Who they are.
        holders: Vec<String>,
        /// Whether the org itself refused: then no other limit can be said.
        told_by_org: bool,
    },
    /// The org has no such role.
    #[error("{org} has no security role `{role}` in the business unit `{unit}`")]
    NoSuchRole {
        /// The org.
        org: String,
        /// The role's name or id.
        role: String,
        /// The business unit's name.
        unit: String,
    },
    /// The org has no such business unit.
    #[error("{org} has no business unit `{unit}`")]
    NoSuchUnit {
        /// The org.
        org: String,
        /// The business unit's name.
        unit: String,
    },
    /// System Administrator was not allowed.
    #[error("`{role}` in {org} is System Administrator, which opens everything to whoever gets the password")]
    SystemAdministrator {
        /// The org.
        org: String,
        /// The role as it was named.
        role: String,
    },
    /// The environment's security group leaves the person out.
    #[error("{org} lets in only members of its security group{}, and `{user_name}` is none", in_brackets(group.as_ref()))]
    LeftOut {
        /// The org.
        org: String,
        /// The group's object id, when known.
        group: Option<ObjectId>,
        /// The user name.
        user_name: String,
    },
    /// The org user did not come in time.
    #[error("`{user_name}` did not appear in {org} within {}", in_words(*waited))]
    NotArrived {
        /// The org.
        org: String,
        /// The user name.
        user_name: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The org user is not what it was made.
    #[error("in {org}, `{user_name}` is {found} instead of an enabled non-interactive user")]
    NotConfirmed {
        /// The org.
        org: String,
        /// The user name.
        user_name: String,
        /// What was found.
        found: String,
    },
    /// The user of the org is no non-interactive one.
    #[error("in {org}, `{user_name}` is no non-interactive user but {found}")]
    NotNonInteractive {
        /// The org.
        org: String,
        /// The user name.
        user_name: String,
        /// What it is: its access mode.
        found: String,
    },
    /// An ordinary user needs a licence.
    #[error("`{user_name}` cannot become an ordinary user of {org}, which knows of no licence for them")]
    NeedsLicence {
        /// The org.
        org: String,
        /// The user name.
        user_name: String,
    },
    /// Nobody said where the password goes.
    #[error("`{user_name}` needs a password, and no place for it was named")]
    NoPasswordPlace {
        /// The user name.
        user_name: String,
    },
    /// The borrowed licence could not be given back.
    #[error("{cause}; and the licence {part_number}, borrowed for `{user_name}`, could not be given back: {reason}")]
    StillLent {
        /// Why the run failed.
        #[source]
        cause: Box<crate::Error>,
        /// The licence.
        part_number: String,
        /// Whom it was borrowed for.
        user_name: String,
        /// Why it could not be given back.
        reason: String,
    },
}

fn or_none(list: &[String]) -> String {
    if list.is_empty() { "none of the plans that let people into Dataverse".to_owned() } else { list.join(", ") }
}

fn in_brackets(id: Option<&ObjectId>) -> String {
    id.map_or_else(String::new, |id| format!(" ({id})"))
}

/// A span of time as people say it: `1 h 30 min`, `45 s`.
pub(super) fn in_words(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, 0, rest) => format!("{rest} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, rest) => format!("{minutes} min {rest} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

impl Problem {
    /// The environment's security group leaves the person out.
    pub(super) fn left_out(org: &super::ObservedOrg, user_name: &str) -> Self {
        Self::LeftOut { org: org.name.clone(), group: org.group(), user_name: user_name.to_owned() }
    }

    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotArrived { .. } => ErrorKind::OutOfReach,
            Self::DelegatedAdministrator { .. } => ErrorKind::NotAllowed,
            Self::StillLent { cause, .. } => cause.kind(),
            Self::NotConfirmed { .. } | Self::PasswordOvertaken { .. } => ErrorKind::Other,
            _ => ErrorKind::Configuration,
        }
    }

    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let hint = |text: &str| vec![text.to_owned()];
        match self {
            Self::UserName { .. } => hint("a user name is NAME@DOMAIN, with one of the tenant's verified domains"),
            Self::ForeignPerson { user_name, .. } => vec![
                "take another user name".to_owned(),
                format!("or, to turn that person into a non-interactive user: `keyholder non-interactive convert {user_name}`"),
            ],
            Self::PasswordOvertaken { .. } => hint("run this again where nothing else replaces it: it sets the new one once more, and brings it there"),
            Self::NoSuchPerson { .. } => hint("make one with `keyholder non-interactive create`, or check the spelling"),
            Self::Administrator { .. } => hint(
                "administrators without a licence become administrative users by themselves, who see no data: take that role off first, or use another person",
            ),
            Self::DelegatedAdministrator { .. } => hint(
                "it takes a Global Administrator of the tenant itself with the System Administrator role in the org",
            ),
            Self::NoUsageLocation { .. } => hint("say where it is used, as `DE` or `US`: `--usage-location`, or `usage-location` in keyholder.toml"),
            Self::NoSuchLicence { .. } => hint("name one of those with `--licence`, or `licence` in keyholder.toml, or leave it out to take any that fits"),
            Self::NoFreeLicence { .. } => vec![
                "free one unit for the time of this run: it is given back at the end".to_owned(),
                "an application user needs no licence at all: `keyholder app-user create`".to_owned(),
            ],
            Self::NoSlot { told_by_org, .. } => vec![
                match told_by_org {
                    true => "that is the org's own limit: give a place back with `keyholder non-interactive release`".to_owned(),
                    false => "give one back with `keyholder non-interactive release`, or, if this org's limit is higher, say so: `--limit`, or `non-interactive-limit` below `[policies]` in keyholder.toml".to_owned(),
                },
                "application users do not count and have no limit: `keyholder non-interactive migrate` makes one with the same rights".to_owned(),
            ],
            Self::NoSuchRole { .. } => hint("roles are named as the org shows them; each business unit has a copy of its own"),
            Self::NoSuchUnit { .. } => hint("business units are named as the org shows them"),
            Self::SystemAdministrator { .. } => hint("give it a role of its own with what it needs; or `--i-know`"),
            Self::LeftOut { .. } => {
                hint("add the user to that group in the directory, then run this again: it goes on from here")
            }
            Self::NotArrived { .. } => vec![
                "run it again: it goes on from here; `keyholder non-interactive create` waits longer with `--wait`".to_owned(),
                "see in the Power Platform admin center whether the environment takes users, and has no security group that leaves this one out".to_owned(),
            ],
            Self::NotConfirmed { .. } => hint("run it again; if it stays so, somebody or something else changes that user"),
            Self::NotNonInteractive { .. } => hint(
                "taking licence or access off somebody who works there by hand would lock them out; `keyholder non-interactive convert` makes them non-interactive first",
            ),
            Self::NeedsLicence { .. } => hint(
                "give them a licence that they keep, wait until the org has noticed (minutes to hours), and run this again",
            ),
            Self::NoPasswordPlace { .. } => hint("say where with `--save-password FILE`, `--save-env FILE` or `--save-with PROGRAM`"),
            Self::StillLent { cause, .. } => {
                let mut hints = cause.hints();
                hints.push("the loan is written down; the next run of any `keyholder non-interactive` command gives it back (a `--dry-run` changes nothing, not even that)".to_owned());
                hints
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_read_as_people_say_them() {
        let words = [45, 60, 75, 3600, 5400, 7199].map(|seconds| in_words(Duration::from_secs(seconds)));
        assert_eq!(words, ["45 s", "1 min", "1 min 15 s", "1 h", "1 h 30 min", "1 h 59 min"]);
    }
}
