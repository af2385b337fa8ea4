//! Security groups and who is in them: people, service principals and other groups.
//!
//! An org may let in only the members of one group. So whoever joins or leaves a group, or is in a
//! group that does, has changed for the orgs.

use std::collections::HashSet;

use keyholder_entra::graph::Group;
use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Expr, Insert, Select, Update, any, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction};

use super::changes::{self, ObjectKind, Removal};
use super::listing::{Condition, Listed, Listing, Page, folded};
use super::objects::{self, Shown};
use super::{Directory, Refusal, app_roles, owners, roles, tables};

/// How many members a group may have: each of them is told to the orgs when the group changes.
const LIMIT: usize = 10_000;

/// What a group is made of, or what changes: `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupChange {
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) mail_nickname: Option<String>,
    /// Said when the group is made, and never again.
    pub(crate) is_assignable_to_role: bool,
    /// More owners.
    pub(crate) owners: Vec<ObjectId>,
    /// More members.
    pub(crate) members: Vec<ObjectId>,
}

impl Listed for Group {
    fn id(&self) -> uuid::Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }
}

const COLUMNS: [(&str, Kind); 6] = [
    ("object_id", Kind::Uuid),
    ("display_name", Kind::Text),
    ("description", Kind::Text),
    ("mail_nickname", Kind::Text),
    ("is_assignable_to_role", Kind::Bool),
    ("created", Kind::Time),
];

fn select() -> Select {
    Select::from(tables::GROUP).columns(COLUMNS)
}

fn read(row: &Row<'_>) -> Result<Group, Error> {
    let (id, is_assignable_to_role): (ObjectId, bool) = (row.get(0)?, row.get(4)?);
    Ok(Group {
        display_name: row.get(1)?,
        description: row.get(2)?,
        mail_nickname: row.get(3)?,
        is_assignable_to_role: is_assignable_to_role.then_some(true),
        created_date_time: row.get(5)?,
        ..Group::security(id)
    })
}

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    insert: Prepared,
    update: Prepared,
    delete: Prepared,
    members: Prepared,
    count_members: Prepared,
    of_member: Prepared,
    add_member: Prepared,
    remove_member: Prepared,
    forget: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("object_id").equals(parameter(1)));
        let of_group = || in_tenant().and(column("group_id").equals(parameter(1)));
        Ok(Self {
            find: Prepared::new(select().filter(this()))?,
            insert: Prepared::new(Insert::into(tables::GROUP).columns([
                "tenant_id",
                "object_id",
                "display_name",
                "display_name_folded",
                "description",
                "mail_nickname",
                "is_assignable_to_role",
                "created",
            ]))?,
            update: Prepared::new(
                Update::of(tables::GROUP)
                    .set("display_name", parameter(2))
                    .set("display_name_folded", parameter(3))
                    .set("description", parameter(4))
                    .set("mail_nickname", parameter(5))
                    .filter(this()),
            )?,
            delete: Prepared::new(Delete::from(tables::GROUP).filter(this()))?,
            members: Prepared::new(
                Select::from(tables::GROUP_MEMBER)
                    .column("member", Kind::Uuid)
                    .filter(of_group())
                    .order_by(column("member").ascending()),
            )?,
            count_members: Prepared::new(
                Select::from(tables::GROUP_MEMBER).project(Expr::Count, Kind::Integer).filter(of_group()),
            )?,
            of_member: Prepared::new(
                Select::from(tables::GROUP_MEMBER)
                    .column("group_id", Kind::Uuid)
                    .filter(in_tenant().and(column("member").equals(parameter(1))))
                    .order_by(column("group_id").ascending()),
            )?,
            add_member: Prepared::new(
                Insert::into(tables::GROUP_MEMBER).columns(["tenant_id", "group_id", "member"]).or_nothing(),
            )?,
            remove_member: Prepared::new(
                Delete::from(tables::GROUP_MEMBER).filter(of_group().and(column("member").equals(parameter(2)))),
            )?,
            forget: Prepared::new(
                Delete::from(tables::GROUP_MEMBER)
                    .filter(in_tenant().and(any(["group_id", "member"].map(|name| column(name).equals(parameter(1)))))),
            )?,
        })
    }
}

