//! What has changed: for delta queries, and for the orgs that must learn of it.
//!
//! Both are written in the transaction of the change itself. The last change of each object is one
//! row, with the epoch that the change makes; the **outbox** has a row for each change of a person
//! or service principal, due one propagation delay later by the org clock. Whoever delivers reads
//! the object as it is then, so a row says only what to look at.

use std::time::Duration;

use keyholder_foundation::{Clocks, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, literal, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction};

use super::{Directory, Refusal, tables, this_epoch};

/// A kind of object whose changes are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// An app registration.
    Application,
    /// A service principal.
    ServicePrincipal,
    /// A person.
    User,
    /// A group.
    Group,
    /// Delegated permissions that were granted.
    PermissionGrant,
}

impl ObjectKind {
    /// Its type in Graph.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::ServicePrincipal => "servicePrincipal",
            Self::User => "user",
            Self::Group => "group",
            Self::PermissionGrant => "oAuth2PermissionGrant",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Application, Self::ServicePrincipal, Self::User, Self::Group, Self::PermissionGrant]
            .into_iter()
            .find(|kind| kind.word() == word)
    }

    /// Whether orgs keep something of it.
    fn reaches_orgs(self) -> bool {
        matches!(self, Self::ServicePrincipal | Self::User)
    }
}

/// How an object left the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It is in the recycle bin.
    Recycled,
    /// It is gone for good.
    Purged,
}

impl Removal {
    /// As delta answers say it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Recycled => "changed",
            Self::Purged => "deleted",
        }
    }
}

/// Something that orgs have to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxItem {
    /// Its place in line: items of one object are delivered in this order. Never used twice.
    pub seq: i64,
    /// Whose orgs.
    pub tenant: TenantId,
    /// What changed.
    pub kind: ObjectKind,
    /// Which.
    pub object: ObjectId,
    /// From when on it may be delivered, by the org clock.
    pub due: Timestamp,
}

/// When what is noted is due.
#[derive(Debug)]
pub(super) struct Propagation {
    pub(super) clocks: Clocks,
    pub(super) delay: Duration,
}

#[derive(Debug)]
pub(super) struct Statements {
    mark: Prepared,
    add_mark: Prepared,
    since: Prepared,
    bump_outbox: Prepared,
    append: Prepared,
    due: Prepared,
    acknowledge: Prepared,
    propagation: Propagation,
}

impl Statements {
    pub(super) fn prepare(propagation: Propagation) -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let of_kind = || in_tenant().and(column("kind").equals(parameter(1)));
        let outbox = || {
            Select::from(tables::OUTBOX)
                .column("tenant_id", Kind::Uuid)
                .column("seq", Kind::Integer)
                .column("kind", Kind::Text)
                .column("object_id", Kind::Uuid)
                .column("due", Kind::Time)
        };
        Ok(Self {
            mark: Prepared::new(
                Update::of(tables::OBJECT_CHANGE)
                    .set("epoch", parameter(3))
                    .set("removed", parameter(4))
                    .filter(of_kind().and(column("object_id").equals(parameter(2)))),
            )?,
            add_mark: Prepared::new(Insert::into(tables::OBJECT_CHANGE).columns([
                "tenant_id",
                "kind",
                "object_id",
                "epoch",
                "removed",
            ]))?,
            since: Prepared::new(
                Select::from(tables::OBJECT_CHANGE)
                    .column("object_id", Kind::Uuid)
                    .column("removed", Kind::Text)
                    .filter(of_kind().and(column("epoch").greater_than(parameter(2))))
                    .order_by(column("object_id").ascending()),
            )?,
            bump_outbox: Prepared::new(
                Update::of(tables::EPOCH).set("value", column("value").plus(literal(1))).filter(this_epoch()),
            )?,
            append: Prepared::new(Insert::into(tables::OUTBOX).columns([
                "tenant_id",
                "seq",
                "kind",
                "object_id",
                "due",
            ]))?,
            due: Prepared::new(
                outbox()
                    .filter(column("due").at_most(parameter(0)))
                    .order_by(column("seq").ascending())
                    .limit(parameter(1)),
            )?,
            acknowledge: Prepared::new(Delete::from(tables::OUTBOX).filter(column("seq").equals(parameter(0))))?,
            propagation,
        })
    }
}

