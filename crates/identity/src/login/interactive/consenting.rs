//! The last part of an application's request: whether the person lets it, and the code.
//!
//! A person consents for themselves, to an application of their own tenant and to permissions that a
//! user may give; for everyone, and to all else, an administrator does.

use bytes::Bytes;
use http::Response;
use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::well_known;

use super::admin_consent;
use super::authorize::{self, Prompt};
use super::browser::Visitor;
use super::journey::Journey;
use super::steps::Walk;
use crate::directory::apis::ApiKey;
use crate::directory::clients::Origin;
use crate::directory::consents::Consent;
use crate::directory::people::Person;
use crate::login::client::{self, Found};
use crate::login::pages::{self, Consenting, Whom};
use crate::login::scope::Permissions;
use crate::login::{Failure, consent};
use crate::resources::{Kind, Resource};

impl Walk<'_> {
    /// The last part of an application's request: consent, and the code.
    pub(super) async fn authorize(
        &self,
        journey: &Journey,
        request: authorize::Request,
        visitor: Visitor,
        consented: Option<bool>,
    ) -> Result<Response<Bytes>, Failure> {
        let identity = self.identity;
        let back =
            |request: authorize::Request, problem: &Problem| Ok(request.fail(identity, problem, self.correlation));
        let tenants = identity.directory.tenants().await?;
        let unknown = || aadsts::tenant_not_found(&visitor.person.tenant.to_string());
        let tenant = std::sync::Arc::clone(tenants.find(visitor.person.tenant).ok_or_else(unknown)?);
        let client_id = request.client.facts.client_id.to_string();
        let found = match client::offered_in(identity, tenant, &client_id).await {
            Ok(found) => found,
            Err(Failure::Problem(problem)) => return back(request, &problem),
            Err(other) => return Err(other),
        };
        let resource = Resource::find(identity, found.tenant.id, &request.asked.resource).await;
        let resource =
            match resource.map_err(|fault| Failure::of_resource(fault, &request.asked.resource, &found.tenant)) {
                Ok(resource) => resource,
                Err(Failure::Problem(problem)) => return back(request, &problem),
                Err(other) => return Err(other),
            };
        if let Some(everyone) = consented {
            let wanted = self.wanted(&request, &found, &resource).await?;
            let may = self.may_consent(&found, &visitor.person, &wanted, everyone).await?;
            if !may {
                let facts = &found.client.facts;
                let problem = aadsts::administrator_consent_required(facts.client_id, &facts.display_name);
                return Err(problem.into());
            }
            let user = (!everyone).then_some(visitor.person.id);
            identity.directory.consent(found.tenant.id, found.client.facts.client_id, user, wanted).await?;
            let tenant = std::sync::Arc::clone(&found.tenant);
            let found = client::find_in(identity, tenant, &client_id).await?;
            consent::permissions(identity, &found, visitor.person.id, &resource, &request.asked).await?;
            return request.succeed(identity, &visitor).await;
        }
        let allowed = consent::permissions(identity, &found, visitor.person.id, &resource, &request.asked).await;
        let asks = request.prompt == Prompt::Consent && found.client.published().is_none();
        match allowed {
            Ok(_) if !asks => request.succeed(identity, &visitor).await,
            Ok(_) => self.ask_consent(journey, request, &found, &resource, &visitor).await,
            Err(Failure::Problem(problem)) if problem.number() == 65_001 && request.prompt != Prompt::None => {
                self.ask_consent(journey, request, &found, &resource, &visitor).await
            }
            Err(Failure::Problem(problem)) => back(request, &problem),
            Err(other) => Err(other),
        }
    }

    /// What would be consented to.
    async fn wanted(
        &self,
        request: &authorize::Request,
        found: &Found,
        resource: &Resource,
    ) -> Result<Consent, Failure> {
        let Permissions::Named(names) = &request.asked.permissions else {
            let mut declared = admin_consent::declared(self.identity, found.tenant.id, &found.client).await?;
            // A person consents to what the application does for them, not to what it does alone.
            declared.roles.clear();
            return Ok(declared);
        };
        let crm = well_known::DYNAMICS_CRM;
        let client_of = |name: &str| match resource.kind {
            Kind::Origin if name == well_known::USER_IMPERSONATION => Some(crm),
            Kind::Origin | Kind::Graph => Some(well_known::MICROSOFT_GRAPH),
            _ => resource.api.as_ref().map(|api| api.client),
        };
        let mut consent = Consent::default();
        for name in names {
            let Some(client) = client_of(name) else { continue };
            match consent.scopes.iter_mut().find(|(known, _)| *known == client) {
                Some((_, scopes)) => scopes.push(name.clone()),
                None => consent.scopes.push((client, vec![name.clone()])),
            }
        }
        Ok(consent)
    }

    /// Whether the person may consent to it: an administrator always; everybody else for themselves,
    /// to applications of their own tenant, to what a user may consent to.
    async fn may_consent(
        &self,
        found: &Found,
        person: &Person,
        wanted: &Consent,
        everyone: bool,
    ) -> Result<bool, Failure> {
        if admin_consent::is_entitled(self.identity, person, wanted).await? {
            return Ok(true);
        }
        let Origin::Registered(home) = found.client.origin else { return Ok(false) };
        if everyone || home.tenant != found.tenant.id {
            return Ok(false);
        }
        for (client, scopes) in &wanted.scopes {
            let key = ApiKey::Client(*client);
            let Some(api) = self.identity.directory.find_api(found.tenant.id, key).await? else { continue };
            let by_user = |scope: &String| {
                let offered = api.permission_scopes.iter().find(|offered| offered.value.as_ref() == Some(scope));
                offered.is_some_and(|offered| offered.kind.as_deref() == Some("User"))
            };
            if !scopes.iter().all(by_user) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The question whether the application may.
    async fn ask_consent(
        &self,
        journey: &Journey,
        request: authorize::Request,
        found: &Found,
        resource: &Resource,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Failure> {
        let wanted = self.wanted(&request, found, resource).await?;
        if !self.may_consent(found, &visitor.person, &wanted, false).await? {
            let facts = &found.client.facts;
            return Err(aadsts::administrator_consent_required(facts.client_id, &facts.display_name).into());
        }
        let entitled = admin_consent::is_entitled(self.identity, &visitor.person, &wanted).await?;
        let whom = if entitled { Whom::OneselfOrEveryone } else { Whom::Oneself };
        let publisher = admin_consent::publisher(self.identity, &found.client).await?;
        let permissions = admin_consent::described(self.identity, found.tenant.id, &wanted).await?;
        let consenting = Consenting {
            application: &found.client.facts.display_name,
            publisher: &publisher,
            person: &visitor.person.user_principal_name,
            tenant: &found.tenant.display_name,
            permissions,
            whom,
        };
        Ok(self.page(journey, Some(&request.redirect.uri), |form| pages::consent(form, &consenting)))
    }
}
