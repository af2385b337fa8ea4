//! `export`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::load::patience;
use super::{NameFlags, OrgPlace};

/// The long help of `export`.
pub(super) const EXPORT: &str = "Writes the rows of a table, or of a query, to a file: CSV, JSON lines or one JSON document, page by \
    page, so memory holds one. A table is named by its entity set, `contacts`; a query is what follows /api/data/v9.2/ in a URL.\n\n\
    Until it is whole the file is called FILE.part, and FILE.export-journal says how far it is good. An export that was stopped, killed or \
    cut off is run again with the same flags and goes on where it was, each row once. Rows that are made or deleted meanwhile may be \
    missed, as in any paging. One that is asked for something else is refused: `--restart` begins anew.\n\nExamples:\n  \
    keyholder export contacts --output-file contacts.csv --local\n  \
    keyholder export contacts --select fullname,emailaddress1 --output-file names.jsonl --local\n  \
    keyholder export --fetch contacts.xml --output-file contacts.json --local";

/// `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The entity set, such as `contacts`, or a query, such as 'contacts?$filter=statecode eq 0'
    #[arg(value_name = "TABLE|QUERY", required_unless_present = "fetch")]
    pub(crate) query: Option<String>,
    /// A FetchXML document instead: a file, or `-` for standard input; TABLE may then name its entity set
    #[arg(long, value_name = "FILE")]
    pub(crate) fetch: Option<PathBuf>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output_file: PathBuf,
    /// How to write it [default: as the file's name ends: .csv, .jsonl or .ndjson, .json]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) format: Option<Format>,
    /// These columns alone, in this order; a lookup is `_name_value`
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub(crate) select: Vec<String>,
    /// With what people read beside the values: labels of options, names behind lookups
    #[arg(long)]
    pub(crate) annotations: bool,
    /// So many rows in a page at most; the org's own limit is 5,000
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub(crate) page_size: Option<u32>,
    /// How long an org that is out of reach, or answers nonsense, is tried again, like 90s or 5m
    #[arg(long, value_name = "TIME", value_parser = patience, default_value = "2m")]
    pub(crate) wait: Duration,
    /// Put it in the place of a file that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Throw away what an earlier run has got, and begin anew
    #[arg(long)]
    pub(crate) restart: bool,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// The forms of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A header, and rows with commas between their values
    Csv,
    /// One JSON object in a line
    Jsonl,
    /// One JSON array
    Json,
}

impl Format {
    /// As the journal says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
        }
    }
}
