//! File and image columns: taking contents in, giving them out, and what a row tells of them.

use std::fmt::Write;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{self, HeaderName};
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_dataverse::schema::{Column, ColumnKind, Table};
use keyholder_dataverse::value::write_json_text;
use keyholder_dataverse::{Value, Verb};
use keyholder_operation::{
    Assigned, Assignment, Bound, Download, LARGEST_BLOCK, Operation, Preferences, RowKey, Selection, Update, Upload,
    UploadStep,
};
use keyholder_security::{Authorised, Reading, authorise, consequence};
use keyholder_store::{Snapshot, Transaction};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::{Session, no_content, write};
use crate::answer::Answer;
use crate::catalogue::Record;
use crate::contents::{self, File, Place, Transfers, image as images};
use crate::error::Failure;

/// One answer holds at most this much of a file, in bytes.
const MOST_AT_ONCE: u64 = 32 * 1024 * 1024;
/// 0001-01-01 to 1970-01-01 in units of 100 nanoseconds, which images count their moments in.
const TICKS_TO_1970: i64 = 621_355_968_000_000_000;
/// What no header holds as it is.
const NOT_IN_A_HEADER: &AsciiSet = &CONTROLS.add(b'%').add(b'"').add(b'\\');

/// The place of a column of a row.
pub(super) fn place(record: &Record, column: &Column) -> Place {
    let table = record.layout().table.type_code();
    Place { table, row: record.id(), column: column.name.to_string() }
}

/// Takes contents in, or a piece of them.
pub(crate) fn upload(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    reading: &Reading<Upload>,
) -> Result<Answer, Failure> {
    let part = reading.part();
    let record = session.reached(tx, reading.rows(), &part.of.key)?;
    if part.if_version.is_some() && part.if_version != record.version() {
        return Err(error::version_mismatch().into());
    }
    let (place, bytes) = (place(&record, &part.of.column), &session.request.contents);
    let new = || File::new(session.new_id(), place.clone(), part.name.clone(), part.media_type.clone());
    match &part.step {
        UploadStep::Whole => {
            let size = bytes.len() as u64;
            check_size(&part.of.column, size)?;
            let mut file = new();
            file.insert(tx)?;
            file.write(tx, 0, bytes)?;
            finish(session, tx, file, size)?;
            Ok(no_content())
        }
        UploadStep::Begin => {
            let file = new();
            file.insert(tx)?;
            let token = session.transfers().begin_upload(tx, &file)?.ok_or_else(too_many)?;
            let address = format!(
                "{}/{}?sessiontoken={}",
                session.address(&part.of.table, record.id()),
                part.of.column.name,
                token.expose()
            );
            let answer = Answer::empty(StatusCode::OK)
                .with(header::LOCATION, &address)
                .with(header::ACCEPT_RANGES, "bytes")
                .with(HeaderName::from_static("x-ms-chunk-size"), &LARGEST_BLOCK.to_string());
            Ok(answer.with(header::ACCESS_CONTROL_EXPOSE_HEADERS, "x-ms-chunk-size"))
        }
        UploadStep::Piece { session: token, range } => {
            let transfer = session.transfers().find(tx, token, true)?;
            let transfer = transfer.filter(|transfer| transfer.file.place == place).ok_or_else(no_transfer)?;
            let mut file = transfer.file.clone();
            if file.size.is_some_and(|size| size != range.total) {
                return Err(error::odata("The size in the Content-Range is not that of the pieces before.").into());
            }
            check_size(&part.of.column, range.total)?;
            file.size = Some(range.total);
            file.name = part.name.clone().or(file.name);
            file.media_type = part.media_type.clone().or(file.media_type);
            file.write(tx, range.start, bytes)?;
            if file.received > range.total || file.has_too_many_pieces() {
                return Err(error::odata("The pieces overlap, or are too many.").into());
            }
            if file.received < range.total {
                file.update(tx)?;
                return Ok(Answer::empty(StatusCode::PARTIAL_CONTENT));
            }
            let mut end = 0;
            for piece in file.pieces(tx)? {
                if piece.position.map(i64::unsigned_abs) != Some(end) {
                    return Err(error::odata("The pieces overlap, and leave gaps.").into());
                }
                end += piece.length;
            }
            transfer.end(tx)?;
            finish(session, tx, file, range.total)?;
            Ok(no_content())
        }
    }
}

