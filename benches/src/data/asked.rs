//! What is asked of the compared servers.

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

use super::filled::FILL;
use super::{Compared, Found, SHOWN};
use crate::org_process::Org;
use crate::{Failure, rows};

/// Creates in one `$batch`.
const BATCH: u32 = 100;

/// The requests that are compared.
pub(super) fn compared(admin: &str, basic: &str, contacts: u32) -> Result<Vec<Compared>, Failure> {
    let point = format!("contacts({})?{SHOWN}", rows::contact_id(contacts / 2));
    let top = format!("contacts?{SHOWN}&$top=3");
    let filter =
        "$filter=statecode%20eq%200%20and%20startswith(lastname,%27Last1%27)&$orderby=lastname,firstname&$top=50";
    let filtered = format!("contacts?{SHOWN}&{filter}");
    let page = format!("contacts?{SHOWN}");
    let reads = [
        ("point read", point.clone(), point, 1.0, "0.05"),
        ("top 3", top.clone(), top, 3.0, "0.05"),
        ("filter, order and page of 50", filtered.clone(), filtered, 50.0, ""),
        (
            "50 with an expanded lookup",
            format!("contacts?{SHOWN}&$top=50&$expand=parentcustomerid_account($select=name)"),
            format!("contacts?{SHOWN}&$top=50&$expand=company($select=name)"),
            50.0,
            "",
        ),
        ("page of 5,000", page.clone(), page, 5_000.0, ""),
    ];
    let mut all = Vec::new();
    for (name, own, cap, rows, aim) in reads {
        let own = format!("/api/data/v9.2/{own}");
        all.push(Compared {
            name,
            basic: Org::with_token(&own, basic)?,
            own: Org::with_token(&own, admin)?,
            cap: at_cap(Method::GET, &cap, "application/json", String::new())?,
            rows,
            aim,
            found: Found::default(),
        });
    }
    let one = Value::Object(rows::contact(7)).to_string();
    let writes = [
        ("create", "contacts".to_owned(), "application/json", one.clone(), 1.0, "0.071"),
        (
            "batch of 100 creates",
            "$batch".to_owned(),
            "multipart/mixed;boundary=b",
            batch(&one),
            f64::from(BATCH),
            "0.022",
        ),
    ];
    for (name, path, kind, body, rows, aim) in writes {
        let own = |token: &str| {
            let mut request = Org::with_token(&format!("/api/data/v9.2/{path}"), token)?;
            posts(&mut request, kind, &body)?;
            Ok::<_, Failure>(request)
        };
        let cap = at_cap(Method::POST, &path, kind, body.clone())?;
        all.push(Compared { name, own: own(admin)?, basic: own(basic)?, cap, rows, aim, found: Found::default() });
    }
    let many: Vec<Value> = (0..FILL).map(|number| typed("contact", rows::contact(number))).collect();
    let many = json!({ "Targets": many }).to_string();
    let own = |token: &str| {
        let mut request = Org::with_token("/api/data/v9.2/contacts/Microsoft.Dynamics.CRM.CreateMultiple", token)?;
        posts(&mut request, "application/json", &many)?;
        Ok::<_, Failure>(request)
    };
    // CAP has no such message; the nearest is a batch of as many creates.
    let cap = at_cap(Method::POST, "$batch", "multipart/mixed;boundary=b", batch(&one))?;
    let name = "CreateMultiple of 1,000 (SAP CAP: batch of 100)";
    all.push(Compared {
        name,
        own: own(admin)?,
        basic: own(basic)?,
        cap,
        rows: f64::from(FILL),
        aim: "",
        found: Found::default(),
    });
    Ok(all)
}

pub(crate) fn posts(request: &mut Request<Full<Bytes>>, kind: &str, body: &str) -> Result<(), Failure> {
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, kind.parse()?);
    *request.body_mut() = Full::from(body.to_owned());
    Ok(())
}

fn at_cap(method: Method, path: &str, kind: &str, body: String) -> Result<Request<Full<Bytes>>, Failure> {
    Ok(Request::builder()
        .method(method)
        .uri(format!("/crm/{path}"))
        .header(header::HOST, "localhost")
        .header(header::ACCEPT, if path == "$batch" { "multipart/mixed" } else { "application/json" })
        .header(header::CONTENT_TYPE, kind)
        .body(Full::from(body))?)
}

/// A batch with one change set of creates.
fn batch(row: &str) -> String {
    let mut body = String::from("--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n");
    for number in 1..=BATCH {
        body.push_str(&format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {number}\r\n\r\n\
             POST contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{row}\r\n"
        ));
    }
    body.push_str("--c--\r\n--b--\r\n");
    body
}

pub(crate) fn typed(table: &str, mut row: serde_json::Map<String, Value>) -> Value {
    row.insert("@odata.type".to_owned(), json!(format!("Microsoft.Dynamics.CRM.{table}")));
    Value::Object(row)
}
