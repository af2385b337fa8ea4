//! The fourth step: groups, how far somebody is with a second factor, how long passwords last, and
//! people of partners who administer a tenant by delegation.

use keyholder_store::Kind;
use keyholder_store::statement::{AddColumn, ColumnDefinition, CreateIndex, Literal, Statement, TableDefinition};

use super::{TENANT_DOMAIN, USER};
use crate::directory::sign_in_tables::PERSON;

pub(crate) const GROUP: &str = "directory_group";
pub(crate) const GROUP_MEMBER: &str = "group_member";

pub(super) fn create() -> Vec<Statement> {
    let add = |table: &'static str, column| Statement::from(AddColumn { table: table.into(), column });
    let no = |name: &'static str| ColumnDefinition::required(name, Kind::Bool).default(Literal::from(false));
    vec![
        TableDefinition::new(GROUP)
            .required("tenant_id", Kind::Uuid)
            .required("object_id", Kind::Uuid)
            // As written, and as compared.
            .required("display_name", Kind::Text)
            .required("display_name_folded", Kind::Text)
            .optional("description", Kind::Text)
            .required("mail_nickname", Kind::Text)
            .required("is_assignable_to_role", Kind::Bool)
            .required("created", Kind::Time)
            .primary_key(["tenant_id", "object_id"])
            .into(),
        TableDefinition::new(GROUP_MEMBER)
            .required("tenant_id", Kind::Uuid)
            .required("group_id", Kind::Uuid)
            // A person, a service principal or a group.
            .required("member", Kind::Uuid)
            .primary_key(["tenant_id", "group_id", "member"])
            .into(),
        CreateIndex::new("group_by_member", GROUP_MEMBER, ["tenant_id", "member"]).into(),
        // Of somebody of a partner, who signs in here and is no object of the directory.
        add(USER, ColumnDefinition::optional("home_tenant", Kind::Uuid)),
        // At the next sign-in that can ask for it.
        add(PERSON, no("must_register_factor")),
        add(PERSON, ColumnDefinition::optional("password_changed", Kind::Time)),
        // In days; NULL for ever.
        add(TENANT_DOMAIN, ColumnDefinition::optional("password_validity", Kind::Integer)),
    ]
}
