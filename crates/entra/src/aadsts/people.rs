//! Sentences about people who sign in, and about what they consented to.

use keyholder_foundation::{ClientId, TenantId};

use super::{Problem, quoted};

/// 50126: the password is wrong.
#[must_use]
pub fn wrong_password() -> Problem {
    Problem::new(50_126, "Error validating credentials due to invalid username or password.")
}

/// 50034: no such person. `directory` is the tenant's id, or the word that stood for it.
#[must_use]
pub fn user_not_found(user: &str, directory: &str) -> Problem {
    Problem::new(
        50_034,
        &format!(
            "The user account {} does not exist in the {} directory. To sign into this application, the account must \
             be added to the directory.",
            quoted(user),
            quoted(directory)
        ),
    )
}

/// 50053: too many wrong passwords.
#[must_use]
pub fn account_locked() -> Problem {
    Problem::new(
        50_053,
        "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
    )
}

/// 50055: the password has expired or must be changed.
#[must_use]
pub fn password_expired() -> Problem {
    Problem::new(50_055, "The password is expired.").with_suberror("user_password_expired")
}

/// 50052: the new password does not do. `detail` says why, in our own words.
#[must_use]
pub fn password_unacceptable(detail: &str) -> Problem {
    Problem::new(50_052, &format!("The new password does not meet the requirements. {}", quoted(detail)))
}

/// 50056: the person has no password.
#[must_use]
pub fn password_missing() -> Problem {
    Problem::new(50_056, "Invalid or missing password: password does not exist in the directory for this user.")
}

/// 50057: the person may not sign in.
#[must_use]
pub fn account_disabled() -> Problem {
    Problem::new(50_057, "The user account is disabled.")
}

/// 50076: a second factor is demanded to reach `resource`.
#[must_use]
pub fn multi_factor_required(resource: &str, policy: uuid::Uuid) -> Problem {
    let sentence = format!(
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must \
         use multi-factor authentication to access '{}'.",
        quoted(resource)
    );
    demanded(50_076, &sentence, policy)
}

/// 50079: a second factor must be registered to reach `resource`.
#[must_use]
pub fn multi_factor_registration_required(resource: &str, policy: uuid::Uuid) -> Problem {
    let sentence = format!(
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must \
         enroll in multi-factor authentication to access '{}'.",
        quoted(resource)
    );
    demanded(50_079, &sentence, policy)
}

