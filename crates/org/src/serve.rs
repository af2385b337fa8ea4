//! The accept loop: TLS, HTTP/1.1 and HTTP/2, bounded in every direction.
//!
//! Each bound has its reason: a client that opens connections and says nothing must not use
//! them up, a body must not fill the memory, and a request to stop must not wait for a client
//! that never finishes. A request reaches the rooms as one whole `http::Request<Bytes>`.

use keyholder_foundation::Sleep;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

mod body;
mod connections;

use body::{Course, Outgoing, discard};
pub(crate) use body::{UNASKED as UNASKED_BODY, too_large};
use connections::Connection;
pub use connections::Connections;

/// A client that starts a connection must finish its TLS handshake, and each request's head,
/// within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Requests under way when the org is told to stop get this long to finish.
const DRAIN: Duration = Duration::from_secs(5);
/// How long nothing is accepted after the system refused, for want of file descriptors mostly.
const REFUSED: Duration = Duration::from_millis(100);
/// HTTP/2 asks a silent client this often whether it is still there,
const PING: Duration = Duration::from_secs(30);
/// and takes it for gone when it does not answer within this.
const PONG: Duration = Duration::from_secs(20);

/// A future that may be sent between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Which bodies are read of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// The largest, in bytes.
    pub limit: usize,
    /// Whether the caller's token or key was found good: whoever is known has more time to send, also what is refused.
    pub known: bool,
}

impl Admitted {
    /// What is read of anybody who comes to this address.
    pub(crate) fn anybody(limit: usize) -> Self {
        Self { limit, known: false }
    }

    /// What is read of a caller whose token or key is good.
    pub(crate) fn known(limit: usize) -> Self {
        Self { limit, known: true }
    }
}

/// What [`Answer::admit`] gives.
pub type Admission<'a> = Pin<Box<dyn Future<Output = Result<Admitted, Response<Bytes>>> + Send + 'a>>;

/// What [`Answer::refuse`] gives.
pub type Refusal<'a> = Pin<Box<dyn Future<Output = Response<Bytes>> + Send + 'a>>;

/// What becomes of an answer that is not simply sent: an extension of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The connection ends instead.
    Cut,
    /// The connection ends in the middle of the body.
    Truncated,
    /// The body takes this long.
    Slow(Duration),
}

/// What answers a request, told where it came from.
pub trait Answer: Send + Sync + 'static {
    /// The answer to `request`, whose body has arrived whole, from `peer`.
    fn answer(self: Arc<Self>, peer: SocketAddr, request: Request<Bytes>) -> BoxFuture<Response<Bytes>>;

    /// The largest body that is read of a request with this head, and whether its caller is known, or its refusal. Asked
    /// only when the body is larger than what is read from anybody.
    fn admit<'a>(&'a self, head: &'a request::Parts) -> Admission<'a>;

    /// The refusal of a body of more than `limit` bytes, in the shape that whoever sent this head
    /// reads errors in.
    fn refuse<'a>(&'a self, _head: &'a request::Parts, limit: usize) -> Refusal<'a> {
        Box::pin(async move { too_large(limit) })
    }
}

/// Accepts on `listener`, with TLS where it is given, until `stop` turns true, then drains.
pub async fn serve<A: Answer>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    answer: Arc<A>,
    connections: Arc<Connections>,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, or a client gone before it was accepted.
            connections.sleep.sleep(REFUSED).await;
            continue;
        };
        let place = tokio::select! {
            place = connections.enter() => place,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        let (acceptor, answer, watcher) = (acceptor.clone(), Arc::clone(&answer), graceful.watcher());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match acceptor {
                Some(acceptor) => {
                    let handshake = tokio::select! {
                        handshake = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)) => handshake,
                        () = place.outlived() => return,
                    };
                    if let Ok(Ok(stream)) = handshake {
                        connection(stream, peer, answer, place, watcher).await;
                    }
                }
                None => connection(stream, peer, answer, place, watcher).await,
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

/// What all listeners of one org share: the bounds on connections and bodies, and what they wait with.
#[must_use]
pub fn connections(sleep: Arc<dyn Sleep>) -> Arc<Connections> {
    Arc::new(Connections::of(keyholder_platform::open_files(), sleep))
}

async fn connection<A, S>(stream: S, peer: SocketAddr, answer: Arc<A>, place: Arc<Connection>, watcher: Watcher)
where
    A: Answer,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begun = Arc::clone(&place);
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, underway) = (Arc::clone(&answer), begun.begin());
        let place = Arc::clone(&begun);
        async move {
            let mut response = respond(answer, place.shared(), peer, request).await;
            let fate = response.extensions_mut().remove::<Fate>();
            if fate == Some(Fate::Cut) {
                // Ends the connection, and this with it.
                place.cut();
                std::future::pending::<()>().await;
            }
            let course = Course::of(fate, response.body().len(), &place.shared().sleep);
            Ok::<_, Infallible>(response.map(|body| Outgoing::new(body, underway, course)))
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE).max_buf_size(128 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(64 * 1024)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    let served = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
    tokio::select! {
        // An error here is a client that went away or spoke no HTTP: nobody is left to tell.
        _ = served => {}
        () = place.outlived() => {}
    }
}

async fn respond<A: Answer>(
    answer: Arc<A>,
    connections: &Connections,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Bytes> {
    let (head, mut body) = request.into_parts();
    match body::read(answer.as_ref(), &connections.bodies, &head, &mut body).await {
        Ok(arrived) => {
            let _held = arrived.held;
            answer.answer(peer, Request::from_parts(head, arrived.bytes)).await
        }
        Err(refused) => {
            discard(&head, body, &refused);
            refused.response
        }
    }
}

/// A refusal before any room has seen the request, in the JSON shape that all rooms share.
pub(crate) fn plain(status: StatusCode, code: &str, message: &str) -> Response<Bytes> {
    let body = serde_json::json!({"error": {"code": code, "message": message}}).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests;