/// The refusal of a transfer that there is not, or that is over.
pub(super) fn no_transfer() -> Failure {
    let message = "The session token is not valid: there is no such transfer of yours for this column, or it is over.";
    DataverseError::new(code::INVALID_ARGUMENT, message).into()
}

/// The refusal of one more transfer.
pub(super) fn too_many() -> Failure {
    let message = "You have too many uploads of files under way; finish some, or wait until they are overdue.";
    DataverseError::new(code::INVALID_ARGUMENT, message).into()
}

/// Refuses contents that are larger than their column takes.
pub(super) fn check_size(column: &Column, size: u64) -> Result<(), Failure> {
    let most = column.contents().map_or(0, |limit| limit.bytes());
    match column.kind {
        _ if size <= most => Ok(()),
        ColumnKind::Image => Err(error::image_too_big(most, size).into()),
        _ => Err(error::attachment_too_big().into()),
    }
}

/// Lets a column hold a file whose bytes are there, in the caller's name, as any other change to its row.
pub(super) fn finish(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    mut file: File,
    size: u64,
) -> Result<(), Failure> {
    let (table, column) = column_at(session, &file.place)?;
    check_size(&column, size)?;
    if file.media_type.is_none() {
        file.media_type = Some(contents::media_type(file.name.as_deref()).to_owned());
    }
    (file.size, file.complete) = (Some(size), true);
    if column.kind == ColumnKind::Image {
        let bytes = file.bytes(tx, 0, size)?;
        images::keep(tx, &mut file, &bytes, (&table, &column), session.pixels)?;
    }
    file.update(tx)?;
    change(session, tx, (&table, &column), file.place.row, Value::Guid(file.id))
}

/// Lets a column hold a file, or none.
pub(super) fn change(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    (table, column): (&Arc<Table>, &Arc<Column>),
    row: Uuid,
    value: Value,
) -> Result<(), Failure> {
    let update = Update {
        table: Arc::clone(table),
        key: RowKey::Id(row),
        values: vec![Assignment { column: Arc::clone(column), value: Assigned::Value(value) }],
        ignored: Vec::new(),
        select: Selection::all(table),
        may_create: false,
        may_update: true,
        if_version: None,
    };
    let bound = &session.request.bound;
    let bound = Bound {
        operation: Operation::Update(update),
        preferences: Preferences::default(),
        version: bound.version,
        acting_for: bound.acting_for,
    };
    match authorise(&session.caller.grants, bound)? {
        Authorised::Update(writing) => write::update_row(session, tx, &writing, None).map(drop),
        _ => Err(error::unexpected().into()),
    }
}

/// The column that a file is of, as the schema has it now.
pub(super) fn column_at(session: &Session<'_>, place: &Place) -> Result<(Arc<Table>, Arc<Column>), Failure> {
    let table = session.catalogue.schema.table_of_code(place.table)?.ok_or_else(no_transfer)?;
    let column = table.column(&place.column).filter(|column| column.contents().is_some()).ok_or_else(no_transfer)?;
    Ok((Arc::clone(&table), Arc::clone(column)))
}

/// The row that a file is of, if the caller may do this to it.
pub(super) fn row_of(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    place: &Place,
    verb: Verb,
) -> Result<(Arc<Table>, Arc<Column>), Failure> {
    let (table, column) = column_at(session, place)?;
    let rows = consequence(&session.caller.grants, &table, verb)?;
    session.reached(snapshot, &rows, &RowKey::Id(place.row))?;
    Ok((table, column))
}

