//! Who calls, and what the caller may do: by the directory roles that it has now, by the
//! application permissions in its token that it still has, and, for people, by being a member of
//! the tenant.
//!
//! A token on behalf of a person does what both allow: the delegated permissions that its
//! application was given (the token's `scp`), and the person's directory roles. Members may read the
//! directory and register applications, which they then own; owners may manage what they own.
//! Whoever was disabled or deleted since the token was made is nobody at once.

use std::sync::Arc;

use http::HeaderMap;
use keyholder_entra::well_known::{
    APPLICATION_ADMINISTRATOR, APPLICATION_DEVELOPER, CLOUD_APPLICATION_ADMINISTRATOR, DirectoryRole,
    GLOBAL_ADMINISTRATOR, GROUPS_ADMINISTRATOR, LICENSE_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR,
    USER_ADMINISTRATOR,
};
use keyholder_foundation::{ClientId, ObjectId};
use uuid::Uuid;

use super::problem::Problem;
use crate::Identity;
use crate::directory::tenants::Tenant;
use crate::verify::{TokenProblem, bearer};

/// Something that needs a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    ReadApplications,
    CreateApplications,
    /// Any of them; those that one owns need less.
    WriteApplications,
    ReadGrants,
    WriteGrants,
    ReadAppRoles,
    /// Permissions of any API but Microsoft Graph.
    WriteAppRoles,
    WriteGraphAppRoles,
    ReadOrganization,
    ReadDomains,
    ReadUsers,
    WriteUsers,
    ResetPasswords,
    ReadLicences,
    AssignLicences,
    ReadRoles,
    WriteRoles,
    ReadPolicies,
    ReadConditionalAccess,
    WritePolicies,
    ReadReports,
    ReadGroups,
    CreateGroups,
    /// Any of them; those that one owns need less.
    WriteGroups,
    WriteGroupMembers,
    /// Groups that can have directory roles.
    WriteRoleGroups,
    /// How far somebody is with a second factor.
    ReadFactors,
    WriteFactors,
    WriteDomains,
}

/// Who may.
struct Rule {
    /// The directory roles of which one is enough; none means any directory role.
    roles: Option<&'static [DirectoryRole]>,
    /// The application permissions of which one is enough.
    permissions: &'static [&'static str],
    /// Whether every person of the tenant may.
    members: bool,
}

/// The permission that makes an application as mighty as the person whom it speaks for.
const AS_THE_PERSON: &str = "Directory.AccessAsUser.All";
/// What reading reports and logs takes.
const READ_LOGS: &str = "AuditLog.Read.All";
/// Only applications that speak for themselves have it.
const OWNED_BY: &str = "Application.ReadWrite.OwnedBy";
/// What a person's own profile may be read by, beside what reads everybody's.
const READ_ONESELF: &str = "User.Read";

/// Those who may do anything to applications.
const APPLICATION_ADMINISTRATORS: &[DirectoryRole] =
    &[GLOBAL_ADMINISTRATOR, APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR];

/// Those who may do anything to groups.
const GROUP_ADMINISTRATORS: &[DirectoryRole] = &[GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR, GROUPS_ADMINISTRATOR];

