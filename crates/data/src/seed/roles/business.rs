//! The standard roles of sales, service and marketing.
//!
//! How deep they hold the privileges of contacts, leads and roles is published ("Contact entity privileges" and the like
//! of the archived reference). Of other tables it is a reading: those of a role's own area are held as its
//! contacts are, those of other areas can be read and pointed at everywhere, and what is left is
//! as in Basic User.

use keyholder_dataverse::schema::{Ownership, Table};
use keyholder_dataverse::{Depth, Verb};

/// What a part of a business works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    Sales,
    Service,
    Marketing,
    /// All of them.
    Business,
}

/// A standard role: how far its holders make, delete and assign rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standard {
    pub(super) area: Area,
    /// Rows of the role's area, and customers.
    pub(super) own: Depth,
    /// Leads, where they are assigned at another depth.
    pub(super) assigned_leads: Depth,
    /// Whether its holders change everybody's leads.
    pub(super) writes_leads: bool,
    /// How far it reads roles.
    pub(super) roles: Depth,
}

impl Standard {
    pub(super) const fn new(area: Area, own: Depth, roles: Depth) -> Self {
        Self { area, own, assigned_leads: own, writes_leads: !matches!(area, Area::Service), roles }
    }

    /// How deep the role has a privilege of a table.
    pub(super) fn depth(self, table: &Table, verb: Verb) -> Option<Depth> {
        match table.logical_name() {
            "role" => (verb == Verb::Read).then_some(self.roles),
            "systemuser" => match verb {
                Verb::Read => Some(Depth::Global),
                Verb::Append | Verb::AppendTo => Some(Depth::Basic),
                _ => None,
            },
            "transactioncurrency" if verb == Verb::AppendTo => Some(Depth::Global),
            "lead" if verb == Verb::Assign => Some(self.assigned_leads),
            "lead" if verb == Verb::Write && !self.writes_leads => Some(Depth::Basic),
            "lead" => Some(self.works_with(verb)),
            _ if table.ownership() != Ownership::User => (verb == Verb::Read).then_some(Depth::Global),
            name => match area_of(name) {
                Some(None) => Some(self.works_with(verb)),
                Some(Some(area)) if area == self.area || self.area == Area::Business => Some(self.works_with(verb)),
                Some(_) => matches!(verb, Verb::Read | Verb::AppendTo).then_some(Depth::Global),
                None => Some(Depth::Basic),
            },
        }
    }

    /// Rows are made, deleted and given away near, and read, changed and shared everywhere.
    const fn works_with(self, verb: Verb) -> Depth {
        match verb {
            Verb::Create | Verb::Delete | Verb::Assign => self.own,
            _ => Depth::Global,
        }
    }
}

/// The area that a table belongs to; the inner `None` is every area's.
fn area_of(table: &str) -> Option<Option<Area>> {
    Some(match table {
        "account" | "contact" | "customeraddress" | "annotation" | "connection" | "activitypointer" | "task"
        | "phonecall" | "email" | "appointment" | "letter" | "fax" => None,
        "opportunity" | "quote" | "salesorder" | "invoice" | "opportunityclose" | "quoteclose" | "orderclose" => {
            Some(Area::Sales)
        }
        "incident" | "contract" | "entitlement" | "incidentresolution" | "queueitem" => Some(Area::Service),
        "campaign" | "campaignactivity" | "campaignresponse" | "list" => Some(Area::Marketing),
        _ => return None,
    })
}
