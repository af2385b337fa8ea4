//! A PostgreSQL server: its address, and what waiting and chance are there.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::{Random, Secret, Sleep};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::Error;

/// How long making a connection may take.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long the network may keep what was sent before the connection counts as broken.
const NETWORK_WAIT: Duration = Duration::from_secs(30);
/// What every session is set to. A process that stops in the middle of a write must not hold the others
/// for ever: the server ends its transaction. Who waits for a lock, or for a statement, waits no longer
/// than anybody waits for an answer.
const SETTINGS: &str = "-c idle_in_transaction_session_timeout=30s -c lock_timeout=20s -c statement_timeout=120s";

/// A server and a database on it. Clones are cheap.
#[derive(Clone)]
pub struct Server {
    config: Arc<Config>,
    place: String,
    /// The same in words.
    words: String,
    pub(super) random: Arc<dyn Random>,
    pub(super) sleep: Arc<dyn Sleep>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the password.
        f.debug_struct("Server").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Server {
    /// The server and database that a URL of libpq's form names:
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?connect_timeout=5`. Nothing is connected yet.
    /// A server on another machine is refused unless the URL says `sslmode=disable`.
    /// `random` and `sleep` are for the pauses before something is tried again.
    ///
    /// # Errors
    /// [`Error::Address`], which never shows the URL: it has a password in it.
    pub fn parse(url: &Secret, random: Arc<dyn Random>, sleep: Arc<dyn Sleep>) -> Result<Self, Error> {
        let refused = |reason: &str| Error::Address { reason: reason.to_owned() };
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme)) {
            return Err(refused("it does not begin with postgres://"));
        }
        let mut config: Config = url.expose().trim().parse().map_err(|error| {
            refused(&if is_about_ssl_mode(&error) {
                "its sslmode asks for TLS to the server, which is not built in, or is not known".to_owned()
            } else {
                malformed_part(url.expose().trim())
            })
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(refused("sslmode=require needs TLS to the server, which is not built in"));
        }
        let host = match config.get_hosts() {
            // It would be shown, and is the end of the password.
            [Host::Tcp(host)] if host.contains('@') => {
                return Err(refused("its user or its password has an `@`, which is written %40 there"));
            }
            [Host::Tcp(host)] if host.contains(':') => format!("[{host}]"),
            [Host::Tcp(host)] => host.clone(),
            #[cfg(unix)]
            [Host::Unix(folder)] => folder.display().to_string(),
            _ => return Err(refused("it does not name exactly one host")),
        };
        if config.get_ssl_mode() != SslMode::Disable && !is_this_machine(&config) {
            return Err(refused(
                "it names another machine, TLS to the server is not built in, and so the password and every row would \
                 go there in clear; where the network between is trusted, say so with ?sslmode=disable behind the database",
            ));
        }
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default().to_owned();
        if database.is_empty() {
            return Err(refused("it names no database"));
        }
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let asked = config.get_options().unwrap_or_default().to_owned();
        config.ssl_mode(SslMode::Disable).application_name("keyholder").options(format!("{SETTINGS} {asked}").trim());
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WAIT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(NETWORK_WAIT);
        }
        let place = format!("postgres://{host}:{port}/{database}");
        Ok(Self {
            config: Arc::new(config),
            place,
            words: format!("database {database} at {host}:{port}"),
            random,
            sleep,
        })
    }

    /// The address without user and password: `postgres://HOST:PORT/DATABASE`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Where a schema is, for errors to name: in words, since a URL has no place for a schema.
    pub(super) fn schema(&self, schema: &str) -> PathBuf {
        format!("schema {schema} in {}", self.words).into()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }
}

/// Whether what is sent stays on this machine. An address (`hostaddr`) is where it goes to, whatever the host is called.
fn is_this_machine(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(is_here),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

/// Whether a URL could not be read for its `sslmode`. The driver has no other way to say which option it was.
fn is_about_ssl_mode(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == "invalid value for option `sslmode`")
}

/// Which part of a URL that cannot be read is the wrong one. Each is tried beside others that are right,
/// and none is shown: any may be the password.
fn malformed_part(url: &str) -> String {
    let is_sound = |url: String| url.parse::<Config>().is_ok();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (who, rest) = rest.split_once('@').unwrap_or(("u", rest));
    let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, database) = address.split_once('/').unwrap_or((address, "d"));
    let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    if !is_sound(format!("postgres://{who}@h/d")) {
        return "its user, before the `@`, is no text once each `%` and the two digits after it are read as a byte"
            .to_owned();
    }
    if port.is_some_and(|(_, port)| port.parse::<u16>().is_err()) {
        return "its port, behind the host and a `:`, is no number up to 65535".to_owned();
    }
    if !is_sound(format!("postgres://u@{host}/d")) {
        return "its host, between the `@` and the `/`, cannot be read".to_owned();
    }
    if !is_sound(format!("postgres://u@h/{database}")) {
        return "its database's name, behind the `/`, cannot be read".to_owned();
    }
    let wrong = options.split('&').position(|option| !is_sound(format!("postgres://u@h/d?{option}")));
    match wrong {
        Some(index) => format!("its option number {}, behind the `?`, is not known or has a wrong value", index + 1),
        None => "it is malformed".to_owned(),
    }
}
