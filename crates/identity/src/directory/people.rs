//! People as the token service knows them: their password's hash, whether they may sign in, and
//! how they stand (locked out, must change the password, need a second factor).
//!
//! How often a wrong password came is counted beside the directory's epoch: a guess must not make
//! everybody's facts be read again.

use std::time::Duration;

use keyholder_entra::graph::UserProfile;
use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, literal, parameter, qualified};
use keyholder_store::{Error, Kind, Prepared, Row, Transaction};

use super::sign_in_tables::{PERSON, TENANT_POLICY};
use super::{Directory, Refusal, from_json, sessions, tables};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many wrong passwords in a row lock an account.
const FAILURES_ALLOWED: i64 = 10;
/// For how long the first time; each further wrong password doubles it.
const FIRST_LOCK: Duration = Duration::from_secs(60);
/// How often it is doubled at most: to a little more than a day.
const DOUBLINGS: u32 = 11;

/// A person, as far as signing in goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) tenant: TenantId,
    pub(crate) id: ObjectId,
    pub(crate) user_principal_name: String,
    pub(crate) display_name: String,
    pub(crate) given_name: Option<String>,
    pub(crate) family_name: Option<String>,
    pub(crate) enabled: bool,
    /// Argon2id, PHC string form; empty when there is no password.
    pub(crate) password_hash: String,
    /// Where a partner's administrator comes from; none for the tenant's own people.
    pub(crate) home_tenant: Option<TenantId>,
    /// As Graph's `passwordPolicies`.
    password_policies: Option<String>,
    pub(crate) standing: Standing,
}

/// How a person stands with the token service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    pub(crate) must_change_password: bool,
    pub(crate) requires_multi_factor: bool,
    pub(crate) password_expires: Option<Timestamp>,
    /// What was signed in before this is over.
    pub(crate) sessions_valid_from: Option<Timestamp>,
    pub(crate) failures: i64,
    pub(crate) locked_until: Option<Timestamp>,
    /// Whether a second factor must be registered at the next sign-in that can ask for it.
    pub(crate) must_register_factor: bool,
    /// When the password was last set; none when that was before it was kept.
    password_changed: Option<Timestamp>,
}

impl Standing {
    /// How far the person is with a second factor.
    pub(crate) fn multi_factor(&self) -> MultiFactor {
        match (self.requires_multi_factor, self.must_register_factor) {
            (true, _) => MultiFactor::Enforced,
            (false, true) => MultiFactor::Enabled,
            (false, false) => MultiFactor::Disabled,
        }
    }
}

/// How far a person is with a second factor (Graph's `perUserMfaState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiFactor {
    /// None is asked for.
    Disabled,
    /// One must be registered at the next sign-in in a browser; programs are refused until then.
    Enabled,
    /// One is asked for at every sign-in.
    Enforced,
}

impl MultiFactor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Disabled, Self::Enabled, Self::Enforced];

    /// As Graph has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Enforced => "enforced",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What a tenant demands of every sign-in of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignInRule {
    /// Nothing.
    #[default]
    None,
    /// A second factor: a Conditional Access policy that demands it of everyone.
    MultiFactor,
    /// Nobody signs in: a Conditional Access policy that blocks everyone.
    Block,
}

