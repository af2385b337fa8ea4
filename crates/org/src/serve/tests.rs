//! Connections over a pipe in memory, where the clock moves on by itself.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::*;

/// Answers with so many bytes; `Authorization: x` admits large bodies, `From` small ones of anybody.
struct Room {
    answer: usize,
    bodies: Mutex<Vec<usize>>,
}

impl Answer for Room {
    fn answer(self: Arc<Self>, _: SocketAddr, request: Request<Bytes>) -> BoxFuture<Response<Bytes>> {
        self.bodies.lock().unwrap().push(request.body().len());
        Box::pin(async move { Response::new(Bytes::from(vec![b'x'; self.answer])) })
    }

    fn admit<'a>(&'a self, head: &'a request::Parts) -> Admission<'a> {
        let known = head.headers.get(header::AUTHORIZATION).is_some_and(|value| value == "x");
        let open = head.headers.contains_key(header::FROM);
        Box::pin(async move {
            match (known, open) {
                (true, _) => Ok(Admitted::known(1024 * 1024)),
                (false, true) => Ok(Admitted::anybody(100_000)),
                (false, false) => Err(plain(StatusCode::UNAUTHORIZED, "Unauthorized", "Who?")),
            }
        })
    }
}

struct Client {
    pipe: DuplexStream,
    room: Arc<Room>,
    connections: Arc<Connections>,
    served: tokio::task::JoinHandle<()>,
}

/// A connection to a room whose answers have `answer` bytes.
async fn connected(answer: usize) -> Client {
    let (pipe, server) = tokio::io::duplex(4096);
    let room = Arc::new(Room { answer, bodies: Mutex::default() });
    let connections = Arc::new(Connections::of(None, Arc::new(keyholder_platform::RuntimeSleep)));
    let place = connections.enter().await;
    let (answer, peer) = (Arc::clone(&room), SocketAddr::from(([127, 0, 0, 1], 1)));
    let served = tokio::spawn(async move {
        let graceful = GracefulShutdown::new();
        connection(server, peer, answer, place, graceful.watcher()).await;
    });
    Client { pipe, room, connections, served }
}

impl Client {
    async fn says(&mut self, text: impl AsRef<[u8]>) {
        self.pipe.write_all(text.as_ref()).await.unwrap();
    }

    /// What comes until the server closes.
    async fn hears(&mut self) -> String {
        let mut heard = Vec::new();
        self.pipe.read_to_end(&mut heard).await.unwrap();
        String::from_utf8_lossy(&heard).into_owned()
    }

    /// The seconds until the server gives the connection up.
    async fn lives(self) -> u64 {
        let start = Instant::now();
        self.served.await.unwrap();
        start.elapsed().as_secs()
    }
}

const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const PING_FRAME: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_ends_soon() {
    for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n", H2_PREFACE, b"GET / HTTP/1.1\r\nHost: "] {
        let mut client = connected(0).await;
        client.says(said).await;
        assert_eq!(client.lives().await, 10, "{}", String::from_utf8_lossy(said));
    }
}

