//! What the network does to a request, and what is said about it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use keyholder_client::error::Unreachable;
use keyholder_client::transport::Network;
use keyholder_client::{Error, ErrorKind, NetworkOptions, Transport};

use crate::server::{Server, serve};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

async fn get(url: &str, options: NetworkOptions) -> Result<Response<Bytes>, Error> {
    let network = Network::new(options).unwrap();
    network.send(Request::get(url).body(Bytes::new()).unwrap()).await
}

fn trusting(server: &Server) -> NetworkOptions {
    NetworkOptions { ca_file: Some(server.ca_file.clone()), ..NetworkOptions::default() }
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_its_file() {
    let server = serve(&["localhost"], OK).await;
    let answer = get(&format!("https://localhost:{}/", server.port), trusting(&server)).await.unwrap();
    assert_eq!(answer.body().as_ref(), b"hello");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_named_with_its_cause_and_mend() {
    let server = serve(&["localhost"], OK).await;
    let url = format!("https://localhost:{}", server.port);
    let error = get(&url, NetworkOptions::default()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the certificate of {url} is not trusted here: no known certificate authority signed it")
    );
    assert!(error.hints()[0].contains("--ca-file"));
    assert_eq!(error.kind(), ErrorKind::Configuration);

    let error = get(&format!("https://127.0.0.1:{}", server.port), trusting(&server)).await.unwrap_err();
    assert!(error.to_string().ends_with("it was made for another host name"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_no_lost_connection() {
    let server = serve(&[], OK).await;
    let error = get(&format!("https://localhost:{}", server.port), NetworkOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn redirects_are_answers() {
    let server = serve(&[], "HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\ncontent-length: 0\r\n\r\n").await;
    let answer = get(&format!("http://localhost:{}", server.port), NetworkOptions::default()).await.unwrap();
    assert_eq!(answer.status(), 302);
}

#[tokio::test]
async fn an_answer_has_a_largest_size() {
    let body = "x".repeat(1_000);
    let server = serve(&[], format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{body}")).await;
    let options = NetworkOptions { largest_answer: 999, ..NetworkOptions::default() };
    let url = format!("http://127.0.0.1:{}/", server.port);
    let error = get(&url, options).await.unwrap_err();
    assert!(error.to_string().contains("an answer of more than 999 bytes"), "{error}");
    let options = NetworkOptions { largest_answer: 1_000, ..NetworkOptions::default() };
    assert_eq!(get(&url, options).await.unwrap().body().len(), 1_000);
}

#[tokio::test]
async fn a_cut_answer_is_a_lost_connection() {
    let server = serve(&[], "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello").await;
    let error = get(&format!("http://127.0.0.1:{}/", server.port), NetworkOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { cause: Unreachable::Lost(_), .. }), "{error:?}");
    let server = serve(&[], "").await;
    let error = get(&format!("http://127.0.0.1:{}/", server.port), NetworkOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { cause: Unreachable::Lost(_), .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_runs_into_the_deadline() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = NetworkOptions { total_deadline: Duration::from_millis(50), ..NetworkOptions::default() };
    let url = format!("http://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let error = get(&url, options).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { cause: Unreachable::TimedOut, .. }), "{error:?}");
    drop(silent);
}

/// `.invalid` never resolves (RFC 2606); under `localhost` no resolver is asked outside.
#[tokio::test]
async fn a_name_without_address_is_said_to_be_one() {
    let error = get("http://nothing.localhost.invalid/", NetworkOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfReach);
}