/// Notes that an object changed, was made, or came back.
pub(super) fn changed(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    kind: ObjectKind,
    object: ObjectId,
) -> Result<(), Refusal> {
    note(statements, transaction, tenant, kind, object, None)
}

/// Notes that an object went.
pub(super) fn removed(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    kind: ObjectKind,
    object: ObjectId,
    removal: Removal,
) -> Result<(), Refusal> {
    note(statements, transaction, tenant, kind, object, Some(removal))
}

fn note(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    kind: ObjectKind,
    object: ObjectId,
    removal: Option<Removal>,
) -> Result<(), Refusal> {
    // The epoch is counted up when the change is done.
    let epoch = statements.epoch(transaction)?.saturating_add(1);
    let row = [
        tenant.into(),
        kind.word().into(),
        object.into(),
        epoch.into(),
        removal.map(|removal| removal.reason()).into(),
    ];
    if transaction.execute(&statements.changes.mark, &row)? == 0 {
        transaction.execute(&statements.changes.add_mark, &row)?;
    }
    if kind.reaches_orgs() { tell(statements, transaction, tenant, kind, object) } else { Ok(()) }
}

/// Has the orgs learn of an object again, one propagation delay later: something that is not its own
/// changed, such as a group that it is in.
pub(super) fn tell(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    kind: ObjectKind,
    object: ObjectId,
) -> Result<(), Refusal> {
    let Propagation { clocks, delay } = &statements.changes.propagation;
    let due = clocks.now().plus(*delay);
    transaction.execute(&statements.changes.bump_outbox, &[tables::OUTBOX_EPOCH.into()])?;
    let seq = transaction.first(&statements.read_epoch, &[tables::OUTBOX_EPOCH.into()], |row| row.get::<i64>(0))?;
    let seq = seq.ok_or(Refusal::Damaged("the outbox has no number"))?;
    let row = [tenant.into(), seq.into(), kind.word().into(), object.into(), due.into()];
    transaction.execute(&statements.changes.append, &row)?;
    Ok(())
}

/// The objects that changed after an epoch, by id.
fn since(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    kind: ObjectKind,
    epoch: i64,
) -> Result<Vec<(ObjectId, Option<Removal>)>, Refusal> {
    let values = [tenant.into(), kind.word().into(), epoch.into()];
    let list = snapshot.list(&statements.changes.since, &values, |row| {
        let removal = row.get::<Option<&str>>(1)?.map(|reason| match reason {
            "deleted" => Removal::Purged,
            _ => Removal::Recycled,
        });
        Ok((row.get(0)?, removal))
    })?;
    Ok(list)
}

impl Directory {
    /// The number of the last change.
    pub(crate) async fn current_epoch(&self) -> Result<i64, Refusal> {
        self.read(|statements, snapshot| statements.epoch(snapshot)).await
    }

    /// The objects that changed after an epoch, by id, and how those left that are gone.
    pub(crate) async fn changes_since(
        &self,
        tenant: TenantId,
        kind: ObjectKind,
        epoch: i64,
    ) -> Result<Vec<(ObjectId, Option<Removal>)>, Refusal> {
        self.read(move |statements, snapshot| since(statements, snapshot, tenant, kind, epoch)).await
    }

    /// The outbox's items that are due at `now`, the oldest first, at most `limit`. They stay until
    /// they are acknowledged.
    pub(crate) async fn take_due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxItem>, Refusal> {
        self.read(move |statements, snapshot| {
            let items = snapshot.list(&statements.changes.due, &[now.into(), limit.into()], |row| {
                let kind = ObjectKind::parse(row.get(2)?)
                    .ok_or_else(|| Error::Value { reason: "an outbox item is of no known kind".to_owned() })?;
                Ok(OutboxItem { tenant: row.get(0)?, seq: row.get(1)?, kind, object: row.get(3)?, due: row.get(4)? })
            })?;
            Ok(items)
        })
        .await
    }

    /// Removes an item that was delivered; one that is gone is fine.
    pub(crate) async fn acknowledge(&self, seq: i64) -> Result<(), Refusal> {
        // Nothing that is kept in memory depends on the outbox, so the epoch stays.
        self.observe(move |statements, transaction| {
            transaction.execute(&statements.changes.acknowledge, &[seq.into()])?;
            Ok(())
        })
        .await
    }
}
