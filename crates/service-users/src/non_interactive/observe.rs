//! What there is: the person, the licences, and the person's user in each org. Changes nothing.

use futures::future::{join, try_join, try_join_all};
use keyholder_client::power_platform::Environment;
use keyholder_entra::graph::{Organization, SubscribedSku, User};
use keyholder_entra::well_known::{
    DYNAMICS_365_ADMINISTRATOR, DirectoryRole, GLOBAL_ADMINISTRATOR, POWER_PLATFORM_ADMINISTRATOR,
};
use keyholder_foundation::ObjectId;

use super::access::{Access, OrgAccess};
use super::definition::NonInteractiveDefinition;
use super::password::{KeptPassword, PasswordSink};
use super::problem::Problem;
use super::rows::{self, DELEGATED_ADMINISTRATOR, OrgUser, Role, Slots, Unit};
use crate::error::{Error, While};
use crate::journal::Loan;

/// Who without a licence becomes an administrative user by themselves.
const ADMINISTRATORS: [DirectoryRole; 3] =
    [GLOBAL_ADMINISTRATOR, POWER_PLATFORM_ADMINISTRATOR, DYNAMICS_365_ADMINISTRATOR];

/// What there is.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The tenant.
    pub tenant: Organization,
    /// The person, when there is one.
    pub person: Option<User>,
    /// The directory roles of theirs that matter, by name.
    pub directory_roles: Vec<&'static str>,
    /// What the tenant has bought.
    pub bought: Vec<SubscribedSku>,
    /// What an earlier run borrowed for the person, as recorded.
    pub loans: Vec<Loan>,
    /// What the place of the password holds; nothing when there is no such place.
    pub password: Option<KeptPassword>,
    /// The orgs, in the order of [`Access::orgs`].
    pub orgs: Vec<ObservedOrg>,
}

/// What there is in one org.
#[derive(Debug, Clone)]
pub struct ObservedOrg {
    /// Its name for people.
    pub name: String,
    /// The person's user.
    pub user: Option<OrgUser>,
    /// Who takes the places for non-interactive users.
    pub slots: Slots,
    /// The business unit that the user shall be in; nothing when the org has none of that name.
    pub unit: Option<Unit>,
    /// The roles that were wanted and are there, as copies in that unit.
    pub roles: Vec<Role>,
    /// The environment, when Power Platform tells.
    pub environment: Option<Environment>,
    /// Why Power Platform does not tell.
    pub no_environment: Option<String>,
    /// Whether the environment's security group has the person; nothing when that is not known.
    pub is_in_group: Option<bool>,
    /// Whether the caller is a partner's delegated administrator, who may set up no service user.
    pub caller_is_delegated: bool,
}

/// Looks at everything that planning needs.
pub(super) async fn observe(
    access: &Access,
    definition: &NonInteractiveDefinition,
    sink: Option<&dyn PasswordSink>,
) -> Result<Observed, Error> {
    let graph = &access.graph;
    let name = &definition.user_name;
    let directory = async {
        let tenant = graph.organization();
        let (tenant, person) =
            try_join(tenant, graph.user(name)).await.while_doing(|| format!("look for `{name}` in the directory"))?;
        let roles = async {
            let Some(person) = &person else { return Ok(Vec::new()) };
            let doing = || format!("read the directory roles of `{name}`");
            let memberships = graph.memberships(person.id).await.while_doing(doing)?;
            let is = |role: &DirectoryRole| {
                let template = role.template_id.to_string();
                memberships.iter().any(|one| one.role_template_id.as_deref() == Some(template.as_str()))
            };
            Ok(ADMINISTRATORS.iter().filter(|role| is(role)).map(|role| role.display_name).collect())
        };
        let bought = async {
            graph.subscribed_skus().await.while_doing(|| "read which licences the tenant has bought".to_owned())
        };
        let (directory_roles, bought) = try_join(roles, bought).await?;
        Ok::<_, Error>((tenant, person, directory_roles, bought))
    };
    let environments = futures::future::join_all(access.orgs.iter().map(environment));
    let (directory, environments) = join(directory, environments).await;
    let (tenant, person, directory_roles, bought) = directory?;
    let id = person.as_ref().map(|person| person.id);
    let orgs = access
        .orgs
        .iter()
        .zip(environments)
        .map(|(org, environment)| observe_org(access, org, definition, id, environment));
    let orgs = try_join_all(orgs).await?;
    let loans = access.journal.all()?.into_iter().map(|(loan, _)| loan);
    let of_person = |loan: &Loan| matches!(loan, Loan::Licence { person, .. } if Some(*person) == id);
    let password = match sink {
        Some(sink) => Some(sink.load(name).await?),
        None => None,
    };
    Ok(Observed { tenant, person, directory_roles, bought, loans: loans.filter(of_person).collect(), password, orgs })
}

