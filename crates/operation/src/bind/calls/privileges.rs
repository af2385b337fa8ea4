//! Functions about the privileges and roles that somebody has.

use std::borrow::Cow;
use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::Table;
use uuid::Uuid;

use super::entities::as_json;
use crate::Operation;
use crate::bind::{Binder, broken};
use crate::call::{AskedPrivileges, Function, PrivilegeHolder};
use crate::syntax::filter;
use crate::syntax::options::Options;
use crate::syntax::path::{Named, Segment};
use crate::syntax::quoted;

/// One function asks about at most this many privileges by name or id.
const MOST_ASKED: usize = 1_000;

/// How a message says which privileges it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    None,
    Id,
    Name,
    Ids,
    Names,
}

impl Parameter {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Id => "PrivilegeId",
            Self::Name => "PrivilegeName",
            Self::Ids => "PrivilegeIds",
            Self::Names => "PrivilegeNames",
        }
    }
}

/// The messages that are bound to a user or a team, with their tables and parameters.
const MESSAGES: [(&str, &str, Parameter); 6] = [
    ("systemuser", "RetrieveUserPrivileges", Parameter::None),
    ("systemuser", "RetrieveUserPrivilegeByPrivilegeId", Parameter::Id),
    ("systemuser", "RetrieveUserPrivilegeByPrivilegeName", Parameter::Name),
    ("systemuser", "RetrieveUserSetOfPrivilegesByIds", Parameter::Ids),
    ("systemuser", "RetrieveUserSetOfPrivilegesByNames", Parameter::Names),
    ("team", "RetrieveTeamPrivileges", Parameter::None),
];

/// The message of this name that rows of this table have.
pub(super) fn message_of(table: &Table, name: &str) -> Option<(&'static str, Parameter)> {
    let found = MESSAGES.iter().find(|(of, message, _)| *of == table.logical_name() && *message == name);
    found.map(|(_, message, parameter)| (*message, *parameter))
}

impl Binder<'_> {
    /// Which privileges a call asks for.
    pub(super) fn asked_privileges(
        self,
        call: &Named<'_>,
        parameter: Parameter,
    ) -> Result<AskedPrivileges, DataverseError> {
        let name = parameter.name();
        if parameter == Parameter::None {
            self.only_parameters(call, &[])?;
            return Ok(AskedPrivileges::All);
        }
        self.only_parameters(call, &[name])?;
        let asked = match parameter {
            Parameter::Id => AskedPrivileges::Ids(vec![self.guid_parameter(call, name)?]),
            Parameter::Name => match self.parameter(call, name)? {
                Value::Text(asked) => AskedPrivileges::Names(vec![asked]),
                _ => return Err(error::bad_syntax()),
            },
            Parameter::Ids => AskedPrivileges::Ids(ids(self.alias_text(call, name)?)?),
            Parameter::Names | Parameter::None => {
                let text = as_json(self.alias_text(call, name)?);
                let names = serde_json::from_str(&text).map_err(|_| {
                    error::odata(format!(
                        "The parameter '{name}' is no list of names: it must be like ['prvReadContact']."
                    ))
                })?;
                AskedPrivileges::Names(names)
            }
        };
        let many = match &asked {
            AskedPrivileges::All => 0,
            AskedPrivileges::Ids(ids) => ids.len(),
            AskedPrivileges::Names(names) => names.len(),
        };
        if many > MOST_ASKED {
            return Err(error::odata(format!("The parameter '{name}' has more than {MOST_ASKED} items.")));
        }
        Ok(asked)
    }

    /// `RetrieveAadUserPrivileges`.
    pub(super) fn privileges_of_directory_object(self, call: &Named<'_>) -> Result<Function, DataverseError> {
        let holder = PrivilegeHolder::DirectoryObject(self.guid_parameter(call, "DirectoryObjectId")?);
        Ok(Function::RetrievePrivileges {
            message: "RetrieveAadUserPrivileges",
            holders: self.table_for(call, "systemuser")?,
            holder,
            asked: AskedPrivileges::All,
        })
    }

    /// `RetrieveAadUserRoles`: the roles that the user with this object id has, and those of the user's teams. It is a question
    /// like any other, so the options of one can stand behind it.
    pub(super) fn roles_of_directory_object(
        self,
        call: &Named<'_>,
        rest: &[Segment<'_>],
    ) -> Result<Operation, DataverseError> {
        self.only_get()?;
        if let [next, ..] = rest {
            return Err(error::unknown_segment(&quoted(next.text())));
        }
        self.only_parameters(call, &["DirectoryObjectId"])?;
        self.options.only(&["$select", "$filter", "$orderby", "$top", "$count", "$expand", "$skiptoken"])?;
        let user = format!("azureactivedirectoryobjectid eq {}", self.guid_parameter(call, "DirectoryObjectId")?);
        let mut filter = format!(
            "(systemuserroles_association/any(u:u/{user}) or \
             teamroles_association/any(t:t/teammembership_association/any(m:m/{user})))"
        );
        if let Some(own) = self.options.filter.as_deref() {
            // Whole by itself: otherwise a parenthesis of its own could end the one around it, and leave the user's roles.
            filter::parse(own)?;
            filter = format!("{filter} and ({own})");
        }
        let options = Options { filter: Some(Cow::Owned(filter)), ..self.options.clone() };
        let roles = self.table_for(call, "role")?;
        Binder { options: &options, ..self }.read_rows(&roles, None)
    }

    /// A table that a call is about.
    fn table_for(self, call: &Named<'_>, table: &str) -> Result<Arc<Table>, DataverseError> {
        self.schema.table(table).map_err(broken)?.ok_or_else(|| error::unknown_segment(&quoted(call.name)))
    }
}

/// The ids of a list, which clients write with and without quotes.
fn ids(text: &str) -> Result<Vec<Uuid>, DataverseError> {
    let refused = || {
        error::odata(
            "The parameter 'PrivilegeIds' is no list of ids: it must be like ['00000000-0000-0000-0000-000000000000'].",
        )
    };
    let inside = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(refused)?;
    if inside.trim().is_empty() {
        return Ok(Vec::new());
    }
    let id = |item: &str| Uuid::try_parse(item.trim().trim_matches(['"', '\''])).map_err(|_| refused());
    inside.split(',').take(MOST_ASKED + 1).map(id).collect()
}
