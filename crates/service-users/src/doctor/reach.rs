//! From this machine to an org that says where to sign in.

use keyholder_client::error::Unreachable;
use keyholder_client::{ConfigurationError, Error, ErrorKind};
use url::Host;

use super::proxy::Proxy;
use super::seen::Seen;
use super::step::{Chart, Check, HERE, SETTINGS, Trouble};

/// Clocks that differ by more are told.
const CLOCKS_DIFFER: i64 = 60_000;

/// Lists the tenant's environments with their URLs.
const ENVIRONMENTS: &str = "pac admin list";

const AFTER_CONNECTION: [Check; 5] = [Check::Tls, Check::Org, Check::Challenge, Check::Authority, Check::Clock];

/// Judges it; in the way of what follows is the step in the error.
pub(super) fn judge(seen: &Seen, chart: &mut Chart) -> Result<(), Check> {
    network(seen, chart)?;
    clock(seen, chart);
    org(seen, chart)
}

fn network(seen: &Seen, chart: &mut Chart) -> Result<(), Check> {
    let host = seen.url.host_str().unwrap_or_default();
    let origin = keyholder_client::transport::origin_of(&seen.url);
    let failed = match &seen.answer {
        Ok(_) => None,
        Err(error) => Some((place_of(error, &seen.proxy), error)),
    };
    let blocker = failed.map(|(check, _)| check);

    match &seen.proxy {
        Proxy::Beside => chart.ok(Check::Proxy, "none: the org is on this machine"),
        Proxy::None => chart.ok(Check::Proxy, "none is set (HTTPS_PROXY)"),
        Proxy::Excepted => chart.ok(Check::Proxy, "NO_PROXY has the org's host: it is reached without one"),
        Proxy::Through { address, variable } if blocker == Some(Check::Proxy) => {
            let cause = failed.map(|(_, error)| error.to_string()).unwrap_or_default();
            let trouble = Trouble::new(
                ErrorKind::OutOfReach,
                "The org is to be reached through a proxy, and no connection came about that way.",
                "Check the proxy's address, and that it lets connections to the org's and the token service's hosts through; hosts that need none belong into NO_PROXY.",
                HERE,
            );
            chart.fail(Check::Proxy, format!("{address} ({variable}): {cause}"), trouble)
        }
        Proxy::Through { address, variable } => chart.ok(Check::Proxy, format!("through {address} ({variable})")),
    };
    let is_proxied = matches!(seen.proxy, Proxy::Through { .. });
    if blocker == Some(Check::Dns) {
        if let Some((_, error)) = failed {
            let trouble = Trouble::new(
                ErrorKind::OutOfReach,
                "No name server that this machine asks knows the org's host.",
                "Check the spelling of the org's URL: the Power Platform admin center shows it as the environment URL. If it is right, check this machine's name servers, or the proxy that it needs (HTTPS_PROXY).",
                HERE,
            )
            .with_command(ENVIRONMENTS);
            chart.fail(Check::Dns, error.to_string(), trouble);
        }
    } else if is_proxied {
        chart.unchecked(Check::Dns, "the proxy looks the name up");
    } else if matches!(seen.url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))) {
        chart.ok(Check::Dns, format!("{host} is an address already"));
    } else {
        chart.ok(Check::Dns, format!("{host} has an address"));
    }
    let Some((check, error)) = failed else {
        chart.ok(Check::Connection, format!("{origin} answers"));
        match seen.url.scheme() {
            "https" => chart.ok(Check::Tls, format!("{host} proved itself by a certificate that is trusted here")),
            _ => chart.ok(Check::Tls, "none is needed: plain http, and on this machine alone"),
        };
        return Ok(());
    };
    match check {
        Check::Dns | Check::Proxy => {
            chart.skip(&[Check::Connection], check);
            chart.skip(&AFTER_CONNECTION, check);
        }
        Check::Connection => {
            chart.fail(Check::Connection, error.to_string(), connection_trouble(seen, error));
            chart.skip(&AFTER_CONNECTION, check);
        }
        Check::Tls => {
            chart.ok(Check::Connection, format!("{origin} answers"));
            chart.fail(Check::Tls, error.to_string(), tls_trouble(seen, error));
            chart.skip(&AFTER_CONNECTION[1..], check);
        }
        _ => {
            chart.ok(Check::Connection, format!("{origin} answers"));
            chart.ok(Check::Tls, "the connection was made");
            chart.fail_with(check, error, HERE);
            chart.skip(&AFTER_CONNECTION[2..], check);
        }
    }
    Err(check)
}

