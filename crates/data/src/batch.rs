//! `$batch`: doing its requests in order, and writing their answers between boundaries.
//!
//! A request by itself is done as if it had come alone. A change set is one transaction: its rows get
//! their ids before it begins, so that a later request of it can be bound with what `$1` stands for.
//! Of changes by themselves that follow one another in a batch that goes on behind failures, many share one commit, which
//! costs as much as a change does.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode};
use keyholder_dataverse::Value;
use keyholder_dataverse::error;
use keyholder_operation::batch::{Item, Part, read};
use keyholder_operation::{Assigned, Assignment, Bound, Operation, Preferences, References};
use keyholder_store::MOST_TOGETHER;
use uuid::Uuid;

use crate::answer::Answer;
use crate::caller::TokenFacts;
use crate::catalogue::Catalogue;
use crate::error::Failure;
use crate::execute::PreparedRequest;
use crate::organization::{Core, Restarts, Stopped};
use crate::usage::operations;

/// The answers of one batch together are at most about this long, in bytes: a thousand pages of five thousand
/// rows would fill the memory.
const LONGEST_ANSWERS: usize = 64 << 20;

/// The headers that name another user.
const ACTING_FOR: [&str; 2] = ["callerobjectid", "mscrmcallerid"];

/// The version in `v9.2/$batch`; nothing for every other address.
pub(crate) fn version_of<'a>(method: &Method, path: &'a str) -> Option<&'a str> {
    let (version, rest) = path.split_once('/')?;
    let is_batch = matches!(rest.trim_end_matches('/'), "$batch" | "%24batch");
    (is_batch && *method == Method::POST).then_some(version)
}

/// Answers a batch.
pub(crate) async fn answer(
    core: &Arc<Core>,
    token: &TokenFacts,
    version: &str,
    request: &Request<Bytes>,
) -> Result<Answer, Failure> {
    let preferences = Preferences::read(request.headers())?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let items = read(version, content_type, request.body())?;
    let acting_for = ACTING_FOR.into_iter().find_map(|name| Some((name, request.headers().get(name)?.clone())));
    let mut doing = Doing { core, token, acting_for, references: References::default() };
    let mut answers = Answers::new(core.random.uuid());
    let mut at = 0;
    while let Some(item) = items.get(at) {
        let is_full = answers.out.len() > LONGEST_ANSWERS;
        // Who wants it to end with a failure wants nothing done behind that.
        if preferences.continue_on_error && !is_full {
            let done = doing.changes(items.get(at..).unwrap_or_default()).await;
            if !done.is_empty() {
                at += done.len();
                for answer in &done {
                    answers.add(None, answer);
                }
                continue;
            }
        }
        at += 1;
        let failed = if is_full {
            let reason =
                format!("The answers of this batch are longer than {LONGEST_ANSWERS} bytes; send smaller ones.");
            answers.add(None, &Answer::refusal(&error::odata(reason), core.random.uuid(), request.headers()))
        } else {
            match item {
                Item::Request(part) => {
                    let id = core.random.uuid();
                    let answered = doing.one(part, id).await;
                    let answer = answered.unwrap_or_else(|failure| core.refusal(failure, id, &part.headers));
                    answers.add(part.content_id, &answer)
                }
                Item::ChangeSet(parts) => {
                    let set = core.random.uuid();
                    match doing.change_set(parts).await {
                        Ok(done) => {
                            answers.add_set(set, parts.iter().map(|part| part.content_id).zip(&done));
                            None
                        }
                        Err(Stopped { at, failure }) => {
                            let part = parts.get(at);
                            let headers = part.map_or(request.headers(), |part| &part.headers);
                            let refusal = core.refusal(failure, set, headers);
                            answers.add_set(set, [(part.and_then(|part| part.content_id), &refusal)]);
                            Some(refusal.status())
                        }
                    }
                }
            }
        };
        if let Some(status) = failed.filter(|_| !preferences.continue_on_error) {
            return Ok(answers.finish(status));
        }
    }
    let answer = answers.finish(StatusCode::OK);
    Ok(answer.applied(preferences.continue_on_error.then_some("odata.continue-on-error")))
}