fn demanded(number: u32, sentence: &str, policy: uuid::Uuid) -> Problem {
    let mut problem = Problem::new(number, sentence).with_suberror("basic_action");
    problem.claims = Some(format!(r#"{{"access_token":{{"capolids":{{"essential":true,"values":["{policy}"]}}}}}}"#));
    problem
}

/// 53003: a policy of the tenant forbids the sign-in.
#[must_use]
pub fn blocked_by_policy() -> Problem {
    Problem::new(
        53_003,
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    )
    .with_suberror("message_only")
}

/// 65001: nobody has consented.
#[must_use]
pub fn consent_required(application: ClientId, name: &str) -> Problem {
    Problem::new(
        65_001,
        &format!(
            "The user or administrator has not consented to use the application with ID '{application}' named '{}'. \
             Send an interactive authorization request for this user and resource.",
            quoted(name)
        ),
    )
    .with_suberror("consent_required")
}

/// 65004: the person declined to consent.
#[must_use]
pub fn consent_declined(application: ClientId, name: &str) -> Problem {
    Problem::new(
        65_004,
        &format!("User declined to consent to access the app '{application}' named '{}'.", quoted(name)),
    )
}

/// 90094: only an administrator may consent.
#[must_use]
pub fn administrator_consent_required(application: ClientId, name: &str) -> Problem {
    Problem::new(
        90_094,
        &format!(
            "The grant requires admin permission: the application '{application}' named '{}' needs an administrator's \
             consent in this directory.",
            quoted(name)
        ),
    )
}

/// 65002: one of Microsoft's own clients asks for a permission that it was never given.
#[must_use]
pub fn not_preauthorized(application: ClientId, resource: &str) -> Problem {
    Problem::new(
        65_002,
        &format!(
            "Consent between first party application '{application}' and first party resource '{}' must be configured \
             via preauthorization - applications owned and operated by Microsoft must get approval from the API owner \
             before requesting tokens for that API.",
            quoted(resource)
        ),
    )
}

/// 650053: the resource offers no such permission.
#[must_use]
pub fn permission_unknown(application: &str, scope: &str, resource: &str) -> Problem {
    Problem::new(
        650_053,
        &format!(
            "The application '{}' asked for scope '{}' that doesn't exist on the resource '{}'. Contact the app \
             vendor.",
            quoted(application),
            quoted(scope),
            quoted(resource)
        ),
    )
}

/// 650057: the registration does not ask for the resource.
#[must_use]
pub fn resource_not_requested(
    application: ClientId,
    requested: &str,
    resource: Option<ClientId>,
    listed: &[ClientId],
) -> Problem {
    let listed: Vec<_> = listed.iter().map(ToString::to_string).collect();
    Problem::new(
        650_057,
        &format!(
            "Invalid resource. The client has requested access to a resource which is not listed in the requested \
             permissions in the client's application registration. Client app ID: {application}. Resource value from \
             request: {}. Resource app ID: {}. List of valid resources from app registration: {}.",
            quoted(requested),
            resource.map_or_else(String::new, |client| client.to_string()),
            listed.join(", ")
        ),
    )
}

/// 501051: the resource wants an assignment that the application does not have.
#[must_use]
pub fn assignment_required(application: ClientId, resource: &str) -> Problem {
    Problem::new(
        501_051,
        &format!("Application '{application}' is not assigned to a role for the application '{}'.", quoted(resource)),
    )
}

/// 50105: the application is for the assigned only, and the person is not among them.
#[must_use]
pub fn person_not_assigned(application: ClientId, name: &str, user: &str) -> Problem {
    Problem::new(
        50_105,
        &format!(
            "Your administrator has configured the application {} ('{application}') to block users unless they are \
             specifically granted ('assigned') access to the application. The signed in user '{}' is blocked because \
             they are not a direct member of a group with access, nor had access directly assigned by an \
             administrator. Please contact your administrator to assign access to this application.",
            quoted(name),
            quoted(user)
        ),
    )
}

/// 9001023: username and password where no tenant is named.
#[must_use]
pub fn password_needs_tenant() -> Problem {
    Problem::new(
        9_001_023,
        "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or \
         tenant-specific endpoint.",
    )
}

/// 50194: an application of one tenant where any tenant is asked.
#[must_use]
pub fn not_multi_tenant(application: ClientId, name: &str) -> Problem {
    Problem::new(
        50_194,
        &format!(
            "Application '{application}'({}) is not configured as a multi-tenant application. Usage of the /common \
             endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or \
             configure the application to be multi-tenant.",
            quoted(name)
        ),
    )
}

/// 50020: the signed-in account is another tenant's.
#[must_use]
pub fn account_of_another_tenant(user: &str, tenant: &str) -> Problem {
    Problem::new(
        50_020,
        &format!(
            "User account '{}' does not exist in tenant '{}' and cannot access the application in that tenant. The \
             account needs to be added as an external user in the tenant first.",
            quoted(user),
            quoted(tenant)
        ),
    )
}

/// 50058: nobody is signed in, and nobody may be asked.
#[must_use]
pub fn nobody_signed_in() -> Problem {
    Problem::new(
        50_058,
        "A silent sign-in request was sent but no user is signed in. The request must be sent with a prompt.",
    )
}

/// 700025: a credential of a client that has none.
#[must_use]
pub fn public_client_credential() -> Problem {
    Problem::new(700_025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
}

/// 700016's sibling for the sign-in page: an application that this tenant has not let in.
#[must_use]
pub fn application_not_in_tenant(application: ClientId, tenant: TenantId) -> Problem {
    super::application_not_found(&application.to_string(), &tenant.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::explain;
    use super::*;

    #[test]
    fn every_sentence_has_its_number_in_the_table() {
        let id = ClientId(uuid::Uuid::nil());
        for problem in [
            wrong_password(),
            user_not_found("u", "t"),
            account_locked(),
            password_expired(),
            password_unacceptable("d"),
            password_missing(),
            account_disabled(),
            multi_factor_required("r", uuid::Uuid::nil()),
            multi_factor_registration_required("r", uuid::Uuid::nil()),
            blocked_by_policy(),
            consent_required(id, "n"),
            consent_declined(id, "n"),
            administrator_consent_required(id, "n"),
            permission_unknown("a", "s", "r"),
            resource_not_requested(id, "r", Some(id), &[id]),
            assignment_required(id, "r"),
            person_not_assigned(id, "n", "u"),
            password_needs_tenant(),
            not_multi_tenant(id, "n"),
            account_of_another_tenant("u", "t"),
            nobody_signed_in(),
            public_client_credential(),
            application_not_in_tenant(id, TenantId(uuid::Uuid::nil())),
        ] {
            let entry = explain(problem.number()).unwrap_or_else(|| panic!("{} is not in the table", problem.number()));
            assert_eq!((entry.error, entry.status), (problem.error(), problem.status()));
        }
    }

    #[test]
    fn the_claims_of_a_demand_are_json() {
        let problem = multi_factor_required("r", uuid::Uuid::nil());
        let claims: serde_json::Value = serde_json::from_str(problem.claims().unwrap()).unwrap();
        assert_eq!(claims["access_token"]["capolids"]["essential"], true);
        assert_eq!(problem.suberror(), Some("basic_action"));
    }
}
