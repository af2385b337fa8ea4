//! What would let something be read that was not, by what the service answered: the right that is missing is one reason of
//! several.

use keyholder_client::{Error as ClientError, ErrorKind};

/// Graph's code where the tenant's plan has no such report.
const NO_PLAN: &str = "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
/// Dataverse's code for an address of nothing.
const NO_SUCH_RESOURCE: &str = "0x80060888";
/// What an application's permission does nothing without.
const CONSENT: &str = "an administrator's consent to it: Entra admin center, App registrations, the application, API permissions, \
    Grant admin consent";

/// What would let it be read, the best first. `rights` are those that reading it takes.
pub(super) fn of(error: &ClientError, rights: &[&str]) -> Vec<String> {
    let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<String>>();
    match error {
        ClientError::Graph(refusal) if refusal.code == NO_PLAN => texts(&[
            "a Microsoft Entra ID P1 plan for the tenant: without one there is no such report, whatever the caller may read; \
                until then accept the finding in a baseline",
        ]),
        ClientError::Graph(refusal) if refusal.status == 403 => {
            let takes_consent = rights.iter().any(|right| right.contains("permission"));
            let consent = takes_consent.then_some(CONSENT);
            texts(&rights.iter().copied().chain(consent).collect::<Vec<_>>())
        }
        _ if is_not_served(error) => texts(&[
            "no right helps, as this service does not have what was asked for: look at it by hand where it is, and accept the \
                finding in a baseline",
        ]),
        _ if error.is_missing() => texts(&["audit again: what was there a moment ago is gone"]),
        ClientError::Dataverse(refusal) if refusal.status == 403 && !rights.is_empty() => texts(rights),
        ClientError::Graph(refusal) if refusal.status == 401 => {
            texts(&["sign in anew: the directory takes the token no more"])
        }
        _ if error.kind() == ErrorKind::OutOfReach || is_broken(error) => {
            let mut mends = error.hints();
            mends.push("audit again later: nothing is wrong with the caller's rights".to_owned());
            mends
        }
        _ => error.hints(),
    }
}

/// Whether the service knows nothing of that kind: another cloud, an older version, a local org.
fn is_not_served(error: &ClientError) -> bool {
    match error {
        // A thing that is gone is a 404 too, and bears another text.
        ClientError::Graph(refusal) => {
            refusal.status == 501
                || matches!(refusal.status, 400 | 404) && refusal.message.contains("not found for the segment")
        }
        ClientError::Dataverse(refusal) => refusal.status == 501 || refusal.code == NO_SUCH_RESOURCE,
        _ => false,
    }
}

/// Whether the service failed by itself.
fn is_broken(error: &ClientError) -> bool {
    let status = error.graph().map(|one| one.status).or_else(|| error.dataverse().map(|one| one.status));
    status.is_some_and(|status| status >= 500)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;
    use keyholder_client::{DataverseRefusal, GraphRefusal};

    use super::*;

    const RIGHT: &str = "the Microsoft Graph permission AuditLog.Read.All";

    fn answer(status: u16, code: &str, message: &str) -> Response<Bytes> {
        let body = serde_json::json!({"error": {"code": code, "message": message}});
        Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
    }

    fn graph(status: u16, code: &str, message: &str) -> String {
        let refusal = GraphRefusal::read("GET x", &answer(status, code, message)).unwrap();
        of(&ClientError::Graph(Box::new(refusal)), &[RIGHT]).join("; ")
    }

    fn org(status: u16, code: &str, message: &str) -> String {
        let refusal = DataverseRefusal::read("GET x", &answer(status, code, message)).unwrap();
        of(&ClientError::Dataverse(Box::new(refusal)), &["the privilege `prvReadRole`"]).join("; ")
    }

    #[test]
    fn what_helps_follows_from_what_was_answered() {
        let denied = graph(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.");
        assert!(denied.starts_with(RIGHT) && denied.contains("consent"), "{denied}");
        let no_plan = graph(403, NO_PLAN, "Neither tenant is B2C or tenant doesn't have premium license");
        assert!(no_plan.contains("Entra ID P1") && !no_plan.contains(RIGHT), "{no_plan}");
        for (status, code) in [(400, "BadRequest"), (404, "ResourceNotFound"), (501, "NotImplemented")] {
            let absent = graph(status, code, "Resource not found for the segment 'identity'.");
            assert!(absent.contains("no right helps") && !absent.contains(RIGHT), "{absent}");
        }
        let gone = graph(404, "Request_ResourceNotFound", "Resource 'x' does not exist.");
        assert!(gone.contains("audit again") && !gone.contains(RIGHT), "{gone}");
        for (status, code) in [(503, "ServiceUnavailable"), (500, "InternalServerError"), (429, "TooManyRequests")] {
            let later = graph(status, code, "no");
            assert!(later.contains("later") && !later.contains(RIGHT), "{later}");
        }
        assert!(org(403, "0x80040220", "no").contains("prvReadRole"));
        let old = org(404, NO_SUCH_RESOURCE, "Resource not found for the segment 'x'.");
        assert!(old.contains("no right helps") && !old.contains("prvReadRole"), "{old}");
        let absent = keyholder_client::TokenRefusal {
            status: 400,
            error: "invalid_resource".to_owned(),
            code: Some(500_011),
            description: String::new(),
            correlation_id: None,
            retry_after: None,
            authority: "https://login.microsoftonline.com".to_owned(),
        };
        let absent = of(&ClientError::TokenRefused(Box::new(absent)), &[RIGHT]).join("; ");
        assert!(!absent.is_empty() && !absent.contains(RIGHT), "{absent}");
    }
}
