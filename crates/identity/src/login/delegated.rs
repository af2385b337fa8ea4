//! What all grants for people end in: the tokens of a person who has signed in, for an application
//! that has proved itself.

use keyholder_entra::well_known::GLOBAL_ADMINISTRATOR;
use keyholder_foundation::Timestamp;

use super::authentication::Proof;
use super::client::Found;
use super::scope::Asked;
use super::session_token::{Purpose, session_token};
use super::token::{Asking, Granted, Trail};
use super::{Failure, Version, assignment, consent, issue, person};
use crate::directory::people::Person;
use crate::directory::sessions::{NewSession, Session};
use crate::resources::Resource;

/// A person who has signed in.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) person: Person,
    /// How, separated by blanks.
    pub(super) methods: String,
    pub(super) at: Timestamp,
    /// The session that goes on, when there is one already.
    pub(super) session: Option<Session>,
    /// What the client sent to know the answer by.
    pub(super) nonce: Option<String>,
}

/// The tokens that the person gives the application, by the rules, by consent, and for the resource
/// that is asked.
pub(super) async fn grant(
    asking: &Asking<'_>,
    trail: &mut Trail,
    found: Found,
    proof: Proof,
    asked: &Asked,
    signed_in: SignedIn,
) -> Result<Granted, Failure> {
    let identity = asking.identity;
    let found = &*trail.found.insert(found);
    let SignedIn { person, methods, at, session, nonce } = signed_in;
    let person = &*trail.person.insert(person);
    person::check_standing(person, identity.clocks.now())?;
    let resource = Resource::find(identity, found.tenant.id, &asked.resource).await;
    let resource = resource.map_err(|fault| Failure::of_resource(fault, &asked.resource, &found.tenant))?;
    let resource = &*trail.resource.insert(resource);
    person::check_rules(identity, person, &methods, &asked.resource).await?;
    assignment::check_client(identity, person, &found.client).await?;
    assignment::check_resource(identity, person, resource).await?;
    let permissions = consent::permissions(identity, found, person.id, resource, asked).await?;

    let roles = match person.home_tenant {
        Some(_) => vec![GLOBAL_ADMINISTRATOR.template_id],
        None => identity.directory.roles_of(found.tenant.id, person.id).await?,
    };
    let address = asking.address;
    let parties = issue::ForPerson {
        found,
        proof,
        person,
        resource,
        permissions: &permissions,
        methods: &methods,
        roles,
        address,
    };
    let access = parties.access(identity);
    let id_token = match asked.openid {
        true => {
            let claims = issue::id_token(identity, asking.version, found, person, &methods, nonce);
            Some(issue::sign_id_token(identity, &claims)?)
        }
        false => None,
    };
    let published = found.client.published();
    let refresh_token = match (asked.offline_access, session) {
        (false, None) => None,
        (_, Some(session)) => {
            identity.directory.use_session(found.tenant.id, &session).await?;
            Some(session)
        }
        (true, None) => {
            let new = NewSession {
                user: person.id,
                client: Some(found.client.facts.client_id),
                scope: asked.text.clone(),
                methods: methods.clone(),
                is_public: proof == Proof::NONE,
                started: at,
            };
            Some(identity.directory.start_session(found.tenant.id, new).await?)
        }
    };
    let now = identity.clocks.now();
    let refresh_token = refresh_token.map(|session| session_token(found.tenant.id, &session, Purpose::Refresh, now));
    let family = refresh_token.is_some() && published.is_some_and(|published| published.family);
    Ok(Granted {
        access,
        scope: Some(match asking.version {
            Version::One => permissions.join(" "),
            Version::Two => asked.granted(&permissions),
        }),
        refresh_token,
        id_token,
        client_info: asking.form.wants_client_info().then(|| issue::client_info(person)),
        family,
    })
}
