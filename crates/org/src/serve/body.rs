//! Bodies: how much of a request's is read, and an answer's in pieces.
//!
//! Anybody may send [`UNASKED`] bytes. For more the rooms are asked first, which look at the path and
//! at who calls. All bodies together are held within one bound; whoever finds it used up waits
//! a little and is then told to come again. Of a body that is refused some more is read and thrown
//! away: a client that sends before it listens would otherwise find the connection closed, and
//! never hear why.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header, request};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::Request;
use super::{Answer, plain};

/// The body that is read from anybody, in bytes.
pub(crate) const UNASKED: usize = 64 * 1024;
/// By when such a body must have arrived.
const UNASKED_TIME: Duration = Duration::from_secs(20);
/// And a larger one, from the moment that it was let in.
const ADMITTED_TIME: Duration = Duration::from_secs(120);
/// How much of a refused body is thrown away, in bytes, before its connection is.
const DISCARDED: usize = 1024 * 1024;
/// How long a body waits for others to go.
const WAIT: Duration = Duration::from_secs(5);
/// What an answer is sent in: the most that waits inside the HTTP library for a slow reader.
const PIECE: usize = 64 * 1024;

/// A body that has arrived, and its share of the memory for bodies.
pub(super) struct Arrived {
    pub(super) bytes: Bytes,
    pub(super) held: Option<OwnedSemaphorePermit>,
}

/// Reads a request's body whole, or says how to refuse it.
pub(super) async fn read<A, B>(
    answer: &A,
    bodies: &Arc<Semaphore>,
    head: &request::Parts,
    body: &mut B,
) -> Result<Arrived, Response<Bytes>>
where
    A: Answer,
    B: Body<Data = Bytes> + Unpin,
{
    let mut arrived = Arrived { bytes: Bytes::new(), held: None };
    if body.is_end_stream() {
        return Ok(arrived);
    }
    let mut deadline = Instant::now() + UNASKED_TIME;
    let mut limit = None;
    let mut whole = BytesMut::new();
    // What is declared too large is refused before any of it is read.
    let mut length = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    loop {
        if length > limit.unwrap_or(UNASKED) {
            if limit.is_none() {
                limit = Some(answer.admit(head).await?);
                deadline = Instant::now() + ADMITTED_TIME;
            }
            if let Some(limit) = limit.filter(|limit| length > *limit) {
                return Err(answer.refuse(head, limit).await);
            }
        }
        hold(&mut arrived.held, bodies, whole.len()).await?;
        let data = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(slow()),
            Ok(Some(Err(_))) => return Err(broken()),
            Ok(None) => break,
            // Trailers say nothing to the rooms.
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        };
        if whole.is_empty() && body.is_end_stream() && data.len() <= UNASKED {
            hold(&mut arrived.held, bodies, data.len()).await?;
            arrived.bytes = data;
            return Ok(arrived);
        }
        whole.extend_from_slice(&data);
        length = length.max(whole.len());
    }
    arrived.bytes = whole.freeze();
    Ok(arrived)
}

/// Goes on reading a refused body beside its refusal, and keeps none of it.
pub(super) fn discard<B>(head: &request::Parts, mut body: B, refusal: &Response<Bytes>)
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Send,
{
    // Who waits to be told to send it will not send it; who was too slow has had the time for it.
    let waits = head.headers.contains_key(header::EXPECT);
    if waits || refusal.status() == StatusCode::REQUEST_TIMEOUT || body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let mut left = DISCARDED;
        let reading = async {
            while let Some(Ok(frame)) = body.frame().await {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(length) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        // Whether it ended or its time did, it is let go.
        let _ = timeout(UNASKED_TIME, reading).await;
    });
}

/// Takes more of the memory for bodies, so that `held` is enough for `bytes`.
async fn hold(
    held: &mut Option<OwnedSemaphorePermit>,
    bodies: &Arc<Semaphore>,
    bytes: usize,
) -> Result<(), Response<Bytes>> {
    let has = held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let more = bytes.div_ceil(1024).saturating_sub(has);
    if more == 0 {
        return Ok(());
    }
    let more = u32::try_from(more).unwrap_or(u32::MAX);
    let Ok(Ok(more)) = timeout(WAIT, Arc::clone(bodies).acquire_many_owned(more)).await else { return Err(busy()) };
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
    Ok(())
}

/// The refusal of a body in the shape that most rooms share.
pub(crate) fn too_large(limit: usize) -> Response<Bytes> {
    let limit = if limit < 1024 * 1024 { format!("{} KiB", limit / 1024) } else { format!("{} MiB", limit >> 20) };
    let message = format!("Request message length is too large. The local org reads at most {limit} here.");
    plain(StatusCode::PAYLOAD_TOO_LARGE, "0x8004418A", &message)
}

fn broken() -> Response<Bytes> {
    plain(StatusCode::BAD_REQUEST, "0x80040203", "The request's body did not arrive whole.")
}

fn slow() -> Response<Bytes> {
    plain(StatusCode::REQUEST_TIMEOUT, "0x80040203", "The request's body took too long to arrive.")
}

fn busy() -> Response<Bytes> {
    let message = "The local org is reading as much as it holds at once. Try again.";
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// An answer's body, which notes when it is taken.
pub(super) struct Outgoing {
    rest: Bytes,
    request: Request,
}

impl Outgoing {
    pub(super) fn new(rest: Bytes, request: Request) -> Self {
        request.sent();
        Self { rest, request }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.request.sent();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