/// The environment of an org; else why it cannot be told, which is no error: the org then learns of
/// people by itself.
async fn environment(org: &OrgAccess) -> Result<Environment, String> {
    let Some(power_platform) = &org.power_platform else {
        return Err("Power Platform is not asked".to_owned());
    };
    let found = match &org.environment {
        Some(id) => power_platform.environment(id).await.map(Some),
        None => power_platform.environment_of(&org.url).await,
    };
    match found {
        Ok(Some(environment)) => Ok(environment),
        Ok(None) => Err("Power Platform shows no environment with that address".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn observe_org(
    access: &Access,
    org: &OrgAccess,
    definition: &NonInteractiveDefinition,
    person: Option<ObjectId>,
    environment: Result<Environment, String>,
) -> Result<ObservedOrg, Error> {
    let name = &definition.user_name;
    let users = async {
        let me = org.org.who_am_i().await.while_doing(|| format!("ask {} who the administrator is", org.name))?.user_id;
        let users = rows::users(&org.org, person, Some(me)).await;
        Ok((me, users.while_doing(|| format!("read the non-interactive users of {}", org.name))?))
    };
    let group = environment.as_ref().ok().and_then(|environment| environment.security_group);
    let in_group = async {
        match (person, group) {
            (Some(person), Some(group)) => {
                let found = access.graph.check_member_groups(person, &[group]).await;
                // Who may not ask that is told by the org itself, later.
                Ok(found.ok().map(|found| found.contains(&group)))
            }
            // Whoever is not there yet is in no group.
            (None, Some(_)) => Ok(Some(false)),
            (_, None) => Ok::<_, Error>(None),
        }
    };
    let ((me, mut users), is_in_group) = try_join(users, in_group).await?;
    let is_delegated = |user: &OrgUser| user.id == me && user.access_mode == DELEGATED_ADMINISTRATOR;
    let caller_is_delegated = users.iter().any(is_delegated);
    users.retain(|user| user.id != me || (user.person.is_some() && user.person == person));
    let (own, others): (Vec<_>, Vec<_>) = users.into_iter().partition(|user| person.is_some() && user.person == person);
    let user = match own.into_iter().next() {
        Some(user) => {
            let doing = || format!("read the roles of `{name}` in {}", org.name);
            Some(rows::with_roles(&org.org, user).await.while_doing(doing)?)
        }
        None => None,
    };
    let holders = others.into_iter().chain(user.clone()).filter(OrgUser::takes_a_slot).collect();

    let doing = || format!("read the business unit of `{name}` in {}", org.name);
    let unit = match (&definition.business_unit, user.as_ref().and_then(|user| user.unit)) {
        (None, Some(unit)) => rows::unit_by_id(&org.org, unit).await.while_doing(doing)?,
        (wanted, _) => rows::unit(&org.org, wanted.as_deref()).await.while_doing(doing)?,
    };
    let roles = match &unit {
        Some(unit) => {
            let doing = || format!("read the security roles of {}", org.name);
            rows::roles(&org.org, &definition.roles, unit.id).await.while_doing(doing)?
        }
        None => Vec::new(),
    };
    let (environment, no_environment) = match environment {
        Ok(environment) => (Some(environment), None),
        Err(reason) => (None, Some(reason)),
    };
    Ok(ObservedOrg {
        name: org.name.clone(),
        user,
        slots: Slots { holders, limit: definition.limit },
        unit,
        roles,
        environment,
        no_environment,
        is_in_group,
        caller_is_delegated,
    })
}

impl ObservedOrg {
    /// The environment's security group.
    pub(super) fn group(&self) -> Option<ObjectId> {
        self.environment.as_ref().and_then(|environment| environment.security_group)
    }

    /// Whether the org will certainly make no user of the person.
    pub(super) fn leaves_out(&self) -> bool {
        self.user.is_none() && self.is_in_group == Some(false)
    }
}

impl Observed {
    /// Refuses a user name that the tenant cannot have.
    pub(super) fn check_name(&self, user_name: &str) -> Result<(), Problem> {
        let refused = |reason: String| Err(Problem::UserName { user_name: user_name.to_owned(), reason });
        let Some((local, domain)) = user_name.split_once('@') else {
            return refused("it has no `@`".to_owned());
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
        if local.is_empty() || local.len() > 64 || !local.chars().all(allowed) {
            return refused("before the `@` stand 1 to 64 letters, digits and `'.-_!#^~`".to_owned());
        }
        let domains = &self.tenant.verified_domains;
        if domains.is_empty() || domains.iter().any(|known| known.name.eq_ignore_ascii_case(domain)) {
            return Ok(());
        }
        let names: Vec<_> = domains.iter().map(|domain| domain.name.as_str()).collect();
        refused(format!("`{domain}` is not a domain of the tenant, which has {}", names.join(", ")))
    }
}
