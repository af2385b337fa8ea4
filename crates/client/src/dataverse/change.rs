//! One change to the org: what is sent, and what an answer to it says. The same whether it goes alone or in a batch.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use serde::Serialize;
use url::Url;
use uuid::Uuid;

use super::key::RowRef;
use super::text::segment;
use super::typed::OperationPath;
use super::{Row, id_in};
use crate::error::{ConfigurationError, Error};
use crate::transport::origin_of;
use crate::wire::json;

/// A change: one row made, changed, tied or removed, or an action called.
///
/// A row is any type that serde writes as a JSON object; a lookup is set by its navigation property,
/// `parentcustomerid_account@odata.bind`, and [`RowRef::bind`] is the value.
///
/// ```
/// use keyholder_client::dataverse::{Change, Key};
/// use serde_json::json;
/// let id = uuid::Uuid::parse_str("5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11")?;
/// let change = Change::update(("contacts", id), &json!({ "lastname": "Ng" })).if_unchanged("W/\"4711\"");
/// let upsert = Change::upsert(("accounts", Key::alternate("accountnumber", "A1")), &json!({ "name": "Contoso" }));
/// assert_eq!(upsert.to_string(), "PATCH accounts(accountnumber='A1')");
/// # Ok::<(), uuid::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Change {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
    pub(super) repeat: Repeat,
    /// How many rows it writes.
    pub(super) rows: usize,
    /// What was wrong with it before anything was sent.
    problem: Option<String>,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Json(Bytes),
    /// `{"@odata.id": ...}`, with the address of a row.
    Reference(RowRef),
}

/// What can be done when nobody knows whether the change was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Nothing.
    Never,
    /// Done twice it is done once.
    Same,
    /// As `Same`, but the second time there is nothing any more.
    Gone,
    /// As `Same`, but the second time it is refused as a duplicate.
    Tied,
    /// It was done if this row is there: path and column of its id.
    IfThere(String),
}

impl Change {
    fn new(method: Method, path: String, body: Body, repeat: Repeat) -> Self {
        Self { method, path, headers: Vec::new(), body, repeat, rows: 1, problem: None }
    }

    fn with_row<T: Serialize + ?Sized>(method: Method, path: String, row: &T, repeat: Repeat) -> Self {
        match serde_json::to_vec(row) {
            Ok(text) => Self::new(method, path, Body::Json(text.into()), repeat),
            Err(error) => Self { problem: Some(not_json(&error)), ..Self::new(method, path, Body::None, repeat) },
        }
    }

    /// Makes a row in the entity set. The org gives it its id. After a lost connection nobody knows whether it is
    /// there: [`Change::create_with_id`] has no such doubt.
    #[must_use]
    pub fn create<T: Serialize + ?Sized>(set: &str, row: &T) -> Self {
        Self::with_row(Method::POST, segment(set), row, Repeat::Never)
    }

    /// Makes a row whose id the caller has chosen: `id_column` is the table's own (`contactid`), and `row` must not
    /// have it as well.
    #[must_use]
    pub fn create_with_id<T: Serialize + ?Sized>(set: &str, id_column: &str, id: Uuid, row: &T) -> Self {
        let there = Repeat::IfThere(format!("{}({id})?$select={}", segment(set), segment(id_column)));
        let mut text = format!("{{{}:\"{id}\"", serde_json::Value::from(id_column)).into_bytes();
        let problem = push_members(&mut text, row).err();
        Self { problem, ..Self::new(Method::POST, segment(set), Body::Json(text.into()), there) }
    }

    /// Changes columns of a row that exists: an update never creates.
    #[must_use]
    pub fn update<T: Serialize + ?Sized>(row: impl Into<RowRef>, changes: &T) -> Self {
        let row = row.into();
        let change = Self::with_row(Method::PATCH, row.to_string(), changes, Repeat::Same);
        // What another part of the change set makes is there.
        if row.is_content_id() { change } else { change.with(http::header::IF_MATCH, "*") }
    }

    /// Changes the row that has this key, or makes it where there is none.
    #[must_use]
    pub fn upsert<T: Serialize + ?Sized>(row: impl Into<RowRef>, values: &T) -> Self {
        Self::with_row(Method::PATCH, row.into().to_string(), values, Repeat::Same)
    }

    /// Removes a row.
    #[must_use]
    pub fn delete(row: impl Into<RowRef>) -> Self {
        Self::new(Method::DELETE, row.into().to_string(), Body::None, Repeat::Gone)
    }

