//! Personas: people who are made so that somebody can sign in as them and see what the real services
//! refuse them.
//!
//! The **delegated administrator** is somebody of a partner who administers the tenant: its tokens
//! carry the tenant's id and the partner's as where it comes from, it has the rights of a Global
//! Administrator, and it is no object of the directory. Nothing lists it, and it owns nothing.

use keyholder_entra::licences::SKUS;
use keyholder_foundation::{ObjectId, Secret, TenantId};
use keyholder_store::statement::{Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot};

use super::accounts::{self, Account};
use super::changes::{self, ObjectKind};
use super::listing::folded;
use super::people::{self, PasswordState};
use super::{Directory, Refusal, licences, tables};
use crate::credentials::generate_password;

/// Where the partner's people have their names. Names below `localhost` belong to nobody else
/// (RFC 6761).
const PARTNER: &str = "partner.localhost";

/// Somebody whom a tenant gets when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persona {
    /// A partner's administrator.
    DelegatedAdministrator,
    /// A person with a licence, without any directory role.
    WithoutRights,
}

impl Persona {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::DelegatedAdministrator, Self::WithoutRights];

    /// `delegated-administrator` or `without-rights`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DelegatedAdministrator => "delegated-administrator",
            Self::WithoutRights => "without-rights",
        }
    }

    /// The persona of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|persona| persona.name() == name)
    }

    const fn display_name(self) -> &'static str {
        match self {
            Self::DelegatedAdministrator => "Delegated Administrator",
            Self::WithoutRights => "Person Without Rights",
        }
    }
}

/// A persona with its password in plain text, which stands nowhere else.
#[derive(Debug, Clone)]
pub struct MadePersona {
    /// The object id: a token's `oid`.
    pub user: ObjectId,
    /// The sign-in name.
    pub user_principal_name: String,
    /// The password.
    pub password: Secret,
}

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    home: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("object_id").equals(parameter(1)));
        Ok(Self {
            find: Prepared::new(
                Select::from(tables::USER)
                    .column("object_id", Kind::Uuid)
                    .filter(in_tenant().and(column("user_principal_name_folded").equals(parameter(1)))),
            )?,
            home: Prepared::new(
                Select::from(tables::USER)
                    .column("home_tenant", Kind::Uuid)
                    .column("account_enabled", Kind::Bool)
                    .filter(this())
                    .filter(column("home_tenant").is_not_null()),
            )?,
        })
    }
}

/// Whether this is a delegated administrator of the tenant who may sign in.
pub(super) fn is_delegate(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<bool, Refusal> {
    let enabled = snapshot.first(&statements.personas.home, &[tenant.into(), id.into()], |row| row.get::<bool>(1))?;
    Ok(enabled == Some(true))
}

impl Directory {
    /// Makes a persona of the tenant, or gives the one that is there a new password.
    pub(crate) async fn make_persona(&self, tenant: TenantId, persona: Persona) -> Result<MadePersona, crate::Error> {
        let index = self.tenants().await?;
        let domain = index.find(tenant).ok_or(crate::Error::NoTenant(tenant))?.default_domain().to_owned();
        let name = match persona {
            Persona::DelegatedAdministrator => format!("delegated.admin@{PARTNER}"),
            Persona::WithoutRights => format!("without.rights@{domain}"),
        };
        let home = (persona == Persona::DelegatedAdministrator).then(|| TenantId(self.random.uuid()));
        let password = generate_password(self.random.as_ref());
        let hash = self.hash_password(password.clone()).await?;
        let (fresh, now, user_name) = (self.new_object_id(), self.clocks.now().whole_seconds(), name.clone());
        let made = self.change(move |statements, transaction| {
            let known = [tenant.into(), folded(&user_name).into()];
            let known = transaction.first(&statements.personas.find, &known, |row| row.get::<ObjectId>(0))?;
            let user = known.unwrap_or(fresh);
            if known.is_some() {
                accounts::let_in(statements, transaction, tenant, user, &hash)?;
            } else {
                let (user_name, display_name) = (user_name.as_str(), persona.display_name());
                let account = Account { id: user, user_name, display_name, password_hash: &hash, home };
                accounts::insert(statements, transaction, tenant, &account, now)?;
            }
            let state = PasswordState { must_change: false, expires: None, changed: now };
            people::password_was_set(statements, transaction, tenant, user, state)?;
            if persona == Persona::WithoutRights {
                if let (None, Some(sku)) = (known, SKUS.first()) {
                    licences::give_first(statements, transaction, tenant, user, sku, now)?;
                }
                changes::changed(statements, transaction, tenant, ObjectKind::User, user)?;
            }
            Ok(user)
        });
        Ok(MadePersona { user: made.await?, user_principal_name: name, password })
    }
}
