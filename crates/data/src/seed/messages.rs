//! The messages of the platform, and which of them the rows of each table answer: "Use bulk operation messages" of the
//! documentation has programs look there before they send `CreateMultiple`.

use keyholder_dataverse::schema::Table;
use keyholder_dataverse::{Value, Verb};
use keyholder_store::Transaction;

use super::Seed;
use crate::error::Failure;

/// What a table must allow for a message.
#[derive(Clone, Copy)]
enum Needs {
    /// Rows that clients do all of this to.
    All(&'static [Verb]),
    /// Rows with a state that clients change.
    State,
    /// One of these tables.
    Tables(&'static [&'static str]),
    /// Nothing: the message is about no table.
    Nothing,
}

/// The messages that the local org answers, in alphabetical order.
const MESSAGES: [(&str, Needs); 43] = [
    ("AddMembers", Needs::Tables(&["team"])),
    ("AddPrivileges", Needs::Tables(&["role"])),
    ("AddToQueue", Needs::Tables(&["queue"])),
    ("Assign", Needs::All(&[Verb::Assign])),
    ("Associate", Needs::All(&[Verb::Append])),
    ("BulkDelete", Needs::Nothing),
    ("Close", Needs::Tables(&["incident"])),
    ("Create", Needs::All(&[Verb::Create])),
    ("CreateMultiple", Needs::All(&[Verb::Create])),
    ("Delete", Needs::All(&[Verb::Delete])),
    ("Disassociate", Needs::All(&[Verb::Append])),
    ("GrantAccess", Needs::All(&[Verb::Share])),
    ("InitializeFrom", Needs::Nothing),
    ("Lose", Needs::Tables(&["opportunity"])),
    ("Merge", Needs::Tables(&["account", "contact", "incident", "lead"])),
    ("ModifyAccess", Needs::All(&[Verb::Share])),
    ("RemoveMembers", Needs::Tables(&["team"])),
    ("RemovePrivilege", Needs::Tables(&["role"])),
    ("ReplacePrivileges", Needs::Tables(&["role"])),
    ("Retrieve", Needs::All(&[])),
    ("RetrieveAadUserPrivileges", Needs::Nothing),
    ("RetrieveAadUserRoles", Needs::Nothing),
    ("RetrieveCurrentOrganization", Needs::Nothing),
    ("RetrieveMultiple", Needs::All(&[])),
    ("RetrievePrincipalAccess", Needs::All(&[Verb::Share])),
    ("RetrievePrivilegeSet", Needs::Tables(&["privilege"])),
    ("RetrieveRolePrivilegesRole", Needs::Tables(&["role"])),
    ("RetrieveSharedPrincipalsAndAccess", Needs::All(&[Verb::Share])),
    ("RetrieveTeamPrivileges", Needs::Tables(&["team"])),
    ("RetrieveTotalRecordCount", Needs::Nothing),
    ("RetrieveUserPrivilegeByPrivilegeId", Needs::Tables(&["systemuser"])),
    ("RetrieveUserPrivilegeByPrivilegeName", Needs::Tables(&["systemuser"])),
    ("RetrieveUserPrivileges", Needs::Tables(&["systemuser"])),
    ("RetrieveVersion", Needs::Nothing),
    ("RevokeAccess", Needs::All(&[Verb::Share])),
    ("SetBusiness", Needs::Tables(&["systemuser"])),
    ("SetState", Needs::State),
    ("Update", Needs::All(&[Verb::Write])),
    ("UpdateMultiple", Needs::All(&[Verb::Write])),
    ("Upsert", Needs::All(&[Verb::Create, Verb::Write])),
    ("UpsertMultiple", Needs::All(&[Verb::Create, Verb::Write])),
    ("WhoAmI", Needs::Nothing),
    ("Win", Needs::Tables(&["opportunity"])),
];

/// Whether the rows of a table answer a message.
fn answers(table: &Table, message: &str, needs: Needs) -> bool {
    // Users are made one by one: each is looked up in the directory.
    if table.logical_name() == "systemuser" && matches!(message, "CreateMultiple" | "UpsertMultiple") {
        return false;
    }
    let allows = |verb: &Verb| table.privilege_name(*verb).is_some();
    match needs {
        Needs::All(verbs) => table.shown_set().is_some() && verbs.iter().all(allows),
        Needs::State => table.shown_set().is_some() && allows(&Verb::Write) && table.column("statecode").is_some(),
        Needs::Tables(tables) => tables.contains(&table.logical_name()),
        Needs::Nothing => false,
    }
}

impl Seed<'_> {
    /// The rows of `sdkmessage`.
    pub(super) fn messages(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let blank = self.row("sdkmessage")?;
        for (name, _) in MESSAGES {
            let mut row = blank.clone();
            row.set_id(self.core.seed_id(&format!("message {name}")));
            row.set_text("name", name);
            row.set("isactive", Value::Boolean(true));
            row.set("isprivate", Value::Boolean(false));
            row.set(
                "isreadonly",
                Value::Boolean(name.starts_with("Retrieve") || matches!(name, "InitializeFrom" | "WhoAmI")),
            );
            self.insert(tx, row)?;
        }
        Ok(())
    }

    /// The rows of `sdkmessagefilter` that are about a table.
    pub(super) fn message_filters(&self, tx: &mut Transaction<'_>, table: &str) -> Result<(), Failure> {
        let Some(table) = self.catalogue.schema.table(table)? else { return Ok(()) };
        let blank = self.row("sdkmessagefilter")?;
        for (message, needs) in MESSAGES {
            if !answers(&table, message, needs) {
                continue;
            }
            let mut row = blank.clone();
            row.set_id(self.core.seed_id(&format!("message {message} of {}", table.logical_name())));
            row.set("sdkmessageid", self.reference("sdkmessage", self.core.seed_id(&format!("message {message}"))));
            row.set_text("primaryobjecttypecode", table.logical_name());
            row.set_text("secondaryobjecttypecode", "none");
            row.set("iscustomprocessingstepallowed", Value::Boolean(true));
            row.set("isvisible", Value::Boolean(true));
            self.insert(tx, row)?;
        }
        Ok(())
    }

    /// Lets the rows of `sdkmessagefilter` follow a table that came, changed or went.
    pub(super) fn message_filters_follow(&self, tx: &mut Transaction<'_>, table: &str) -> Result<(), Failure> {
        if self.catalogue.schema.table(table)?.is_some() {
            return self.message_filters(tx, table);
        }
        for (message, _) in MESSAGES {
            let id = self.core.seed_id(&format!("message {message} of {table}"));
            self.platform().remove(tx, "sdkmessagefilter", "sdkmessagefilterid", id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MESSAGES;

    #[test]
    fn each_message_stands_once_in_order() {
        assert!(MESSAGES.is_sorted_by(|one, other| one.0 < other.0));
    }
}
