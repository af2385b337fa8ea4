//! Microsoft's clouds by their hosts: where each signs in, and where its directory answers.
//!
//! Sources: "National cloud deployments" (Microsoft Graph) and "Datacenter regions" (Power
//! Platform). The table decides which login hosts may be sent a secret without anybody vouching
//! for them, so it holds exact names, never patterns.

use url::Url;

/// Login hosts and the Graph host of their cloud. The US government's two clouds share a login
/// host; the org's own host tells them apart ([`graph_host`]).
const CLOUDS: [(&str, &str); 7] = [
    ("login.microsoftonline.com", "graph.microsoft.com"),
    ("login.windows.net", "graph.microsoft.com"),
    ("login.microsoft.com", "graph.microsoft.com"),
    ("sts.windows.net", "graph.microsoft.com"),
    ("login.microsoftonline.us", "graph.microsoft.us"),
    ("login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn"),
    ("login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
];

/// Orgs of the US Department of Defense.
const DOD_ORGS: &str = ".crm.appsplatform.us";
const DOD_GRAPH: &str = "dod-graph.microsoft.us";

/// Whether Microsoft's token service runs at that URL: https, the standard port, a known host.
#[must_use]
pub fn is_microsoft_login(url: &Url) -> bool {
    url.scheme() == "https"
        && url.port().is_none()
        && url.host_str().is_some_and(|host| CLOUDS.iter().any(|(login, _)| host.eq_ignore_ascii_case(login)))
}

/// The Graph host of the cloud of a login host, for an org at `org_host`; nothing when it is not
/// one of Microsoft's.
#[must_use]
pub fn graph_host(login: &Url, org_host: Option<&str>) -> Option<&'static str> {
    if !is_microsoft_login(login) {
        return None;
    }
    let host = login.host_str()?;
    let (login, graph) = CLOUDS.iter().find(|(login, _)| host.eq_ignore_ascii_case(login))?;
    let dod = *login == "login.microsoftonline.us"
        && org_host.is_some_and(|org| org.to_ascii_lowercase().ends_with(DOD_ORGS));
    Some(if dod { DOD_GRAPH } else { graph })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_hosts_are_microsofts() {
        let is = |text: &str| is_microsoft_login(&Url::parse(text).unwrap());
        assert!(is("https://login.microsoftonline.com/x"));
        assert!(is("https://LOGIN.windows.net:443/"));
        for no in [
            "http://login.microsoftonline.com/",
            "https://login.microsoftonline.com:8443/",
            "https://login.microsoftonline.com.evil.example/",
            "https://login.microsoftonline.com@evil.example/",
            "https://evil.example/login.microsoftonline.com",
        ] {
            assert!(!is(no), "{no}");
        }
    }

    #[test]
    fn the_two_us_clouds_are_told_apart_by_the_org() {
        let login = Url::parse("https://login.microsoftonline.us/").unwrap();
        assert_eq!(graph_host(&login, Some("a.crm.microsoftdynamics.us")), Some("graph.microsoft.us"));
        assert_eq!(graph_host(&login, Some("a.crm.appsplatform.us")), Some("dod-graph.microsoft.us"));
        assert_eq!(graph_host(&Url::parse("https://localhost/").unwrap(), None), None);
    }
}
