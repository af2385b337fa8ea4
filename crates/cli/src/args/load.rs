//! `load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use keyholder_client::bulk::Mapped;

use super::OrgPlace;
use super::org::delay;

/// The long help of `load`.
pub(super) const LOAD: &str = "Loads the rows of a file into a table: makes them, or with `--key` makes and changes them, or with \
    `--update` changes what is there. The first line of CSV names the columns, as the table calls them or as `--map` says; in \
    JSON lines the members do. Choices are given by value or label, lookups by id \
    (`parentcustomerid:account`) or by a column of the other table (`parentcustomerid:account.name`).\n\n\
    Rows that cannot be loaded go to FILE.rejects.csv (or .jsonl), each with the reason, and the others go on. What was done stands in \
    FILE.journal: a load that was stopped, killed or cut off is simply run again and goes on where it was; each row is \
    loaded once. `--dry-run` checks every row and writes nothing.\n\n\
    Ends with 0 when all rows were loaded, with 65 when some were rejected.\n\nExamples:\n  \
    keyholder load contacts.csv --table contacts --local\n  \
    keyholder load contacts.csv --table contacts --key emailaddress1 --map 'E-Mail=emailaddress1'\n  \
    keyholder load contacts.csv --table contacts --map 'Company=parentcustomerid:account.name' --dry-run --local";

/// `load`.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// The file: CSV, or JSON lines where it ends in .jsonl or .ndjson
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The table, by its entity set (`contacts`) or its logical name (`contact`)
    #[arg(long, value_name = "TABLE")]
    pub(crate) table: String,
    /// The columns by which rows are known, of an alternate key or the table's id: rows that are there are changed, others
    /// made
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub(crate) key: Vec<String>,
    /// Change rows that are there, and make none
    #[arg(long, requires = "key")]
    pub(crate) update: bool,
    /// Which column of the table a column of the file is; with nothing behind `=` it is left out; may be repeated
    #[arg(long, value_name = "FILE-COLUMN=COLUMN")]
    pub(crate) map: Vec<Mapped>,
    /// How the rows are written, when the file's name does not tell
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<RowForm>,
    /// What stands between the cells of CSV; `\t` for a tab
    #[arg(long, value_name = "CHARACTER", default_value = ",", value_parser = delimiter)]
    pub(crate) delimiter: char,
    /// An empty cell empties its column; without this it leaves the column as it is
    #[arg(long)]
    pub(crate) empty_as_null: bool,
    /// Check every row against the table, and the callers' privileges where they may read them; write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Where rows go that cannot be loaded [default: FILE.rejects.csv or FILE.rejects.jsonl]
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Where it is written down what was done [default: FILE.journal]
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// How many rows go in a request
    #[arg(long, value_enum, default_value_t = LoadMode::Multiple, value_name = "MODE")]
    pub(crate) mode: LoadMode,
    /// So many rows in each request [default: as many as do well]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) chunk: Option<u16>,
    /// No more requests at once than this; with 1 the rows keep their order [default: as many as do well]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) at_once: Option<u16>,
    /// How long an org that is out of reach is tried again, like 90s or 5m; when it is given, or the load was begun before,
    /// also until the load begins [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = patience)]
    pub(crate) wait: Option<Duration>,
    /// The env file of another service user that shares the load, with everything that its sign-in needs; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) also_env_file: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// How rows are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowForm {
    /// Cells with a character between them
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// How many rows go in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LoadMode {
    /// Many rows of one table (CreateMultiple and its like): the fastest
    Multiple,
    /// Many requests in one ($batch)
    Batch,
    /// Each row by itself
    Single,
}

/// How long something is tried again: `90s`, `5m`, or a number of seconds.
pub(super) fn patience(text: &str) -> Result<Duration, String> {
    text.parse::<u32>().map_or_else(|_| delay(text), |seconds| Ok(Duration::from_secs(seconds.into())))
}

fn delimiter(text: &str) -> Result<char, String> {
    let character = if text == "\\t" { '\t' } else { text.parse().map_err(|_| "give one character".to_owned())? };
    if character.is_ascii() && !character.is_ascii_alphanumeric() && !matches!(character, '"' | '\n' | '\r') {
        Ok(character)
    } else {
        Err("no file can have that between its cells".to_owned())
    }
}
