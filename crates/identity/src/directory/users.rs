//! People of a tenant, as Graph shows and changes them. How they sign in is [`super::people`]'s.
//!
//! A deleted person's sign-in name is free again, as in Entra: in the recycle bin the name has the
//! object's id in front of it, and restoring takes that off.

use std::collections::HashMap;

use keyholder_entra::graph::User;
use keyholder_foundation::{ObjectId, Secret, TenantId, Timestamp};
use keyholder_store::statement::{Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction, Value};
use serde_json::Map;

use super::changes::{self, ObjectKind, Removal};
use super::licences::{self, Held};
use super::listing::{Condition, Listed, Listing, Page, folded};
use super::people::{self, PasswordState};
use super::{
    Directory, Refusal, app_roles, from_json, grants, groups, merge, owners, roles, sign_in_tables, tables, to_json,
};
use crate::credentials::hash_password;

/// How a person is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UserKey {
    Object(ObjectId),
    /// The sign-in name, in any letter case.
    Name(String),
}

impl UserKey {
    /// An id, or else a name.
    pub(crate) fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Object)
    }

    fn missing(&self) -> Refusal {
        match self {
            Self::Object(id) => Refusal::NotFound(id.to_string()),
            Self::Name(name) => Refusal::NotFound(name.clone()),
        }
    }
}

/// What a person is made of, or what changes: `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserChange {
    pub(crate) account_enabled: Option<bool>,
    pub(crate) display_name: Option<String>,
    pub(crate) user_principal_name: Option<String>,
    pub(crate) mail: Option<Option<String>>,
    pub(crate) mail_nickname: Option<String>,
    pub(crate) usage_location: Option<Option<String>>,
    pub(crate) password_policies: Option<Option<String>>,
    pub(crate) user_type: Option<String>,
    /// Properties of the profile that change, by their names in Graph.
    pub(crate) profile: Map<String, serde_json::Value>,
    pub(crate) password: Option<NewPassword>,
}

/// A password that is set for somebody.
#[derive(Debug, Clone)]
pub(crate) struct NewPassword {
    /// Argon2id, PHC string form.
    pub(crate) hash: String,
    /// Whether the person must choose another at the next sign-in.
    pub(crate) must_change: bool,
}

impl Listed for User {
    fn id(&self) -> uuid::Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }
}

const COLUMNS: [(&str, Kind); 12] = [
    ("object_id", Kind::Uuid),
    ("user_principal_name", Kind::Text),
    ("display_name", Kind::Text),
    ("account_enabled", Kind::Bool),
    ("created", Kind::Time),
    ("mail", Kind::Text),
    ("mail_nickname", Kind::Text),
    ("usage_location", Kind::Text),
    ("password_policies", Kind::Text),
    ("user_type", Kind::Text),
    ("profile", Kind::Text),
    ("deleted", Kind::Time),
];
const SETTABLE: [&str; 11] = [
    "user_principal_name",
    "user_principal_name_folded",
    "display_name",
    "display_name_folded",
    "account_enabled",
    "mail",
    "mail_nickname",
    "usage_location",
    "password_policies",
    "user_type",
    "profile",
];

/// Partners' people sign in to the tenant and are none of it.
fn select() -> Select {
    Select::from(tables::USER).columns(COLUMNS).filter(column("home_tenant").is_null())
}

fn live() -> Select {
    select().filter(column("deleted").is_null())
}