    /// Sets one column.
    #[must_use]
    pub fn set_column<T: Serialize + ?Sized>(row: impl Into<RowRef>, column: &str, value: &T) -> Self {
        #[derive(Serialize)]
        struct Single<'a, T: ?Sized> {
            value: &'a T,
        }
        let path = format!("{}/{}", row.into(), segment(column));
        Self::with_row(Method::PUT, path, &Single { value }, Repeat::Same)
    }

    /// Empties one column; a lookup with [`Change::untie`].
    #[must_use]
    pub fn clear_column(row: impl Into<RowRef>, column: &str) -> Self {
        Self::new(Method::DELETE, format!("{}/{}", row.into(), segment(column)), Body::None, Repeat::Same)
    }

    /// Ties a row to another over a collection-valued navigation property.
    #[must_use]
    pub fn associate(row: impl Into<RowRef>, property: &str, other: impl Into<RowRef>) -> Self {
        let path = format!("{}/{}/$ref", row.into(), segment(property));
        Self::new(Method::POST, path, Body::Reference(other.into()), Repeat::Tied)
    }

    /// Unties a row from another over a collection-valued navigation property.
    #[must_use]
    pub fn disassociate(row: impl Into<RowRef>, property: &str, other: Uuid) -> Self {
        let path = format!("{}/{}({other})/$ref", row.into(), segment(property));
        Self::new(Method::DELETE, path, Body::None, Repeat::Gone)
    }

    /// Sets a lookup by its single-valued navigation property.
    #[must_use]
    pub fn tie(row: impl Into<RowRef>, property: &str, other: impl Into<RowRef>) -> Self {
        let path = format!("{}/{}/$ref", row.into(), segment(property));
        Self::new(Method::PUT, path, Body::Reference(other.into()), Repeat::Same)
    }

    /// Empties a lookup by its single-valued navigation property.
    #[must_use]
    pub fn untie(row: impl Into<RowRef>, property: &str) -> Self {
        Self::new(Method::DELETE, format!("{}/{}/$ref", row.into(), segment(property)), Body::None, Repeat::Same)
    }

    /// Calls an action bound to nothing: `BulkDelete`. The path is the caller's own, not typed text.
    #[must_use]
    pub fn action<T: Serialize + ?Sized>(path: &str, parameters: &T) -> Self {
        Self { rows: 0, ..Self::with_row(Method::POST, path.to_owned(), parameters, Repeat::Never) }
    }

    /// Calls an action bound to a row, by its full name: `Microsoft.Dynamics.CRM.AddToQueue`.
    #[must_use]
    pub fn bound_action<T: Serialize + ?Sized>(row: impl Into<RowRef>, name: &str, parameters: &T) -> Self {
        Self::action(&format!("{}/{}", row.into(), segment(name)), parameters)
    }

    /// Calls an action whose name was typed, bound or not.
    #[must_use]
    pub fn call<T: Serialize + ?Sized>(operation: &OperationPath, parameters: &T) -> Self {
        Self::action(&operation.to_string(), parameters)
    }

    /// One whose parts stand already.
    pub(crate) fn written(method: Method, path: String, body: Option<Bytes>, repeat: Repeat) -> Self {
        Self::new(method, path, body.map_or(Body::None, Body::Json), repeat)
    }

    pub(crate) fn multiple(path: String, body: Bytes, repeat: Repeat, rows: usize, problem: Option<String>) -> Self {
        Self { problem, rows, ..Self::new(Method::POST, path, Body::Json(body), repeat) }
    }

    /// Only while the row is as it was when it had this ETag; else the org refuses with 412.
    #[must_use]
    pub fn if_unchanged(self, etag: &str) -> Self {
        // Carried out and repeated, it would be refused: the row has changed, by this.
        Self { repeat: Repeat::Never, ..self.with(http::header::IF_MATCH, etag) }
    }

    /// An upsert that only makes a row: one that is there is refused with 412.
    #[must_use]
    pub fn if_absent(self) -> Self {
        Self { repeat: Repeat::Never, ..self.with(http::header::IF_NONE_MATCH, "*") }
    }

    /// An upsert that only changes a row: where there is none, it is refused with 404.
    #[must_use]
    pub fn if_present(self) -> Self {
        self.with(http::header::IF_MATCH, "*")
    }

    /// With the row as it is afterwards, in [`Done::row`].
    #[must_use]
    pub fn returning_row(self) -> Self {
        self.with(HeaderName::from_static("prefer"), "return=representation")
    }

    /// With duplicate detection, which the Web API leaves out otherwise.
    #[must_use]
    pub fn detecting_duplicates(self) -> Self {
        self.with(HeaderName::from_static("mscrm.suppressduplicatedetection"), "false")
    }

    /// With any other header of the Web API: `MSCRM.BypassBusinessLogicExecution`. It replaces one of that name.
    #[must_use]
    pub fn header(self, name: HeaderName, value: &str) -> Self {
        self.with(name, value)
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.retain(|(other, _)| *other != name);
                self.headers.push((name, value));
            }
            Err(_) => self.problem = Some(format!("has a header `{name}` with what no header may hold")),
        }
        self
    }

    /// The body as it is sent to the service at `root`.
    pub(super) fn body(&self, root: &Url) -> Result<Option<Bytes>, Error> {
        if let Some(problem) = &self.problem {
            return Err(ConfigurationError::Invalid {
                what: "the change",
                problem: problem.clone(),
                origin: self.to_string(),
            }
            .into());
        }
        Ok(match &self.body {
            Body::None => None,
            Body::Json(text) => Some(text.clone()),
            Body::Reference(row) => {
                let base = if row.is_content_id() { "" } else { root.as_str() };
                Some(serde_json::json!({ "@odata.id": format!("{base}{row}") }).to_string().into())
            }
        })
    }

    /// The id that the caller chose for the row that this makes, or for the first of them.
    pub(super) fn chosen_id(&self) -> Option<Uuid> {
        match &self.repeat {
            Repeat::IfThere(path) => path.split_once('?').and_then(|(row, _)| id_in(row)),
            _ => None,
        }
    }
}

