//! Which licence is borrowed, and which of those that somebody holds let them into Dataverse.

use keyholder_entra::graph::{SubscribedSku, User};
use keyholder_entra::licences::{self, SKUS};
use serde::Serialize;
use uuid::Uuid;

use super::problem::Problem;

/// A licence that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldLicence {
    /// Its id.
    pub sku: Uuid,
    /// Its name (SKU part number); its id where the name is not known.
    pub part_number: String,
    /// The group that gives it; it cannot be taken off the person alone.
    pub group: Option<Uuid>,
}

/// Whether a plan lets its holders into Dataverse orgs: by what the tenant says is in it, and by
/// what is known of it.
pub(super) fn reaches_dataverse(sku: &SubscribedSku) -> bool {
    let known_plan =
        |id: Uuid| SKUS.iter().flat_map(|sku| sku.plans).any(|plan| plan.reaches_dataverse && plan.id == id);
    licences::find(sku.sku_id).is_some_and(|known| known.reaches_dataverse(&[]))
        || sku.service_plans.iter().any(|plan| known_plan(plan.service_plan_id))
}

/// What a person holds that lets them into Dataverse, by name.
pub(crate) fn held(person: &User, bought: &[SubscribedSku]) -> Vec<HeldLicence> {
    let of = |sku: Uuid| bought.iter().find(|bought| bought.sku_id == sku);
    let reaches = |sku: Uuid, disabled: &[Uuid]| match licences::find(sku) {
        Some(known) => known.reaches_dataverse(disabled),
        None => of(sku).is_some_and(reaches_dataverse),
    };
    let name = |sku: Uuid| {
        let bought = of(sku).map(|bought| bought.sku_part_number.clone());
        bought.or_else(|| licences::find(sku).map(|known| known.part_number.to_owned())).unwrap_or(sku.to_string())
    };
    let held = person.assigned_licenses.iter().filter(|held| reaches(held.sku_id, &held.disabled_plans));
    held.map(|held| {
        let mut states = person.license_assignment_states.iter().filter(|state| state.sku_id == held.sku_id);
        // Given to the person as well as by a group, it can be taken off the person.
        let direct = states.clone().any(|state| state.assigned_by_group.is_none());
        let group = states.find_map(|state| state.assigned_by_group).filter(|_| !direct);
        HeldLicence { sku: held.sku_id, part_number: name(held.sku_id), group }
    })
    .collect()
}

/// How many of a plan are given away, for people.
fn counts(sku: &SubscribedSku) -> String {
    let bought = sku.prepaid_units.enabled + sku.prepaid_units.warning;
    let status = sku.capability_status.as_deref().filter(|status| *status != "Enabled");
    let status = status.map_or_else(String::new, |status| format!(" ({status})"));
    format!("{}{status}: {} of {bought} in use", sku.sku_part_number, sku.consumed_units)
}

