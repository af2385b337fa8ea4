//! The messages that transfer contents of file and image columns in blocks.
//!
//! Only the first message of a transfer names a row. The others name the transfer by its token, so whether their caller
//! may still read or change its row is decided when they are done.

use http::StatusCode;
use keyholder_dataverse::schema::ColumnKind;
use keyholder_dataverse::value::write_json_text;
use keyholder_dataverse::{Value, Verb, error};
use keyholder_operation::{Action, Blocks, changeable};
use keyholder_security::{Calling, Subject};
use keyholder_store::{Snapshot, Transaction};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::fmt::Write;

use super::contents::{change, check_size, column_at, finish, no_transfer, place, row_of, too_many};
use super::{Session, call, no_content};
use crate::answer::Answer;
use crate::contents::{self, File, Piece};
use crate::error::Failure;

/// One answer holds at most this much of a file, in bytes.
const LONGEST_BLOCK: u64 = 16 * 1024 * 1024;

/// A step that changes something.
pub(super) fn write(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    calling: &Calling<Action>,
    step: &Blocks,
) -> Result<Answer, Failure> {
    match step {
        Blocks::BeginUpload { of, name } => {
            let record = session.subject(tx, calling, Subject::Rows, &of.key)?;
            let file = File::new(session.new_id(), place(&record, &of.column), Some(name.clone()), None);
            file.insert(tx)?;
            let token = session.transfers().begin_upload(tx, &file)?.ok_or_else(too_many)?;
            let mut body = call::opened(session, "InitializeFileBlocksUploadResponse");
            body.push_str(",\"FileContinuationToken\":");
            write_json_text(&mut body, token.expose());
            body.push('}');
            Ok(Answer::json(StatusCode::OK, body))
        }
        Blocks::Upload { session: token, id, data } => {
            let mut file = session.transfers().find(tx, token, true)?.ok_or_else(no_transfer)?.file;
            let (_, column) = row_of(session, tx, &file.place, Verb::Write)?;
            file.write_piece(tx, id, None, data)?;
            check_size(&column, file.received)?;
            if file.has_too_many_pieces() {
                return Err(error::payload("UploadBlock", "The file has too many blocks.").into());
            }
            file.update(tx)?;
            Ok(no_content())
        }
        Blocks::Commit { session: token, name, media_type, ids } => {
            let transfer = session.transfers().find(tx, token, true)?.ok_or_else(no_transfer)?;
            let mut file = transfer.file.clone();
            row_of(session, tx, &file.place, Verb::Write)?;
            let pieces = file.pieces(tx)?;
            let size = file.arrange(tx, &listed(&pieces, ids)?)?;
            file.name = name.clone().or(file.name);
            file.media_type = media_type.clone().or(file.media_type);
            transfer.end(tx)?;
            let id = file.id;
            finish(session, tx, file, size)?;
            let mut body = call::opened(session, "CommitFileBlocksUploadResponse");
            let _ = write!(body, ",\"FileId\":\"{id}\",\"FileSizeInBytes\":{size}}}");
            Ok(Answer::json(StatusCode::OK, body))
        }
        Blocks::BeginDownload { of } => {
            let record = session.subject(tx, calling, Subject::Rows, &of.key)?;
            let (table, column) = (of.table.logical_name(), &of.column.name);
            let lost = || {
                let what = if of.column.kind == ColumnKind::Image { "image" } else { "file" };
                error::no_file_attachment(what, column, table, record.id())
            };
            let file = contents::held(tx, &place(&record, &of.column))?.ok_or_else(lost)?;
            let size = file.size.ok_or_else(lost)?;
            let token = session.transfers().begin_download(tx, &file)?;
            let mut body = call::opened(session, "InitializeFileBlocksDownloadResponse");
            let _ = write!(body, ",\"FileContinuationToken\":\"{}\",\"FileSizeInBytes\":{size}", token.expose());
            body.push_str(",\"FileName\":");
            write_json_text(&mut body, file.name.as_deref().unwrap_or(column));
            body.push_str(",\"IsChunkingSupported\":true}");
            Ok(Answer::json(StatusCode::OK, body))
        }
        Blocks::Delete { file } => {
            let lost = || error::row_not_found("FileAttachment", *file);
            let held = contents::find(tx, *file)?.filter(|file| file.complete).ok_or_else(lost)?;
            let (table, column) = column_at(session, &held.place)?;
            changeable(&table, &column)?;
            change(session, tx, (&table, &column), held.place.row, Value::Null)?;
            Ok(no_content())
        }
        Blocks::Download { .. } => Err(error::unexpected().into()),
    }
}

/// The pieces of these ids, in their order.
fn listed<'a>(pieces: &'a [Piece], ids: &[String]) -> Result<Vec<&'a Piece>, Failure> {
    let refused = |reason: String| Failure::from(error::payload("CommitFileBlocksUpload", &reason));
    let mut left: HashMap<&str, &Piece> = pieces.iter().map(|piece| (piece.name.as_str(), piece)).collect();
    let take = |id: &String| {
        left.remove(id.as_str())
            .ok_or_else(|| refused(format!("The block '{id}' of 'BlockList' was not uploaded, or is listed twice.")))
    };
    ids.iter().map(take).collect()
}

/// A step that only reads.
pub(super) fn read(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Action>,
) -> Result<Answer, Failure> {
    let Action::Blocks(step) = calling.part() else { return Err(error::not_supported("This action").into()) };
    let Blocks::Download { session: token, offset, length } = &**step else {
        return Err(error::not_supported("This action").into());
    };
    let file = session.transfers().find(snapshot, token, false)?.ok_or_else(no_transfer)?.file;
    row_of(session, snapshot, &file.place, Verb::Read)?;
    let size = file.size.ok_or_else(no_transfer)?;
    if *length > LONGEST_BLOCK {
        let reason = format!("A block has at most {LONGEST_BLOCK} bytes.");
        return Err(error::payload("DownloadBlock", &reason).into());
    }
    if *offset > size {
        return Err(error::payload("DownloadBlock", &format!("The file has {size} bytes.")).into());
    }
    let bytes = file.bytes(snapshot, *offset, offset.saturating_add(*length).min(size))?;
    let mut body = call::opened(session, "DownloadBlockResponse");
    body.push_str(",\"Data\":\"");
    STANDARD.encode_string(&bytes, &mut body);
    body.push_str("\"}");
    Ok(Answer::json(StatusCode::OK, body))
}
