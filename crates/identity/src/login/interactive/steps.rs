//! The steps of the walk: what is missing next, and what an answer leads to.

use bytes::Bytes;
use http::Response;
use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::well_known;
use keyholder_foundation::Secret;

use super::admin_consent;
use super::authorize::{self, Prompt, Refused};
use super::browser::{Browser, Visitor};
use super::journey::{Journey, is_local_path};
use super::parameters::Parameters;
use crate::Identity;
use crate::correlation::Correlation;
use crate::credentials::{hash_password, is_strong};
use crate::directory::clients::{Client, Origin};
use crate::directory::consents::Consent;
use crate::directory::device_codes::{Approval, DeviceCode, DeviceState};
use crate::directory::people::{PasswordState, Person};
use crate::login::client::{self, Found};
use crate::login::pages::{self, Consenting, Form, Notice, SignIn, Whom};
use crate::login::scope::Permissions;
use crate::login::tenant::Segment;
use crate::login::{Failure, consent, person, redirect};
use crate::resources::{Kind, Resource};

/// One request's part of the walk.
pub(super) struct Walk<'a> {
    pub(super) identity: &'a Identity,
    pub(super) browser: &'a Browser,
    pub(super) correlation: Correlation,
}

/// A journey, read and found sound by itself.
enum Task {
    Authorize(authorize::Request),
    Device(DeviceCode, std::sync::Arc<Client>),
    AdminConsent(admin_consent::Request),
    Return(String),
}

impl Task {
    fn application(&self) -> Option<&str> {
        match self {
            Self::Authorize(request) => Some(&request.client.facts.display_name),
            Self::Device(_, client) => Some(&client.facts.display_name),
            Self::AdminConsent(request) => Some(&request.client.facts.display_name),
            Self::Return(_) => None,
        }
    }

    fn leads_to(&self) -> Option<&str> {
        match self {
            Self::Authorize(request) => Some(&request.redirect.uri),
            Self::AdminConsent(request) => request.redirect.as_ref().map(|redirect| redirect.uri.as_str()),
            Self::Device(..) | Self::Return(_) => None,
        }
    }

    fn login_hint(&self) -> Option<&str> {
        match self {
            Self::Authorize(request) => request.login_hint.as_deref(),
            _ => None,
        }
    }

    fn prompt(&self) -> Prompt {
        match self {
            Self::Authorize(request) => request.prompt,
            _ => Prompt::Usual,
        }
    }
}

/// What came of reading a journey.
enum Begun {
    Task(Box<Task>),
    Answer(Response<Bytes>),
}