/// At which step it stopped.
fn place_of(error: &Error, proxy: &Proxy) -> Check {
    match error {
        Error::Unreachable { .. } if matches!(proxy, Proxy::Through { .. }) => Check::Proxy,
        Error::Unreachable { cause: Unreachable::UnknownHost, .. } => Check::Dns,
        Error::Unreachable { .. } => Check::Connection,
        Error::UntrustedCertificate { .. } | Error::Configuration(_) => Check::Tls,
        Error::Protocol { found, .. } if found.starts_with("no TLS") => Check::Tls,
        _ => Check::Org,
    }
}

fn connection_trouble(seen: &Seen, error: &Error) -> Trouble {
    let mut trouble = Trouble::of(error, HERE);
    let (meaning, mend) = match error {
        Error::Unreachable { cause: Unreachable::Refused, .. } => (
            "The machine answers, and nothing listens on that port.",
            "Check the port in the org's URL (online orgs have none), and that the org runs.",
        ),
        Error::Unreachable { cause: Unreachable::TimedOut, .. } => (
            "Nobody answered in time: a firewall, a proxy that is needed, or a network that is down.",
            "Let this machine reach the org's host on port 443, or set HTTPS_PROXY.",
        ),
        Error::Unreachable { cause: Unreachable::Lost(_), .. } => (
            "The connection broke before the org had answered: something in between, or a service that restarts.",
            "Try again; if it stays so, look at what is in between: a proxy, a firewall, a load balancer.",
        ),
        _ => (
            "No connection came about.",
            "Check the network between this machine and the org, and whether it needs a proxy (HTTPS_PROXY).",
        ),
    };
    trouble.meaning = Some(meaning.to_owned());
    trouble.mends.push(mend.to_owned());
    trouble.command = keyholder_client::transport::is_loopback(&seen.url).then(|| "keyholder org start".to_owned());
    trouble
}

fn tls_trouble(seen: &Seen, error: &Error) -> Trouble {
    let mut trouble = Trouble::of(error, HERE);
    let (meaning, mend) = match error {
        Error::UntrustedCertificate { .. } => (
            "Somebody answers in the org's place, or the certificate authority that signed is not known to this machine: a local org's own, or that of a proxy that looks into connections.",
            None,
        ),
        Error::Protocol { .. } => (
            "What answers there does not speak TLS: another port, or a proxy in between.",
            Some("Give the https address and port of the org."),
        ),
        _ => {
            ("The certificate authorities that are to be trusted cannot be used.", Some("Mend or replace the CA file."))
        }
    };
    trouble.meaning = Some(meaning.to_owned());
    trouble.mends.extend(mend.map(str::to_owned));
    trouble.command = match error {
        Error::UntrustedCertificate { .. } => {
            Some(format!("keyholder doctor --url {} --ca-file ca.pem", seen.url.as_str().trim_end_matches('/')))
        }
        Error::Protocol { .. } => Some(ENVIRONMENTS.to_owned()),
        _ => None,
    };
    if let Error::Protocol { .. } = error {
        trouble.mends.retain(|mend| !mend.starts_with("a proxy or a sign-in page"));
    }
    trouble.kind = ErrorKind::Configuration;
    trouble
}

