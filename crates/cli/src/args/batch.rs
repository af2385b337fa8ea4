//! `batch`.

use std::path::PathBuf;

use clap::Args;

use super::{NameFlags, OrgPlace};

/// The long help of `batch`.
pub(super) const BATCH: &str = "Sends the operations of a file, up to 1,000 in a request, in their order, and tells what became of \
    each. The file has one operation in a line, as JSON:\n\n  \
    {\"method\": \"POST\", \"path\": \"contacts\", \"body\": {\"lastname\": \"Ng\"}}\n  \
    {\"method\": \"GET\", \"path\": \"contacts?$select=fullname&$top=3\", \"id\": \"three\"}\n\n\
    `path` is what follows /api/data/v9.2/ in a URL. `id` is a name of your own. `headers` may have If-Match, If-None-Match, \
    Prefer and those that begin with MSCRM. Lines that follow one another with the same `changeset` are done together or not at \
    all; in them `$ID` at the start of a path, and in `@odata.bind` and `@odata.id`, stands for what an earlier one of them \
    makes:\n\n  \
    {\"changeset\":\"a\",\"id\":\"firm\",\"method\":\"POST\",\"path\":\"accounts\",\"body\":{\"name\":\"Contoso\"}}\n  \
    {\"changeset\":\"a\",\"method\":\"POST\",\"path\":\"$firm/Account_Tasks\",\"body\":{\"subject\":\"Call\"}}\n\n\
    All lines are checked before anything is sent. The first operation that is refused ends the run, unless \
    `--continue-on-error` is said. Where something was not done the command ends with 1.\n\nExamples:\n  \
    keyholder batch operations.jsonl --local\n  \
    keyholder batch operations.jsonl --continue-on-error --output jsonl --local";

/// `batch`.
#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// The file with the operations, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Try all operations, whatever becomes of those before
    #[arg(long)]
    pub(crate) continue_on_error: bool,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}
