//! The ports of further orgs: bound before an org is opened, since its URL needs the port, and
//! served once it can answer. They come and go while the process runs.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyholder_foundation::OrgId;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::listen::{self, ListenError};
use crate::serve::{self, Answer, Connections};

/// The ports of one process.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// Where to listen; nowhere in a command that serves nobody.
    address: Option<IpAddr>,
    kept: Mutex<HashMap<OrgId, Kept>>,
    /// The ports that orgs had and that other programs have now.
    lost: Mutex<Vec<(OrgId, u16)>>,
    tasks: Mutex<JoinSet<()>>,
}

/// One org's port.
#[derive(Debug)]
struct Kept {
    port: u16,
    /// The sockets, until they are served.
    waiting: Vec<TcpListener>,
    stop: watch::Sender<bool>,
}

/// What serving takes.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) tls: Arc<rustls::ServerConfig>,
    pub(crate) connections: Arc<Connections>,
}

impl Listeners {
    /// Ports on this address.
    pub(crate) fn on(address: IpAddr) -> Self {
        Self { address: Some(address), kept: Mutex::default(), lost: Mutex::default(), tasks: Mutex::default() }
    }

    /// For a command that opens a world and serves nobody.
    pub(crate) fn none() -> Self {
        Self { address: None, kept: Mutex::default(), lost: Mutex::default(), tasks: Mutex::default() }
    }

    /// A port for an org: the one it has here, else the one it had, else a free one.
    pub(crate) async fn claim(&self, org: OrgId, had: Option<u16>) -> Result<u16, ListenError> {
        if let Some(kept) = self.kept().get(&org) {
            return Ok(kept.port);
        }
        let Some(address) = self.address else {
            return match had {
                Some(port) => Ok(port),
                // Only looked for: who serves the org later binds it, or finds another.
                None => Ok(listen::bind_further(IpAddr::V4(Ipv4Addr::LOCALHOST), None).await?.0),
            };
        };
        let (port, waiting) = listen::bind_further(address, had).await?;
        if let Some(had) = had.filter(|had| *had != port) {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).push((org, had));
        }
        let (stop, _) = watch::channel(false);
        self.kept().insert(org, Kept { port, waiting, stop });
        Ok(port)
    }

    /// The orgs whose ports other programs have, with those ports; each is told once.
    pub(crate) fn lost(&self) -> Vec<(OrgId, u16)> {
        std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves an org's port, if that is not being done yet.
    pub(crate) fn serve<A: Answer>(&self, org: OrgId, serving: &Serving, answer: &Arc<A>) {
        let mut kept = self.kept();
        let Some(kept) = kept.get_mut(&org) else { return };
        for socket in std::mem::take(&mut kept.waiting) {
            let (tls, connections) = (Some(Arc::clone(&serving.tls)), Arc::clone(&serving.connections));
            let task = serve::serve(socket, tls, Arc::clone(answer), connections, kept.stop.subscribe());
            self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
        }
    }

    /// Gives up the ports of all orgs but these.
    pub(crate) fn keep_only(&self, orgs: impl Fn(OrgId) -> bool) {
        self.kept().retain(|org, kept| {
            let stays = orgs(*org);
            if !stays {
                let _ = kept.stop.send(true);
            }
            stays
        });
    }

    /// Waits until nothing given up is being served any more.
    pub(crate) async fn finished(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<OrgId, Kept>> {
        // Every change of the map is one step.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
