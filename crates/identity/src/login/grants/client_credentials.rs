//! Client credentials: an application signs in for itself (RFC 6749 section 4.4; Microsoft's
//! "OAuth 2.0 client credentials flow").

use std::sync::Arc;

use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::base64url;
use keyholder_entra::claims::{AccessTokenClaims, issuer_v1};
use keyholder_foundation::{ClientId, ObjectId, Random, Secret, Timestamp};

use crate::Identity;
use crate::directory::clients::{Client, Password};
use crate::directory::tenants::Tenant;
use crate::login::form::Form;
use crate::login::tenant::Segment;
use crate::login::{Failure, Version};
use crate::resources::Resource;

/// How long before now a token says that it was issued, in seconds: for receivers whose clocks
/// run behind.
const BACK_DATED: i64 = 300;
/// From a token's `iat` to its `exp`, in seconds.
const LIFETIME: i64 = 3900;

/// The claims of the token that the request deserves.
pub(in crate::login) async fn grant(
    identity: &Identity,
    segment: Segment,
    version: Version,
    form: &Form,
) -> Result<AccessTokenClaims, Failure> {
    let client_id = form.client_id.as_deref().filter(|id| !id.is_empty());
    let client_id = client_id.ok_or_else(|| aadsts::parameter_missing("client_id"))?;
    let target = target(version, form)?;
    let (tenant, client) = find_client(identity, segment, client_id).await?;
    if !client.facts.enabled {
        return Err(aadsts::application_disabled(client.facts.client_id, &client.facts.display_name).into());
    }
    let now = identity.clocks.now();
    check_credential(&client, form, now)?;
    // Whom the token would speak for: since 2026 the real service gives none without.
    let principal = client.facts.service_principal;
    let principal = principal.ok_or_else(|| aadsts::service_principal_missing(client.facts.client_id, tenant.id))?;
    let requested = match target {
        Target::Resource(resource) => resource,
        Target::Scope(scope) => resource_of(scope)?,
    };
    let resource = Resource::find(requested, tenant.id, &identity.origin, identity.resources.as_ref());
    let resource = resource.ok_or_else(|| aadsts::resource_not_found(requested, &tenant.display_name))?;
    let audience = Audience { requested, resource };
    Ok(claims(&tenant, &client, principal, audience, now, identity.random.as_ref()))
}

/// What the token is asked for, as it came.
enum Target<'a> {
    Resource(&'a str),
    Scope(&'a str),
}

/// The parameter that the endpoint needs; only whether it is there is checked so early.
fn target(version: Version, form: &Form) -> Result<Target<'_>, Problem> {
    match version {
        Version::One => {
            let resource = form.resource.as_deref().map(str::trim).filter(|resource| !resource.is_empty());
            Ok(Target::Resource(resource.ok_or_else(|| aadsts::parameter_missing("resource"))?))
        }
        Version::Two if form.resource.is_some() => Err(aadsts::resource_parameter_unsupported()),
        Version::Two => Ok(Target::Scope(form.scope.as_deref().ok_or_else(|| aadsts::parameter_missing("scope"))?)),
    }
}

/// The application in the tenant. `common` and `organizations` mean its home, as long ago.
async fn find_client(
    identity: &Identity,
    segment: Segment,
    client_id: &str,
) -> Result<(Arc<Tenant>, Arc<Client>), Failure> {
    let parsed = client_id.trim().parse::<ClientId>();
    let not_found = |directory: &str| aadsts::application_not_found(client_id, directory);
    let tenant = match segment {
        Segment::Tenant(tenant) => tenant,
        Segment::Consumers => return Err(aadsts::consumers_not_supported(client_id).into()),
        Segment::Any(word) => {
            let client = parsed.clone().map_err(|_| not_found(word))?;
            let home = identity.directory.home_of(client).await?.ok_or_else(|| not_found(word))?;
            let tenants = identity.directory.tenants().await?;
            Arc::clone(tenants.find(home).ok_or_else(|| not_found(word))?)
        }
    };
    let client = parsed.map_err(|_| not_found(&tenant.display_name))?;
    let found = identity.directory.find_client(tenant.id, client).await?;
    let found = found.ok_or_else(|| not_found(&tenant.display_name))?;
    Ok((tenant, found))
}

/// Whether the application proved itself by one of its secrets.
fn check_credential(client: &Client, form: &Form, now: Timestamp) -> Result<(), Problem> {
    let Some(secret) = &form.client_secret else {
        return Err(match &form.client_assertion {
            Some(_) => aadsts::assertion_unsupported(),
            None => aadsts::credential_required(),
        });
    };
    if secret.is_empty() {
        return Err(aadsts::credential_missing());
    }
    check_secret(client, secret, now)
}

