//! The sixth step: policies for the credentials of single applications and service principals.

use keyholder_store::Kind;
use keyholder_store::statement::{CreateIndex, Statement, TableDefinition};

pub(crate) const CUSTOM_POLICY: &str = "custom_app_management_policy";
pub(crate) const POLICY_HOLDER: &str = "app_management_policy_holder";

pub(super) fn create() -> Vec<Statement> {
    vec![
        TableDefinition::new(CUSTOM_POLICY)
            .required("tenant_id", Kind::Uuid)
            .required("policy_id", Kind::Uuid)
            .required("policy", Kind::Text)
            .primary_key(["tenant_id", "policy_id"])
            .into(),
        // An object has one at most.
        TableDefinition::new(POLICY_HOLDER)
            .required("tenant_id", Kind::Uuid)
            .required("object_id", Kind::Uuid)
            .required("policy_id", Kind::Uuid)
            .primary_key(["tenant_id", "object_id"])
            .into(),
        CreateIndex::new("holder_by_policy", POLICY_HOLDER, ["tenant_id", "policy_id"]).into(),
    ]
}
