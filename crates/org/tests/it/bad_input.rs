//! What nobody should send, sent to the Web API over real TLS: each is a client's mistake with the service's code, and the org
//! answers the next request as if nothing had been.

use std::fmt::Write as _;

use keyholder_testkit::{Answer, World};

/// A request by a name, and the status and code that it is refused with.
type Refused<'a> = (&'a str, String, u16, &'a str);

/// The status and text of an answer.
type Said = (u16, String);

/// The status and code that it should have.
type Wanted<'a> = (u16, &'a str);

struct Client {
    world: World,
    bearer: String,
}

impl Client {
    async fn new() -> Self {
        let world = World::start().await;
        let bearer = format!("Bearer {}", world.admin_token().await);
        Self { world, bearer }
    }

    async fn get(&self, path: &str) -> Answer {
        let headers = [("authorization", self.bearer.as_str()), ("accept", "application/json")];
        self.world.ask("GET", &format!("/api/data/v9.2/{path}"), &headers, "").await
    }

    async fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let headers = [("authorization", self.bearer.as_str()), ("content-type", content_type)];
        self.world.ask("POST", &format!("/api/data/v9.2/{path}"), &headers, body).await
    }

    /// One request inside a batch, whose address may be longer than one of its own: the inner status, and the whole answer.
    async fn batched(&self, path: &str) -> (u16, String) {
        let body = format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             GET /api/data/v9.2/{path} HTTP/1.1\r\nAccept: application/json\r\n\r\n--b--\r\n"
        );
        let answer = self.post("$batch", "multipart/mixed; boundary=b", &body).await;
        let status = answer.text.split("HTTP/1.1 ").nth(1).and_then(|rest| rest.get(..3)?.parse().ok());
        (status.unwrap_or(answer.status), answer.text)
    }

    async fn still_answers(&self) {
        let answer = self.get("contacts?$top=1&$select=lastname").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Tells all that differ at once.
fn hold(found: Vec<(String, Said, Wanted<'_>)>) {
    let mut wrong = String::new();
    for (about, (status, text), (wanted, code)) in found {
        if status != wanted || !text.contains(code) {
            let text: String = text.chars().take(300).collect();
            let _ = writeln!(wrong, "{about}: {status}, not {wanted} {code}: {text}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[tokio::test]
async fn filters_and_addresses_beyond_reason_are_refused() {
    let client = Client::new().await;
    let filter = |filter: &str| format!("contacts?$select=lastname&$filter={filter}");
    let cases: Vec<Refused<'_>> = vec![
        ("deep parentheses", filter(&format!("{}true", "(".repeat(3_000))), 400, "0x80060888"),
        ("many nots", filter(&format!("{}(lastname eq 'a')", "not ".repeat(2_000))), 400, "0x80060888"),
        (
            "deep expands",
            format!("contacts?$expand={}", "account_primary_contact($expand=".repeat(300)),
            400,
            "0x80060888",
        ),
        ("bytes that are no text", filter("lastname eq '%FF%FE'"), 400, "0x8"),
        ("a path that is no text", "contacts%FF%FE".to_owned(), 400, "0x8"),
        ("a short id", "contacts(00000000-0000-0000-0000-00000000000)".to_owned(), 400, "0x80060888"),
        (
            "an id with a letter too many",
            "contacts(00000000-0000-0000-0000-00000000000g)".to_owned(),
            400,
            "0x80060888",
        ),
        ("the last id there can be", "contacts(ffffffff-ffff-ffff-ffff-ffffffffffff)".to_owned(), 404, "0x80040217"),
        ("no id at all", "contacts(00000000-0000-0000-0000-000000000000)".to_owned(), 404, "0x80040217"),
        ("a day that there is not", filter("createdon gt 2026-02-30T00:00:00Z"), 400, "0x8"),
        ("a year of five digits", filter("createdon gt 10000-01-01T00:00:00Z"), 400, "0x8"),
        ("an hour that there is not", filter("createdon gt 2026-02-03T25:00:00Z"), 400, "0x8"),
        ("a number beyond every column", filter("numberofchildren eq 99999999999999999999999"), 400, "0x8"),
        ("a number without end", filter("annualincome gt 1e400"), 400, "0x8"),
        ("not a number", filter("annualincome gt NaN"), 400, "0x8"),
        ("fewer than no rows", "contacts?$top=-1".to_owned(), 400, "0x8"),
        ("more rows than can be counted", "contacts?$top=99999999999".to_owned(), 400, "0x8"),
        (
            "more days than there are",
            filter("Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=99999999999)"),
            400,
            "0x8",
        ),
        ("a list of 5,000", filter(&format!("lastname in ('a'{})", ",'a'".repeat(5_000))), 414, "0x8"),
    ];
    let mut found = Vec::new();
    for (about, path, status, code) in cases {
        let answer = client.get(&path).await;
        found.push((about.to_owned(), (answer.status, answer.text), (status, code)));
    }
    let longest = client.get(&filter(&format!("lastname eq '{}'", "a".repeat(60_000)))).await;
    found.push(("a text of 60,000 characters".to_owned(), (longest.status, longest.text), (414, "0x80060888")));
    hold(found);
    // A `%` that begins no code stands for itself, as programs send it in patterns.
    for edge in [
        "createdon lt 9999-12-31T23:59:59Z",
        "createdon gt 0001-01-01T00:00:00Z",
        "lastname in ('a')",
        "lastname eq '100%'",
        "lastname eq '%4x'",
    ] {
        let answer = client.get(&filter(edge)).await;
        assert_eq!(answer.status, 200, "{edge}: {}", answer.text);
    }
    client.still_answers().await;
    client.world.stop().await;
}

#[tokio::test]
async fn documents_and_lists_beyond_reason_are_refused_inside_a_batch() {
    let client = Client::new().await;
    let fetch = |document: &str| format!("contacts?fetchXml={}", encoded(document));
    let plain = |inside: &str| format!("<fetch><entity name='contact'>{inside}</entity></fetch>");
    let condition = "<condition attribute='lastname' operator='eq' value='a'/>";
    let laughs: String = (1..10).fold("<!ENTITY l0 'ha'>".to_owned(), |mut all, level| {
        let _ = write!(all, "<!ENTITY l{level} '{}'>", format!("&l{};", level - 1).repeat(10));
        all
    });
    let laughing = format!(
        "<!DOCTYPE fetch [{laughs}]><fetch><entity name='contact'><filter><condition attribute='lastname' operator='eq' \
         value='&l9;'/></filter></entity></fetch>"
    );
    let values = |count: usize| "<value>a</value>".repeat(count);
    let listed = |count| {
        plain(&format!("<filter><condition attribute='lastname' operator='in'>{}</condition></filter>", values(count)))
    };
    let cases: Vec<Refused<'_>> = vec![
        ("10,000 conditions", fetch(&plain(&format!("<filter>{}</filter>", condition.repeat(10_000)))), 414, "0x8"),
        ("501 conditions", fetch(&plain(&format!("<filter>{}</filter>", condition.repeat(501)))), 400, "0x8"),
        (
            "filters 500 deep",
            fetch(&plain(&format!("{}{condition}{}", "<filter>".repeat(500), "</filter>".repeat(500)))),
            400,
            "0x8",
        ),
        ("a document of 300 KB", fetch(&plain(&format!("<!--{}-->", "x".repeat(300_000)))), 414, "0x8"),
        ("entities that grow", fetch(&laughing), 400, "0x8"),
        ("half a document", fetch("<fetch><entity name='contact'>"), 400, "0x8"),
        ("a list of 20,000 values", fetch(&listed(20_000)), 414, "0x8"),
        (
            "10,000 filters",
            format!("contacts?$filter={}", encoded(&vec!["lastname eq 'a'"; 10_000].join(" or "))),
            414,
            "0x8",
        ),
        (
            "a list of 10,000 in OData",
            format!("contacts?$filter={}", encoded(&format!("lastname in ('a'{})", ",'a'".repeat(10_000)))),
            414,
            "0x8",
        ),
    ];
    let mut found = Vec::new();
    for (about, path, status, code) in cases {
        let answer = client.batched(&path).await;
        found.push((about.to_owned(), answer, (status, code)));
    }
    hold(found);
    let (status, text) = client.batched(&fetch(&listed(500))).await;
    assert_eq!(status, 200, "{text}");
    client.still_answers().await;
    client.world.stop().await;
}

#[tokio::test]
async fn bodies_and_batches_that_are_none_are_refused() {
    let client = Client::new().await;
    let part = "Content-Type: application/http\r\n\r\nGET contacts HTTP/1.1\r\n\r\n";
    let json = "application/json";
    let mixed = "multipart/mixed; boundary=b";
    let cases: Vec<(&str, &str, &str, String, u16, &str)> = vec![
        ("a batch without a boundary", "$batch", "multipart/mixed", format!("--b\r\n{part}--b--\r\n"), 415, "0x8"),
        (
            "a batch with an empty one",
            "$batch",
            "multipart/mixed; boundary=",
            format!("--b\r\n{part}--b--\r\n"),
            415,
            "0x8",
        ),
        ("a boundary that is not there", "$batch", mixed, format!("--c\r\n{part}--c--\r\n"), 400, "0x8"),
        ("a batch that does not end", "$batch", mixed, format!("--b\r\n{part}"), 400, "0x8"),
        ("a batch of nothing", "$batch", mixed, String::new(), 400, "0x8"),
        (
            "a part that is no request",
            "$batch",
            mixed,
            "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n".into(),
            400,
            "0x8",
        ),
        (
            "a request without a line",
            "$batch",
            mixed,
            "--b\r\nContent-Type: application/http\r\n\r\n\r\n--b--\r\n".into(),
            400,
            "0x8",
        ),
        ("1,001 requests", "$batch", mixed, format!("{}--b--\r\n", format!("--b\r\n{part}").repeat(1_001)), 400, "0x8"),
        (
            "a change set that reads",
            "$batch",
            mixed,
            format!("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n{part}--c--\r\n--b--\r\n"),
            400,
            "0x8",
        ),
        (
            "a body of 100,000 levels",
            "contacts",
            json,
            format!("{{\"lastname\":{}", "[".repeat(100_000)),
            400,
            "0x80048d19",
        ),
        ("half a body", "contacts", json, "{\"lastname\":".into(), 400, "0x80048d19"),
        ("half a character", "contacts", json, "{\"lastname\":\"\\ud800\"}".into(), 400, "0x80048d19"),
        (
            "a number without end",
            "contacts",
            json,
            "{\"lastname\":\"a\",\"annualincome\":1e400}".into(),
            400,
            "0x80048d19",
        ),
        ("a body of 17 MB", "contacts", json, format!("{{\"lastname\":\"{}\"}}", "a".repeat(17 << 20)), 413, ""),
        (
            "a text of 100,000",
            "contacts",
            json,
            format!("{{\"lastname\":\"{}\"}}", "a".repeat(100_000)),
            400,
            "0x80044331",
        ),
    ];
    let mut found = Vec::new();
    for (about, path, content_type, body, status, code) in cases {
        let answer = client.post(path, content_type, &body).await;
        found.push((about.to_owned(), (answer.status, answer.text), (status, code)));
    }
    hold(found);
    client.still_answers().await;
    client.world.stop().await;
}