/// When a column comes to hold another file or none: what the row tells of it, and what is kept no longer.
pub(super) fn follow(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
    column: &Column,
    value: &Value,
) -> Result<(), Failure> {
    contents::replace(tx, &place(record, column), value.guid())?;
    let name = &column.name;
    let Some(id) = value.guid() else {
        for companion in ["_name", "id", "_timestamp", "_url"] {
            tell(record, column, companion, Value::Null);
        }
        return Ok(());
    };
    if column.kind == ColumnKind::File {
        let file = contents::find(tx, id)?.ok_or_else(error::unexpected)?;
        tell(record, column, "_name", file.name.map_or(Value::Null, Value::Text));
        return Ok(());
    }
    let ticks = session.request.now.as_millis().saturating_mul(10_000).saturating_add(TICKS_TO_1970);
    let table = record.layout().table.logical_name().to_owned();
    let address = format!("/Image/download.aspx?Entity={table}&Attribute={name}&Id={id}&Timestamp={ticks}");
    tell(record, column, "id", Value::Guid(id));
    tell(record, column, "_timestamp", Value::Integer(ticks));
    tell(record, column, "_url", Value::Text(address));
    Ok(())
}

/// Sets a column that the platform gives a file or image column beside it, where the table has it.
fn tell(record: &mut Record, column: &Column, companion: &str, value: Value) {
    let belongs = match column.kind {
        ColumnKind::File => companion == "_name",
        _ => companion != "_name",
    };
    if belongs {
        record.set(&format!("{}{companion}", column.name), value);
    }
}

/// Keeps an image that came as a value of its row; gives its id.
pub(super) fn image(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
    column: &Column,
    bytes: &[u8],
) -> Result<Value, Failure> {
    let size = bytes.len() as u64;
    check_size(column, size)?;
    let mut file = File::new(session.new_id(), place(record, column), None, None);
    file.insert(tx)?;
    file.write(tx, 0, bytes)?;
    (file.size, file.complete) = (Some(size), true);
    let table = Arc::clone(&record.layout().table);
    images::keep(tx, &mut file, bytes, (&table, column), session.pixels)?;
    file.update(tx)?;
    Ok(Value::Guid(file.id))
}

/// A new row takes no image but its table's primary one.
pub(super) fn only_primary_image(table: &Table, values: &[Assignment]) -> Result<(), Failure> {
    let primary = table.primary_image().map(|column| column.position);
    let other =
        values.iter().find(|given| matches!(given.value, Assigned::Image(_)) && Some(given.column.position) != primary);
    match other {
        Some(given) => Err(error::non_primary_image(&given.column.name, table.logical_name()).into()),
        None => Ok(()),
    }
}

