//! What a token is asked for: v1's `resource`, or v2's `scope`, which mixes permissions of a
//! resource with OpenID Connect's own words.
//!
//! A permission is written `<resource>/<permission>`; `<resource>/.default` means all that were
//! consented to. The resource is what stands before the last slash, to the letter, so that
//! `https://org//.default` means the address with its slash. A permission alone is Graph's.

use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::well_known;

/// What is asked for when somebody signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The resource as it was written; Graph's id when only OpenID Connect's words came.
    pub(super) resource: String,
    pub(super) permissions: Permissions,
    /// Whether the permissions came without their resource.
    pub(super) bare: bool,
    pub(super) openid: bool,
    pub(super) profile: bool,
    pub(super) email: bool,
    pub(super) offline_access: bool,
    /// All of it in the form of v2's parameter.
    pub(super) text: String,
}

/// Which of a resource's permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Permissions {
    /// All that were consented to.
    Default,
    /// These; none when it is only about who signs in.
    Named(Vec<String>),
}

/// What becomes of permissions of a second resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Several {
    /// They are refused.
    Refused,
    /// Those of the first one count.
    FirstCounts,
}

/// One word of a scope.
enum Word<'a> {
    OpenId(&'a str),
    Permission { resource: Option<&'a str>, name: &'a str },
}

fn word(text: &str) -> Result<Word<'_>, Problem> {
    if matches!(text, "openid" | "profile" | "email" | "offline_access") {
        return Ok(Word::OpenId(text));
    }
    let malformed = || aadsts::scope_malformed(text);
    let (resource, name) = match text.rsplit_once('/') {
        Some((resource, name)) => (Some(resource), name),
        None => (None, text),
    };
    // `https://org` alone is an address, not a permission.
    if name.is_empty() || resource.is_some_and(|resource| resource.is_empty() || resource.ends_with(":/")) {
        return Err(malformed());
    }
    Ok(Word::Permission { resource, name })
}

