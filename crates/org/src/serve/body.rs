//! Bodies: how much of a request's is read, and an answer's in pieces.
//!
//! Anybody may send [`UNASKED`] bytes. For more the rooms are asked first, which look at the path and
//! at who calls. All bodies together are held within one bound; whoever finds it used up waits
//! a little and is then told to come again. Of a body that is refused some more is read and thrown
//! away: a client that sends before it listens would otherwise find the connection closed, and
//! never hear why. How much more depends on who calls, as the rooms said it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header, request};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use keyholder_foundation::Sleep;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::Request;
use super::{Answer, Fate, plain};

/// The body that is read from anybody, in bytes.
pub(crate) const UNASKED: usize = 64 * 1024;
/// By when such a body must have arrived.
const UNASKED_TIME: Duration = Duration::from_secs(20);
/// And a larger one, from the moment that it was let in.
const ADMITTED_TIME: Duration = Duration::from_secs(120);
/// How much of a known caller's refused body is thrown away, in bytes, before its connection is: more than the service
/// itself takes (116.85 MB), since what is sent to it can be sent here too. It passes through one buffer.
const DISCARDED: usize = 256 * 1024 * 1024;
/// And of a stranger's: more than the largest body that an org reads, so that whoever comes with a token that is no longer
/// good, or a little too much, still hears of it.
const UNASKED_DISCARDED: usize = 32 * 1024 * 1024;
/// How long a body waits for others to go.
const WAIT: Duration = Duration::from_secs(5);
/// What an answer is sent in: the most that waits inside the HTTP library for a slow reader.
const PIECE: usize = 64 * 1024;

/// A body that has arrived, and its share of the memory for bodies.
pub(super) struct Arrived {
    pub(super) bytes: Bytes,
    pub(super) held: Option<OwnedSemaphorePermit>,
}

/// Why a body is not read whole.
pub(super) struct Refused {
    pub(super) response: Response<Bytes>,
    /// Whether it is known who sends it.
    known: bool,
}

/// Reads a request's body whole, or says how to refuse it.
pub(super) async fn read<A, B>(
    answer: &A,
    bodies: &Arc<Semaphore>,
    head: &request::Parts,
    body: &mut B,
) -> Result<Arrived, Refused>
where
    A: Answer,
    B: Body<Data = Bytes> + Unpin,
{
    let mut known = false;
    read_as(answer, bodies, head, body, &mut known).await.map_err(|response| Refused { response, known })
}

/// The same, which notes in `known` whether the rooms know who calls.
async fn read_as<A, B>(
    answer: &A,
    bodies: &Arc<Semaphore>,
    head: &request::Parts,
    body: &mut B,
    known: &mut bool,
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
                let admitted = answer.admit(head).await?;
                (limit, *known) = (Some(admitted.limit), admitted.known);
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
pub(super) fn discard<B>(head: &request::Parts, mut body: B, refused: &Refused)
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Send,
{
    // Who waits to be told to send it will not send it; who was too slow has had the time for it.
    let waits = head.headers.contains_key(header::EXPECT);
    if waits || refused.response.status() == StatusCode::REQUEST_TIMEOUT || body.is_end_stream() {
        return;
    }
    // Who is known has the time of a large body; a stranger has a stranger's, whatever the refusal is.
    let (time, mut left) = if refused.known { (ADMITTED_TIME, DISCARDED) } else { (UNASKED_TIME, UNASKED_DISCARDED) };
    tokio::spawn(async move {
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
        let _ = timeout(time, reading).await;
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

/// How a body comes.
pub(super) enum Course {
    /// As fast as it is taken.
    Plain,
    /// In pieces of so many bytes, with a pause after each.
    Slow { piece: usize, pause: Duration, sleep: Arc<dyn Sleep> },
    /// So many bytes, and then the connection's end.
    Truncated { left: usize, sleep: Arc<dyn Sleep> },
}

/// In how many pieces a slow body comes.
const SLOW_PIECES: u32 = 20;
/// How long the part of a truncated body that comes gets to go, before the connection ends.
const BEFORE_THE_END: Duration = Duration::from_millis(100);

impl Course {
    /// The course of a body of so many bytes with this fate.
    pub(super) fn of(fate: Option<Fate>, length: usize, sleep: &Arc<dyn Sleep>) -> Self {
        let sleep = || Arc::clone(sleep);
        match fate {
            Some(Fate::Slow(time)) => {
                let pieces = usize::try_from(SLOW_PIECES).unwrap_or(1);
                Self::Slow { piece: length.div_ceil(pieces).max(1), pause: time / SLOW_PIECES, sleep: sleep() }
            }
            Some(Fate::Truncated) => Self::Truncated { left: length / 2, sleep: sleep() },
            Some(Fate::Cut) | None => Self::Plain,
        }
    }
}

/// An answer's body, which notes when it is taken.
pub(super) struct Outgoing {
    rest: Bytes,
    request: Request,
    course: Course,
    /// What is waited for before the next piece.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Outgoing {
    pub(super) fn new(rest: Bytes, request: Request, course: Course) -> Self {
        request.sent();
        Self { rest, request, course, waiting: None }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(waiting) = &mut self.waiting {
            match waiting.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.waiting = None,
            }
            if let Course::Truncated { .. } = self.course {
                // Nothing comes any more, and nothing wakes this: the connection ends.
                self.request.cut();
                self.waiting = Some(Box::pin(std::future::pending()));
                return Poll::Pending;
            }
        }
        let most = self.rest.len().min(PIECE);
        let (length, wait) = match &mut self.course {
            Course::Plain => (most, None),
            Course::Slow { piece, pause, sleep } => (most.min(*piece), Some(sleep.sleep(*pause))),
            Course::Truncated { left, sleep } => {
                let length = most.min(*left);
                *left -= length;
                (length, (*left == 0).then(|| sleep.sleep(BEFORE_THE_END)))
            }
        };
        self.waiting = wait;
        let piece = self.rest.split_to(length);
        self.request.sent();
        if piece.is_empty() {
            // There was half of one byte to send: only the end is left.
            return self.poll_frame(context);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
