//! The local org's own listener with nothing behind it: what a request costs before any work.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header, request};
use http_body_util::Full;
use keyholder_foundation::{SystemClock, WallClock};
use keyholder_org::Settings;
use keyholder_org::certificates::Authority;
use keyholder_org::serve::{self, Admission, Admitted, Answer, BoxFuture};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Failure;
use crate::http_client::Target;
use crate::server::{Server, Started};

/// Makes this program the server.
pub(crate) const ARGUMENT: &str = "serve-constant";

struct Constant(Bytes);

impl Answer for Constant {
    fn answer(self: Arc<Self>, _: SocketAddr, _: Request<Bytes>) -> BoxFuture<Response<Bytes>> {
        let mut response = Response::new(self.0.clone());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Box::pin(std::future::ready(response))
    }

    fn admit<'a>(&'a self, _: &'a request::Parts) -> Admission<'a> {
        // It reads no bodies.
        Box::pin(std::future::ready(Ok(Admitted { limit: 0, known: false })))
    }
}

/// Serves until killed; prints its port and its CA on one line of JSON.
pub(crate) async fn run() -> Result<(), Failure> {
    let authority = Authority::create(None, SystemClock::new().now())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = authority.server_config(None, SystemClock::new().now(), &provider)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    println!("{}", serde_json::json!({"port": port, "ca": authority.certificate_pem}));
    let (_stop, stopped) = watch::channel(false);
    let body = serde_json::json!({"padding": "x".repeat(1010)}).to_string();
    let answer = Arc::new(Constant(Bytes::from(body)));
    serve::serve(listener, Some(Arc::new(tls)), answer, serve::connections(Settings::default().sleep), stopped).await;
    Ok(())
}

/// Starts it in a process of its own.
pub(crate) async fn start() -> Result<Server, Failure> {
    let started = Started::new(&std::env::current_exe()?, &[ARGUMENT], &[]).await?;
    let target = Target::new(started.port()?, started.ready["ca"].as_str().unwrap_or_default())?;
    Ok(Server::new(started, target))
}

/// What it is asked.
pub(crate) fn request() -> Result<Request<Full<Bytes>>, Failure> {
    Ok(Request::get("/").header(header::HOST, "localhost").body(Full::default())?)
}