/// The plan that a unit is borrowed of: the one that was named, else the one with the most free
/// units, so that nobody else goes short.
pub(super) fn choose<'a>(wanted: Option<&str>, bought: &'a [SubscribedSku]) -> Result<&'a SubscribedSku, Problem> {
    let listed = |all: &[&SubscribedSku]| all.iter().map(|sku| counts(sku)).collect::<Vec<_>>();
    let usable = |sku: &SubscribedSku| {
        matches!(sku.capability_status.as_deref(), None | Some("Enabled" | "Warning"))
            && sku.applies_to.as_deref() != Some("Company")
    };
    if let Some(wanted) = wanted {
        let is = |sku: &&SubscribedSku| {
            sku.sku_part_number.eq_ignore_ascii_case(wanted) || sku.sku_id.to_string().eq_ignore_ascii_case(wanted)
        };
        let Some(named) = bought.iter().find(is) else {
            let all: Vec<_> = bought.iter().filter(|sku| reaches_dataverse(sku)).collect();
            return Err(Problem::NoSuchLicence { wanted: wanted.to_owned(), bought: listed(&all) });
        };
        return match usable(named) && named.free_units() > 0 {
            true => Ok(named),
            false => Err(Problem::NoFreeLicence { counts: listed(&[named]) }),
        };
    }
    let fitting: Vec<_> = bought.iter().filter(|sku| reaches_dataverse(sku)).collect();
    let free = fitting.iter().filter(|sku| usable(sku) && sku.free_units() > 0);
    // Of equals the first that is known, as the documents list them.
    let place = |sku: &SubscribedSku| SKUS.iter().position(|known| known.id == sku.sku_id).unwrap_or(SKUS.len());
    let best = free.max_by_key(|sku| (sku.free_units(), std::cmp::Reverse(place(sku))));
    best.copied().ok_or_else(|| Problem::NoFreeLicence { counts: listed(&fitting) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bought(part_number: &str, bought: i64, consumed: i64) -> SubscribedSku {
        let known = SKUS.iter().find(|sku| sku.part_number == part_number);
        let id = known.map_or(Uuid::from_u128(1), |known| known.id);
        serde_json::from_value(json!({
            "id": "t_s", "skuId": id, "skuPartNumber": part_number, "capabilityStatus": "Enabled", "appliesTo": "User",
            "prepaidUnits": {"enabled": bought}, "consumedUnits": consumed,
        }))
        .unwrap()
    }

    #[test]
    fn a_free_unit_of_what_was_named_or_of_what_is_most_plentiful() {
        let all = [
            bought("DYN365_ENTERPRISE_SALES", 5, 5),
            bought("DYN365_TEAM_MEMBERS", 10, 2),
            bought("DYN365_ENTERPRISE_PLAN1", 3, 1),
            bought("ENTERPRISEPACK", 100, 0),
            bought("DYN365_BUSCENTRAL_ESSENTIAL", 100, 0),
        ];
        assert_eq!(choose(None, &all).unwrap().sku_part_number, "DYN365_TEAM_MEMBERS");
        assert_eq!(choose(Some("dyn365_enterprise_plan1"), &all).unwrap().free_units(), 2);
        let none = choose(Some("DYN365_ENTERPRISE_SALES"), &all).unwrap_err();
        assert_eq!(none.to_string(), "no licence is free to borrow: DYN365_ENTERPRISE_SALES: 5 of 5 in use");
        let unknown = choose(Some("NONE_SUCH"), &all).unwrap_err().to_string();
        assert!(
            unknown.contains("`NONE_SUCH`") && unknown.contains("DYN365_TEAM_MEMBERS: 2 of 10 in use"),
            "{unknown}"
        );
        let nothing = choose(None, &all[3..]).unwrap_err().to_string();
        assert_eq!(nothing, "no licence is free to borrow: none of the plans that let people into Dataverse");
    }

    #[test]
    fn a_licence_that_a_group_gives_is_told_apart() {
        let (sales, team) = (bought("DYN365_ENTERPRISE_SALES", 5, 5), bought("DYN365_TEAM_MEMBERS", 5, 5));
        let (office, group) = (bought("ENTERPRISEPACK", 5, 5), Uuid::from_u128(9));
        let person: User = serde_json::from_value(json!({
            "id": "03ef14b0-ca33-4840-8f4f-d6e91916010e",
            "assignedLicenses": [{"skuId": sales.sku_id}, {"skuId": team.sku_id}, {"skuId": office.sku_id}],
            "licenseAssignmentStates": [
                {"skuId": sales.sku_id, "assignedByGroup": group}, {"skuId": team.sku_id, "assignedByGroup": group},
                {"skuId": team.sku_id, "assignedByGroup": null},
            ],
        }))
        .unwrap();
        let held: Vec<_> =
            held(&person, &[sales, team, office]).into_iter().map(|held| (held.part_number, held.group)).collect();
        let expected = [("DYN365_ENTERPRISE_SALES".to_owned(), Some(group)), ("DYN365_TEAM_MEMBERS".to_owned(), None)];
        assert_eq!(held, expected, "the office suite stays out of it");
    }
}