#[derive(Debug)]
pub(super) struct Statements {
    find_by_object: Prepared,
    find_by_name: Prepared,
    find_any: Prepared,
    insert: Prepared,
    update: Prepared,
    set_password: Prepared,
    set_deleted: Prepared,
    sessions: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("object_id").equals(parameter(1)));
        let update = SETTABLE
            .into_iter()
            .enumerate()
            .fold(Update::of(tables::USER), |update, (at, name)| update.set(name, parameter(at + 2)));
        Ok(Self {
            find_by_object: Prepared::new(live().filter(this()))?,
            find_by_name: Prepared::new(
                live().filter(in_tenant().and(column("user_principal_name_folded").equals(parameter(1)))),
            )?,
            find_any: Prepared::new(select().filter(this()))?,
            insert: Prepared::new(
                Insert::into(tables::USER)
                    .columns(["tenant_id", "object_id"])
                    .columns(SETTABLE)
                    .columns(["password_hash", "created"]),
            )?,
            update: Prepared::new(update.filter(this()))?,
            set_password: Prepared::new(Update::of(tables::USER).set("password_hash", parameter(2)).filter(this()))?,
            set_deleted: Prepared::new(
                Update::of(tables::USER)
                    .set("deleted", parameter(2))
                    .set("user_principal_name", parameter(3))
                    .set("user_principal_name_folded", parameter(4))
                    .filter(this()),
            )?,
            sessions: Prepared::new(
                Select::from(sign_in_tables::PERSON)
                    .column("sessions_valid_from", Kind::Time)
                    .column("password_changed", Kind::Time)
                    .filter(this()),
            )?,
        })
    }
}

fn read(row: &Row<'_>, held: &HashMap<ObjectId, Vec<Held>>) -> Result<User, Error> {
    let id: ObjectId = row.get(0)?;
    let held = held.get(&id).map(Vec::as_slice).unwrap_or_default();
    Ok(User {
        id,
        user_principal_name: row.get(1)?,
        display_name: row.get(2)?,
        account_enabled: row.get(3)?,
        created_date_time: row.get(4)?,
        mail: row.get(5)?,
        mail_nickname: row.get(6)?,
        usage_location: row.get(7)?,
        password_policies: row.get(8)?,
        user_type: row.get(9)?,
        profile: from_json(row.get(10)?)?,
        deleted_date_time: row.get(11)?,
        last_password_change_date_time: None,
        sign_in_sessions_valid_from_date_time: None,
        assigned_licenses: held.iter().map(Held::shown).collect(),
        license_assignment_states: held.iter().map(Held::state).collect(),
    })
}

fn settable(user: &User) -> Result<[Value; 11], Refusal> {
    let name = user.user_principal_name.clone().unwrap_or_default();
    let display_name = user.display_name.clone().unwrap_or_default();
    Ok([
        name.as_str().into(),
        folded(&name).into(),
        display_name.as_str().into(),
        folded(&display_name).into(),
        user.account_enabled.unwrap_or(true).into(),
        user.mail.clone().into(),
        user.mail_nickname.clone().into(),
        user.usage_location.clone().into(),
        user.password_policies.clone().into(),
        user.user_type.clone().unwrap_or_default().into(),
        to_json(&user.profile)?.into(),
    ])
}

/// The person that `key` names, with licences.
pub(super) fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    key: &UserKey,
) -> Result<User, Refusal> {
    let (select, value) = match key {
        UserKey::Object(id) => (&statements.users.find_by_object, Value::from(*id)),
        UserKey::Name(name) => (&statements.users.find_by_name, Value::from(folded(name))),
    };
    find_with(statements, snapshot, tenant, select, value)?.ok_or_else(|| key.missing())
}

