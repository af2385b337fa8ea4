use http::Method;
use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/mixed; boundary=\"batch_1\"";

fn lines(text: &str) -> String {
    text.replace('\n', "\r\n")
}

fn refused(body: &str) -> String {
    read("v9.2", Some(TYPE), lines(body).as_bytes()).unwrap_err().message
}

const WHOLE: &str = "a preamble\n--batch_1\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n\
    GET https://localhost:8443/api/data/v9.1/contacts?$filter=lastname eq 'O HTTP/1.1' HTTP/1.1\n\
    Accept: application/json\nPrefer: odata.maxpagesize=2\n\n\n\
    --batch_1\nContent-Type: multipart/mixed;boundary=set\n\n\
    --set\nContent-Type: application/http\nContent-ID: 1\n\n\
    POST /api/data/v9.2/contacts HTTP/1.1\nContent-Type: application/json; type=entry\n\n{\"lastname\":\"A\"}\n\
    --set\nContent-Type: application/http\nContent-ID: 2\n\nPUT $1/lastname HTTP/1.1\n\n{\"value\":\"B\"}\n\
    --set--\n\n--batch_1--\nan epilogue";

#[test]
fn requests_and_change_sets_are_read_in_order() {
    for body in [lines(WHOLE), WHOLE.to_owned(), format!("\r\n{}", lines(WHOLE))] {
        let items = read("v9.2", Some(TYPE), body.as_bytes()).unwrap();
        let [Item::Request(get), Item::ChangeSet(set)] = items.as_slice() else { panic!("{items:?}") };
        assert_eq!((&get.method, get.path.as_str()), (&Method::GET, "v9.1/contacts"));
        assert_eq!(get.query, Some("$filter=lastname eq 'O HTTP/1.1'"));
        assert_eq!(get.headers["prefer"], "odata.maxpagesize=2");
        let [post, put] = set.as_slice() else { panic!("{set:?}") };
        assert_eq!((post.content_id, post.path.as_str()), (Some("1"), "v9.2/contacts"));
        assert_eq!(post.body, b"{\"lastname\":\"A\"}");
        assert_eq!(post.headers["content-type"], "application/json");
        assert_eq!((&put.method, put.path.as_str()), (&Method::PUT, "v9.2/$1/lastname"));
    }
}

#[test]
fn boundaries_come_in_every_writing() {
    for written in ["boundary=b", "boundary=\"b\"", "charset=utf-8;  Boundary=b", "boundary= b "] {
        let read = read("v9.2", Some(&format!("Multipart/Mixed;{written}")), b"--b\n--b--");
        // Between the two stands one part, which is empty and so no request.
        assert!(read.is_err_and(|refusal| refusal.message.contains("neither")), "{written}");
    }
    for wrong in [None, Some("application/json"), Some("multipart/mixed"), Some("multipart/mixed; boundary=\"\"")] {
        assert_eq!(read("v9.2", wrong, b"").unwrap_err().status, 415, "{wrong:?}");
    }
}

#[test]
fn what_is_not_whole_is_refused() {
    let part = "--batch_1\nContent-Type: application/http\n\n";
    assert!(refused(&format!("{part}GET contacts HTTP/1.1\n\n--batch_1\n")).contains("does not end"));
    assert!(refused(&format!("{part}\n--batch_1--")).contains("holds no request"));
    assert!(refused(&format!("{part}GET\n--batch_1--")).contains("malformed at 'GET'"));
    assert!(refused(&format!("{part}GET contacts HTTP/1.1\nno header\n\n--batch_1--")).contains("malformed"));
    assert!(refused("--batch_1\nContent-Type: text/plain\n\nx\n--batch_1--").contains("neither"));
    assert!(refused(&format!("{part}GET https://elsewhere.example/x HTTP/1.1\n\n--batch_1--")).contains("elsewhere"));
    let many = format!("{part}GET contacts HTTP/1.1\n\n").repeat(MOST_REQUESTS + 1);
    assert!(refused(&format!("{many}--batch_1--")).contains("more than 1000"));
}

#[test]
fn a_change_set_holds_named_changes_only() {
    let set = |inner: &str| {
        refused(&format!("--batch_1\nContent-Type: multipart/mixed; boundary=s\n\n{inner}--s--\n--batch_1--"))
    };
    let part = "--s\nContent-Type: application/http\n";
    assert_eq!(set(&format!("{part}\nPOST contacts HTTP/1.1\n\n{{}}\n")), "Content-ID header not present");
    assert!(set(&format!("{part}Content-ID: 1\n\nGET contacts HTTP/1.1\n\n")).contains("that read"));
    let twice = format!("{part}Content-ID: 1\n\nPOST contacts HTTP/1.1\n\n{{}}\n").repeat(2);
    assert!(set(&twice).contains("'1' occurs twice"));
    assert!(set("--s\nContent-Type: multipart/mixed; boundary=t\n\n--t--\n").contains("another change set"));
}

#[test]
fn references_stand_for_rows_that_were_named_before() {
    let mut references = References::default();
    references.declare("1", "contacts(7)".to_owned());
    assert_eq!(references.resolve("$1/lastname").unwrap(), "contacts(7)/lastname");
    assert_eq!(references.resolve("$1").unwrap(), "contacts(7)");
    assert_eq!(references.resolve("contacts(1)").unwrap(), "contacts(1)");
    let refusal = references.resolve("$2").unwrap_err();
    assert_eq!(refusal.message, "Content-ID Reference: '$2' does not exist in the batch context.");
}

proptest! {
    #[test]
    fn nothing_that_is_sent_breaks_the_reader(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read("v9.2", Some(TYPE), &body);
        let mut framed = b"--batch_1\r\nContent-Type: application/http\r\n\r\n".to_vec();
        framed.extend_from_slice(&body);
        framed.extend_from_slice(b"\r\n--batch_1--");
        let _ = read("v9.2", Some(TYPE), &framed);
    }

    #[test]
    fn what_is_written_is_read(
        bodies in proptest::collection::vec("[ -~]{0,40}", 0..5), query in "[a-z=&$ ']{1,20}",
    ) {
        use std::fmt::Write as _;

        let mut text = String::new();
        for body in &bodies {
            write!(
                text,
                "--batch_1\r\nContent-Type: application/http\r\n\r\nPATCH contacts(1)?{query} HTTP/1.1\r\nIf-Match: *\r\n\r\n{body}\r\n"
            ).unwrap();
        }
        text.push_str("--batch_1--\r\n");
        let items = read("v9.0", Some(TYPE), text.as_bytes()).unwrap();
        prop_assert_eq!(items.len(), bodies.len());
        for (item, body) in items.iter().zip(&bodies) {
            let Item::Request(part) = item else { panic!("{item:?}") };
            prop_assert_eq!((part.path.as_str(), part.query.map(str::trim)), ("v9.0/contacts(1)", Some(query.trim())));
            prop_assert_eq!(part.body, body.as_bytes());
        }
    }
}
