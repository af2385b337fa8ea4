//! The third step: people, licences, owners, roles and policies as Graph has them, and what has
//! changed when, for delta queries and for the orgs.

use keyholder_store::Kind;
use keyholder_store::statement::{
    AddColumn, ColumnDefinition, CreateIndex, Insert, Literal, Statement, TableDefinition, Update, column, literal,
};

use super::{APPLICATION, EPOCH, OUTBOX_EPOCH, SERVICE_PRINCIPAL, USER};

pub(crate) const OBJECT_OWNER: &str = "object_owner";
pub(crate) const USER_LICENCE: &str = "user_licence";
pub(crate) const PREPAID_UNITS: &str = "prepaid_units";
pub(crate) const ACTIVATED_ROLE: &str = "activated_role";
pub(crate) const APP_MANAGEMENT_POLICY: &str = "app_management_policy";
pub(crate) const OBJECT_CHANGE: &str = "object_change";
pub(crate) const OUTBOX: &str = "outbox";

fn add(table: &'static str, column: ColumnDefinition) -> Statement {
    AddColumn { table: table.into(), column }.into()
}

fn text(name: &'static str, default: &'static str) -> ColumnDefinition {
    ColumnDefinition::required(name, Kind::Text).default(Literal::from(default))
}

pub(super) fn widen() -> Vec<Statement> {
    let optional = ColumnDefinition::optional;
    let mut steps = vec![
        // JSON of what is read and written as a whole.
        add(APPLICATION, text("details", "{}")),
        add(APPLICATION, optional("unique_name", Kind::Text)),
        // What it repeats of its application beside its names, as JSON.
        add(SERVICE_PRINCIPAL, text("offered", "{}")),
        add(USER, text("display_name_folded", "")),
        add(USER, optional("mail", Kind::Text)),
        add(USER, optional("mail_nickname", Kind::Text)),
        add(USER, optional("usage_location", Kind::Text)),
        add(USER, optional("password_policies", Kind::Text)),
        add(USER, text("user_type", "Member")),
        add(USER, text("profile", "{}")),
        add(USER, optional("deleted", Kind::Time)),
        // The only person that an older directory has.
        Update::of(USER).set("display_name_folded", literal("administrator")).into(),
        Insert::into(EPOCH).value("name", literal(OUTBOX_EPOCH)).value("value", literal(0)).into(),
    ];
    let live_name = column("unique_name").is_not_null().and(column("deleted").is_null());
    let index = CreateIndex::new("application_by_name", APPLICATION, ["tenant_id", "unique_name"]);
    steps.push(index.unique().filter(live_name).into());
    steps.extend(tables());
    steps
}

fn tables() -> Vec<Statement> {
    vec![
        TableDefinition::new(OBJECT_OWNER)
            .required("tenant_id", Kind::Uuid)
            .required("object", Kind::Uuid)
            .required("owner", Kind::Uuid)
            .primary_key(["tenant_id", "object", "owner"])
            .into(),
        CreateIndex::new("object_by_owner", OBJECT_OWNER, ["tenant_id", "owner"]).into(),
        TableDefinition::new(USER_LICENCE)
            .required("tenant_id", Kind::Uuid)
            .required("holder", Kind::Uuid)
            .required("sku", Kind::Uuid)
            .required("disabled_plans", Kind::Text)
            .required("changed", Kind::Time)
            .primary_key(["tenant_id", "holder", "sku"])
            .into(),
        CreateIndex::new("licence_by_sku", USER_LICENCE, ["tenant_id", "sku"]).into(),
        // Where the number bought is not the usual one.
        TableDefinition::new(PREPAID_UNITS)
            .required("tenant_id", Kind::Uuid)
            .required("sku", Kind::Uuid)
            .required("enabled", Kind::Integer)
            .primary_key(["tenant_id", "sku"])
            .into(),
        TableDefinition::new(ACTIVATED_ROLE)
            .required("tenant_id", Kind::Uuid)
            .required("role_template", Kind::Uuid)
            .primary_key(["tenant_id", "role_template"])
            .into(),
        TableDefinition::new(APP_MANAGEMENT_POLICY)
            .required("tenant_id", Kind::Uuid)
            .required("policy", Kind::Text)
            .primary_key(["tenant_id"])
            .into(),
        // The last change of each object.
        TableDefinition::new(OBJECT_CHANGE)
            .required("tenant_id", Kind::Uuid)
            .required("kind", Kind::Text)
            .required("object_id", Kind::Uuid)
            .required("epoch", Kind::Integer)
            // `changed` in the recycle bin, `deleted` when gone for good.
            .optional("removed", Kind::Text)
            .primary_key(["tenant_id", "kind", "object_id"])
            .into(),
        CreateIndex::new("change_by_epoch", OBJECT_CHANGE, ["tenant_id", "kind", "epoch"]).into(),
        TableDefinition::new(OUTBOX)
            .required("tenant_id", Kind::Uuid)
            .required("seq", Kind::Integer)
            .required("kind", Kind::Text)
            .required("object_id", Kind::Uuid)
            .required("due", Kind::Time)
            .primary_key(["seq"])
            .into(),
        CreateIndex::new("outbox_by_due", OUTBOX, ["due", "seq"]).into(),
    ]
}
