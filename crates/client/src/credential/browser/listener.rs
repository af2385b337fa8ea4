//! The port that the browser comes back to: open on loopback for one sign-in, and deaf to everything
//! but the answer to it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use keyholder_foundation::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::wire::Http;

/// Largest head of a request that is read, in bytes. An authorization code has some 1,000.
const LONGEST_HEAD: usize = 16 * 1024;
/// Connections that are served at a time; further ones are closed.
const AT_ONCE: usize = 16;
/// How long one connection may take to say what it wants: browsers open some in advance and stay
/// silent on them.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long to wait after the system could not accept a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// What the browser brought.
#[derive(Debug)]
pub(super) enum Returned {
    Code(Secret),
    Error { error: String, description: String },
}

/// Sockets on a free port of loopback, by IPv4 and, where there is one, IPv6: `localhost` may be
/// either to a browser.
#[derive(Debug)]
pub(super) struct Listener {
    four: TcpListener,
    six: Option<TcpListener>,
    port: u16,
}

impl Listener {
    pub(super) async fn open() -> io::Result<Self> {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = four.local_addr()?.port();
        let six = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok();
        Ok(Self { four, six, port })
    }

    /// As Entra takes it from any public client that has `http://localhost` registered: the port
    /// may be any (RFC 8252 section 7.3).
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Waits for the answer to the sign-in `state`. Anything else is answered and forgotten: whoever
    /// else finds the port must not end the sign-in.
    pub(super) async fn wait(self, state: &Secret, http: &Http) -> Returned {
        let (sender, mut received) = mpsc::channel(1);
        let places = Arc::new(Semaphore::new(AT_ONCE));
        // They end with this set; that of the answer has been served by the time it is told.
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let accept_six = async {
                match &self.six {
                    Some(six) => six.accept().await,
                    None => std::future::pending().await,
                }
            };
            let stream = tokio::select! {
                Some(returned) = received.recv() => return returned,
                accepted = self.four.accept() => accepted,
                accepted = accept_six => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let Ok((stream, _)) = stream else {
                // Out of sockets, most likely: asking again at once would only keep the machine busy.
                http.sleep(PAUSE).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let (state, sender) = (state.clone(), sender.clone());
            connections.spawn(async move {
                let _place = place;
                let _ = tokio::time::timeout(DEADLINE, serve(stream, &state, &sender)).await;
            });
        }
    }
}

/// Reads one request and answers it.
async fn serve(mut stream: TcpStream, state: &Secret, sender: &mpsc::Sender<Returned>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 2048];
        let read = stream.read(&mut chunk).await?;
        head.extend_from_slice(chunk.get(..read).unwrap_or_default());
        if read == 0 || head.len() > LONGEST_HEAD {
            return Ok(());
        }
    }
    let (status, text, returned) = match understand(&head, state) {
        Some(returned @ Returned::Code(_)) => {
            ("200 OK", "You have signed in. You may close this page and go back to Keyholder.", Some(returned))
        }
        Some(returned) => {
            ("200 OK", "You have not signed in. Keyholder says why; you may close this page.", Some(returned))
        }
        None => ("404 Not Found", "There is nothing here but the end of a sign-in to Keyholder.", None),
    };
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Keyholder</title><p>{text}</p></html>\n"
    );
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\r\n{page}",
        page.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    if let Some(returned) = returned {
        // Only the first counts.
        let _ = sender.try_send(returned);
    }
    Ok(())
}

/// The answer to the sign-in `state`; nothing when the request is anything else.
fn understand(head: &[u8], state: &Secret) -> Option<Returned> {
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let target = line.strip_prefix("GET ")?.split(' ').next()?;
    let (path, query) = target.split_once('?')?;
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    if path != "/" || !state.matches(&value("state")?) {
        return None;
    }
    match (value("code"), value("error")) {
        (Some(code), None) => Some(Returned::Code(Secret::new(code))),
        (_, Some(error)) => {
            Some(Returned::Error { error, description: value("error_description").unwrap_or_default() })
        }
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(request: &str) -> Option<String> {
        match understand(request.as_bytes(), &Secret::new("right"))? {
            Returned::Code(code) => Some(code.expose().to_owned()),
            Returned::Error { error, description } => Some(format!("{error}: {description}")),
        }
    }

    #[test]
    fn only_the_answer_to_this_sign_in_is_one() {
        assert_eq!(read("GET /?code=a%2Bb&state=right&session_state=x HTTP/1.1\r\n\r\n").as_deref(), Some("a+b"));
        let declined = "GET /?error=access_denied&error_description=no+thanks&state=right HTTP/1.1\r\n\r\n";
        assert_eq!(read(declined).as_deref(), Some("access_denied: no thanks"));
        for other in [
            "GET /?code=a&state=wrong HTTP/1.1\r\n\r\n",
            "GET /?code=a HTTP/1.1\r\n\r\n",
            "GET /?state=right HTTP/1.1\r\n\r\n",
            "GET /favicon.ico?code=a&state=right HTTP/1.1\r\n\r\n",
            "POST /?code=a&state=right HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_request_is_read_without_panic(bytes: Vec<u8>, query: String) {
            let _ = understand(&bytes, &Secret::new("right"));
            let _ = read(&format!("GET /?{query} HTTP/1.1\r\n\r\n"));
        }
    }
}