/// The person, in the recycle bin or not.
pub(super) fn find_any(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<Option<User>, Refusal> {
    find_with(statements, snapshot, tenant, &statements.users.find_any, id.into())
}

fn find_with(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    select: &Prepared,
    value: Value,
) -> Result<Option<User>, Refusal> {
    let none = HashMap::new();
    let Some(mut user) = snapshot.first(select, &[tenant.into(), value], |row| read(row, &none))? else {
        return Ok(None);
    };
    let held = licences::of_holder(statements, snapshot, tenant, user.id)?;
    user.assigned_licenses = held.iter().map(Held::shown).collect();
    user.license_assignment_states = held.iter().map(Held::state).collect();
    show_sessions(statements, snapshot, tenant, &mut user)?;
    Ok(Some(user))
}

/// Adds since when a person's sessions are good and the password is as it is.
fn show_sessions(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    user: &mut User,
) -> Result<(), Refusal> {
    let this = [tenant.into(), user.id.into()];
    let moments = snapshot.first(&statements.users.sessions, &this, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (valid_from, changed): (Option<Timestamp>, Option<Timestamp>) = moments.unwrap_or_default();
    user.sign_in_sessions_valid_from_date_time = valid_from.or(user.created_date_time);
    user.last_password_change_date_time = changed.or(user.created_date_time);
    Ok(())
}

/// Those in the recycle bin.
pub(super) fn list_deleted(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    listing: &Listing,
) -> Result<Page<User>, Refusal> {
    let held = licences::of_all(statements, snapshot, tenant)?;
    Ok(listing.run(snapshot, select(), tenant, |row| read(row, &held))?)
}

fn apply(user: &mut User, change: UserChange) -> Result<(), Refusal> {
    let UserChange { profile, .. } = &change;
    user.profile = merge(&user.profile, profile, "User")?;
    user.account_enabled = change.account_enabled.or(user.account_enabled);
    user.display_name = change.display_name.or_else(|| user.display_name.take());
    user.user_principal_name = change.user_principal_name.or_else(|| user.user_principal_name.take());
    user.mail_nickname = change.mail_nickname.or_else(|| user.mail_nickname.take());
    user.user_type = change.user_type.or_else(|| user.user_type.take());
    if let Some(mail) = change.mail {
        user.mail = mail;
    }
    if let Some(location) = change.usage_location {
        user.usage_location = location;
    }
    if let Some(policies) = change.password_policies {
        user.password_policies = policies;
    }
    Ok(())
}

fn written(result: Result<u64, Error>) -> Result<(), Refusal> {
    match result {
        Ok(_) => Ok(()),
        Err(Error::UniqueViolation { .. }) => Err(Refusal::UserNameTaken),
        Err(error) => Err(error.into()),
    }
}

/// Moves a person to the recycle bin; roles, grants and sessions are gone, licences are free.
fn delete(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: &User,
    now: Timestamp,
) -> Result<(), Refusal> {
    let name = format!("{}{}", user.id.0.simple(), user.user_principal_name.as_deref().unwrap_or_default());
    let row = [tenant.into(), user.id.into(), now.into(), name.as_str().into(), folded(&name).into()];
    transaction.execute(&statements.users.set_deleted, &row)?;
    grants::delete_of(statements, transaction, tenant, user.id)?;
    app_roles::delete_of(statements, transaction, tenant, user.id)?;
    roles::delete_of(statements, transaction, tenant, user.id)?;
    people::revoke_sessions(statements, transaction, tenant, user.id, now)?;
    changes::removed(statements, transaction, tenant, ObjectKind::User, user.id, Removal::Recycled)
}

/// Takes a person out of the recycle bin, under the old name or another. Licences that were given
/// to somebody else meanwhile stay away.
pub(super) fn restore(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    user: &User,
    new_name: Option<String>,
) -> Result<(), Refusal> {
    let kept = user.user_principal_name.clone().unwrap_or_default();
    let name = new_name
        .unwrap_or_else(|| kept.strip_prefix(&user.id.0.simple().to_string()).map(str::to_owned).unwrap_or(kept));
    licences::drop_what_is_spent(statements, transaction, tenant, user.id)?;
    let none: Option<Timestamp> = None;
    let row = [tenant.into(), user.id.into(), none.into(), name.as_str().into(), folded(&name).into()];
    written(transaction.execute(&statements.users.set_deleted, &row))?;
    changes::changed(statements, transaction, tenant, ObjectKind::User, user.id)
}

/// Removes what belongs to a person who is gone for good; the row itself is the recycle bin's.
pub(super) fn purge(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<(), Refusal> {
    licences::delete_of(statements, transaction, tenant, id)?;
    owners::delete_of(statements, transaction, tenant, id)?;
    groups::forget_member(statements, transaction, tenant, id)?;
    people::forget(statements, transaction, tenant, id)
}

impl Directory {
    /// Argon2id of a password, made away from the threads that answer requests.
    pub(crate) async fn hash_password(&self, password: Secret) -> Result<String, Refusal> {
        let random = std::sync::Arc::clone(&self.random);
        let hashed = tokio::task::spawn_blocking(move || hash_password(&password, random.as_ref())).await;
        // Neither a panic nor the library's refusal has to do with what is stored, but both mean
        // that the directory cannot do it now.
        hashed.ok().and_then(Result::ok).ok_or(Refusal::Damaged("a password could not be hashed"))
    }

    pub(crate) async fn create_user(
        &self,
        tenant: TenantId,
        change: UserChange,
        password: NewPassword,
    ) -> Result<User, Refusal> {
        let (id, now) = (self.new_object_id(), self.clocks.now().whole_seconds());
        self.change(move |statements, transaction| {
            let mut user = User {
                id,
                deleted_date_time: None,
                account_enabled: Some(true),
                assigned_licenses: Vec::new(),
                created_date_time: Some(now),
                display_name: None,
                last_password_change_date_time: Some(now),
                license_assignment_states: Vec::new(),
                mail: None,
                mail_nickname: None,
                password_policies: None,
                sign_in_sessions_valid_from_date_time: Some(now),
                usage_location: None,
                user_principal_name: None,
                user_type: Some("Member".to_owned()),
                profile: keyholder_entra::graph::UserProfile::default(),
            };
            apply(&mut user, change.clone())?;
            let mut row = vec![tenant.into(), id.into()];
            row.extend(settable(&user)?);
            row.extend([password.hash.as_str().into(), now.into()]);
            written(transaction.execute(&statements.users.insert, &row))?;
            let state = PasswordState { must_change: password.must_change, expires: None, changed: now };
            people::password_was_set(statements, transaction, tenant, id, state)?;
            changes::changed(statements, transaction, tenant, ObjectKind::User, id)?;
            Ok(user)
        })
        .await
    }

    pub(crate) async fn find_user(&self, tenant: TenantId, key: UserKey) -> Result<User, Refusal> {
        self.read(move |statements, snapshot| find(statements, snapshot, tenant, &key)).await
    }

    pub(crate) async fn list_users(&self, tenant: TenantId, listing: Listing) -> Result<Page<User>, Refusal> {
        self.read(move |statements, snapshot| {
            let held = licences::of_all(statements, snapshot, tenant)?;
            let mut page = listing.run(snapshot, live(), tenant, |row| read(row, &held))?;
            for user in &mut page.entities {
                show_sessions(statements, snapshot, tenant, user)?;
            }
            Ok(page)
        })
        .await
    }

    pub(crate) async fn update_user(&self, tenant: TenantId, key: UserKey, change: UserChange) -> Result<(), Refusal> {
        let now = self.clocks.now().whole_seconds();
        self.change(move |statements, transaction| {
            let mut user = find(statements, transaction, tenant, &key)?;
            apply(&mut user, change.clone())?;
            let mut row = vec![tenant.into(), user.id.into()];
            row.extend(settable(&user)?);
            written(transaction.execute(&statements.users.update, &row))?;
            if let Some(password) = &change.password {
                let row = [tenant.into(), user.id.into(), password.hash.as_str().into()];
                transaction.execute(&statements.users.set_password, &row)?;
                let state = PasswordState { must_change: password.must_change, expires: None, changed: now };
                people::password_was_set(statements, transaction, tenant, user.id, state)?;
            }
            if change.account_enabled == Some(false) {
                people::revoke_sessions(statements, transaction, tenant, user.id, now)?;
            }
            changes::changed(statements, transaction, tenant, ObjectKind::User, user.id)
        })
        .await
    }

    pub(crate) async fn delete_user(&self, tenant: TenantId, key: UserKey) -> Result<(), Refusal> {
        let now = self.clocks.now().whole_seconds();
        self.change(move |statements, transaction| {
            let user = find(statements, transaction, tenant, &key)?;
            delete(statements, transaction, tenant, &user, now)
        })
        .await
    }
}

/// The properties by which a filter narrows the rows that are read.
pub(crate) fn condition(property: &str, starts_with: bool, text: &str) -> Option<Condition> {
    Some(match (property, starts_with) {
        ("displayName", false) => Condition::Equals("display_name_folded", folded(text).into()),
        ("displayName", true) => Condition::StartsWith("display_name_folded", folded(text)),
        ("userPrincipalName", false) => Condition::Equals("user_principal_name_folded", folded(text).into()),
        ("userPrincipalName", true) => Condition::StartsWith("user_principal_name_folded", folded(text)),
        ("id", false) => super::applications::id_condition("object_id", text),
        _ => return None,
    })
}