/// A batch on the way.
struct Doing<'a> {
    core: &'a Arc<Core>,
    token: &'a TokenFacts,
    /// In whose name all of its requests are that do not say so themselves: else a caller who means to be
    /// held to another's rights would not be.
    acting_for: Option<(&'static str, HeaderValue)>,
    /// What the requests so far have named.
    references: References,
}

impl Doing<'_> {
    /// A request by itself.
    async fn one(&mut self, part: &Part<'_>, id: Uuid) -> Result<Answer, Failure> {
        let mut restarts = Restarts::default();
        loop {
            let catalogue = self.core.catalogue();
            let mut references = self.references.clone();
            let done = match self.prepare(&catalogue, part, &mut references, id).await {
                Ok(prepared) => {
                    restarts.count(self.core, self.token, operations(&prepared.bound.operation));
                    self.core.carry_out(self.token, Arc::clone(&catalogue), prepared).await
                }
                Err(failure) => Err(failure),
            };
            match done {
                Err(failure) => self.core.mend(&mut restarts, &catalogue, failure).await?,
                Ok(answer) => {
                    self.references = references;
                    return Ok(answer);
                }
            }
        }
    }

    /// The answers to the changes that these items begin with, each by itself, of which several are done with one commit;
    /// none where the first is something else. One that is named is done alone: what names it has to know whether it was.
    async fn changes(&mut self, items: &[Item<'_>]) -> Vec<Answer> {
        let catalogue = self.core.catalogue();
        let mut references = self.references.clone();
        let (mut asked, mut prepared) = (Vec::new(), Vec::new());
        for item in items.iter().take(MOST_TOGETHER) {
            let Item::Request(part) = item else { break };
            if part.method == Method::GET || part.content_id.is_some() {
                break;
            }
            let id = self.core.random.uuid();
            match self.prepare(&catalogue, part, &mut references, id).await {
                Ok(one) if changes_a_row(&one.bound) => {
                    asked.push((part, id, Ok(operations(&one.bound.operation))));
                    prepared.push(one);
                }
                Err(failure) if !failure.can_be_mended() => asked.push((part, id, Err(failure))),
                _ => break,
            }
        }
        let mut done = self.core.write_each(self.token, &catalogue, prepared).await.into_iter();
        let mut answers = Vec::with_capacity(asked.len());
        for (part, id, bound) in asked {
            let outcome = match bound {
                Err(failure) => Err(failure),
                Ok(operations) => match done.next() {
                    Some(Err(failure)) if failure.can_be_mended() => self.one(part, id).await,
                    Some(outcome) => {
                        self.core.count(self.token, operations);
                        outcome
                    }
                    None => break,
                },
            };
            answers.push(outcome.unwrap_or_else(|failure| self.core.refusal(failure, id, &part.headers)));
        }
        answers
    }

    /// A change set; of one that fails, which of its requests it was.
    async fn change_set(&mut self, parts: &[Part<'_>]) -> Result<Vec<Answer>, Stopped> {
        let mut restarts = Restarts::default();
        loop {
            let catalogue = self.core.catalogue();
            let mut references = self.references.clone();
            match self.try_change_set(&catalogue, parts, &mut references, &mut restarts).await {
                Err(Stopped { at, failure }) => {
                    let mended = self.core.mend(&mut restarts, &catalogue, failure).await;
                    mended.map_err(|failure| Stopped { at, failure })?;
                }
                Ok(answers) => {
                    self.references = references;
                    return Ok(answers);
                }
            }
        }
    }

    async fn try_change_set(
        &self,
        catalogue: &Arc<Catalogue>,
        parts: &[Part<'_>],
        references: &mut References,
        restarts: &mut Restarts,
    ) -> Result<Vec<Answer>, Stopped> {
        let mut prepared = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            let one = self.prepare(catalogue, part, references, self.core.random.uuid()).await;
            prepared.push(one.map_err(|failure| Stopped { at, failure })?);
        }
        restarts.count(self.core, self.token, prepared.iter().map(|one| operations(&one.bound.operation)).sum());
        self.core.write_all(self.token, catalogue, prepared).await
    }

    /// Binds a request with the references so far, and adds its own.
    async fn prepare(
        &self,
        catalogue: &Arc<Catalogue>,
        part: &Part<'_>,
        references: &mut References,
        id: Uuid,
    ) -> Result<PreparedRequest, Failure> {
        let (version, address) = part.path.split_once('/').unwrap_or((&part.path, ""));
        let path = format!("{version}/{}", references.resolve(address)?);
        let mut headers = Cow::Borrowed(&part.headers);
        if let Some((name, value)) = &self.acting_for
            && !ACTING_FOR.iter().any(|own| part.headers.contains_key(*own))
        {
            headers.to_mut().insert(*name, value.clone());
        }
        let asked = keyholder_operation::Request {
            method: &part.method,
            path: &path,
            query: part.query,
            headers: &headers,
            body: part.body,
            references: Some(references),
        };
        let mut prepared = self.core.prepare(self.token, catalogue, &asked, id).await?;
        if let Some(content_id) = part.content_id {
            let address = self.name_row(&mut prepared.bound, prepared.now, &path);
            references.declare(content_id, address);
        }
        Ok(prepared)
    }

    /// The address of the row that a request is about; a new one gets its id now.
    fn name_row(&self, bound: &mut Bound, now: keyholder_foundation::Timestamp, path: &str) -> String {
        if let Operation::Create(create) = &mut bound.operation {
            let id = create.id().unwrap_or_else(|| {
                let id = self.core.row_ids.next(now, &*self.core.random);
                let column = Arc::clone(create.table.primary_id());
                create.values.push(Assignment { column, value: Assigned::Value(Value::Guid(id)) });
                id
            });
            return format!("{}({id})", create.table.entity_set());
        }
        path.split('/').nth(1).unwrap_or_default().to_owned()
    }
}

/// Whether an operation makes, changes or removes a row, and answers without it.
fn changes_a_row(bound: &Bound) -> bool {
    let is_one = matches!(bound.operation, Operation::Create(_) | Operation::Update(_) | Operation::Delete(_));
    is_one && !bound.preferences.representation
}

/// The answers so far, as they will be sent.
struct Answers {
    boundary: String,
    out: Vec<u8>,
}

impl Answers {
    /// Clients look for these names of boundaries.
    fn new(id: Uuid) -> Self {
        Self { boundary: format!("batchresponse_{id}"), out: Vec::new() }
    }

    /// Adds an answer; gives its status if it is a refusal.
    fn add(&mut self, content_id: Option<&str>, answer: &Answer) -> Option<StatusCode> {
        let boundary = self.boundary.clone();
        self.message(&boundary, content_id, answer);
        Some(answer.status()).filter(|status| !status.is_success() && *status != StatusCode::NOT_MODIFIED)
    }

    /// Adds the answers to the requests of a change set, or the one answer to a change set that failed.
    fn add_set<'a>(&mut self, id: Uuid, answers: impl IntoIterator<Item = (Option<&'a str>, &'a Answer)>) {
        let inner = format!("changesetresponse_{id}");
        let head = format!("--{}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n", self.boundary);
        self.out.extend_from_slice(head.as_bytes());
        for (content_id, answer) in answers {
            self.message(&inner, content_id, answer);
        }
        self.out.extend_from_slice(format!("--{inner}--\r\n").as_bytes());
    }

    fn message(&mut self, boundary: &str, content_id: Option<&str>, answer: &Answer) {
        let head = format!("--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n");
        self.out.extend_from_slice(head.as_bytes());
        if let Some(id) = content_id {
            self.out.extend_from_slice(format!("Content-ID: {id}\r\n").as_bytes());
        }
        self.out.extend_from_slice(b"\r\n");
        answer.write_message(&mut self.out);
    }

    fn finish(mut self, status: StatusCode) -> Answer {
        self.out.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        Answer::multipart(status, &self.boundary, self.out)
    }
}
