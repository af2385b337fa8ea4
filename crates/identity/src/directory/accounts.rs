//! Accounts of people that nobody asked Graph for: a tenant's administrator and its personas.

use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Insert, Update, column, parameter};
use keyholder_store::{Error, Prepared, Transaction};

use super::listing::folded;
use super::{Refusal, tables};

/// An account to be made.
pub(super) struct Account<'a> {
    pub(super) id: ObjectId,
    pub(super) user_name: &'a str,
    pub(super) display_name: &'a str,
    /// Argon2id, PHC string form.
    pub(super) password_hash: &'a str,
    /// The partner's tenant, of somebody who is no object of this one.
    pub(super) home: Option<TenantId>,
}

#[derive(Debug)]
pub(super) struct Statements {
    insert: Prepared,
    let_in: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        Ok(Self {
            insert: Prepared::new(Insert::into(tables::USER).columns([
                "tenant_id",
                "object_id",
                "user_principal_name",
                "user_principal_name_folded",
                "display_name",
                "display_name_folded",
                "mail_nickname",
                "account_enabled",
                "password_hash",
                "created",
                "usage_location",
                "home_tenant",
            ]))?,
            let_in: Prepared::new(
                Update::of(tables::USER)
                    .set("password_hash", parameter(2))
                    .set("account_enabled", parameter(3))
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("object_id").equals(parameter(1))),
            )?,
        })
    }
}

/// Makes an account that may sign in.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    account: &Account<'_>,
    now: Timestamp,
) -> Result<(), Refusal> {
    let row = [
        tenant.into(),
        account.id.into(),
        account.user_name.into(),
        folded(account.user_name).into(),
        account.display_name.into(),
        folded(account.display_name).into(),
        account.user_name.split('@').next().unwrap_or_default().into(),
        true.into(),
        account.password_hash.into(),
        now.into(),
        "US".into(),
        account.home.into(),
    ];
    transaction.execute(&statements.accounts.insert, &row)?;
    Ok(())
}

/// Gives an account another password, and lets it in if it was not.
pub(super) fn let_in(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    id: ObjectId,
    password_hash: &str,
) -> Result<(), Refusal> {
    let row = [tenant.into(), id.into(), password_hash.into(), true.into()];
    transaction.execute(&statements.accounts.let_in, &row)?;
    Ok(())
}