impl SignInRule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::MultiFactor, Self::Block];

    /// As commands and the control endpoint have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::MultiFactor => "multi-factor",
            Self::Block => "block",
        }
    }

    /// The rule of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    const fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::MultiFactor => Some("multi_factor"),
            Self::Block => Some("block"),
        }
    }

    fn find(word: Option<&str>) -> Self {
        match word {
            Some("multi_factor") => Self::MultiFactor,
            Some("block") => Self::Block,
            _ => Self::None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    find_by_id: Prepared,
    find_by_name: Prepared,
    ensure: Prepared,
    standing: Prepared,
    set_password_state: Prepared,
    set_multi_factor: Prepared,
    revoke: Prepared,
    count: Prepared,
    delete: Prepared,
    set_password_hash: Prepared,
    rule: Prepared,
    insert_rule: Prepared,
    delete_rule: Prepared,
}

const STANDING: [(&str, Kind); 8] = [
    ("must_change_password", Kind::Bool),
    ("requires_multi_factor", Kind::Bool),
    ("password_expires", Kind::Time),
    ("sessions_valid_from", Kind::Time),
    ("failures", Kind::Integer),
    ("locked_until", Kind::Time),
    ("must_register_factor", Kind::Bool),
    ("password_changed", Kind::Time),
];

fn select() -> Select {
    let same = qualified("standing", "tenant_id")
        .equals(qualified(tables::USER, "tenant_id"))
        .and(qualified("standing", "object_id").equals(qualified(tables::USER, "object_id")));
    let user = |select: Select, name: &'static str, kind| select.project(qualified(tables::USER, name), kind);
    let mut select = Select::from(tables::USER);
    for (name, kind) in [
        ("object_id", Kind::Uuid),
        ("user_principal_name", Kind::Text),
        ("display_name", Kind::Text),
        ("account_enabled", Kind::Bool),
        ("password_hash", Kind::Text),
        ("home_tenant", Kind::Uuid),
        ("password_policies", Kind::Text),
        ("profile", Kind::Text),
    ] {
        select = user(select, name, kind);
    }
    for (name, kind) in STANDING {
        select = select.project(qualified("standing", name), kind);
    }
    select
        .left_join(PERSON, "standing", same)
        .filter(qualified(tables::USER, "deleted").is_null())
        .filter(qualified(tables::USER, "tenant_id").equals(parameter(0)))
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let this = || column("tenant_id").equals(parameter(0)).and(column("object_id").equals(parameter(1)));
        let of_tenant = || column("tenant_id").equals(parameter(0));
        Ok(Self {
            find_by_id: Prepared::new(select().filter(qualified(tables::USER, "object_id").equals(parameter(1))))?,
            find_by_name: Prepared::new(
                select().filter(qualified(tables::USER, "user_principal_name_folded").equals(parameter(1))),
            )?,
            ensure: Prepared::new(
                Insert::into(PERSON)
                    .columns(["tenant_id", "object_id"])
                    .value("must_change_password", literal(false))
                    .value("requires_multi_factor", literal(false))
                    .value("failures", literal(0))
                    .or_nothing(),
            )?,
            standing: Prepared::new(Select::from(PERSON).columns(STANDING).filter(this()))?,
            set_password_state: Prepared::new(
                Update::of(PERSON)
                    .set("must_change_password", parameter(2))
                    .set("password_expires", parameter(3))
                    .set("sessions_valid_from", parameter(4))
                    .set("password_changed", parameter(4))
                    .set("failures", literal(0))
                    .set("locked_until", literal(keyholder_store::statement::Literal::Null))
                    .filter(this()),
            )?,
            set_multi_factor: Prepared::new(
                Update::of(PERSON)
                    .set("requires_multi_factor", parameter(2))
                    .set("must_register_factor", parameter(3))
                    .filter(this()),
            )?,
            revoke: Prepared::new(Update::of(PERSON).set("sessions_valid_from", parameter(2)).filter(this()))?,
            count: Prepared::new(
                Update::of(PERSON).set("failures", parameter(2)).set("locked_until", parameter(3)).filter(this()),
            )?,
            delete: Prepared::new(Delete::from(PERSON).filter(this()))?,
            set_password_hash: Prepared::new(
                Update::of(tables::USER).set("password_hash", parameter(2)).filter(this()),
            )?,
            rule: Prepared::new(Select::from(TENANT_POLICY).column("sign_in_rule", Kind::Text).filter(of_tenant()))?,
            insert_rule: Prepared::new(Insert::into(TENANT_POLICY).columns(["tenant_id", "sign_in_rule"]))?,
            delete_rule: Prepared::new(Delete::from(TENANT_POLICY).filter(of_tenant()))?,
        })
    }
}

