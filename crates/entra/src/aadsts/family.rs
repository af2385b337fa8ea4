//! What a number is about that the table does not have, by its neighbours.
//!
//! Microsoft gives numbers in groups: a longer number often refines a shorter one that it begins with (`50011`,
//! `500112`). A reading of the published list, which says so nowhere.

/// What the errors that begin as `number` does are about, in words; nothing where the published list has no such group.
#[must_use]
pub fn family(number: u32) -> Option<&'static str> {
    // The longest beginning that is known decides.
    let digits = number.to_string();
    FAMILIES
        .iter()
        .filter(|(start, _)| digits.starts_with(start))
        .max_by_key(|(start, _)| start.len())
        .map(|found| found.1)
}

const FAMILIES: &[(&str, &str)] = &[
    ("16", "choosing among accounts that are signed in"),
    ("28", "the scope that was asked for"),
    ("40", "another identity provider that the tenant relies on"),
    ("50", "the sign-in: the account, its password, its session, or the redirect address"),
    ("500", "the sign-in or the resource that a token was asked for"),
    ("501", "the sign-in or the resource that a token was asked for"),
    ("51", "the account that signs in"),
    ("53", "Conditional Access: a rule of the tenant forbids the sign-in"),
    ("54", "a code that was redeemed before"),
    ("65", "consent and API permissions"),
    ("70", "the grant: its kind, its code, its refresh token or its scope"),
    ("700", "the application and what it proves itself with"),
    ("7000", "the application's own credential, or its service principal"),
    ("7002", "a federated credential of the application"),
    ("75", "a request in the SAML protocol"),
    ("80", "sign-in through the tenant's own servers"),
    ("90", "the request: its tenant, its parameters, or the service itself"),
    ("900", "a parameter of the request, or the cloud that was asked"),
    ("1000", "a value or a limit of the request"),
    ("1002", "the scope that was asked for"),
    ("120", "changing or resetting a password"),
    ("130", "signing in by a key or a temporary pass"),
    ("135", "a device"),
    ("240", "users that are synchronised"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_decides() {
        assert!(family(7_000_299).is_some_and(|words| words.contains("credential")));
        assert!(family(53_999).is_some_and(|words| words.contains("Conditional Access")));
        assert_eq!(family(1), None);
        for known in crate::aadsts::explanations() {
            assert!(family(known.number).is_some() || known.number.to_string().starts_with('9'), "{}", known.number);
        }
    }
}
