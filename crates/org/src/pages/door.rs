//! The org's front door: who comes with a browser is asked who they are, and sees either the inside
//! or why the door stays shut.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use keyholder_data::{Membership, TokenFacts};
use keyholder_dataverse::error::{self, AccessMode, Code, DataverseError};
use keyholder_foundation::ClientId;
use keyholder_identity::{Visitor, bearer};

use super::{Html, leading_on, page, redirect};
use crate::error::StartError;
use crate::serve::plain;
use crate::world::{OpenOrg, OpenWorld, State};

/// Answers a browser at the org's root.
pub(crate) async fn respond(
    world: &OpenWorld,
    state: &State,
    org: &OpenOrg,
    request: &Request<Bytes>,
) -> Response<Bytes> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refusal = error::method_not_allowed(request.method().as_str());
        return plain(StatusCode::METHOD_NOT_ALLOWED, &Code(refusal.code).to_string(), &refusal.message);
    }
    let door = Door { world, state, org };
    match door.answer(request).await {
        Ok(response) => response,
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, "Failed", &error.to_string()),
    }
}

struct Door<'a> {
    world: &'a OpenWorld,
    state: &'a State,
    org: &'a OpenOrg,
}

impl Door<'_> {
    async fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, StartError> {
        // A program's token is no person; it is told so instead of being shown a form.
        if bearer(request.headers()).is_ok() {
            return Ok(self.application());
        }
        let Some(visitor) = self.state.identity.visitor(request.headers()).await? else {
            return Ok(redirect(&self.sign_in()));
        };
        if visitor.tenant != self.org.tenant {
            return Ok(self.of_another_tenant(&visitor));
        }
        self.world.deliver(self.state).await;
        let facts = TokenFacts {
            tenant: visitor.tenant,
            client: ClientId(uuid::Uuid::nil()),
            object_id: visitor.object_id,
            app_only: false,
            delegated: visitor.delegated,
        };
        let Some(user) = self.org.organization.membership(&facts).await? else { return self.stranger(&visitor).await };
        Ok(self.member(&visitor, &user))
    }

    /// Where a browser is sent to say who it is; from there it comes back here.
    fn sign_in(&self) -> String {
        let origin = self.state.identity.origin();
        // The token service sends people back to its own origin only; that knows the way to other orgs.
        let back = if self.org.url == origin { "/".to_owned() } else { format!("/_org/{}", self.org.id) };
        format!("{origin}/{}/signin?return_to={back}", self.org.tenant)
    }

    fn sign_out(&self) -> String {
        format!("{}/{}/oauth2/logout", self.state.identity.origin(), self.org.tenant)
    }

    fn member(&self, visitor: &Visitor, user: &Membership) -> Response<Bytes> {
        if user.is_disabled {
            let reason = user.disabled_reason.as_deref().unwrap_or("An administrator of the org has disabled it.");
            let words = Html::new()
                .raw("<p>")
                .text("Your user in this org is disabled, so you cannot use it now. ")
                .text(reason)
                .raw("</p>")
                .paragraph("Ask an administrator of the org to enable you, or to give you a licence again.");
            return self.shut(
                "Your user is disabled",
                visitor,
                &words,
                &error::user_disabled(user.user, self.org.id.0),
            );
        }
        if user.access_mode == AccessMode::NonInteractive {
            let words = Html::new()
                .paragraph(
                    "You are a non-interactive user of this org: a user for programs. Such users reach the org through \
                     its Web API, and cannot open its web pages.",
                )
                .paragraph(
                    "If you are a person who needs to work here, ask an administrator of the org to change your access \
                     mode to Read-Write; that takes a licence.",
                );
            return self.shut("This door is locked", visitor, &words, &error::non_interactive_user_cannot_access_ui());
        }
        if user.roles.is_empty() {
            let words = Html::new()
                .paragraph("You are a user of this org and have no security role yet, so there is nothing you may see.")
                .paragraph("Ask an administrator of the org for a role.");
            return self.shut("You have no role here", visitor, &words, &error::no_roles(user.user, "prvReadUser"));
        }
        let words = match user.access_mode {
            AccessMode::Administrative => Html::new().paragraph(
                "Your access mode is Administrative: you may look after the org's settings, and see no data. That is \
                 so for administrators of the tenant who have no licence.",
            ),
            AccessMode::DelegatedAdmin => Html::new().paragraph(
                "You administer this org for a partner. You may do what a System Administrator may, except setting up \
                 users for programs: that takes an administrator of the org's own.",
            ),
            _ => Html::new().paragraph("You are in. This local org has a Web API and no further pages."),
        };
        let body = words
            .raw("<dl>")
            .entry("You are", &user.full_name)
            .entry("Signed in as", &visitor.user_principal_name)
            .entry("Org", &self.org.name)
            .entry("Address", &self.org.url)
            .entry("Your roles", &user.roles.join(", "))
            .raw("</dl>");
        self.page(StatusCode::OK, &self.org.name, &body, true)
    }

    /// Somebody of the tenant who is no user of the org.
    async fn stranger(&self, visitor: &Visitor) -> Result<Response<Bytes>, StartError> {
        let facts = self.state.identity.user_facts(visitor.tenant, visitor.object_id).await?;
        let licensed = facts.as_ref().is_some_and(|facts| facts.licensed || facts.administers_organizations);
        let let_in = facts.is_some_and(|facts| self.org.lets_in(&facts));
        let words = if !licensed {
            Html::new().paragraph(
                "You have no licence for this org. Ask an administrator of your organization for one; some time after \
                 you have it, you become a user of the org.",
            )
        } else if !let_in {
            Html::new().paragraph(
                "You are not a member of the security group that decides who may come into this org. Ask its \
                 administrator to add you.",
            )
        } else {
            Html::new().paragraph(
                "The org does not know you yet: it takes a while until a new licence reaches it. Try again later.",
            )
        };
        let title = if licensed { "You are not a user of this org" } else { "You have no licence" };
        Ok(self.shut(title, visitor, &words, &error::not_a_member()))
    }

    fn of_another_tenant(&self, visitor: &Visitor) -> Response<Bytes> {
        let words = Html::new().paragraph(
            "This org belongs to another organization than your account. Sign out, and sign in with an account of \
             the org's own organization.",
        );
        self.shut("You are not a user of this org", visitor, &words, &error::not_a_member())
    }

    fn application(&self) -> Response<Bytes> {
        let refusal = error::non_interactive_user_cannot_access_ui();
        let body = Html::new()
            .paragraph(
                "An application cannot sign in here: these pages are for people. Programs use the org's Web API.",
            )
            .raw("<p class=\"code\">")
            .text(&format!("{}: {}", Code(refusal.code), refusal.message))
            .raw("</p>");
        self.page(StatusCode::FORBIDDEN, "This door is locked", &body, false)
    }

    /// A page that says why the door stays shut.
    fn shut(&self, title: &'static str, visitor: &Visitor, words: &Html, refusal: &DataverseError) -> Response<Bytes> {
        let body = words
            .clone()
            .raw("<dl>")
            .entry("Signed in as", &visitor.user_principal_name)
            .entry("Org", &self.org.name)
            .raw("</dl><p class=\"code\">")
            .text(&format!("{}: {}", Code(refusal.code), refusal.message))
            .raw("</p>");
        self.page(StatusCode::FORBIDDEN, title, &body, true)
    }

    fn page(&self, status: StatusCode, title: &str, body: &Html, signed_in: bool) -> Response<Bytes> {
        let body = match signed_in {
            true => body.clone().raw("<p>").link(&self.sign_out(), "Sign out").raw("</p>"),
            false => body.clone(),
        };
        page(self.world.random(), status, title, &body)
    }
}

/// The way from the origin to an org on another port, for browsers that come from the sign-in page.
pub(crate) fn lead_on(world: &OpenWorld, state: &State, path: &str) -> Option<Response<Bytes>> {
    let id = path.strip_prefix("/_org/")?.parse().ok()?;
    // Only to orgs of this process: nobody is led anywhere else.
    state.org(id).map(|org| leading_on(world.random(), &org.name, &format!("{}/", org.url)))
}
