//! A refusal, with everything that the service's long text says.

use keyholder_dataverse::error::{self, DataverseError, MissingPrivilege, PrincipalFacts};

/// A caller who may not.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// None of their roles has the privilege.
    Privilege {
        /// The caller.
        caller: Box<PrincipalFacts>,
        /// What they lack.
        missing: Box<MissingPrivilege>,
    },
    /// They have no role at all, and came for something that this privilege guards.
    NoRoles {
        /// The caller.
        caller: Box<PrincipalFacts>,
        /// The name of the privilege.
        privilege: String,
    },
}

impl Denied {
    /// The name of the privilege that would have been needed.
    #[must_use]
    pub fn privilege(&self) -> &str {
        match self {
            Self::Privilege { missing, .. } => &missing.name,
            Self::NoRoles { privilege, .. } => privilege,
        }
    }
}

impl From<Denied> for DataverseError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Privilege { caller, missing } => error::privilege_denied(&caller, &missing),
            Denied::NoRoles { caller, privilege } => error::no_roles(caller.user, &privilege),
        }
    }
}