#[tokio::test(start_paused = true)]
async fn pings_and_trickles_do_not_keep_a_connection() {
    let mut client = connected(0).await;
    client.says(H2_PREFACE).await;
    let (mut reader, mut writer) = tokio::io::split(client.pipe);
    let pinging = tokio::spawn(async move {
        while writer.write_all(PING_FRAME).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let reading = tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
    let start = Instant::now();
    client.served.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 10);
    pinging.await.unwrap();
    let _ = reading.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_taken_ends_its_connection() {
    let mut client = connected(1024 * 1024).await;
    client.says("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let lived = client.lives().await;
    assert!((60..=90).contains(&lived), "{lived}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_that_is_taken_arrives_whole() {
    let mut client = connected(512 * 1024).await;
    client.says("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let mut heard = 0;
    let mut piece = vec![0; 2048];
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match client.pipe.read(&mut piece).await.unwrap() {
            0 => break,
            read => heard += read,
        }
    }
    assert!(heard > 512 * 1024, "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_large_body_is_asked_about_before_it_is_read() {
    let stranger = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n";
    let mut client = connected(0).await;
    client.says(stranger).await;
    assert!(client.hears().await.starts_with("HTTP/1.1 401 "), "refused by its head");
    // Without a declared length it is noticed once too much has come.
    let mut client = connected(0).await;
    client.says("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n").await;
    client.says(vec![b'x'; 66_000]).await;
    assert!(client.hears().await.starts_with("HTTP/1.1 401 "), "refused by what came");

    let known = "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: x\r\nConnection: close\r\nContent-Length: ";
    let mut client = connected(0).await;
    client.says(format!("{known}70000\r\n\r\n")).await;
    client.says(vec![b'x'; 70_000]).await;
    assert!(client.hears().await.starts_with("HTTP/1.1 200 "));
    assert_eq!(*client.room.bodies.lock().unwrap(), [70_000]);
    let mut client = connected(0).await;
    client.says(format!("{known}9999999\r\n\r\n")).await;
    let heard = client.hears().await;
    assert!(heard.starts_with("HTTP/1.1 413 ") && heard.contains("at most 1 MiB"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_before_it_listens_hears_the_refusal() {
    let stranger = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ";
    let mut client = connected(0).await;
    client.says(format!("{stranger}1000000\r\n\r\n")).await;
    client.says(vec![b'x'; 1_000_000]).await;
    assert!(client.hears().await.starts_with("HTTP/1.1 401 "));
    // Who may send much and sends more than that hears it too, behind the last byte.
    let known = stranger.replace("Connection", "Authorization: x\r\nConnection");
    let mut client = connected(0).await;
    client.says(format!("{known}40000000\r\n\r\n")).await;
    client.says(vec![b'x'; 40_000_000]).await;
    assert!(client.hears().await.starts_with("HTTP/1.1 413 "));
    // So it does in pieces of which nobody knows how many there will be.
    let chunked = known.replace("Content-Length: ", "Transfer-Encoding: chunked\r\n\r\n2625A00\r\n");
    let mut client = connected(0).await;
    client.says(chunked).await;
    client.says(vec![b'x'; 40_000_000]).await;
    client.says("\r\n0\r\n\r\n").await;
    assert!(client.hears().await.starts_with("HTTP/1.1 413 "));
    // Without end it is not read for anybody.
    let mut client = connected(0).await;
    client.says(format!("{known}100000000000\r\n\r\n")).await;
    let (mut taken, piece) = (0_usize, vec![b'x'; 1 << 20]);
    while client.pipe.write_all(&piece).await.is_ok() {
        taken += piece.len();
    }
    assert!((256 << 20..257 << 20).contains(&taken), "{taken}");
    // Of somebody whose token is worth nothing much less is read, and for the time of a stranger, whether it is refused
    // for who it is or for how large it is: enough for a body a little over what an org reads.
    let worthless = known.replace("Authorization: x", "Authorization: Bearer y");
    for (head, status) in [(worthless.clone(), "401"), (worthless.replace("Bearer y", "Bearer y\r\nFrom: z"), "413")] {
        let mut client = connected(0).await;
        client.says(format!("{head}20000000\r\n\r\n")).await;
        client.says(vec![b'x'; 20_000_000]).await;
        let heard = client.hears().await;
        assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{heard}");
        let mut client = connected(0).await;
        client.says(format!("{head}100000000000\r\n\r\n")).await;
        let mut taken = 0_usize;
        while client.pipe.write_all(&piece).await.is_ok() {
            taken += piece.len();
        }
        assert!((32 << 20..33 << 20).contains(&taken), "{taken}");
        let mut client = connected(0).await;
        client.says(format!("{head}20000000\r\n\r\n")).await;
        assert_eq!(client.lives().await, 20, "{status}");
    }
    // Who asks first is told so at once, and sends nothing.
    let mut client = connected(0).await;
    client.says(format!("{stranger}1000000\r\nExpect: 100-continue\r\n\r\n")).await;
    let start = Instant::now();
    assert!(client.hears().await.starts_with("HTTP/1.1 401 "));
    assert_eq!(start.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn bodies_share_one_bound() {
    let mut client = connected(0).await;
    let bodies = Arc::clone(&client.connections.bodies);
    let all = bodies.available_permits();
    let taken = Arc::clone(&bodies).acquire_many_owned(u32::try_from(all).unwrap()).await.unwrap();
    let request = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
    client.says(request).await;
    let mut heard = vec![0; 400];
    let read = client.pipe.read(&mut heard).await.unwrap();
    let heard = String::from_utf8_lossy(&heard[..read]).into_owned();
    assert!(heard.starts_with("HTTP/1.1 503 ") && heard.contains("retry-after: 1"), "{heard}");
    drop(taken);
    client.says(request).await;
    let mut heard = vec![0; 400];
    let read = client.pipe.read(&mut heard).await.unwrap();
    assert!(heard[..read].starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&heard));
    assert_eq!(bodies.available_permits(), all, "given back");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up() {
    let mut client = connected(0).await;
    client.says("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na").await;
    assert!(client.hears().await.starts_with("HTTP/1.1 408 "));
}
