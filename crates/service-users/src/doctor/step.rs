//! One thing that was looked at, and what came of it.

use keyholder_client::{Error, ErrorKind};
use serde::Serialize;
use serde_json::{Map, Value};

use super::seen::Seen;
use crate::codes::Code;
use crate::shell::for_shell;

/// What is looked at, in the order of the way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Check {
    /// Whether the org's host has an address.
    Dns,
    /// Whether a proxy is between.
    Proxy,
    /// Whether the host answers.
    Connection,
    /// Whether its certificate is trusted.
    Tls,
    /// Whether it is a Dataverse org.
    Org,
    /// What it says about signing in.
    Challenge,
    /// Whether that authority may be given the credential.
    Authority,
    /// How far the clocks differ.
    Clock,
    /// Whether the tenant is known there.
    Tenant,
    /// Whether the application is known in the tenant.
    Application,
    /// Whether its credential is accepted.
    Credential,
    /// When that ends.
    Dates,
    /// Whether the tenant lets it reach the org.
    Consent,
    /// What the token says.
    Token,
    /// The org's version.
    Version,
    /// Whether the org has a user for it.
    User,
    /// Whether that user is let in.
    Enabled,
    /// How it may use the org.
    AccessMode,
    /// What licence it takes.
    Licence,
    /// Which roles it has.
    Roles,
    /// Whether it may do what was asked.
    Can,
    /// What is left of the service protection limits.
    Limits,
    /// What it may ask for in a day.
    Entitlement,
}

impl Check {
    /// The same for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Dns => "host name",
            Self::Proxy => "proxy",
            Self::Connection => "connection",
            Self::Tls => "certificate",
            Self::Org => "org",
            Self::Challenge => "challenge",
            Self::Authority => "authority",
            Self::Clock => "clock",
            Self::Tenant => "tenant",
            Self::Application => "application",
            Self::Credential => "credential",
            Self::Dates => "expiry",
            Self::Consent => "consent",
            Self::Token => "token",
            Self::Version => "version",
            Self::User => "user",
            Self::Enabled => "enabled",
            Self::AccessMode => "access mode",
            Self::Licence => "licence",
            Self::Roles => "roles",
            Self::Can => "may it",
            Self::Limits => "limits left",
            Self::Entitlement => "entitlement",
        }
    }
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and had better be otherwise.
    Warning,
    /// It is in the way.
    Failed,
    /// Nobody looked, or could.
    NotChecked,
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// The service's code.
    pub code: Option<String>,
    /// The service's id of the request, which its support asks for.
    pub request_id: Option<String>,
    /// What it means.
    pub meaning: Option<String>,
    /// What mends it, the most likely first.
    pub mends: Vec<String>,
    /// A command that does it or goes on from it.
    pub command: Option<String>,
    /// Who has the right to do it.
    pub who: String,
    /// As coarse as an exit code.
    #[serde(skip)]
    pub kind: ErrorKind,
}

/// Says which setting comes from where.
pub(super) const SETTINGS: &str = "keyholder whoami --explain-config";

/// Whoever set up what runs here.
pub(super) const HERE: &str = "whoever sets the program and its machine up";

impl Trouble {
    /// One that no service's code stands for.
    pub(super) fn new(kind: ErrorKind, meaning: &str, mend: &str, who: &str) -> Self {
        Self {
            code: None,
            request_id: None,
            meaning: Some(meaning.to_owned()),
            mends: vec![mend.to_owned()],
            command: None,
            who: who.to_owned(),
            kind,
        }
    }

    /// The same with a command.
    pub(super) fn with_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// The same about who signs in, in the place of the documents' names. An application keeps the credential that it came
    /// with; what makes application users is nothing for a person.
    pub(super) fn about(mut self, seen: &Seen) -> Self {
        let Some(command) = self.command.take() else { return self };
        let person = for_shell(seen.sign_in_name().unwrap_or("svc-orders@contoso.com"));
        let (own, url) = (seen.client.to_string(), seen.url.as_str().trim_end_matches('/'));
        self.command = match (command.strip_prefix("keyholder app-user "), seen.is_person) {
            (Some(rest), true) if rest.starts_with("create ") => {
                Some(format!("pac admin assign-user --environment {url} --user {person} --role 'Orders integration'"))
            }
            (Some(_), true) => None,
            (Some(rest), false) if rest.starts_with("create orders-sync ") => {
                let rest = rest.trim_start_matches("create orders-sync ");
                let rest = rest.strip_suffix(" --save-env orders-sync.env").unwrap_or(rest);
                Some(format!("keyholder app-user create orders-sync --adopt {own} {rest}"))
            }
            _ => {
                let words = command.split(' ').map(|word| match word {
                    "orders-sync" => own.as_str(),
                    "svc-orders@contoso.com" => person.as_str(),
                    // Where its credential is kept, nobody here knows.
                    "orders-sync.env" | "orders-sync.pem" => "FILE",
                    other => other,
                });
                Some(words.collect::<Vec<_>>().join(" "))
            }
        };
        self
    }