fn clock(seen: &Seen, chart: &mut Chart) {
    let Some(ahead) = seen.ahead else {
        chart.unchecked(Check::Clock, "no answer told its time");
        return;
    };
    let seconds = ahead.unsigned_abs() / 1_000;
    let step = if ahead.abs() <= CLOCKS_DIFFER {
        chart.ok(Check::Clock, "this machine's clock and the org's agree")
    } else {
        let direction = if ahead > 0 { "behind" } else { "ahead of" };
        let trouble = Trouble::new(
            ErrorKind::Configuration,
            "Tokens and certificates are good for a time. Keyholder goes by the servers' clock; programs that go by this machine's send what is expired or not valid yet (AADSTS700024, AADSTS500133, 401).",
            "Set this machine's clock by a time server (NTP). A local org's clock is set back with `keyholder org clock`.",
            "whoever administers this machine",
        )
        .with_command(match keyholder_client::transport::is_loopback(&seen.url) {
            true => "keyholder org clock --reset",
            false => "sudo timedatectl set-ntp true",
        });
        let told = format!("this machine's clock is {} {direction} the org's", span(seconds));
        chart.warn(Check::Clock, told, trouble)
    };
    step.fact("orgAheadSeconds", ahead / 1_000);
}

/// A time in words, as coarse as it may be.
pub(super) fn span(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

fn org(seen: &Seen, chart: &mut Chart) -> Result<(), Check> {
    if let Ok(answer) = &seen.answer
        && (answer.status == 429 || answer.status >= 500)
    {
        let trouble = Trouble::new(
            ErrorKind::OutOfReach,
            "The org, or something in front of it, cannot answer now.",
            "Try again in some minutes; the Power Platform admin center and its service health page tell whether the environment is down.",
            "nobody here: Microsoft, or whoever runs what is in between",
        );
        chart.fail(Check::Org, format!("it answers with HTTP status {}", answer.status), trouble);
        chart.skip(&[Check::Challenge, Check::Authority], Check::Org);
        return Err(Check::Org);
    }
    let found = match &seen.discovered {
        Some(Ok(found)) => found,
        Some(Err(error)) => return Err(not_discovered(error, chart)),
        None => {
            chart.unchecked(Check::Org, "it was not asked");
            chart.skip(&[Check::Challenge, Check::Authority], Check::Org);
            return Err(Check::Org);
        }
    };
    chart.ok(Check::Org, "it answers as a Dataverse org does");
    let told = format!("it wants tokens for {}, from {}", found.resource, found.authority);
    chart.ok(Check::Challenge, told).fact("resource", &found.resource).fact("authority", found.authority.to_string());
    chart.ok(Check::Authority, format!("{} may be given the credential", found.authority));
    Ok(())
}

fn not_discovered(error: &Error, chart: &mut Chart) -> Check {
    match error {
        Error::OnPremises { .. } => {
            let trouble = Trouble::new(
                ErrorKind::Configuration,
                "This org stands on a server of its owner's. Application users, non-interactive users and tokens are of the online service; on-premises, programs sign in with a Windows account of the domain, and the licence terms count on honour.",
                "Use a Windows account there, or the online org's address: the Power Platform admin center shows it as the environment URL.",
                "whoever administers that server and its domain",
            )
            .with_command(ENVIRONMENTS);
            chart.fail(Check::Org, error.to_string(), trouble);
            chart.skip(&[Check::Challenge, Check::Authority], Check::Org);
            Check::Org
        }
        Error::UntrustedAuthority { .. } => {
            chart.ok(Check::Org, "it answers as a Dataverse org does");
            chart.ok(Check::Challenge, "it names an authority");
            chart.fail_with(Check::Authority, error, HERE).command(SETTINGS);
            Check::Authority
        }
        Error::Configuration(ConfigurationError::WrongTenant { .. }) => {
            chart.ok(Check::Org, "it answers as a Dataverse org does");
            chart.ok(Check::Challenge, "it names its tenant and an authority");
            chart.ok(Check::Authority, "it may be given the credential");
            let mut trouble = Trouble::of(error, HERE);
            trouble.meaning = Some("A token of another tenant opens nothing there.".to_owned());
            trouble.command = Some(SETTINGS.to_owned());
            chart.fail(Check::Tenant, error.to_string(), trouble);
            Check::Tenant
        }
        _ => {
            let mut trouble = Trouble::of(error, HERE);
            trouble.meaning = Some("Whatever answers there is no Dataverse org.".to_owned());
            trouble.command = Some(ENVIRONMENTS.to_owned());
            chart.fail(Check::Org, error.to_string(), trouble);
            chart.skip(&[Check::Challenge, Check::Authority], Check::Org);
            Check::Org
        }
    }
}