fn read_standing(row: &Row<'_>, first: usize) -> Result<Standing, Error> {
    Ok(Standing {
        must_change_password: row.get::<Option<bool>>(first)?.unwrap_or(false),
        requires_multi_factor: row.get::<Option<bool>>(first + 1)?.unwrap_or(false),
        password_expires: row.get(first + 2)?,
        sessions_valid_from: row.get(first + 3)?,
        failures: row.get::<Option<i64>>(first + 4)?.unwrap_or(0),
        locked_until: row.get(first + 5)?,
        must_register_factor: row.get::<Option<bool>>(first + 6)?.unwrap_or(false),
        password_changed: row.get(first + 7)?,
    })
}

fn read(row: &Row<'_>, tenant: TenantId) -> Result<Person, Error> {
    let profile: UserProfile = from_json(row.get(7)?)?;
    Ok(Person {
        tenant,
        id: row.get(0)?,
        user_principal_name: row.get(1)?,
        display_name: row.get(2)?,
        enabled: row.get(3)?,
        password_hash: row.get(4)?,
        home_tenant: row.get(5)?,
        password_policies: row.get(6)?,
        given_name: profile.given_name,
        family_name: profile.surname,
        standing: read_standing(row, 8)?,
    })
}

/// What is known of a person's password besides its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordState {
    /// Whether it must be changed before anything else (`forceChangePasswordNextSignIn`).
    pub(crate) must_change: bool,
    /// When it expires of itself.
    pub(crate) expires: Option<Timestamp>,
    /// When it was set: sessions of before are over.
    pub(crate) changed: Timestamp,
}

/// Notes that a person's password was set. The hash itself is the user row's.
pub(super) fn password_was_set(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: ObjectId,
    state: PasswordState,
) -> Result<(), Refusal> {
    let (all, statements) = (statements, &statements.people);
    transaction.execute(&statements.ensure, &[tenant.into(), user.into()])?;
    let row = [tenant.into(), user.into(), state.must_change.into(), state.expires.into(), state.changed.into()];
    transaction.execute(&statements.set_password_state, &row)?;
    sessions::revoke_of_user(all, transaction, tenant, user, state.changed)
}

/// Ends every session of a person's that began before `now` (Graph's `revokeSignInSessions`).
pub(super) fn revoke_sessions(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: ObjectId,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (all, statements) = (statements, &statements.people);
    transaction.execute(&statements.ensure, &[tenant.into(), user.into()])?;
    transaction.execute(&statements.revoke, &[tenant.into(), user.into(), now.into()])?;
    sessions::revoke_of_user(all, transaction, tenant, user, now)
}

/// Forgets how a person stood, when the person is gone for good.
pub(super) fn forget(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.people.delete, &[tenant.into(), user.into()])?;
    Ok(())
}

/// Until when an account is locked after so many wrong passwords in a row; none when it is not.
fn locked_until(failures: i64, now: Timestamp) -> Option<Timestamp> {
    let over = failures.checked_sub(FAILURES_ALLOWED).filter(|over| *over >= 0)?;
    let doublings = u32::try_from(over).unwrap_or(DOUBLINGS).min(DOUBLINGS);
    Some(now.plus(FIRST_LOCK * 2_u32.pow(doublings)))
}

impl Directory {
    /// The person with this id.
    pub(crate) async fn find_person(&self, tenant: TenantId, user: ObjectId) -> Result<Option<Person>, Refusal> {
        let found = self.read(move |statements, snapshot| {
            let values = [tenant.into(), user.into()];
            Ok(snapshot.first(&statements.people.find_by_id, &values, |row| read(row, tenant))?)
        });
        self.with_expiry(found.await?).await
    }

    /// Adds when the password expires, where the domain lets passwords last only so long.
    async fn with_expiry(&self, person: Option<Person>) -> Result<Option<Person>, Refusal> {
        let Some(mut person) = person else { return Ok(None) };
        let lasts = person.password_policies.as_deref().is_some_and(|text| text.contains("DisablePasswordExpiration"));
        if let (None, false, Some(changed)) =
            (person.standing.password_expires, lasts, person.standing.password_changed)
        {
            let tenants = self.tenants().await?;
            let domain = person.user_principal_name.rsplit_once('@').map_or("", |(_, domain)| domain);
            let domains = tenants.find(person.tenant).map(|tenant| tenant.domains.as_slice()).unwrap_or_default();
            let own = domains.iter().find(|known| known.name.eq_ignore_ascii_case(domain));
            let validity = own.and_then(|domain| domain.password_validity);
            person.standing.password_expires = validity.map(|days| changed.plus(DAY * days));
        }
        Ok(Some(person))
    }

