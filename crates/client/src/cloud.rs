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
/// Orgs of the US government's cloud that signs in with the public one.
const GCC_ORGS: &str = ".crm9.dynamics.com";
/// What tokens for Power Platform's administration are asked for in the public cloud.
pub(crate) const POWER_PLATFORM_SCOPE: &str = "https://service.powerapps.com/.default";

/// One of Microsoft's clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The public one.
    Public,
    /// The US government's that signs in with the public one.
    Gcc,
    /// The US government's for data that need more care.
    GccHigh,
    /// The US Department of Defense's.
    Dod,
    /// China's, which 21Vianet runs.
    China,
}

impl Cloud {
    /// The cloud of an org by its host; nothing for a host that is no org of Microsoft's.
    ///
    /// ```
    /// use keyholder_client::cloud::Cloud;
    /// assert_eq!(Cloud::of_org("contoso.crm4.dynamics.com"), Some(Cloud::Public));
    /// assert_eq!(Cloud::of_org("contoso.crm9.dynamics.com"), Some(Cloud::Gcc));
    /// assert_eq!(Cloud::of_org("localhost"), None);
    /// ```
    #[must_use]
    pub fn of_org(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let ends = |end: &str| host.strip_suffix(end).is_some_and(|name| !name.is_empty());
        let is_region =
            |rest: &str| rest.strip_prefix("crm").is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
        if ends(GCC_ORGS) {
            Some(Self::Gcc)
        } else if ends(".crm.microsoftdynamics.us") {
            Some(Self::GccHigh)
        } else if ends(DOD_ORGS) {
            Some(Self::Dod)
        } else if ends(".crm.dynamics.cn") {
            Some(Self::China)
        } else {
            let region = host.strip_suffix(".dynamics.com").and_then(|rest| rest.rsplit('.').next());
            region.is_some_and(is_region).then_some(Self::Public)
        }
    }

    /// The host of its discovery service.
    #[must_use]
    pub const fn discovery_host(self) -> &'static str {
        match self {
            Self::Public => "globaldisco.crm.dynamics.com",
            Self::Gcc => "globaldisco.crm9.dynamics.com",
            Self::GccHigh => "globaldisco.crm.microsoftdynamics.us",
            Self::Dod => "globaldisco.crm.appsplatform.us",
            Self::China => "globaldisco.crm.dynamics.cn",
        }
    }
}

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

/// Power Platform's administration in the cloud of a login host, for an org at `org_host`: the
/// service's host and what tokens for it are asked for; nothing when the login host is not one of
/// Microsoft's. The org's own host tells the US government's clouds apart.
#[must_use]
pub fn power_platform(login: &Url, org_host: Option<&str>) -> Option<(&'static str, &'static str)> {
    let org = org_host.unwrap_or_default().to_ascii_lowercase();
    Some(match graph_host(login, org_host)? {
        DOD_GRAPH => ("api.bap.appsplatform.us", "https://service.apps.appsplatform.us/.default"),
        "graph.microsoft.us" => ("high.api.bap.microsoft.us", "https://high.service.powerapps.us/.default"),
        "microsoftgraph.chinacloudapi.cn" => {
            ("api.bap.partner.microsoftonline.cn", "https://service.powerapps.cn/.default")
        }
        // GCC signs in with everybody else.
        _ if org.ends_with(GCC_ORGS) => ("gov.api.bap.microsoft.us", "https://gov.service.powerapps.us/.default"),
        _ => ("api.bap.microsoft.com", POWER_PLATFORM_SCOPE),
    })
}

/// The audience that a federated token has to name for the cloud of a login host ("Workload identity
/// federation"): the public cloud's where the host is not one of Microsoft's.
#[must_use]
pub fn token_exchange_audience(login: &Url) -> &'static str {
    match graph_host(login, None) {
        Some("graph.microsoft.us") => "api://AzureADTokenExchangeUSGov",
        Some("microsoftgraph.chinacloudapi.cn") => "api://AzureADTokenExchangeChina",
        _ => "api://AzureADTokenExchange",
    }
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

    #[test]
    fn power_platform_is_administered_in_the_orgs_own_cloud() {
        let host =
            |login: &str, org: &str| power_platform(&Url::parse(login).unwrap(), Some(org)).map(|(host, _)| host);
        let public = "https://login.microsoftonline.com/";
        assert_eq!(host(public, "a.crm4.dynamics.com"), Some("api.bap.microsoft.com"));
        assert_eq!(host(public, "a.crm9.dynamics.com"), Some("gov.api.bap.microsoft.us"));
        assert_eq!(host("https://login.microsoftonline.us/", "a.crm.appsplatform.us"), Some("api.bap.appsplatform.us"));
        let high = host("https://login.microsoftonline.us/", "a.crm.microsoftdynamics.us");
        assert_eq!(high, Some("high.api.bap.microsoft.us"));
        let china = host("https://login.partner.microsoftonline.cn/", "a.crm.dynamics.cn");
        assert_eq!(china, Some("api.bap.partner.microsoftonline.cn"));
        assert_eq!(host("https://localhost:8443/", "localhost"), None);
    }
}
