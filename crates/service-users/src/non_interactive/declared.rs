//! Non-interactive users as a declaration has them: the way from there to a definition, and to the
//! orgs that they are to be in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::access::{Access, OrgAccess};
use super::definition::NonInteractiveDefinition;
use super::observe::{self, Observed};
use super::password::PasswordFile;
use crate::declaration::{Declaration, NonInteractiveUser};
use crate::error::{Error, While};
use crate::estate::Estate;

/// What is wanted of a declared user.
pub(crate) fn definition(
    declaration: &Declaration,
    user: &NonInteractiveUser,
    allows_system_administrator: bool,
) -> NonInteractiveDefinition {
    let role = |key: &String| declaration.roles.get(key).map_or_else(|| key.clone(), |role| role.name.clone());
    NonInteractiveDefinition {
        display_name: Some(user.display_name.clone()),
        business_unit: user.business_unit.clone(),
        roles: user.roles.iter().map(role).collect(),
        allows_system_administrator,
        licence: user.licence.clone(),
        usage_location: user.usage_location.clone(),
        changes_first_password: user.change_first_password,
        limit: declaration.policies.non_interactive_limit,
        ..NonInteractiveDefinition::new(&user.user_name)
    }
}

/// The directory and the orgs of a declared user, as far as they can be reached; nothing when none
/// can, or licences may not be borrowed.
pub(crate) fn access(
    estate: &Estate,
    declaration: &Declaration,
    user: &NonInteractiveUser,
) -> Result<Option<Access>, Error> {
    let Some(borrowing) = estate.to_borrow() else { return Ok(None) };
    let reached: Vec<_> = user.orgs.iter().filter_map(|name| Some((name, estate.org(name)?))).collect();
    let Some((_, first)) = reached.first() else { return Ok(None) };
    let doing = || format!("sign in to what `{}` needs", user.user_name);
    let access = Access::new(first, borrowing.journal.clone(), borrowing.random.clone()).while_doing(doing)?;
    let orgs = reached.iter().map(|(name, administrator)| {
        let environment = declaration.orgs.get(*name).and_then(|org| org.environment.clone());
        OrgAccess::new(name.as_str(), administrator, environment)
    });
    let orgs = orgs.collect::<Result<Vec<_>, _>>().while_doing(doing)?;
    Ok(Some(Access { orgs, ..access }))
}

/// What there is of every declared user; why it cannot be told for those of whom it cannot. Users
/// whose orgs are all out of reach are absent.
pub(crate) async fn observe(
    estate: &Estate,
    declaration: &Declaration,
) -> BTreeMap<String, Result<Observed, Arc<Error>>> {
    let all = declaration.non_interactive_users.iter().map(|(name, user)| async move {
        let seen = async {
            let Some(access) = access(estate, declaration, user)? else { return Ok(None) };
            let sink = PasswordFile::new(&user.password, Some(&access.means))?;
            let wanted = definition(declaration, user, false);
            observe::observe(&access, &wanted, Some(&sink)).await.map(Some)
        };
        Some((name.clone(), seen.await.map_err(Arc::new).transpose()?))
    });
    futures::future::join_all(all).await.into_iter().flatten().collect()
}