fn check_secret(client: &Client, secret: &Secret, now: Timestamp) -> Result<(), Problem> {
    let id = client.facts.client_id;
    let passwords = &client.passwords;
    let matching: Vec<_> = passwords.iter().filter(|password| password.hash.matches(secret)).collect();
    if matching.iter().any(|password| password.starts <= now && now < password.ends) {
        return Ok(());
    }
    let is_over = |password: &Password| password.ends <= now;
    let expired = match matching.as_slice() {
        // Nothing that is still good could have been meant.
        [] => !passwords.is_empty() && passwords.iter().all(is_over),
        meant => meant.iter().any(|password| is_over(password)),
    };
    Err(if expired { aadsts::expired_client_secret(id) } else { aadsts::invalid_client_secret(id) })
}

/// The resource of the one scope that an application may ask: everything before the last
/// `/.default`, so that `https://org//.default` means the address with its slash.
fn resource_of(scope: &str) -> Result<&str, Problem> {
    let mut scopes = scope.split_whitespace();
    let first = scopes.next().ok_or_else(aadsts::scope_empty)?;
    let resource = |one: &'_ str| one.strip_suffix("/.default").map(str::len);
    if std::iter::once(first).chain(scopes.clone()).any(|one| resource(one).is_none()) {
        return Err(aadsts::scope_without_default(scope));
    }
    if scopes.any(|other| other != first) {
        return Err(aadsts::several_resources(scope));
    }
    let resource = first.strip_suffix("/.default").unwrap_or(first);
    if resource.is_empty() { Err(aadsts::scope_malformed(scope)) } else { Ok(resource) }
}

/// What the token is for.
#[derive(Clone, Copy)]
struct Audience<'a> {
    /// As it was asked for, to the letter.
    requested: &'a str,
    resource: Resource,
}

/// A v1 app-only token: Dataverse and Graph are v1 resources, whichever endpoint was asked.
fn claims(
    tenant: &Tenant,
    client: &Client,
    principal: ObjectId,
    audience: Audience<'_>,
    now: Timestamp,
    random: &dyn Random,
) -> AccessTokenClaims {
    let issued = now.unix_seconds() - BACK_DATED;
    let issuer = issuer_v1(tenant.id);
    let mut bytes = [0; 64];
    random.fill(&mut bytes);
    // The token's own id has 16 bytes; the two opaque ones are there for whoever expects them.
    let (uti, opaque) = bytes.split_at(16);
    let (aio, rh) = opaque.split_at(24);
    let roles =
        (audience.resource.includes_graph() && !client.graph_roles.is_empty()).then(|| client.graph_roles.clone());
    AccessTokenClaims {
        aud: audience.requested.to_owned(),
        iss: issuer.clone(),
        iat: issued,
        nbf: issued,
        exp: issued + LIFETIME,
        aio: Some(base64url::encode(aio)),
        app_displayname: Some(client.facts.display_name.clone()),
        appid: Some(client.facts.client_id),
        appidacr: Some("1".to_owned()),
        azp: None,
        azpacr: None,
        idp: Some(issuer),
        idtyp: Some("app".to_owned()),
        name: None,
        oid: Some(principal),
        rh: Some(base64url::encode(rh)),
        roles,
        scp: None,
        sub: Some(principal.to_string()),
        tid: tenant.id,
        unique_name: None,
        upn: None,
        uti: Some(base64url::encode(uti)),
        ver: Some("1.0".to_owned()),
        wids: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_resource_is_what_stands_before_the_last_default() {
        assert_eq!(resource_of("https://org/.default").unwrap(), "https://org");
        assert_eq!(resource_of("https://org//.default").unwrap(), "https://org/");
        assert_eq!(resource_of(" a/.default a/.default ").unwrap(), "a");
        for (scope, number) in [
            ("", 28_003),
            ("  ", 28_003),
            ("https://org/user_impersonation", 1_002_012),
            (".default", 1_002_012),
            ("a/.default openid", 1_002_012),
            ("a/.default b/.default", 700_022),
            ("/.default", 70_011),
        ] {
            assert_eq!(resource_of(scope).unwrap_err().number(), number, "{scope}");
        }
    }

    proptest! {
        #[test]
        fn any_scope_is_read_without_panic(scope: String) {
            let _ = resource_of(&scope);
            let _ = resource_of(&format!("{scope}/.default"));
        }
    }
}
