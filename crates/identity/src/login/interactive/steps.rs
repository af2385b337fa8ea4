//! The steps of the walk: what is missing next, and what an answer leads to.

use bytes::Bytes;
use http::Response;
use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::well_known;

use super::admin_consent;
use super::authorize::{self, Prompt, Refused};
use super::browser::{Browser, Visitor};
use super::journey::{Journey, is_local_path};
use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::clients::{Client, Origin};
use crate::directory::device_codes::{Approval, DeviceCode, DeviceState};
use crate::directory::people::MultiFactor;
use crate::login::pages::{self, Consenting, Form, Notice, SignIn, Whom};
use crate::login::tenant::Segment;
use crate::login::{Failure, assignment, person, redirect};

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
                _ if matches!(problem.number(), 50_076 | 50_079) => {
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
            Task::Authorize(request) => match self.unassigned(&request, &visitor).await? {
                Some(problem) => Ok(request.fail(identity, &problem, self.correlation)),
                None => self.authorize(journey, request, visitor, consented).await,
            },
            Task::Device(code, client) => self.device(journey, code, &client, &visitor, consented.is_some()).await,
            Task::AdminConsent(request) => self.admin_consent(journey, request, &visitor, consented.is_some()).await,
            Task::Return(path) => Ok(redirect::found(&path)),
        }
    }

    /// Why the application does not let a visitor in, when it is for the assigned only.
    async fn unassigned(&self, request: &authorize::Request, visitor: &Visitor) -> Result<Option<Problem>, Failure> {
        let person = &visitor.person;
        let client = request.client.facts.client_id;
        // The request has it as its home does; who is assigned is the visitor's tenant's affair.
        let Some(client) = self.identity.directory.find_client(person.tenant, client).await? else { return Ok(None) };
        match assignment::check_client(self.identity, person, &client).await {
            Ok(()) => Ok(None),
            Err(Failure::Problem(problem)) => Ok(Some(problem)),
            Err(other) => Err(other),
        }
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
        if visitor.person.standing.must_register_factor {
            self.identity.directory.set_multi_factor(tenant, visitor.person.id, MultiFactor::Enforced).await?;
            visitor.person.standing.must_register_factor = false;
            visitor.person.standing.requires_multi_factor = true;
        }
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
    pub(super) fn page(
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