    /// The person with this sign-in name, in any letter case.
    pub(crate) async fn find_person_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<Person>, Refusal> {
        let name = super::listing::folded(name);
        let found = self.read(move |statements, snapshot| {
            let values = [tenant.into(), name.as_str().into()];
            Ok(snapshot.first(&statements.people.find_by_name, &values, |row| read(row, tenant))?)
        });
        self.with_expiry(found.await?).await
    }

    /// Counts one more wrong password, and locks the account when there were too many in a row.
    pub(crate) async fn count_failure(&self, tenant: TenantId, user: ObjectId) -> Result<(), Refusal> {
        let now = self.clocks.now();
        self.observe(move |statements, transaction| {
            let people = &statements.people;
            let this = [tenant.into(), user.into()];
            transaction.execute(&people.ensure, &this)?;
            let before = transaction.first(&people.standing, &this, |row| read_standing(row, 0))?.unwrap_or_default();
            let failures = before.failures.saturating_add(1);
            let row = [tenant.into(), user.into(), failures.into(), locked_until(failures, now).into()];
            transaction.execute(&people.count, &row)?;
            Ok(())
        })
        .await
    }

    /// Forgets the wrong passwords: the right one came.
    pub(crate) async fn forget_failures(&self, tenant: TenantId, user: ObjectId) -> Result<(), Refusal> {
        self.observe(move |statements, transaction| {
            let none: Option<Timestamp> = None;
            transaction.execute(&statements.people.count, &[tenant.into(), user.into(), 0.into(), none.into()])?;
            Ok(())
        })
        .await
    }

    /// Sets a person's password (its Argon2id hash) and ends the sessions of before; false when
    /// there is no such person.
    pub(crate) async fn set_password(
        &self,
        tenant: TenantId,
        user: ObjectId,
        hash: String,
        state: PasswordState,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let row = [tenant.into(), user.into(), hash.as_str().into()];
            let found = transaction.execute(&statements.people.set_password_hash, &row)? > 0;
            if found {
                password_was_set(statements, transaction, tenant, user, state)?;
            }
            Ok(found)
        })
        .await
    }

    /// Ends every session of a person's that began before now.
    pub(crate) async fn revoke_sessions(&self, tenant: TenantId, user: ObjectId) -> Result<(), Refusal> {
        let now = self.clocks.now();
        self.change(move |statements, transaction| revoke_sessions(statements, transaction, tenant, user, now)).await
    }

    /// Sets how far a person is with a second factor.
    pub(crate) async fn set_multi_factor(
        &self,
        tenant: TenantId,
        user: ObjectId,
        state: MultiFactor,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            transaction.execute(&statements.people.ensure, &[tenant.into(), user.into()])?;
            let (enforced, enabled) = (state == MultiFactor::Enforced, state == MultiFactor::Enabled);
            let row = [tenant.into(), user.into(), enforced.into(), enabled.into()];
            transaction.execute(&statements.people.set_multi_factor, &row)?;
            Ok(())
        })
        .await
    }

    /// What a tenant demands of every sign-in of a person.
    pub(crate) async fn sign_in_rule(&self, tenant: TenantId) -> Result<SignInRule, Refusal> {
        self.read(move |statements, snapshot| {
            let word: Option<String> = snapshot.first(&statements.people.rule, &[tenant.into()], |row| row.get(0))?;
            Ok(SignInRule::find(word.as_deref()))
        })
        .await
    }

    /// Sets what a tenant demands of every sign-in of a person.
    pub(crate) async fn set_sign_in_rule(&self, tenant: TenantId, rule: SignInRule) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            transaction.execute(&statements.people.delete_rule, &[tenant.into()])?;
            if let Some(word) = rule.word() {
                transaction.execute(&statements.people.insert_rule, &[tenant.into(), word.into()])?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests;
