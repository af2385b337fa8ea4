//! Services that keep secrets, as tests need them: small servers on loopback that take every request at its word
//! and refuse what the service's documents do not allow.
//!
//! They run on threads of their own and end with the test, so that both tests in this process and programs that tests
//! start can ask them.

mod github;
mod key_vault;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;

pub use github::{GITHUB_KEY, GITHUB_TOKEN, GitHub};
pub use key_vault::{KEY_VAULT_TOKEN, KeyVault};

/// Largest body that is read, in bytes.
const LARGEST: usize = 1 << 20;
/// How long a client may take over a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its method.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Its headers, names in small letters.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Asked {
    /// A header's value; empty without.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(of, _)| of == name).map_or("", |(_, value)| value)
    }
}

/// What a service answers.
#[derive(Debug, Clone)]
pub struct Told {
    /// The status.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// The body; null for none.
    pub body: Value,
}

impl Told {
    /// A status with a body.
    #[must_use]
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What happens instead of an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another answer, and nothing is done.
    Instead(Told),
    /// The connection is cut, and nothing is done.
    Cut,
    /// It is done, and then the connection is cut.
    CutAfter,
}

/// What is out of order: of requests with this method whose path contains this, so many.
#[derive(Debug, Default)]
struct Disorder(Mutex<Vec<(&'static str, String, Fault, usize)>>);

impl Disorder {
    fn add(&self, method: &'static str, path: &str, fault: Fault, times: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((method, path.to_owned(), fault, times));
    }

    fn mend(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn of(&self, asked: &Asked) -> Option<Fault> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |method: &str, path: &str| asked.method == method && asked.path.contains(path);
        let (.., fault, times) =
            all.iter_mut().find(|(method, path, _, times)| *times > 0 && is_meant(method, path))?;
        *times -= 1;
        Some(fault.clone())
    }
}

type Answering = dyn Fn(&Asked) -> Told + Send + Sync;

/// A server; it ends when dropped.
struct Server {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    disorder: Arc<Disorder>,
    seen: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    fn start(tls: Option<Arc<rustls::ServerConfig>>, answering: Arc<Answering>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ends, disorder, seen) = (Arc::new(AtomicBool::new(false)), Arc::default(), Arc::default());
        let server = Self { address, ends, disorder, seen };
        let (ends, disorder, seen) = (server.ends.clone(), server.disorder.clone(), server.seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (tls, answering) = (tls.clone(), answering.clone());
                let (disorder, seen) = (disorder.clone(), seen.clone());
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(PATIENCE));
                    match tls {
                        None => serve(stream, &*answering, &disorder, &seen),
                        Some(config) => {
                            let Ok(connection) = rustls::ServerConnection::new(config) else { return };
                            serve(rustls::StreamOwned::new(connection, stream), &*answering, &disorder, &seen);
                        }
                    }
                });
            }
        });
        server
    }

    fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes it.
        let _ = TcpStream::connect(self.address);
    }
}

/// One request of a connection, which is then closed.
fn serve(stream: impl Read + Write, answering: &Answering, disorder: &Disorder, seen: &Mutex<Vec<Asked>>) {
    let mut stream = BufReader::new(stream);
    let Some(asked) = read(&mut stream) else { return };
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let told = match disorder.of(&asked) {
        None => answering(&asked),
        Some(Fault::Instead(told)) => told,
        Some(Fault::Cut) => return,
        Some(Fault::CutAfter) => {
            answering(&asked);
            return;
        }
    };
    let body = if told.body.is_null() { String::new() } else { told.body.to_string() };
    let mut text = format!("HTTP/1.1 {} Told\r\nconnection: close\r\ncontent-length: {}\r\n", told.status, body.len());
    if !body.is_empty() {
        text.push_str("content-type: application/json; charset=utf-8\r\n");
    }
    for (name, value) in &told.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let _ = stream.get_mut().write_all(format!("{text}\r\n{body}").as_bytes());
    let _ = stream.get_mut().flush();
}

fn read(stream: &mut impl BufRead) -> Option<Asked> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(Ok(0), |(_, n)| n.parse()).ok()?;
    let mut body = vec![0; Some(length).filter(|length| *length <= LARGEST)?];
    stream.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers, body: String::from_utf8(body).ok()? })
}
