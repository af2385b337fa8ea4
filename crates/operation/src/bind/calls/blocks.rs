//! The messages that transfer contents of file and image columns in blocks.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_dataverse::Verb;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::ColumnKind;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::entities::member;
use super::others::only;
use crate::bind::body::NamedValues;
use crate::bind::contents::{file_name, media_type};
use crate::bind::{Binder, missing_parameter};
use crate::call::{Action, Blocks};
use crate::contents::{ContentsOf, LARGEST_BLOCK, MOST_BLOCKS, SessionToken, changeable};
use crate::syntax::quoted;

/// A block's id has at most this many bytes behind its base64.
const LONGEST_ID: usize = 64;

/// The actions of this file.
pub(super) const NAMES: [&str; 6] = [
    "CommitFileBlocksUpload",
    "DeleteFile",
    "DownloadBlock",
    "InitializeFileBlocksDownload",
    "InitializeFileBlocksUpload",
    "UploadBlock",
];

impl Binder<'_> {
    pub(super) fn blocks(self, members: &NamedValues<'_>, name: &str) -> Result<Action, DataverseError> {
        let token = || Ok::<_, DataverseError>(SessionToken::new(text(members, "FileContinuationToken", name)?));
        let blocks = match name {
            "InitializeFileBlocksUpload" => {
                only(members, &["Target", "FileAttributeName", "FileName"], name)?;
                let of = self.contents_of(members, name)?;
                self.supports(&of.table, Verb::Write)?;
                changeable(&of.table, &of.column)?;
                Blocks::BeginUpload { of, name: file_name(&text(members, "FileName", name)?)? }
            }
            "UploadBlock" => {
                only(members, &["BlockId", "BlockData", "FileContinuationToken"], name)?;
                let data = bytes(members, "BlockData", name)?;
                if data.len() as u64 > LARGEST_BLOCK {
                    return Err(error::payload(name, &format!("A block has at most {LARGEST_BLOCK} bytes.")));
                }
                let id = text(members, "BlockId", name)?;
                block_id(&id, name)?;
                Blocks::Upload { session: token()?, id, data: data.into() }
            }
            "CommitFileBlocksUpload" => {
                only(members, &["FileName", "MimeType", "BlockList", "FileContinuationToken"], name)?;
                let ids: Vec<String> = serde_json::from_str(member(members, "BlockList")?.get())
                    .map_err(|_| error::payload(name, "The value of 'BlockList' is no array of texts."))?;
                if ids.len() > MOST_BLOCKS as usize {
                    return Err(error::payload(name, &format!("'BlockList' has more than {MOST_BLOCKS} items.")));
                }
                ids.iter().try_for_each(|id| block_id(id, name))?;
                let mime = optional(members, "MimeType", name)?;
                let file = optional(members, "FileName", name)?.map(|name| file_name(&name)).transpose()?;
                let media_type = mime.as_deref().and_then(media_type);
                Blocks::Commit { session: token()?, name: file, media_type, ids }
            }
            "InitializeFileBlocksDownload" => {
                only(members, &["Target", "FileAttributeName"], name)?;
                Blocks::BeginDownload { of: self.contents_of(members, name)? }
            }
            "DownloadBlock" => {
                only(members, &["Offset", "BlockLength", "FileContinuationToken"], name)?;
                let (offset, length) = (number(members, "Offset", name)?, number(members, "BlockLength", name)?);
                Blocks::Download { session: token()?, offset, length }
            }
            _ => {
                only(members, &["FileId"], name)?;
                let given = text(members, "FileId", name)?;
                let file =
                    Uuid::try_parse(&given).map_err(|_| error::cannot_convert(name, &quoted(&given), "Edm.Guid"))?;
                Blocks::Delete { file }
            }
        };
        Ok(Action::Blocks(Box::new(blocks)))
    }

    /// The column that `Target` and `FileAttributeName` name.
    fn contents_of(self, members: &NamedValues<'_>, name: &str) -> Result<ContentsOf, DataverseError> {
        let row = self.row_member(members, "Target", None)?;
        let column = text(members, "FileAttributeName", name)?;
        let found = row
            .table
            .column(&column)
            .filter(|column| column.access.read && matches!(column.kind, ColumnKind::File | ColumnKind::Image));
        let column = found.ok_or_else(|| {
            let (column, table) = (quoted(&column), row.table.logical_name());
            error::payload(name, &format!("'{column}' is no file or image column of '{table}'."))
        })?;
        let column = Arc::clone(column);
        Ok(ContentsOf { table: row.table, key: row.key, column })
    }
}

fn read<'j, T: Deserialize<'j>>(json: &'j RawValue, name: &str, what: &str, action: &str) -> Result<T, DataverseError> {
    serde_json::from_str(json.get())
        .map_err(|_| error::payload(action, &format!("The value of '{name}' is no {what}.")))
}

fn text(members: &NamedValues<'_>, name: &str, action: &str) -> Result<String, DataverseError> {
    read(member(members, name)?, name, "text", action)
}

fn optional(members: &NamedValues<'_>, name: &str, action: &str) -> Result<Option<String>, DataverseError> {
    let given = members.iter().find(|(given, json)| given == name && json.get() != "null");
    given.map(|(_, json)| read(json, name, "text", action)).transpose()
}

/// A whole number of 64 bits, which some programs send as a text.
fn number(members: &NamedValues<'_>, name: &str, action: &str) -> Result<u64, DataverseError> {
    let json = member(members, name)?.get();
    json.trim_matches('"')
        .parse()
        .map_err(|_| error::payload(action, &format!("The value of '{name}' is no whole number from 0 on.")))
}

fn bytes(members: &NamedValues<'_>, name: &str, action: &str) -> Result<Vec<u8>, DataverseError> {
    let given: std::borrow::Cow<'_, str> = read(member(members, name)?, name, "text", action)?;
    STANDARD
        .decode(given.as_bytes())
        .map_err(|_| error::payload(action, &format!("The value of '{name}' is no base64.")))
}

/// Blocks are named by base64 of at most 64 bytes.
fn block_id(id: &str, action: &str) -> Result<(), DataverseError> {
    if id.is_empty() {
        return Err(missing_parameter("BlockId"));
    }
    match STANDARD.decode(id) {
        Ok(bytes) if bytes.len() <= LONGEST_ID => Ok(()),
        _ => Err(error::payload(action, &format!("A BlockId is base64 of at most {LONGEST_ID} bytes."))),
    }
}