/// Gives contents out, or a part of them. A column that holds none has none to give.
pub(crate) fn download(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    reading: &Reading<Download>,
) -> Result<Answer, Failure> {
    let part = reading.part();
    let record = session.reached(snapshot, reading.rows(), &part.of.key)?;
    let Some(file) = contents::held(snapshot, &place(&record, &part.of.column))? else { return Ok(no_content()) };
    let thumbnail = match part.of.column.kind {
        ColumnKind::Image if !part.full => match images::thumbnail(snapshot, file.id)? {
            Some(bytes) => Some(bytes),
            None => return Ok(no_content()),
        },
        _ => None,
    };
    let size = match (&thumbnail, file.size) {
        (Some(bytes), _) => bytes.len() as u64,
        (None, Some(size)) => size,
        // An image that was not kept as it came.
        (None, None) => return Ok(no_content()),
    };
    let range = match part.range {
        None => None,
        Some(range) => match range.within(size) {
            Some((start, end)) => Some((start, end.min(start + MOST_AT_ONCE))),
            None => {
                let refusal = error::odata("The Range is outside the file.");
                let answer = Answer::json(StatusCode::RANGE_NOT_SATISFIABLE, refusal.body());
                return Ok(answer.with(header::CONTENT_RANGE, &format!("bytes */{size}")));
            }
        },
    };
    let (start, end) = range.unwrap_or((0, size));
    if end - start > MOST_AT_ONCE {
        return Err(error::odata(format!(
            "The file has {size} bytes. One answer has at most {MOST_AT_ONCE}: ask for parts of it, like Range: \
             bytes=0-{}.",
            LARGEST_BLOCK - 1
        ))
        .into());
    }
    let bytes = match thumbnail {
        Some(bytes) => {
            let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
            bytes.get(at(start)..at(end)).unwrap_or_default().to_vec()
        }
        None => file.bytes(snapshot, start, end)?,
    };
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut answer =
        if part.raw { Answer::bytes(status, bytes) } else { as_value(session, part, &record, status, &bytes) };
    let media_type = match part.of.column.kind {
        ColumnKind::Image if !part.full => images::THUMBNAIL,
        _ => file.media_type.as_deref().unwrap_or("application/octet-stream"),
    };
    let name = file.name.unwrap_or_else(|| part.of.column.name.to_string());
    let exposed = if range.is_some() {
        "x-ms-file-size; x-ms-file-name; x-ms-chunk-size; mimetype"
    } else {
        "x-ms-file-size; x-ms-file-name; mimetype"
    };
    answer = answer
        .with(HeaderName::from_static("x-ms-file-size"), &size.to_string())
        .with(HeaderName::from_static("x-ms-file-name"), &in_a_header(&name))
        .with(HeaderName::from_static("mimetype"), media_type)
        .with(header::CONTENT_DISPOSITION, &disposition(&name))
        .with(header::ACCEPT_RANGES, "bytes")
        .with(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    if range.is_some() {
        answer = answer
            .with(HeaderName::from_static("x-ms-chunk-size"), &LARGEST_BLOCK.to_string())
            .with(header::CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
    }
    Ok(answer)
}

/// The bytes in a document, as a column's value.
fn as_value(session: &Session<'_>, part: &Download, record: &Record, status: StatusCode, bytes: &[u8]) -> Answer {
    let mut body = String::with_capacity(bytes.len() / 3 * 4 + 256);
    body.push_str("{\"@odata.context\":");
    let (set, column) = (part.of.table.entity_set(), &part.of.column.name);
    write_json_text(&mut body, &format!("{}/$metadata#{set}({})/{column}", session.base(), record.id()));
    body.push_str(",\"value\":\"");
    STANDARD.encode_string(bytes, &mut body);
    body.push_str("\"}");
    Answer::json(status, body)
}

/// A file's name in a header, which holds ASCII alone: anything else percent-encoded.
fn in_a_header(name: &str) -> String {
    utf8_percent_encode(name, NOT_IN_A_HEADER).to_string()
}

/// What the answer is to be saved as (RFC 6266).
fn disposition(name: &str) -> String {
    let mut header = String::from("attachment; ");
    let plain = in_a_header(name);
    let _ = if plain == name {
        write!(header, "filename=\"{name}\"")
    } else {
        write!(header, "filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
    };
    header
}

impl Session<'_> {
    /// The caller's transfers.
    pub(super) fn transfers(&self) -> Transfers<'_> {
        let really = self.caller.really.map(|(user, _)| user);
        Transfers { core: self.core, now: self.request.now, user: self.caller.user, really }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_stand_in_headers() {
        assert_eq!(disposition("a b.pdf"), "attachment; filename=\"a b.pdf\"");
        assert_eq!(disposition("Ä.pdf"), "attachment; filename*=UTF-8''%C3%84%2Epdf");
        assert_eq!(in_a_header("100% \"Ä\".pdf"), "100%25 %22%C3%84%22.pdf");
    }
}
