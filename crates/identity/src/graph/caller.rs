//! Who calls, and what the caller may do: by the directory roles that it has now and by the
//! application permissions in its token, of those that it still has.

use std::sync::Arc;

use http::HeaderMap;
use keyholder_entra::well_known::{
    APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR, DirectoryRole, GLOBAL_ADMINISTRATOR,
    PRIVILEGED_ROLE_ADMINISTRATOR,
};
use uuid::Uuid;

use super::problem::Problem;
use crate::Identity;
use crate::directory::tenants::Tenant;
use crate::verify::{TokenProblem, bearer};

/// Something that needs a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    ReadApplications,
    WriteApplications,
    ReadGrants,
    WriteGrants,
    ReadAppRoles,
    WriteAppRoles,
    ReadOrganization,
}

/// Those who may do anything to applications.
const APPLICATION_ADMINISTRATORS: &[DirectoryRole] =
    &[GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR];
/// Those who may hand out application permissions, Graph's own included.
const ROLE_ADMINISTRATORS: &[DirectoryRole] = &[GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR];

impl Action {
    /// The directory roles of which one is enough; none means any directory role.
    fn roles(self) -> Option<&'static [DirectoryRole]> {
        match self {
            Self::ReadApplications | Self::ReadGrants | Self::ReadAppRoles | Self::ReadOrganization => None,
            Self::WriteApplications | Self::WriteGrants => Some(APPLICATION_ADMINISTRATORS),
            Self::WriteAppRoles => Some(ROLE_ADMINISTRATORS),
        }
    }

    /// The application permissions of which one is enough.
    fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::ReadApplications => {
                &["Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]
            }
            Self::WriteApplications => &["Application.ReadWrite.All"],
            Self::ReadGrants => {
                &["DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"]
            }
            Self::WriteGrants => &["DelegatedPermissionGrant.ReadWrite.All"],
            Self::ReadAppRoles => &[
                "AppRoleAssignment.ReadWrite.All",
                "Application.Read.All",
                "Application.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::WriteAppRoles => &["AppRoleAssignment.ReadWrite.All"],
            Self::ReadOrganization => &["Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"],
        }
    }
}

/// The caller of a request.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) tenant: Arc<Tenant>,
    /// Templates of the directory roles that it has.
    roles: Vec<Uuid>,
    /// Application permissions in its token that it still has.
    permissions: Vec<String>,
}

impl Caller {
    /// The caller by its token, checked for Graph.
    pub(super) async fn find(identity: &Identity, headers: &HeaderMap) -> Result<Self, Problem> {
        let token = identity.verify(bearer(headers)?, identity.graph_audience())?;
        let tenants = identity.directory.tenants().await?;
        let tenant = Arc::clone(tenants.find(token.tenant).ok_or(TokenProblem::Tenant)?);
        let standing = identity.directory.standing(tenant.id, token.object_id).await?;
        let standing = standing.ok_or_else(Problem::caller_unknown)?;
        // What was given since, the next token will say; what was taken away is gone at once.
        let permissions = token.roles.iter().filter(|role| standing.permissions.contains(role)).cloned().collect();
        Ok(Self { tenant, roles: standing.roles, permissions })
    }

    /// Refuses an action that the caller has no right to.
    pub(super) fn may(&self, action: Action) -> Result<(), Problem> {
        let by_role = match action.roles() {
            Some(enough) => enough.iter().any(|role| self.roles.contains(&role.template_id)),
            None => !self.roles.is_empty(),
        };
        let by_permission =
            || action.permissions().iter().any(|enough| self.permissions.iter().any(|has| has == enough));
        if by_role || by_permission() { Ok(()) } else { Err(Problem::denied()) }
    }
}