impl Walk<'_> {
    /// What is missing next, or the end.
    pub(super) async fn next(
        &self,
        journey: &Journey,
        visitor: Option<Visitor>,
        fresh: bool,
    ) -> Result<Response<Bytes>, Failure> {
        let task = match self.begin(journey).await? {
            Begun::Task(task) => *task,
            Begun::Answer(answer) => return Ok(answer),
        };
        let segment = self.segment(journey).await?;
        let asked_anew = task.prompt() == Prompt::Login && !fresh;
        let fits = |visitor: &Visitor| {
            let of_tenant = match &segment {
                Segment::Tenant(tenant) => tenant.id == visitor.person.tenant,
                Segment::Any(_) | Segment::Consumers => true,
            };
            let name = &visitor.person.user_principal_name;
            of_tenant && (fresh || task.login_hint().is_none_or(|hint| hint.eq_ignore_ascii_case(name)))
        };
        let Some(visitor) = visitor.filter(|visitor| !asked_anew && fits(visitor)) else {
            if let Task::Authorize(request) = task
                && request.prompt == Prompt::None
            {
                return Ok(request.fail(self.identity, &aadsts::nobody_signed_in(), self.correlation));
            }
            return self.ask_again(journey, "", None, false).await;
        };
        self.on_with(journey, task, visitor, None).await
    }

    /// What is missing of a visitor whose name and password are good. `consented` is set when the
    /// question was just answered, for everyone or not.
    async fn on_with(
        &self,
        journey: &Journey,
        task: Task,
        visitor: Visitor,
        consented: Option<bool>,
    ) -> Result<Response<Bytes>, Failure> {
        let identity = self.identity;
        let resource = match &task {
            Task::Authorize(request) => request.asked.resource.clone(),
            _ => well_known::MICROSOFT_GRAPH.to_string(),
        };
        match person::check_rules(identity, &visitor.person, &visitor.session.methods, &resource).await {
            Ok(()) => {}
            Err(Failure::Problem(problem)) => match task {
                Task::Authorize(request) if request.prompt == Prompt::None => {
                    return Ok(request.fail(identity, &problem, self.correlation));
                }
                _ if problem.number() == 50_076 => {
                    return Ok(self.page(journey, task.leads_to(), |form| {
                        pages::second_factor(form, &visitor.person.user_principal_name)
                    }));
                }
                Task::Authorize(request) => return Ok(request.fail(identity, &problem, self.correlation)),
                _ => return Err(problem.into()),
            },
            Err(other) => return Err(other),
        }
        match task {
            Task::Authorize(request) => self.authorize(journey, request, visitor, consented).await,
            Task::Device(code, client) => self.device(journey, code, &client, &visitor, consented.is_some()).await,
            Task::AdminConsent(request) => self.admin_consent(journey, request, &visitor, consented.is_some()).await,
            Task::Return(path) => Ok(redirect::found(&path)),
        }
    }

    /// The last part of an application's request: consent, and the code.
    async fn authorize(
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
            let key = crate::directory::apis::ApiKey::Client(*client);
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

    /// The last part of a sign-in on another device: was it meant?
    async fn device(
        &self,
        journey: &Journey,
        code: DeviceCode,
        client: &Client,
        visitor: &Visitor,
        confirmed: bool,
    ) -> Result<Response<Bytes>, Failure> {
        let person = &visitor.person;
        if !confirmed {
            return Ok(self.page(journey, None, |form| {
                pages::confirm_device(form, &client.facts.display_name, &person.user_principal_name)
            }));
        }
        let approval = Approval {
            tenant: person.tenant,
            user: person.id,
            methods: visitor.session.methods.clone(),
            signed_in: visitor.session.started,
        };
        if !self.identity.directory.settle_device_code(&code, Some(approval)).await? {
            return Err(aadsts::device_code_expired().into());
        }
        Ok(pages::message("You have signed in", "You have signed in on your other device. You may close this window."))
    }

    /// The last part of an administrator's consent.
    async fn admin_consent(
        &self,
        journey: &Journey,
        request: admin_consent::Request,
        visitor: &Visitor,
        accepted: bool,
    ) -> Result<Response<Bytes>, Failure> {
        let identity = self.identity;
        let tenant = visitor.person.tenant;
        let facts = &request.client.facts;
        if let Origin::Registered(home) = request.client.origin
            && home.tenant != tenant
            && !home.multi_tenant
        {
            let problem = aadsts::application_not_in_tenant(facts.client_id, tenant);
            return request.fail(identity, &problem, self.correlation).ok_or_else(|| problem.into());
        }
        let wanted = request.consent(identity, tenant).await?;
        if !admin_consent::is_entitled(identity, &visitor.person, &wanted).await? {
            return Err(aadsts::administrator_consent_required(facts.client_id, &facts.display_name).into());
        }
        if accepted {
            identity.directory.consent(tenant, facts.client_id, None, wanted).await?;
            let done = || {
                pages::message("Permissions granted", "The application has the permissions. You may close this window.")
            };
            return Ok(request.succeed(tenant).unwrap_or_else(done));
        }
        let tenants = identity.directory.tenants().await?;
        let tenant_name = tenants.find(tenant).map_or("", |tenant| &tenant.display_name);
        let publisher = admin_consent::publisher(identity, &request.client).await?;
        let permissions = admin_consent::described(identity, tenant, &wanted).await?;
        let consenting = Consenting {
            application: &facts.display_name,
            publisher: &publisher,
            person: &visitor.person.user_principal_name,
            tenant: tenant_name,
            permissions,
            whom: Whom::Everyone,
        };
        let leads_to = request.redirect.as_ref().map(|redirect| redirect.uri.as_str());
        Ok(self.page(journey, leads_to, |form| pages::consent(form, &consenting)))
    }

    /// The person approved with a second factor.
    pub(super) async fn approve(
        &self,
        journey: &Journey,
        visitor: Option<Visitor>,
    ) -> Result<Response<Bytes>, Failure> {
        let Some(mut visitor) = visitor else { return self.next(journey, None, false).await };
        let (tenant, session) = (visitor.person.tenant, visitor.session.id);
        self.identity.directory.strengthen_session(tenant, session, person::BY_SECOND_FACTOR).await?;
        visitor.session.methods = person::BY_SECOND_FACTOR.to_owned();
        self.next(journey, Some(visitor), true).await
    }

    /// The person said yes: to an application, for a device, or for everyone.
    pub(super) async fn accept(
        &self,
        journey: &Journey,
        visitor: Option<Visitor>,
        everyone: bool,
    ) -> Result<Response<Bytes>, Failure> {
        let task = match self.begin(journey).await? {
            Begun::Task(task) => *task,
            Begun::Answer(answer) => return Ok(answer),
        };
        let segment = self.segment(journey).await?;
        let of_tenant = |visitor: &Visitor| match &segment {
            Segment::Tenant(tenant) => tenant.id == visitor.person.tenant,
            Segment::Any(_) | Segment::Consumers => true,
        };
        match visitor.filter(of_tenant) {
            Some(visitor) => self.on_with(journey, task, visitor, Some(everyone)).await,
            None => self.ask_again(journey, "", None, false).await,
        }
    }

    /// The person said no.
    pub(super) async fn decline(&self, journey: &Journey) -> Result<Response<Bytes>, Failure> {
        let task = match self.begin(journey).await? {
            Begun::Task(task) => *task,
            Begun::Answer(answer) => return Ok(answer),
        };
        let stopped = || pages::message("Cancelled", "You did not sign in. You may close this window.");
        Ok(match task {
            Task::Authorize(request) => {
                let facts = &request.client.facts;
                let problem = aadsts::consent_declined(facts.client_id, &facts.display_name);
                request.fail(self.identity, &problem, self.correlation)
            }
            Task::AdminConsent(request) => {
                let facts = &request.client.facts;
                let problem = aadsts::consent_declined(facts.client_id, &facts.display_name);
                request.fail(self.identity, &problem, self.correlation).unwrap_or_else(stopped)
            }
            Task::Device(code, _) => {
                self.identity.directory.settle_device_code(&code, None).await?;
                stopped()
            }
            Task::Return(_) => stopped(),
        })
    }

    /// Asks who it is; for a new password, when `change`.
    pub(super) async fn ask_again(
        &self,
        journey: &Journey,
        name: &str,
        notice: Option<Notice<'_>>,
        change: bool,
    ) -> Result<Response<Bytes>, Failure> {
        let task = match self.begin(journey).await? {
            Begun::Task(task) => *task,
            Begun::Answer(answer) => return Ok(answer),
        };
        let segment = self.segment(journey).await?;
        let tenant = match &segment {
            Segment::Tenant(tenant) => Some(tenant.display_name.as_str()),
            Segment::Any(_) | Segment::Consumers => None,
        };
        let name = if name.is_empty() { task.login_hint().unwrap_or_default() } else { name };
        let shown = SignIn { application: task.application(), tenant, name, notice };
        Ok(self.page(journey, task.leads_to(), |form| match change {
            true => pages::change_password(form, name, notice),
            false => pages::sign_in(form, shown),
        }))
    }

    /// A page with a form that goes on with the journey.
    fn page(
        &self,
        journey: &Journey,
        leads_to: Option<&str>,
        show: impl FnOnce(Form<'_>) -> Response<Bytes>,
    ) -> Response<Bytes> {
        let journey = journey.print();
        let proof = self.browser.proof(&journey);
        show(Form { journey: &journey, proof: &proof, leads_to })
    }

    /// Reads and checks a journey.
    async fn begin(&self, journey: &Journey) -> Result<Begun, Failure> {
        let identity = self.identity;
        let task = match journey {
            Journey::Authorize { segment, v2, query } => {
                match authorize::Request::read(identity, segment, *v2, query).await {
                    Ok(request) => Task::Authorize(request),
                    Err(Refused::Page(failure)) => return Err(failure),
                    Err(Refused::Back(redirect, state, problem)) => {
                        let back =
                            authorize::send_back(identity, &redirect, state.as_deref(), &problem, self.correlation);
                        return Ok(Begun::Answer(back));
                    }
                }
            }
            Journey::AdminConsent { segment, v2, query } => {
                Task::AdminConsent(admin_consent::Request::read(identity, segment, *v2, query).await?)
            }
            Journey::Device { user_code } => match self.find_device(user_code).await? {
                Ok((code, client)) => Task::Device(code, client),
                Err(problem) => {
                    let start = Journey::Device { user_code: String::new() };
                    let page =
                        self.page(&start, None, |form| pages::device_code(form, user_code, Some(Notice::of(&problem))));
                    return Ok(Begun::Answer(page));
                }
            },
            Journey::Return { path, .. } if is_local_path(path) => Task::Return(path.clone()),
            Journey::Return { .. } => return Err(Failure::NoEndpoint),
        };
        Ok(Begun::Task(Box::new(task)))
    }

    /// The device's code, while it waits for somebody, and its application.
    async fn find_device(
        &self,
        user_code: &str,
    ) -> Result<Result<(DeviceCode, std::sync::Arc<Client>), Problem>, Failure> {
        let identity = self.identity;
        let found = identity.directory.find_user_code(user_code.to_owned()).await?;
        let Some(code) = found else { return Ok(Err(aadsts::device_code_unknown())) };
        if identity.clocks.now() >= code.expires || code.state != DeviceState::Pending {
            return Ok(Err(aadsts::device_code_expired()));
        }
        let home = match identity.directory.home_of(code.client).await? {
            Some(home) => home.tenant,
            None => code.tenant,
        };
        let client = identity.directory.find_client(home, code.client).await?;
        Ok(client.map(|client| (code, client)).ok_or_else(aadsts::device_code_unknown))
    }

    /// The tenant that the journey is about.
    pub(super) async fn segment(&self, journey: &Journey) -> Result<Segment, Failure> {
        match journey {
            Journey::Authorize { segment, .. }
            | Journey::AdminConsent { segment, .. }
            | Journey::Return { segment, .. } => Segment::find(&self.identity.directory, segment).await,
            Journey::Device { user_code } => {
                let found = self.identity.directory.find_user_code(user_code.clone()).await?;
                let tenants = self.identity.directory.tenants().await?;
                let tenant = found.and_then(|code| tenants.find(code.tenant).cloned());
                Ok(tenant.map_or(Segment::Any("organizations"), Segment::Tenant))
            }
        }
    }
}

/// Gives a person, who knows the old password, the new one that they chose.
pub(super) async fn change_password(
    identity: &Identity,
    person: Person,
    old: &Secret,
    fields: &Parameters,
) -> Result<Person, Failure> {
    let (new, again) = (fields.typed("new_password"), fields.typed("confirmation"));
    let refuse = |detail: &str| Failure::Problem(aadsts::password_unacceptable(detail));
    if new != again {
        return Err(refuse("The new passwords are not the same."));
    }
    let new = Secret::new(new);
    if old.matches(new.expose()) {
        return Err(refuse("The new password is the old one."));
    }
    if !is_strong(&new) {
        return Err(refuse("It needs at least 8 characters of three kinds."));
    }
    let random = std::sync::Arc::clone(&identity.random);
    let hashed = tokio::task::spawn_blocking(move || hash_password(&new, random.as_ref())).await;
    let hash = hashed.ok().and_then(Result::ok);
    let hash = hash.ok_or_else(|| aadsts::temporarily_unavailable("The password cannot be kept."))?;
    let state = PasswordState { must_change: false, expires: None, changed: identity.clocks.now() };
    identity.directory.set_password(person.tenant, person.id, hash, state).await?;
    let changed = identity.directory.find_person(person.tenant, person.id).await?;
    Ok(changed.unwrap_or(person))
}
