//! What can go wrong inside an organization, and how a request's failure finds its answer.

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::SchemaError;
use keyholder_foundation::{OrgId, TenantId};
use keyholder_security::Denied;

use crate::DirectoryError;

/// Why an organization could not be opened, filled or changed by its owner.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused; its message names the file.
    #[error(transparent)]
    Store(#[from] keyholder_store::Error),
    /// The schema cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The directory could not be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The file belongs to another organization.
    #[error(
        "the store holds organization {found_organization} of tenant {found_tenant}, not {organization} of {tenant}; \
         name the folder that this organization was made in"
    )]
    AnotherOrganization {
        /// The organization that was to be opened.
        organization: OrgId,
        /// Its tenant.
        tenant: TenantId,
        /// The organization in the file.
        found_organization: OrgId,
        /// That one's tenant.
        found_tenant: TenantId,
    },
    /// A newer program's schema takes back what rows already rely on.
    #[error(
        "the schema of this organization cannot become that of this program: {reason}; use the program that made it"
    )]
    IncompatibleSchema {
        /// What does not fit.
        reason: String,
    },
    /// A column that an earlier schema took back is still in the store, and one of its name is to hold something else.
    #[error(
        "the store still has the column `{column}` of `{table}` from a schema that is no more the organization's: it holds \
         {held}, and {wanted} was asked for; give the new column another name, or use the program that had it"
    )]
    ColumnStayed {
        /// The logical name of the table.
        table: String,
        /// The logical name of the column.
        column: String,
        /// What it holds.
        held: String,
        /// What it was to hold.
        wanted: String,
    },
    /// An operation of the owner's that the organization's own rules refuse.
    #[error("{0}")]
    Refused(DataverseError),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answer(refusal) => Self::Refused(refusal),
            Failure::Store(error) => Self::Store(error),
            Failure::Schema(error) => Self::Schema(error),
            Failure::Stale => Self::Refused(error::unexpected()),
        }
    }
}

/// Why a request was not done.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The caller is told this.
    Answer(DataverseError),
    /// The store failed.
    Store(keyholder_store::Error),
    /// The stored schema is damaged.
    Schema(SchemaError),
    /// The schema that the request was bound against is not the org's any more: bind again.
    Stale,
}

impl Failure {
    /// The same failure of a row inside the body of a request.
    pub(crate) fn at_place(self, place: &str) -> Self {
        match self {
            Self::Answer(refusal) => Self::Answer(refusal.at_place(place)),
            Self::Store(keyholder_store::Error::UniqueViolation { .. }) => {
                Self::Answer(error::duplicate_record().at_place(place))
            }
            other => other,
        }
    }

    /// Whether the request can be begun again once what it failed by is mended: another schema by now, or a table that has
    /// not been made.
    pub(crate) fn can_be_mended(&self) -> bool {
        matches!(self, Self::Stale | Self::Store(keyholder_store::Error::NoTable { .. }))
    }

    /// What the caller is told. What went wrong inside the org stays inside: see the second part.
    pub(crate) fn into_answer(self) -> (DataverseError, Option<Error>) {
        match self {
            Self::Answer(refusal) => (refusal, None),
            // Whatever the rules did not foresee and a unique index did.
            Self::Store(keyholder_store::Error::UniqueViolation { .. }) => (error::duplicate_record(), None),
            // A value that no store can keep: a NUL inside a text.
            Self::Store(keyholder_store::Error::Value { reason }) => {
                (error::odata(format!("Invalid value: {reason}.")), None)
            }
            // What is asked for at once is the callers' affair: nothing is wrong inside.
            Self::Store(keyholder_store::Error::Busy { .. }) => (error::unexpected().with_status(503), None),
            Self::Store(keyholder_store::Error::TooLong { .. }) => (error::sql_timeout(), None),
            inside => (error::unexpected(), Some(inside.into())),
        }
    }
}

impl From<DataverseError> for Failure {
    fn from(refusal: DataverseError) -> Self {
        Self::Answer(refusal)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Self::Answer(denied.into())
    }
}

impl From<keyholder_store::Error> for Failure {
    fn from(error: keyholder_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<SchemaError> for Failure {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_at_once_is_the_callers_affair_and_no_trouble_inside() {
        let busy = keyholder_store::Error::Busy { path: "org.db".into(), waiting: 64 };
        let (refusal, inside) = Failure::from(busy).into_answer();
        assert_eq!((refusal.status, inside.is_none()), (503, true));
        let broken = keyholder_store::Error::Engine { path: "org.db".into(), reason: "no".to_owned() };
        assert!(Failure::from(broken).into_answer().1.is_some());
    }
}
