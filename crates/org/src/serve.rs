//! The accept loop: TLS, HTTP/1.1 and HTTP/2, bounded in every direction.
//!
//! Each bound has its reason: a client that opens connections and says nothing must not use
//! them up, a body must not fill the memory, and a request to stop must not wait for a client
//! that never finishes. A request reaches the rooms as one whole `http::Request<Bytes>`.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Connections at once, over all listeners.
const CONNECTIONS: usize = 1024;
/// A client that starts a connection must finish its TLS handshake, and each request's head,
/// within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// And each request's body within this.
const BODY: Duration = Duration::from_secs(120);
/// Requests under way when the org is told to stop get this long to finish.
const DRAIN: Duration = Duration::from_secs(5);
/// The largest body that is read, in bytes. Dataverse itself reads more for bulk messages; the
/// local org has none yet.
pub(crate) const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// A future that may be sent between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What answers a request, told where it came from.
pub trait Answer: Send + Sync + 'static {
    /// The answer to `request`, whose body has arrived whole, from `peer`.
    fn answer(self: Arc<Self>, peer: SocketAddr, request: Request<Bytes>) -> BoxFuture<Response<Bytes>>;
}

/// Accepts on `listener`, with TLS where it is given, until `stop` turns true, then drains.
pub async fn serve<A: Answer>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    answer: Arc<A>,
    connections: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&connections).acquire_owned() => permit,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stopping| *stopping) => break,
        };
        // Out of file descriptors, or a client gone before it was accepted: the next may do.
        let Ok((stream, peer)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let (acceptor, answer, watcher) = (acceptor.clone(), Arc::clone(&answer), graceful.watcher());
        tokio::spawn(async move {
            let _permit = permit;
            let _ = stream.set_nodelay(true);
            match acceptor {
                Some(acceptor) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        connection(stream, peer, answer, watcher).await;
                    }
                }
                None => connection(stream, peer, answer, watcher).await,
            }
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

/// The semaphore that all listeners of one org share: as many connections as they may have.
#[must_use]
pub fn connections() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONNECTIONS))
}

async fn connection<A, S>(stream: S, peer: SocketAddr, answer: Arc<A>, watcher: hyper_util::server::graceful::Watcher)
where
    A: Answer,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = Arc::clone(&answer);
        async move { Ok::<_, Infallible>(respond(answer, peer, request).await.map(Full::new)) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE).max_buf_size(128 * 1024);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(128).max_header_list_size(64 * 1024);
    // An error here is a client that went away or spoke no HTTP: nobody is left to tell.
    let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await;
}

async fn respond<A: Answer>(answer: Arc<A>, peer: SocketAddr, request: Request<Incoming>) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    match tokio::time::timeout(BODY, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(collected)) => answer.answer(peer, Request::from_parts(head, collected.to_bytes())).await,
        Ok(Err(error)) if error.is::<LengthLimitError>() => plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "0x8004418A",
            "Request message length is too large. The local org reads at most 16 MiB.",
        ),
        Ok(Err(_)) => plain(StatusCode::BAD_REQUEST, "0x80040203", "The request's body did not arrive whole."),
        Err(_) => plain(StatusCode::REQUEST_TIMEOUT, "0x80040203", "The request's body took too long to arrive."),
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