/// Method and path, as messages name it.
impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Adds the members of a JSON object to the text of one that has some already, and ends it.
pub(crate) fn push_members<T: Serialize + ?Sized>(text: &mut Vec<u8>, row: &T) -> Result<(), String> {
    let at = text.len();
    serde_json::to_writer(&mut *text, row).map_err(|error| not_json(&error))?;
    match text.get_mut(at..) {
        Some([b'{', b'}']) => {
            text.truncate(at);
            text.push(b'}');
        }
        Some([start @ b'{', ..]) => *start = b',',
        _ => return Err("has a row that is no JSON object".to_owned()),
    }
    Ok(())
}

fn not_json(error: &serde_json::Error) -> String {
    format!("cannot be written as JSON (category {:?})", error.classify())
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Done {
    /// The HTTP status: 204, or 201 and 200 with a row or result.
    pub status: StatusCode,
    /// The row that was made or changed, where the answer names it.
    pub id: Option<Uuid>,
    /// Its version afterwards, where the answer tells.
    pub etag: Option<String>,
    /// The row, when it was asked for; an action's result.
    pub row: Option<Row>,
}

impl Done {
    /// What is known of a change whose answer never came, but which was carried out.
    pub(super) fn without_answer(id: Option<Uuid>) -> Self {
        Self { status: StatusCode::NO_CONTENT, id, etag: None, row: None }
    }

    /// What an answer says; the URL is where it is from, for errors.
    pub(super) fn read(url: impl FnOnce() -> Url, answer: &Response<Bytes>) -> Result<Self, Error> {
        let row: Option<Row> = if answer.body().is_empty() { None } else { Some(json(&url(), answer)?) };
        let named = text(answer.headers(), "odata-entityid").or_else(|| text(answer.headers(), "location"));
        let in_row = || row.as_ref().and_then(|row| row.get("@odata.etag")).and_then(|etag| etag.as_str());
        let etag = text(answer.headers(), "etag").or_else(in_row).map(str::to_owned);
        Ok(Self { status: answer.status(), id: named.and_then(id_in), etag, row })
    }

    /// The id, which a new row's answer has to tell.
    pub(super) fn required_id(&self, root: &Url) -> Result<Uuid, Error> {
        self.id.ok_or_else(|| Error::Protocol {
            origin: origin_of(root),
            found: format!("an answer with HTTP status {} without the new row's id", self.status.as_u16()),
        })
    }

    /// The ids that `CreateMultiple` and `UpsertMultiple` answer with, in the order of the rows.
    pub(super) fn ids(&self) -> Option<Vec<Uuid>> {
        let ids = self.row.as_ref()?.get("Ids")?.as_array()?;
        ids.iter().map(|id| id.as_str()?.parse().ok()).collect()
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
