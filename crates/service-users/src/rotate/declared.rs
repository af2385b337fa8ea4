//! The credentials of a declaration.

use std::collections::BTreeMap;

use keyholder_client::Error as ClientError;
use keyholder_foundation::ClientId;

use super::Aim;
use crate::declaration::{ApplicationUser, Credential, Declaration};
use crate::error::{Error, While};
use crate::estate::Estate;
use crate::kept::KeyKind;
use crate::observe::{self, DirectorySeen, Look};
use crate::plan::{Finding, Found, find_registration};
use crate::sink::Sinks;

/// The directories of a declaration's tenants, as they were read.
#[derive(Debug)]
pub struct Directories {
    tenants: BTreeMap<String, String>,
    seen: BTreeMap<String, Result<DirectorySeen, ClientError>>,
}

/// Reads the directories: a number of requests that grows with pages alone.
pub async fn directories(estate: &Estate, declaration: &Declaration) -> Directories {
    let tenants: BTreeMap<String, String> =
        declaration.orgs.keys().filter_map(|org| Some((org.clone(), estate.tenant_of(org)?.to_owned()))).collect();
    let seen = observe::directories(estate, declaration, &tenants, Look::default()).await;
    Directories { tenants, seen }
}

/// The declared user whose registration has this client id, by its name in the declaration.
#[must_use]
pub fn declared_as<'a>(
    declaration: &'a Declaration,
    directories: &Directories,
    client_id: ClientId,
) -> Option<&'a str> {
    let is_it = |name: &str, user: &ApplicationUser| {
        let tenant = user.orgs.iter().find_map(|org| directories.tenants.get(org))?;
        let directory = directories.seen.get(tenant)?.as_ref().ok()?;
        match find_registration(name, user, declaration.name.as_deref(), directory) {
            Ok(Found::Registration(application)) => Some(application.app_id == client_id),
            _ => None,
        }
    };
    let mut users = declaration.application_users.iter();
    users.find(|(name, user)| is_it(name, user) == Some(true)).map(|(name, _)| name.as_str())
}

/// All declared secrets and certificates of the users that are `wanted`, in the order of the declaration; and what
/// stands in the way of those of a user, under its name. An application of another tenant's has none here.
pub fn declared<'a>(
    estate: &'a Estate,
    declaration: &'a Declaration,
    sinks: &'a Sinks,
    directories: &'a Directories,
    wanted: impl Fn(&str, &ApplicationUser) -> bool,
) -> Vec<Result<Aim<'a>, (String, Error)>> {
    let mut all = Vec::new();
    for (name, user) in declaration.application_users.iter().filter(|(name, user)| wanted(name, user)) {
        match of_user(estate, declaration, sinks, directories, (name, user)) {
            Ok(aims) => all.extend(aims.into_iter().map(Ok)),
            Err(error) => all.push(Err((name.clone(), error))),
        }
    }
    all
}

fn of_user<'a>(
    estate: &'a Estate,
    declaration: &'a Declaration,
    sinks: &'a Sinks,
    directories: &'a Directories,
    (name, user): (&'a str, &'a ApplicationUser),
) -> Result<Vec<Aim<'a>>, Error> {
    let keys = user.credentials.iter().enumerate().filter_map(|(number, credential)| match credential {
        Credential::Secret { lifetime, .. } => Some((number, KeyKind::Secret, *lifetime)),
        Credential::Certificate { lifetime, .. } => Some((number, KeyKind::Certificate, *lifetime)),
        Credential::Federated(_) => None,
    });
    let keys: Vec<_> = keys.collect();
    let Some((_, home)) = declaration.home(name).filter(|_| !keys.is_empty()) else { return Ok(Vec::new()) };
    let tenant = user.orgs.iter().find_map(|org| directories.tenants.get(org));
    let no_tenant = || Error::Stopped(vec![Finding::no_tenant(name)]);
    let tenant = tenant.ok_or_else(no_tenant)?;
    let administrator = estate.administrator_of(tenant).ok_or_else(no_tenant)?;
    let directory = match directories.seen.get(tenant) {
        Some(Ok(directory)) => directory,
        Some(Err(error)) => return Err(Error::Stopped(vec![Finding::directory_out_of_reach(name, error)])),
        None => return Err(no_tenant()),
    };
    let application = match find_registration(name, user, declaration.name.as_deref(), directory) {
        Ok(Found::Registration(application)) => application,
        // Its publisher looks after it; and what is not there is made by `apply`.
        Ok(Found::Abroad(_) | Found::Nothing) => return Ok(Vec::new()),
        Err(finding) => return Err(Error::Stopped(vec![*finding])),
    };
    let mut orgs = Vec::new();
    for (org, reached) in estate.orgs().filter(|(org, _)| user.orgs.iter().any(|of| of == org)) {
        match reached {
            Ok(administrator) => orgs.push((org.to_owned(), administrator)),
            Err(error) => {
                let doing = || format!("reach the org `{org}`, which has to let `{name}` in with its new credential");
                return Err::<Vec<Aim<'a>>, _>(error.clone()).while_doing(doing);
            }
        }
    }
    let aims = keys.into_iter().filter_map(|(number, kind, lifetime)| {
        Some(Aim {
            name: name.to_owned(),
            client_id: application.app_id,
            registration: application.id,
            administrator,
            url: &home.url,
            orgs: orgs.clone(),
            sink: sinks.get(name, number)?,
            kind: Some(kind),
            lifetime: Some(lifetime),
            replaces: None,
            is_declared: true,
            rules: &directory.rules,
        })
    });
    Ok(aims.collect())
}
