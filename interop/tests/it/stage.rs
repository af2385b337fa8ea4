//! A world in which every client finds what it signs in with.

use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use keyholder_org::{Listen, Place, Settings};
use keyholder_testkit::World;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::issuers::Loopback;
use crate::program;

/// A client waits for nobody here; one that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(600);
/// Where clients ask that drop the port of the authority.
const HTTPS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 443);

/// A world, what `python/stage.py` made in it, and that program, which is the outside issuer.
pub(crate) struct Stage {
    world: World,
    made: Vec<(String, String)>,
    issuer: Child,
}

impl Stage {
    /// A world on a free port; `None` (after saying so) where the clients are not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::listening(Listen::default()).await
    }

    /// A world that answers on port 443 too, for clients that ask there whatever the authority's
    /// port is; `None` (after saying so) where that port cannot be had, but never in CI.
    pub(crate) async fn start_on_443() -> Option<Self> {
        if let Err(error) = TcpListener::bind(HTTPS) {
            assert!(!program::required(), "{HTTPS} must be free here: {error}");
            println!("skipped: {HTTPS} cannot be had ({error}), and these clients ask there");
            return None;
        }
        Self::listening(Listen { also: vec![HTTPS], ..Listen::default() }).await
    }

    async fn listening(listen: Listen) -> Option<Self> {
        let python = program::python()?;
        let settings = Settings { issuer_documents: Arc::new(Loopback::new()), ..Settings::default() };
        let world = World::with_settings(Place::Ephemeral, listen, settings).await;
        let mut issuer = command(&python, [program::here("python/stage.py")]);
        issuer.envs(world.environment()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut issuer = issuer.spawn().unwrap();
        let mut made = String::new();
        BufReader::new(issuer.stdout.as_mut().unwrap()).read_line(&mut made).await.unwrap();
        if made.is_empty() {
            let mut why = String::new();
            issuer.stderr.as_mut().unwrap().read_to_string(&mut why).await.unwrap();
            panic!("the stage was not made: {why}");
        }
        let made: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&made).unwrap();
        let made = made.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect();
        Some(Self { world, made, issuer })
    }

    /// The world.
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Runs a script of `python/`.
    pub(crate) async fn python(&self, script: &str) {
        self.python_with(script, &[]).await;
    }

    /// Runs a script of `python/` with more in its environment.
    pub(crate) async fn python_with(&self, script: &str, more: &[(&str, &Path)]) {
        let mut client = command(&program::python().unwrap(), [program::here("python").join(script)]);
        client.envs(more.iter().copied());
        self.hold(client).await;
    }

    /// Runs a client that makes checks.
    pub(crate) async fn run<A: AsRef<OsStr>>(&self, program: &Path, arguments: impl IntoIterator<Item = A>) {
        self.hold(command(program, arguments)).await;
    }

    /// Holds a client to its checks.
    async fn hold(&self, mut client: Command) {
        client.envs(self.world.environment()).envs(self.made.iter().map(|(name, value)| (name, value)));
        // How each runtime is told of a further authority.
        let ca_file = self.world.file("ca.pem");
        client.env("NODE_EXTRA_CA_CERTS", &ca_file).env("SSL_CERT_FILE", &ca_file).stdin(Stdio::null());
        let output = tokio::time::timeout(LONGEST, client.output()).await.expect("the client ends").unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let all_passed = out.trim_end().lines().last().is_some_and(|line| line.ends_with(" passed, 0 failed"));
        assert!(output.status.success() && all_passed, "{}:\n{out}\n{err}", output.status);
        println!("{out}");
    }

    /// Ends it all, and waits until it has ended.
    pub(crate) async fn stop(mut self) {
        drop(self.issuer.stdin.take());
        self.issuer.wait().await.unwrap();
        self.world.stop().await;
    }
}

/// A program with nothing of this machine's in its environment that would turn its requests
/// elsewhere.
fn command<A: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    for name in ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    // The Azure CLI is compiled as it runs, and should be only once.
    command.env_remove("PYTHONDONTWRITEBYTECODE");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AZURE_") {
            command.env_remove(name);
        }
    }
    command
}
