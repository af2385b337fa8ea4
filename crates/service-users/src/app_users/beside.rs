//! Roles that Keyholder made and that an application user holds beside the one that was made for it alone.

use keyholder_client::Error as ClientError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::find::Found;
use crate::Administrator;
use crate::marks::{other_declaration, role_id};

/// A role that Keyholder made under a name of its own: for a declaration, or by `role create`. Others may come to need
/// it, so it does not go with one application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleBeside {
    /// Its id, that of the copies' root.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The declaration that its description names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declaration: Option<String>,
}

impl RoleBeside {
    /// Why it stays, and what takes it away.
    #[must_use]
    pub fn why_it_stays(&self) -> String {
        match &self.declaration {
            Some(name) => format!(
                "the declaration `{name}` made it: once that does not declare it any more, `keyholder apply --prune` \
                 removes it"
            ),
            None => {
                "Keyholder made it, but not for this application alone, and no declaration says that it is its own: \
                     delete it among the org's security roles when nobody needs it"
                    .to_owned()
            }
        }
    }
}

#[derive(Deserialize)]
struct Row {
    roleid: Uuid,
    name: String,
    description: Option<String>,
    #[serde(rename = "_parentrootroleid_value")]
    root: Option<Uuid>,
}

/// Those that an application's user holds; the role called as the application is none of them.
pub(super) async fn roles_beside(administrator: &Administrator, found: &Found) -> Result<Vec<RoleBeside>, ClientError> {
    let Some(user) = &found.user else { return Ok(Vec::new()) };
    let org = &administrator.org;
    let query = format!(
        "systemusers({})/systemuserroles_association?$select=roleid,name,description,_parentrootroleid_value",
        user.id
    );
    let query = org.query(&query);
    let (me, rows) = futures::try_join!(org.who_am_i(), query.collect_as::<Row>())?;
    let is_beside = |row: &Row| {
        let root = row.root.unwrap_or(row.roleid);
        row.name != found.name && role_id(me.organization_id, &row.name) == root
    };
    let mut beside: Vec<RoleBeside> = rows
        .into_iter()
        .filter(is_beside)
        .map(|row| RoleBeside {
            id: row.root.unwrap_or(row.roleid),
            declaration: other_declaration(row.description.as_deref(), None).map(str::to_owned),
            name: row.name,
        })
        .collect();
    beside.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(beside)
}
