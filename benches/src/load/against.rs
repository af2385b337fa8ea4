//! The org that rows are loaded into, and what it does with requests that are ready.

use std::cell::Cell;
use std::path::Path;

use futures::future::try_join_all;
use http::{HeaderValue, Request};
use http_body_util::Full;
use keyholder_foundation::{MonotonicClock, SystemClock};
use serde_json::{Value, json};

use crate::data::{posts, typed};
use crate::http_client::send;
use crate::org_process::Org;
use crate::task::{Mode, Operation, Task};
use crate::{Failure, rows};

/// A new org which has what the task needs.
pub(crate) async fn ready(keyholder: &Path, folder: &Path, task: &Task, flags: &[&str]) -> Result<Org, Failure> {
    let org = Org::start_with(keyholder, folder, flags, &[]).await?;
    if task.operation == Operation::Upsert {
        let label = json!({"LocalizedLabels": [{"Label": "Mail", "LanguageCode": 1033}]});
        let key = json!({"SchemaName": "keyholder_Mail", "KeyAttributes": ["emailaddress1"], "DisplayName": label});
        org.post("/api/data/v9.2/EntityDefinitions(LogicalName='contact')/Keys", &key).await?;
    }
    Ok(org)
}

/// How the rows of a batch are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In one change set, as programs write them.
    ChangeSet,
    /// Each by itself, as `keyholder load` does: one that is refused leaves the others as they are.
    Apart,
}

/// Rows per second that the org takes of requests that are ready, as many at once as the task says.
pub(crate) async fn saturated(org: &Org, task: &Task, form: Form) -> Result<f64, Failure> {
    let token = org.token(org.token_request()).await?;
    let starts = (0..task.rows).step_by(task.size as usize);
    let requests = starts.map(|from| request(task, from, &token, form)).collect::<Result<Vec<_>, _>>()?;
    let mut senders = org.target().connect_all(task.concurrency).await?;
    let (next, clock) = (Cell::new(0), SystemClock::new());
    try_join_all(senders.iter_mut().map(async |sender| {
        while let Some(request) = requests.get(next.replace(next.get() + 1)) {
            send(sender, request.clone()).await?;
        }
        Ok::<_, Failure>(())
    }))
    .await?;
    Ok(f64::from(task.rows) / clock.elapsed().as_secs_f64())
}

fn request(task: &Task, from: u32, token: &str, form: Form) -> Result<Request<Full<bytes::Bytes>>, Failure> {
    let numbers = from..from + task.size;
    let (path, kind, body) = match (task.operation, task.mode) {
        (_, Mode::Batch) if form == Form::Apart => {
            let mut request = post("$batch", token, "multipart/mixed;boundary=b", &apart(numbers))?;
            request.headers_mut().insert("prefer", HeaderValue::from_static("odata.continue-on-error"));
            return Ok(request);
        }
        (_, Mode::Batch) => ("$batch", "multipart/mixed;boundary=b", batch(numbers)),
        (_, Mode::Single) => ("contacts", "application/json", Value::Object(rows::contact(from)).to_string()),
        (operation, Mode::Multiple) => {
            let is_upsert = operation == Operation::Upsert;
            let target = |number| {
                let mut row = rows::contact(number);
                if is_upsert && let Some(Value::String(mail)) = row.remove("emailaddress1") {
                    row.insert("@odata.id".to_owned(), format!("contacts(emailaddress1='{mail}')").into());
                }
                typed("contact", row)
            };
            let targets: Vec<Value> = numbers.map(target).collect();
            let message = if is_upsert { "UpsertMultiple" } else { "CreateMultiple" };
            let path: &str = &format!("contacts/Microsoft.Dynamics.CRM.{message}");
            return post(path, token, "application/json", &json!({ "Targets": targets }).to_string());
        }
    };
    post(path, token, kind, &body)
}

fn post(path: &str, token: &str, kind: &str, body: &str) -> Result<Request<Full<bytes::Bytes>>, Failure> {
    let mut request = Org::with_token(&format!("/api/data/v9.2/{path}"), token)?;
    posts(&mut request, kind, body)?;
    Ok(request)
}

/// A batch of these contacts, each by itself.
fn apart(numbers: std::ops::Range<u32>) -> String {
    let mut body = String::new();
    for number in numbers {
        let row = Value::Object(rows::contact(number));
        body.push_str(&format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n\
             POST contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{row}\r\n"
        ));
    }
    body.push_str("--b--\r\n");
    body
}

/// A batch with one change set of these contacts.
fn batch(numbers: std::ops::Range<u32>) -> String {
    let mut body = String::from("--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n");
    for (at, number) in numbers.enumerate() {
        let row = Value::Object(rows::contact(number));
        body.push_str(&format!(
            "--c\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\nContent-ID: {}\r\n\r\n\
             POST contacts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{row}\r\n",
            at + 1
        ));
    }
    body.push_str("--c--\r\n--b--\r\n");
    body
}