impl Asked {
    /// Reads v2's `scope`.
    pub(super) fn parse(scope: &str, several: Several) -> Result<Self, Problem> {
        let mut asked = Self {
            resource: String::new(),
            permissions: Permissions::Named(Vec::new()),
            bare: false,
            openid: false,
            profile: false,
            email: false,
            offline_access: false,
            text: scope.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let graph = well_known::MICROSOFT_GRAPH_RESOURCE;
        let mut first: Option<&str> = None;
        let (mut names, mut default) = (Vec::new(), false);
        for text in scope.split_whitespace() {
            let (resource, name) = match word(text)? {
                Word::OpenId("openid") => {
                    asked.openid = true;
                    continue;
                }
                Word::OpenId("profile") => {
                    asked.profile = true;
                    continue;
                }
                Word::OpenId("email") => {
                    asked.email = true;
                    continue;
                }
                Word::OpenId(_) => {
                    asked.offline_access = true;
                    continue;
                }
                Word::Permission { resource, name } => (resource, name),
            };
            let found = resource.unwrap_or(graph);
            match first {
                None => {
                    first = Some(found);
                    asked.bare = resource.is_none();
                }
                Some(first) if first == found => {}
                Some(_) if several == Several::FirstCounts => continue,
                Some(_) => return Err(aadsts::several_resources(scope)),
            }
            if name == ".default" {
                default = true;
            } else if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        if asked.text.is_empty() {
            return Err(aadsts::scope_empty());
        }
        if default && !names.is_empty() {
            return Err(aadsts::scope_malformed(scope));
        }
        asked.permissions = if default { Permissions::Default } else { Permissions::Named(names) };
        asked.resource = first.map_or_else(|| well_known::MICROSOFT_GRAPH.to_string(), str::to_owned);
        Ok(asked)
    }

    /// What v1's `resource` asks for.
    pub(super) fn of_resource(resource: &str) -> Self {
        Self {
            resource: resource.to_owned(),
            permissions: Permissions::Default,
            bare: false,
            openid: true,
            profile: true,
            email: false,
            offline_access: true,
            text: format!("{resource}/.default openid profile offline_access"),
        }
    }

    /// What is granted, in the form of v2's `scope`.
    pub(super) fn granted(&self, permissions: &[String]) -> String {
        let mut words: Vec<String> = Vec::new();
        for name in permissions.iter().filter(|name| !matches!(name.as_str(), "openid" | "profile" | "email")) {
            words.push(if self.bare { name.clone() } else { format!("{}/{name}", self.resource) });
        }
        if self.permissions == Permissions::Default {
            words.push(format!("{}/.default", self.resource));
        }
        for (asked, name) in [(self.openid, "openid"), (self.profile, "profile"), (self.email, "email")] {
            if asked {
                words.push(name.to_owned());
            }
        }
        words.join(" ")
    }
}

/// The resource of the one scope that an application may ask for itself: everything before the last
/// `/.default`.
pub(super) fn resource_of(scope: &str) -> Result<&str, Problem> {
    let mut scopes = scope.split_whitespace();
    let first = scopes.next().ok_or_else(aadsts::scope_empty)?;
    let resource = |one: &'_ str| one.strip_suffix("/.default").map(str::len);
    if std::iter::once(first).chain(scopes.clone()).any(|one| resource(one).is_none()) {
        return Err(aadsts::scope_without_default(scope));
    }
    if scopes.any(|other| other != first) {
        return Err(aadsts::several_resources(scope));
    }
    let resource = first.strip_suffix("/.default").unwrap_or(first);
    if resource.is_empty() { Err(aadsts::scope_malformed(scope)) } else { Ok(resource) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_resource_is_what_stands_before_the_last_default() {
        assert_eq!(resource_of("https://org/.default").unwrap(), "https://org");
        assert_eq!(resource_of("https://org//.default").unwrap(), "https://org/");
        assert_eq!(resource_of(" a/.default a/.default ").unwrap(), "a");
        for (scope, number) in [
            ("", 28_003),
            ("  ", 28_003),
            ("https://org/user_impersonation", 1_002_012),
            (".default", 1_002_012),
            ("a/.default openid", 1_002_012),
            ("a/.default b/.default", 700_022),
            ("/.default", 70_011),
        ] {
            assert_eq!(resource_of(scope).unwrap_err().number(), number, "{scope}");
        }
    }

    #[test]
    fn a_persons_scope_mixes_permissions_and_openid() {
        let parse = |scope| Asked::parse(scope, Several::Refused);
        let asked = parse("https://org//user_impersonation openid offline_access").unwrap();
        assert_eq!(asked.resource, "https://org/");
        assert_eq!(asked.permissions, Permissions::Named(vec!["user_impersonation".to_owned()]));
        assert!(asked.openid && asked.offline_access && !asked.profile);
        let granted = asked.granted(&["user_impersonation".to_owned()]);
        assert_eq!(granted, "https://org//user_impersonation openid");

        let asked = parse("User.Read profile").unwrap();
        assert_eq!((asked.resource.as_str(), asked.bare), ("https://graph.microsoft.com", true));
        assert_eq!(asked.granted(&["User.Read".to_owned()]), "User.Read profile");

        let asked = parse("openid").unwrap();
        assert_eq!(asked.resource, "00000003-0000-0000-c000-000000000000");
        assert_eq!(asked.permissions, Permissions::Named(Vec::new()));

        let v1 = Asked::of_resource("https://org/");
        let again = parse(&v1.text).unwrap();
        assert_eq!((again.resource, again.permissions), (v1.resource, v1.permissions));

        for (scope, number) in [
            ("", 28_003),
            ("https://org", 70_011),
            ("https://org/", 70_011),
            ("a/x b/y", 700_022),
            ("a/.default a/x", 70_011),
        ] {
            assert_eq!(parse(scope).unwrap_err().number(), number, "{scope}");
        }
        assert_eq!(Asked::parse("a/x b/y", Several::FirstCounts).unwrap().resource, "a");
    }

    proptest! {
        #[test]
        fn any_scope_is_read_without_panic(scope: String) {
            let _ = resource_of(&scope);
            let _ = resource_of(&format!("{scope}/.default"));
            if let Ok(asked) = Asked::parse(&scope, Several::Refused) {
                prop_assert_eq!(Asked::parse(&asked.text, Several::Refused), Ok(asked));
            }
        }

        #[test]
        fn a_resource_survives_its_scope(resource in "https://[a-z]{1,9}(/[a-z]{0,5}){0,3}") {
            let asked = Asked::parse(&format!("{resource}/.default"), Several::Refused).unwrap();
            prop_assert_eq!(&asked.resource, &resource);
            let asked = Asked::parse(&format!("openid {resource}/a {resource}/b"), Several::Refused).unwrap();
            prop_assert_eq!(&asked.resource, &resource);
        }
    }
}
