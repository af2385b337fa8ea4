//! A file or image column of a row as a resource of its own: `accounts(…)/new_contract`, `…/$value`.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, ColumnKind, LONGEST_FILE_NAME, Table};
use keyholder_dataverse::{Value, Verb};

use super::{Binder, Verbs, missing_parameter};
use crate::Operation;
use crate::contents::{ByteRange, ContentRange, ContentsOf, Download, SessionToken, Upload, UploadStep, changeable};
use crate::query::RowKey;
use crate::syntax::quoted;
use crate::write::{Assigned, Assignment};

/// What a file is called, in a header or, for names that no header holds, in the address.
const FILE_NAME: &str = "x-ms-file-name";

impl Binder<'_> {
    pub(super) fn contents(
        self,
        table: &Arc<Table>,
        key: RowKey,
        column: &Arc<Column>,
        raw: bool,
    ) -> Result<Operation, DataverseError> {
        let of = |key| ContentsOf { table: Arc::clone(table), key, column: Arc::clone(column) };
        match self.method()? {
            Verbs::Get if column.access.read => self.download(of(key), raw),
            Verbs::Patch if !raw => self.upload(of(key)),
            Verbs::Put if !raw && column.kind == ColumnKind::Image => self.put_property(table, key, column),
            Verbs::Delete if !raw => {
                let cleared = Assignment { column: Arc::clone(column), value: Assigned::Value(Value::Null) };
                self.one_column(table, key, cleared)
            }
            _ => Err(self.refused_method()),
        }
    }

    fn download(self, of: ContentsOf, raw: bool) -> Result<Operation, DataverseError> {
        self.options.only(&["size"])?;
        let full = match self.options.size.as_deref().map(str::trim) {
            None => false,
            Some(size) if size.eq_ignore_ascii_case("full") => true,
            Some(other) => return Err(error::odata(format!("The size '{}' is not 'full'.", quoted(other)))),
        };
        let range = self.request.header("Range").and_then(ByteRange::parse);
        Ok(Operation::Download(Download { of, raw, full, range }))
    }

    fn upload(self, of: ContentsOf) -> Result<Operation, DataverseError> {
        self.options.only(&[FILE_NAME, "sessiontoken"])?;
        self.supports(&of.table, Verb::Write)?;
        changeable(&of.table, &of.column)?;
        if self.request.references.is_some() {
            return Err(error::not_supported("Sending the contents of a file or image inside a batch"));
        }
        if self.request.header("If-None-Match").map(str::trim) == Some("*") {
            return Err(error::not_supported("If-None-Match: * for a file or image column"));
        }
        let step = match (self.request.header("x-ms-transfer-mode").map(str::trim), &self.options.session_token) {
            (Some(mode), None) if mode.eq_ignore_ascii_case("chunked") => UploadStep::Begin,
            (Some(other), None) => {
                return Err(error::odata(format!("The x-ms-transfer-mode '{}' is not 'chunked'.", quoted(other))));
            }
            (_, Some(session)) => {
                let range = self.request.header("Content-Range").ok_or_else(|| missing_parameter("Content-Range"))?;
                let range = ContentRange::parse(range).ok_or_else(|| {
                    let range = quoted(range);
                    error::odata(format!("The Content-Range '{range}' is not like 'bytes 0-4194303/25870370'."))
                })?;
                let given = self.request.body.len();
                if u64::try_from(given) != Ok(range.length) {
                    let named = range.length;
                    return Err(error::odata(format!("The body has {given} bytes, and its Content-Range {named}.")));
                }
                UploadStep::Piece { session: SessionToken::new(session.as_ref()), range }
            }
            (None, None) if self.request.header("Content-Range").is_some() => {
                return Err(missing_parameter("sessiontoken"));
            }
            (None, None) => UploadStep::Whole,
        };
        // The header counts before the address.
        let name = self.request.header(FILE_NAME).or(self.options.file_name.as_deref());
        let name = name.map(|name| file_name(name.trim())).transpose()?;
        if name.is_none() && of.column.kind == ColumnKind::File && !matches!(step, UploadStep::Piece { .. }) {
            return Err(missing_parameter(FILE_NAME));
        }
        let media_type = self.request.header("Content-Type").and_then(media_type);
        let if_version = self.version(self.request.header("If-Match"))?;
        Ok(Operation::Upload(Upload { of, name, media_type, if_version, step }))
    }
}

/// A name that a file can have.
pub(super) fn file_name(name: &str) -> Result<String, DataverseError> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(error::odata("The name of the file is empty, or has characters that are not to be seen."));
    }
    if name.encode_utf16().count() > LONGEST_FILE_NAME as usize {
        return Err(error::odata(format!("The name of the file has more than {LONGEST_FILE_NAME} characters.")));
    }
    Ok(name.to_owned())
}

/// A media type that says more than that there are bytes: its essence, in lower case.
pub(super) fn media_type(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let (kind, sort) = essence.split_once('/')?;
    (is_token(kind) && is_token(sort) && essence.len() <= 127 && essence != "application/octet-stream")
        .then_some(essence)
}
