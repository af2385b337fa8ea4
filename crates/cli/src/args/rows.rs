//! Rows: `get`, `create`, `update`, `upsert`, `delete`, and `call` for actions and functions.

use clap::{ArgGroup, Args};
use keyholder_client::dataverse::{OperationPath, RowRef};
use uuid::Uuid;

use super::OrgPlace;

/// The long help of `get`.
pub(super) const GET: &str = "Reads one row, or one column of it, and prints its columns below one another, or as JSON \
    with `--output json`. The path is what follows /api/data/v9.2/ in a URL; quote it for the shell. `keyholder query` \
    reads many rows.\n\nExamples:\n  \
    keyholder get \"accounts(accountnumber='A-17')?\\$select=name\" --local\n  \
    keyholder get 'contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)' --annotations --output json --local";

/// The long help of `create`.
pub(super) const CREATE: &str = "Makes a row in an entity set and prints its id. Its columns come from `--set`, from \
    `--data`, or from both. Lookups are set by their navigation property: \
    `--set parentcustomerid_account@odata.bind=/accounts(ID)`.\n\nExamples:\n  \
    keyholder create contacts --set lastname=Ng --set emailaddress1=ng@contoso.example --local\n  \
    keyholder create accounts --data '{\"name\": \"Contoso\", \"numberofemployees\": 17}' --local\n  \
    keyholder create accounts --data @account.json --set creditonhold:=true --return --local";

/// The long help of `update`.
pub(super) const UPDATE: &str = "Changes columns of a row that is there; what is not named keeps its value. It never \
    makes a row. With `--if-match` it changes the row only if nobody else has since it had that ETag.\n\nExamples:\n  \
    keyholder update 'contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)' --set jobtitle=Buyer --local\n  \
    keyholder update \"accounts(accountnumber='A-17')\" --set telephone1:=null --local";

/// The long help of `upsert`.
pub(super) const UPSERT: &str = "Changes the row that has this id or key, or makes it where there is \
    none.\n\nExample:\n  \
    keyholder upsert \"accounts(accountnumber='A-17')\" --set name=Contoso --local";

/// The long help of `delete`.
pub(super) const DELETE: &str = "Deletes a row, and what belongs to it as its relationships say. It asks before.\n\n\
    Example:\n  \
    keyholder delete 'contacts(5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11)' --yes --local";

/// The long help of `call`.
pub(super) const CALL: &str = "Calls a function (which only reads), or with `--action` or `--data` an action (which \
    may change things), and prints the result. It is bound to nothing, or to the entity set or the row before it.\n\n\
    Examples:\n  \
    keyholder call WhoAmI --local\n  \
    keyholder call RetrieveTotalRecordCount --param 'EntityNames=[\"account\"]' --local\n  \
    keyholder call 'systemusers(ID)/Microsoft.Dynamics.CRM.RetrieveUserPrivileges' --local\n  \
    keyholder call WinOpportunity --data @win.json --local";

/// In whose name a request is made.
#[derive(Debug, Clone, Args)]
pub(crate) struct NameFlags {
    /// Act in the name of this user (a `systemuserid`): what both may is allowed; needs prvActOnBehalfOfAnotherUser
    #[arg(long, value_name = "USER-ID")]
    pub(crate) impersonate: Option<Uuid>,
}

/// The columns of a row.
#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("columns").args(["set", "data"]).required(true).multiple(true))]
pub(crate) struct BodyFlags {
    /// The columns as a JSON object: as it stands here, in a file (`@FILE`), or from standard input (`-`)
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    /// One column: `name=text`, or `name:=JSON` for what is no text (17, true, null); wins over `--data`; may be
    /// repeated
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = column)]
    pub(crate) set: Vec<Member>,
}

/// A column or parameter and its value, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// `get`.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// Such as 'contacts(ID)?$select=fullname'
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// With what people read beside the values: labels of options, names behind lookups
    #[arg(long)]
    pub(crate) annotations: bool,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The entity set, such as `contacts`
    #[arg(value_name = "SET")]
    pub(crate) set_name: String,
    #[command(flatten)]
    pub(crate) body: BodyFlags,
    /// Print the row as it is afterwards
    #[arg(long = "return")]
    pub(crate) returning: bool,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `update` and `upsert`.
#[derive(Debug, Args)]
pub(crate) struct Write {
    /// The row: `contacts(ID)`, or by an alternate key, "accounts(accountnumber='A-17')"
    #[arg(value_name = "SET(ID|KEY)")]
    pub(crate) row: RowRef,
    #[command(flatten)]
    pub(crate) body: BodyFlags,
    /// Only if the row still has this ETag, as `get --output json` tells it
    #[arg(long, value_name = "ETAG")]
    pub(crate) if_match: Option<String>,
    /// Print the row as it is afterwards
    #[arg(long = "return")]
    pub(crate) returning: bool,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `delete`.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The row: `contacts(ID)`, or by an alternate key, "accounts(accountnumber='A-17')"
    #[arg(value_name = "SET(ID|KEY)")]
    pub(crate) row: RowRef,
    /// Only if the row still has this ETag
    #[arg(long, value_name = "ETAG")]
    pub(crate) if_match: Option<String>,
    /// Delete without being asked
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `call`.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// Such as `WhoAmI`, or bound to a row, 'queues(ID)/Microsoft.Dynamics.CRM.AddToQueue'
    #[arg(value_name = "NAME")]
    pub(crate) operation: OperationPath,
    /// It is an action: it may change things
    #[arg(long)]
    pub(crate) action: bool,
    /// An action's parameters as a JSON object: as it stands here, in a file (`@FILE`), or from standard input (`-`)
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    /// One parameter: its name and JSON, a text in double quotes; for a function also an OData literal as it stands in
    /// a URL (an id, a date, an enumeration's member); may be repeated
    #[arg(long, value_name = "NAME=JSON", value_parser = parameter)]
    pub(crate) param: Vec<Member>,
    #[command(flatten)]
    pub(crate) name: NameFlags,
    #[command(flatten)]
    pub(crate) place: OrgPlace,
}

/// `name=text` or `name:=JSON`.
fn column(text: &str) -> Result<Member, String> {
    let Member { name, value } = parameter(text)?;
    match name.strip_suffix(':') {
        None => Ok(Member { name, value: serde_json::Value::from(value).to_string() }),
        Some("") => Err("has no column's name".to_owned()),
        Some(name) => match serde_json::from_str::<&serde_json::value::RawValue>(&value) {
            Ok(_) => Ok(Member { name: name.to_owned(), value }),
            Err(error) => Err(format!("what stands behind `:=` is no JSON: {error}")),
        },
    }
}

/// `name=value`, whatever the value is.
fn parameter(text: &str) -> Result<Member, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Member { name: name.to_owned(), value: value.to_owned() }),
        _ => Err("give a name and a value, `name=value`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_text_unless_it_says_that_it_is_json() {
        let read = |text: &str| column(text).map(|Member { name, value }| (name, value));
        let member = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(read("telephone1=555"), member("telephone1", "\"555\""));
        assert_eq!(read("note=a=\"b\""), member("note", r#""a=\"b\"""#));
        assert_eq!(read("revenue:=10.50"), member("revenue", "10.50"));
        assert_eq!(read("a@odata.bind=/accounts(1)"), member("a@odata.bind", "\"/accounts(1)\""));
        for wrong in ["", "=x", ":=1", "name", "a:=b", "a:="] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