impl Action {
    fn rule(self) -> Rule {
        let read = |permissions| Rule { roles: None, permissions, members: true };
        let write = |roles, permissions| Rule { roles: Some(roles), permissions, members: false };
        match self {
            Self::ReadApplications => read(&[
                "Application.Read.All",
                "Application.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ]),
            Self::CreateApplications => Rule {
                roles: Some(&[
                    GLOBAL_ADMINISTRATOR,
                    APPLICATION_ADMINISTRATOR,
                    CLOUD_APPLICATION_ADMINISTRATOR,
                    APPLICATION_DEVELOPER,
                ]),
                permissions: &[OWNED_BY, "Application.ReadWrite.All"],
                members: true,
            },
            Self::WriteApplications => write(APPLICATION_ADMINISTRATORS, &["Application.ReadWrite.All"]),
            Self::ReadGrants => {
                read(&["DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"])
            }
            Self::WriteGrants => write(APPLICATION_ADMINISTRATORS, &["DelegatedPermissionGrant.ReadWrite.All"]),
            Self::ReadAppRoles => read(&[
                "AppRoleAssignment.ReadWrite.All",
                "Application.Read.All",
                "Application.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ]),
            Self::WriteAppRoles => write(
                &[
                    GLOBAL_ADMINISTRATOR,
                    PRIVILEGED_ROLE_ADMINISTRATOR,
                    APPLICATION_ADMINISTRATOR,
                    CLOUD_APPLICATION_ADMINISTRATOR,
                ],
                &["AppRoleAssignment.ReadWrite.All"],
            ),
            Self::WriteGraphAppRoles => {
                write(&[GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR], &["AppRoleAssignment.ReadWrite.All"])
            }
            Self::ReadOrganization => read(&["Organization.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
            Self::ReadDomains => read(&["Domain.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"]),
            Self::ReadUsers => {
                read(&["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"])
            }
            Self::WriteUsers => {
                write(&[GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR], &["User.ReadWrite.All", "Directory.ReadWrite.All"])
            }
            Self::ResetPasswords => {
                write(&[GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR], &["User-PasswordProfile.ReadWrite.All"])
            }
            Self::ReadLicences => read(&[
                "LicenseAssignment.ReadWrite.All",
                "Organization.Read.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ]),
            Self::AssignLicences => write(
                &[GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR, LICENSE_ADMINISTRATOR],
                &["LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"],
            ),
            Self::ReadRoles => read(&[
                "RoleManagement.Read.Directory",
                "RoleManagement.ReadWrite.Directory",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ]),
            Self::WriteRoles => {
                write(&[GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR], &["RoleManagement.ReadWrite.Directory"])
            }
            Self::ReadPolicies => Rule {
                roles: None,
                permissions: &["Policy.Read.All", "Policy.ReadWrite.ApplicationConfiguration"],
                members: false,
            },
            Self::ReadConditionalAccess => Rule { roles: None, permissions: &["Policy.Read.All"], members: false },
            Self::WritePolicies => write(APPLICATION_ADMINISTRATORS, &["Policy.ReadWrite.ApplicationConfiguration"]),
            Self::ReadReports => write(APPLICATION_ADMINISTRATORS, &[READ_LOGS]),
            Self::ReadGroups => read(&[
                "GroupMember.Read.All",
                "GroupMember.ReadWrite.All",
                "Group.Read.All",
                "Group.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ]),
            Self::CreateGroups => Rule {
                roles: Some(GROUP_ADMINISTRATORS),
                permissions: &["Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All"],
                members: true,
            },
            Self::WriteGroups => write(GROUP_ADMINISTRATORS, &["Group.ReadWrite.All", "Directory.ReadWrite.All"]),
            Self::WriteGroupMembers => write(
                GROUP_ADMINISTRATORS,
                &["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"],
            ),
            Self::WriteRoleGroups => {
                write(&[GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR], &["RoleManagement.ReadWrite.Directory"])
            }
            Self::ReadFactors => Rule {
                roles: Some(&[GLOBAL_ADMINISTRATOR]),
                permissions: &["Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"],
                members: false,
            },
            Self::WriteFactors => write(&[GLOBAL_ADMINISTRATOR], &["Policy.ReadWrite.AuthenticationMethod"]),
            Self::WriteDomains => write(&[GLOBAL_ADMINISTRATOR], &["Domain.ReadWrite.All"]),
        }
    }
}

/// The caller of a request.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) tenant: Arc<Tenant>,
    /// The service principal or the person.
    pub(super) id: ObjectId,
    /// The application that asks, for itself or on behalf of a person.
    pub(super) client: ClientId,
    /// Whether a person is behind it.
    pub(super) is_person: bool,
    /// Whether that person is a partner's, and no object of the directory.
    pub(super) is_delegate: bool,
    /// Templates of the directory roles that it has.
    roles: Vec<Uuid>,
    /// Application permissions in its token that it still has.
    permissions: Vec<String>,
    /// Delegated permissions in its token; none when no person is behind it.
    scopes: Vec<String>,
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
        let has = token.roles.iter().filter(|role| standing.permissions.contains(role));
        Ok(Self {
            tenant,
            id: token.object_id,
            client: token.client,
            is_person: !token.app_only,
            is_delegate: standing.is_delegate,
            roles: standing.roles,
            permissions: if token.app_only { has.cloned().collect() } else { Vec::new() },
            scopes: token.scopes.clone(),
        })
    }

    pub(super) fn can(&self, action: Action) -> bool {
        let Rule { roles, permissions, members } = action.rule();
        let by_role = match roles {
            Some(enough) => enough.iter().any(|role| self.has(role)),
            None => !self.roles.is_empty(),
        };
        if self.is_person {
            return (by_role || members && !self.is_delegate) && self.was_given(action);
        }
        by_role || permissions.iter().any(|enough| self.permits(enough))
    }

    /// Whether the application was given a permission to do that for the person, whatever the person
    /// may do. No person limits an application that speaks for itself.
    ///
    /// An action takes the same names of both kinds of permissions, as the reference has it almost
    /// everywhere. `Directory.AccessAsUser.All` stands for the whole directory, but not for what was
    /// logged of sign-ins.
    pub(super) fn was_given(&self, action: Action) -> bool {
        let enough = |scope: &String| match scope.as_str() {
            AS_THE_PERSON => action != Action::ReadReports,
            OWNED_BY => false,
            other => action.rule().permissions.contains(&other),
        };
        !self.is_person || self.scopes.iter().any(enough)
    }

    /// Whether this is somebody about themselves.
    pub(super) fn is_oneself(&self, person: ObjectId) -> bool {
        self.is_person && self.id == person
    }

    /// Whether this is a person's own profile, and the application was let see it.
    pub(super) fn may_read_oneself(&self, person: ObjectId) -> bool {
        let given = || self.scopes.iter().any(|scope| scope == READ_ONESELF) || self.was_given(Action::ReadUsers);
        self.is_oneself(person) && given()
    }

    /// Refuses what no lesser permission does than to be let in wholly as the person.
    pub(super) fn must_be_the_person(&self) -> Result<(), Problem> {
        let wholly = self.is_person && self.scopes.iter().any(|scope| scope == AS_THE_PERSON);
        if wholly { Ok(()) } else { Err(Problem::denied()) }
    }

    /// Refuses an action that the caller has no right to.
    pub(super) fn may(&self, action: Action) -> Result<(), Problem> {
        if self.can(action) { Ok(()) } else { Err(Problem::denied()) }
    }

    /// Refuses to show what is told of sign-ins to a caller who has no right to it.
    pub(super) fn may_read_reports(&self) -> Result<(), Problem> {
        match (self.can(Action::ReadReports), self.is_person && self.was_given(Action::ReadReports)) {
            (true, _) => Ok(()),
            (false, true) => Err(Problem::role_missing()),
            (false, false) => Err(Problem::permission_missing(READ_LOGS)),
        }
    }

    pub(super) fn has(&self, role: &DirectoryRole) -> bool {
        self.roles.contains(&role.template_id)
    }

    fn permits(&self, permission: &str) -> bool {
        self.permissions.iter().any(|has| has == permission)
    }

    /// Whether owning an application or service principal gives the caller rights over it.
    pub(super) fn may_own(&self) -> bool {
        let as_person = self.is_person && !self.is_delegate && self.was_given(Action::WriteApplications);
        as_person || self.permits(OWNED_BY)
    }

    /// Who owns a group that this caller makes: only people do.
    pub(super) fn as_group_owner(&self) -> Option<ObjectId> {
        (self.is_person && !self.is_delegate).then_some(self.id)
    }

    /// Who owns what this caller makes: the caller, unless it may manage everything anyway as an
    /// application.
    pub(super) fn as_owner(&self) -> Option<ObjectId> {
        let is_owner = self.is_person || !self.can(Action::WriteApplications);
        (is_owner && !self.is_delegate).then_some(self.id)
    }
}