pub(super) fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<Group, Refusal> {
    let found = snapshot.first(&statements.groups.find, &[tenant.into(), id.into()], read)?;
    found.ok_or_else(|| Refusal::NotFound(id.to_string()))
}

fn members_of(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    group: ObjectId,
) -> Result<Vec<ObjectId>, Refusal> {
    Ok(snapshot.list(&statements.groups.members, &[tenant.into(), group.into()], |row| row.get(0))?)
}

/// The groups that somebody is in without another group between.
pub(super) fn of_member(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    member: ObjectId,
) -> Result<Vec<ObjectId>, Refusal> {
    Ok(snapshot.list(&statements.groups.of_member, &[tenant.into(), member.into()], |row| row.get(0))?)
}

/// Everything that is reached from `start` by going on, each once. Groups may lie in each other in a
/// ring.
fn reached(
    start: ObjectId,
    mut step: impl FnMut(ObjectId) -> Result<Vec<ObjectId>, Refusal>,
) -> Result<Vec<ObjectId>, Refusal> {
    let (mut seen, mut found, mut next) = (HashSet::from([start]), Vec::new(), vec![start]);
    while let Some(at) = next.pop() {
        for id in step(at)? {
            if seen.insert(id) {
                found.push(id);
                next.push(id);
            }
        }
    }
    Ok(found)
}

/// The groups that somebody is in, those of groups included.
pub(super) fn all_of_member(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    member: ObjectId,
) -> Result<Vec<ObjectId>, Refusal> {
    reached(member, |at| of_member(statements, snapshot, tenant, at))
}

fn all_members_of(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    group: ObjectId,
) -> Result<Vec<ObjectId>, Refusal> {
    reached(group, |at| members_of(statements, snapshot, tenant, at))
}

/// Tells the orgs that something about `member` changed: a person, or everybody in a group.
pub(super) fn tell(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    member: ObjectId,
) -> Result<(), Refusal> {
    let inside = all_members_of(statements, transaction, tenant, member)?;
    // Ids of groups and applications tell an org nothing, and do no harm.
    for id in std::iter::once(member).chain(inside) {
        changes::tell(statements, transaction, tenant, ObjectKind::User, id)?;
    }
    Ok(())
}

fn add_member(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    group: &Group,
    member: ObjectId,
) -> Result<bool, Refusal> {
    let found = objects::find_member(statements, transaction, tenant, member)?;
    let found = found.ok_or_else(|| Refusal::NotFound(member.to_string()))?;
    // A group that gives roles must not give them through others, nor to itself.
    let nests = found.kind == ObjectKind::Group;
    if nests && (member == group.id || group.is_assignable_to_role == Some(true)) {
        return Err(Refusal::invalid("members", "Group"));
    }
    let row = [tenant.into(), group.id.into(), member.into()];
    let this = [tenant.into(), group.id.into()];
    let count: Option<i64> = transaction.first(&statements.groups.count_members, &this, |row| row.get(0))?;
    if count.and_then(|count| usize::try_from(count).ok()).is_some_and(|count| count >= LIMIT) {
        return Err(Refusal::TooMany { what: "members", limit: LIMIT });
    }
    let is_new = transaction.execute(&statements.groups.add_member, &row)? > 0;
    if is_new {
        tell(statements, transaction, tenant, member)?;
    }
    Ok(is_new)
}

/// Forgets of what somebody who is gone was a member.
pub(super) fn forget_member(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    member: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.groups.forget, &[tenant.into(), member.into()])?;
    Ok(())
}

fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    (id, now): (ObjectId, Timestamp),
    change: &GroupChange,
) -> Result<Group, Refusal> {
    let name = change.display_name.clone().unwrap_or_default();
    let row = [
        tenant.into(),
        id.into(),
        name.as_str().into(),
        folded(&name).into(),
        change.description.clone().flatten().into(),
        change.mail_nickname.clone().unwrap_or_default().into(),
        change.is_assignable_to_role.into(),
        now.into(),
    ];
    transaction.execute(&statements.groups.insert, &row)?;
    let group = find(statements, transaction, tenant, id)?;
    join(statements, transaction, tenant, &group, change)?;
    changes::changed(statements, transaction, tenant, ObjectKind::Group, id)?;
    Ok(group)
}