    /// One of the table, by its code.
    pub(super) fn of_code(code: Code, kind: ErrorKind) -> Self {
        let told = code.explained();
        Self {
            code: Some(told.code),
            request_id: None,
            meaning: Some(told.meaning),
            mends: told.mend.map(str::to_owned).into_iter().collect(),
            command: told.command.map(str::to_owned),
            who: told.who.unwrap_or("the service's documentation says").to_owned(),
            kind,
        }
    }

    /// What an error says of itself; `who` for one without a code.
    pub(super) fn of(error: &Error, who: &str) -> Self {
        let code = code_of(error);
        let known = code.filter(|code| code.explained().is_known);
        let mut trouble = match known {
            Some(code) => Self::of_code(code, error.kind()),
            None => Self {
                code: code.map(|code| code.to_string()),
                request_id: None,
                meaning: code.map(|code| code.explained().meaning),
                mends: error.hints(),
                command: None,
                who: who.to_owned(),
                kind: error.kind(),
            },
        };
        trouble.request_id = match error {
            Error::TokenRefused(refusal) => refusal.correlation_id.clone(),
            Error::Dataverse(refusal) => refusal.request_id.clone(),
            Error::Graph(refusal) => refusal.request_id.clone(),
            _ => None,
        };
        // Which privilege, and how long to wait, only the answer itself tells.
        if let Some(refusal) = error.dataverse() {
            let said = refusal.missing_privilege.as_ref().map(keyholder_client::MissingPrivilege::sentence);
            trouble.mends.splice(0..0, said);
            let wait = refusal.retry_after.map(|wait| format!("Wait {} seconds, as the org says.", wait.as_secs()));
            trouble.mends.splice(0..0, wait);
        }
        trouble
    }
}

/// The code that a service refused with.
pub(super) fn code_of(error: &Error) -> Option<Code> {
    match error {
        Error::TokenRefused(refusal) => refusal.code.map(Code::SignIn),
        Error::Dataverse(refusal) => Code::read(&refusal.code),
        _ => None,
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What.
    pub check: Check,
    /// How it is.
    pub state: State,
    /// What was seen, or why nobody looked, in a sentence.
    pub told: String,
    /// What is wrong; nothing where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// More about it, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// The same for programs.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

impl Step {
    /// Adds a fact for programs.
    pub(super) fn fact(&mut self, name: &str, value: impl Serialize) -> &mut Self {
        self.facts.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// Names a command that goes on from it, where the table has none.
    pub(super) fn command(&mut self, command: &str) -> &mut Self {
        if let Some(trouble) = &mut self.trouble {
            trouble.command.get_or_insert_with(|| command.to_owned());
        }
        self
    }

    /// Adds a sentence.
    pub(super) fn detail(&mut self, sentence: impl Into<String>) -> &mut Self {
        self.details.push(sentence.into());
        self
    }
}

/// The steps as they come.
#[derive(Debug, Default)]
pub(super) struct Chart {
    steps: Vec<Step>,
}

impl Chart {
    fn add(&mut self, check: Check, state: State, told: impl Into<String>, trouble: Option<Trouble>) -> &mut Step {
        let at = self.steps.len();
        let step = Step { check, state, told: told.into(), trouble, details: Vec::new(), facts: Map::new() };
        self.steps.push(step);
        // What was just put in is there.
        &mut self.steps[at]
    }

    pub(super) fn ok(&mut self, check: Check, told: impl Into<String>) -> &mut Step {
        self.add(check, State::Ok, told, None)
    }

    pub(super) fn warn(&mut self, check: Check, told: impl Into<String>, trouble: Trouble) -> &mut Step {
        self.add(check, State::Warning, told, Some(trouble))
    }

    pub(super) fn fail(&mut self, check: Check, told: impl Into<String>, trouble: Trouble) -> &mut Step {
        self.add(check, State::Failed, told, Some(trouble))
    }

    /// What a service or the network came to.
    pub(super) fn fail_with(&mut self, check: Check, error: &Error, who: &str) -> &mut Step {
        self.fail(check, error.to_string(), Trouble::of(error, who))
    }

    /// Nobody could look; `why` continues "not checked: ".
    pub(super) fn unchecked(&mut self, check: Check, why: impl Into<String>) -> &mut Step {
        self.add(check, State::NotChecked, format!("not checked: {}", why.into()), None)
    }

    /// Not looked at because `blocker` comes first and failed.
    pub(super) fn skip(&mut self, checks: &[Check], blocker: Check) {
        for check in checks {
            self.unchecked(*check, format!("`{}` failed, and comes first", blocker.title()));
        }
    }

    /// In the order of the way in.
    pub(super) fn finish(mut self) -> Vec<Step> {
        self.steps.sort_by_key(|step| step.check);
        self.steps
    }
}
