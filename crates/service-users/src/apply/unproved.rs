//! Ways in that nobody here can prove: why, and where it can be done.

use super::{Run, Unproved};
use crate::declaration::{Credential, Federation, federation};

/// What is said of one declared user.
pub(super) fn of(run: &Run<'_>, name: &str) -> Option<Unproved> {
    let user = run.declaration.application_users.get(name)?;
    let url = run.declaration.home(name)?.1.url.to_string();
    let client_id = run.known().registrations.get(name).map(|registration| registration.client_id);
    let id = client_id.map_or_else(|| "CLIENT-ID".to_owned(), |id| id.to_string());
    let federated = user.credentials.iter().find_map(|credential| match credential {
        Credential::Federated(accepted) => Some(accepted),
        _ => None,
    });
    let (reason, how) = match (federated, user.credentials.first()) {
        (Some(accepted), _) => (
            format!("nobody here has a token of {} about {}", accepted.issuer, accepted.subject),
            format!("where it runs: `keyholder whoami {} --client-id {id} --url {url}`", source(accepted)),
        ),
        (None, Some(_)) => (
            "its credential was handed to a program, which does not give it back".to_owned(),
            "where it is kept: `keyholder whoami --env-file FILE`".to_owned(),
        ),
        (None, None) => (
            "it has no declared credential: others look after that".to_owned(),
            format!("with its own credential: `keyholder whoami --client-id {id} --url {url}`"),
        ),
    };
    Some(Unproved { item: name.to_owned(), client_id, url, reason, how })
}

/// The flag with which `whoami` gets a token of that issuer.
fn source(accepted: &Federation) -> &'static str {
    if accepted.issuer == federation::GITHUB {
        "--federated github"
    } else if accepted.subject.starts_with("sc://") || accepted.subject.contains("/sc/") {
        "--federated azure-devops"
    } else {
        "--federated-token-file FILE"
    }
}