/// Adds the owners and members that a change names.
fn join(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    group: &Group,
    change: &GroupChange,
) -> Result<(), Refusal> {
    for owner in &change.owners {
        owners::insert_known(statements, transaction, tenant, group.id, *owner)?;
    }
    for member in &change.members {
        if !add_member(statements, transaction, tenant, group, *member)? {
            return Err(Refusal::MemberExists);
        }
    }
    Ok(())
}

impl Directory {
    pub(crate) async fn create_group(&self, tenant: TenantId, change: GroupChange) -> Result<Group, Refusal> {
        let made = (self.new_object_id(), self.clocks.now().whole_seconds());
        self.change(move |statements, transaction| insert(statements, transaction, tenant, made, &change)).await
    }

    /// Makes a group of these people under this id, when there is none: what a data folder kept
    /// before the directory had groups. Who is gone by now, or was kept twice, is left out.
    pub(crate) async fn adopt_group(
        &self,
        tenant: TenantId,
        id: ObjectId,
        name: String,
        members: Vec<ObjectId>,
    ) -> Result<(), Refusal> {
        let now = self.clocks.now().whole_seconds();
        self.change(move |statements, transaction| {
            if !matches!(find(statements, transaction, tenant, id), Err(Refusal::NotFound(_))) {
                return Ok(());
            }
            let mut change = GroupChange {
                display_name: Some(name.clone()),
                mail_nickname: Some(format!("group-{}", id.0.simple())),
                ..GroupChange::default()
            };
            for member in &members {
                let is_new = !change.members.contains(member);
                if is_new && objects::find_member(statements, transaction, tenant, *member)?.is_some() {
                    change.members.push(*member);
                }
            }
            insert(statements, transaction, tenant, (id, now), &change).map(drop)
        })
        .await
    }

    pub(crate) async fn find_group(&self, tenant: TenantId, id: ObjectId) -> Result<Group, Refusal> {
        self.read(move |statements, snapshot| find(statements, snapshot, tenant, id)).await
    }

    pub(crate) async fn list_groups(&self, tenant: TenantId, listing: Listing) -> Result<Page<Group>, Refusal> {
        self.read(move |_, snapshot| Ok(listing.run(snapshot, select(), tenant, read)?)).await
    }

