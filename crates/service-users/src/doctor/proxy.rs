//! Which proxy is between here and the org, by the environment, as the transport reads it.

use url::Url;

/// What the environment says of a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// The org is on this machine: never through one.
    Beside,
    /// None is set.
    None,
    /// One is set, and the org is among the hosts that `NO_PROXY` excepts.
    Excepted,
    /// This one: its host and port, without what it is signed in to with.
    Through {
        /// `http://proxy.example:8080`
        address: String,
        /// The variable that says so.
        variable: &'static str,
    },
}

/// In the order in which they count for https.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

impl Proxy {
    /// Reads the environment.
    pub fn of(url: &Url, environment: impl Fn(&'static str) -> Option<String>) -> Self {
        if keyholder_client::transport::is_loopback(url) {
            return Self::Beside;
        }
        let set = |name: &'static str| environment(name).filter(|value| !value.trim().is_empty());
        let Some((variable, value)) = VARIABLES.into_iter().find_map(|name| Some((name, set(name)?))) else {
            return Self::None;
        };
        let exceptions = set("NO_PROXY").or_else(|| set("no_proxy")).unwrap_or_default();
        if url.host_str().is_some_and(|host| is_excepted(host, &exceptions)) {
            return Self::Excepted;
        }
        Self::Through { address: address(value.trim()), variable }
    }
}

/// Host and port alone: a proxy's address may have a password in it.
fn address(value: &str) -> String {
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    match Url::parse(&whole) {
        Ok(url) if url.host_str().is_some() => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
        }
        _ => "an address that cannot be read".to_owned(),
    }
}

/// Names, and what ends in them.
fn is_excepted(host: &str, exceptions: &str) -> bool {
    let host = host.to_ascii_lowercase();
    exceptions.split(',').map(|item| item.trim().to_ascii_lowercase()).filter(|item| !item.is_empty()).any(|item| {
        let name = item.trim_start_matches('.');
        item == "*" || host == name || host.strip_suffix(name).is_some_and(|start| start.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_is_told_without_its_password() {
        let org = Url::parse("https://contoso.crm4.dynamics.com").unwrap();
        let of = |url: &Url, set: &[(&str, &str)]| {
            Proxy::of(url, |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of(&org, &[]), Proxy::None);
        let through =
            of(&org, &[("HTTPS_PROXY", "http://me:hunter2@proxy.example:8080/"), ("NO_PROXY", "crm5.dynamics.com")]);
        let address = "http://proxy.example:8080".to_owned();
        assert_eq!(through, Proxy::Through { address, variable: "HTTPS_PROXY" });
        for exception in ["*", "dynamics.com", ".crm4.dynamics.com", "x, contoso.crm4.dynamics.com"] {
            assert_eq!(of(&org, &[("all_proxy", "proxy:1"), ("no_proxy", exception)]), Proxy::Excepted, "{exception}");
        }
        assert_eq!(of(&Url::parse("https://localhost:8443").unwrap(), &[("HTTPS_PROXY", "p:1")]), Proxy::Beside);
    }
}