    pub(crate) async fn update_group(
        &self,
        tenant: TenantId,
        id: ObjectId,
        change: GroupChange,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            let group = find(statements, transaction, tenant, id)?;
            let name = change.display_name.clone().or_else(|| group.display_name.clone()).unwrap_or_default();
            let nickname = change.mail_nickname.clone().or_else(|| group.mail_nickname.clone()).unwrap_or_default();
            let row = [
                tenant.into(),
                id.into(),
                name.as_str().into(),
                folded(&name).into(),
                change.description.clone().unwrap_or_else(|| group.description.clone()).into(),
                nickname.into(),
            ];
            transaction.execute(&statements.groups.update, &row)?;
            join(statements, transaction, tenant, &group, &change)?;
            changes::changed(statements, transaction, tenant, ObjectKind::Group, id)
        })
        .await
    }

    /// Removes a group for good: security groups have no way back.
    pub(crate) async fn delete_group(&self, tenant: TenantId, id: ObjectId) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            find(statements, transaction, tenant, id)?;
            tell(statements, transaction, tenant, id)?;
            roles::delete_of(statements, transaction, tenant, id)?;
            app_roles::delete_of(statements, transaction, tenant, id)?;
            owners::delete_of(statements, transaction, tenant, id)?;
            forget_member(statements, transaction, tenant, id)?;
            transaction.execute(&statements.groups.delete, &[tenant.into(), id.into()])?;
            changes::removed(statements, transaction, tenant, ObjectKind::Group, id, Removal::Purged)
        })
        .await
    }

    /// The members of a group, those of groups in it included when `all`.
    pub(crate) async fn group_members(&self, tenant: TenantId, id: ObjectId, all: bool) -> Result<Vec<Shown>, Refusal> {
        self.read(move |statements, snapshot| {
            find(statements, snapshot, tenant, id)?;
            let members = match all {
                true => all_members_of(statements, snapshot, tenant, id)?,
                false => members_of(statements, snapshot, tenant, id)?,
            };
            let mut shown = Vec::with_capacity(members.len());
            for member in members {
                shown.extend(objects::find_member(statements, snapshot, tenant, member)?);
            }
            Ok(shown)
        })
        .await
    }

    /// Takes somebody into a group; false when they were in it.
    pub(crate) async fn add_group_member(
        &self,
        tenant: TenantId,
        group: ObjectId,
        member: ObjectId,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            let found = find(statements, transaction, tenant, group)?;
            let is_new = add_member(statements, transaction, tenant, &found, member)?;
            if is_new {
                changes::changed(statements, transaction, tenant, ObjectKind::Group, group)?;
            }
            Ok(is_new)
        })
        .await
    }

    /// Takes somebody out of a group; false when they were not in it.
    pub(crate) async fn remove_group_member(
        &self,
        tenant: TenantId,
        group: ObjectId,
        member: ObjectId,
    ) -> Result<bool, Refusal> {
        self.change(move |statements, transaction| {
            find(statements, transaction, tenant, group)?;
            let row = [tenant.into(), group.into(), member.into()];
            let was_in = transaction.execute(&statements.groups.remove_member, &row)? > 0;
            if was_in {
                tell(statements, transaction, tenant, member)?;
                changes::changed(statements, transaction, tenant, ObjectKind::Group, group)?;
            }
            Ok(was_in)
        })
        .await
    }

    /// Whether somebody is in a group that can have directory roles, or owns one: an owner takes in
    /// whomever they like.
    pub(crate) async fn reaches_role_group(&self, tenant: TenantId, person: ObjectId) -> Result<bool, Refusal> {
        self.read(move |statements, snapshot| {
            let owned = owners::owned_by(statements, snapshot, tenant, person)?.into_iter().map(ObjectId);
            for id in of_member(statements, snapshot, tenant, person)?.into_iter().chain(owned) {
                match find(statements, snapshot, tenant, id) {
                    Ok(group) if group.is_assignable_to_role == Some(true) => return Ok(true),
                    // People own more than groups.
                    Ok(_) | Err(Refusal::NotFound(_)) => {}
                    Err(other) => return Err(other),
                }
            }
            Ok(false)
        })
        .await
    }

    /// The groups that somebody is in, those of groups included when `all`.
    pub(crate) async fn groups_of(&self, tenant: TenantId, member: ObjectId, all: bool) -> Result<Vec<Group>, Refusal> {
        self.read(move |statements, snapshot| {
            let ids = match all {
                true => all_of_member(statements, snapshot, tenant, member)?,
                false => of_member(statements, snapshot, tenant, member)?,
            };
            ids.into_iter().map(|id| find(statements, snapshot, tenant, id)).collect()
        })
        .await
    }
}

/// The properties by which a filter narrows the rows that are read.
pub(crate) fn condition(property: &str, starts_with: bool, text: &str) -> Option<Condition> {
    Some(match (property, starts_with) {
        ("displayName", false) => Condition::Equals("display_name_folded", folded(text).into()),
        ("displayName", true) => Condition::StartsWith("display_name_folded", folded(text)),
        ("id", false) => super::applications::id_condition("object_id", text),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::tests::directory;
    use super::*;

    #[test]
    fn groups_in_a_ring_are_gone_through_once() {
        let id = |number| ObjectId(Uuid::from_u128(number));
        let step = |at: ObjectId| Ok(vec![id(at.0.as_u128() % 3 + 1), id(9)]);
        let mut found = reached(id(1), step).unwrap();
        found.sort_unstable_by_key(|id| id.0);
        assert_eq!(found, [id(2), id(3), id(9)]);
    }

    #[tokio::test]
    async fn a_group_is_full_one_day() {
        let (directory, admin) = directory().await;
        let change = GroupChange { display_name: Some("everybody".to_owned()), ..GroupChange::default() };
        let group = directory.create_group(admin.tenant, change).await.unwrap();
        let fill = move |statements: &super::super::Statements, transaction: &mut Transaction<'_>| {
            for number in 1..=LIMIT {
                let member = ObjectId(Uuid::from_u128(u128::try_from(number).unwrap()));
                let row = [admin.tenant.into(), group.id.into(), member.into()];
                transaction.execute(&statements.groups.add_member, &row)?;
            }
            Ok(())
        };
        directory.change(fill).await.unwrap();
        let full = directory.add_group_member(admin.tenant, group.id, admin.user).await;
        assert!(matches!(full, Err(Refusal::TooMany { what: "members", limit: LIMIT })), "{full:?}");
    }
}
