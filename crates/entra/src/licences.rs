//! The licences that have to do with Dynamics 365: their ids, names and service plans are the same
//! in every tenant (Microsoft's "Product names and service plan identifiers for licensing").
//!
//! A service plan that reaches Dataverse makes its holder a user of the tenant's orgs.

use uuid::Uuid;

/// A licence as it is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sku {
    /// Its id.
    pub id: Uuid,
    /// Its name in programs (`skuPartNumber`).
    pub part_number: &'static str,
    /// Its name in the portals.
    pub product: &'static str,
    /// What is in it.
    pub plans: &'static [ServicePlan],
}

/// One service in a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServicePlan {
    /// Its id.
    pub id: Uuid,
    /// Its name in programs.
    pub name: &'static str,
    /// Whether its holders are let into Dataverse orgs.
    pub reaches_dataverse: bool,
}

impl Sku {
    /// Whether a holder for whom `disabled` plans are off is let into Dataverse orgs.
    #[must_use]
    pub fn reaches_dataverse(&self, disabled: &[Uuid]) -> bool {
        self.plans.iter().any(|plan| plan.reaches_dataverse && !disabled.contains(&plan.id))
    }
}

const fn plan(id: u128, name: &'static str, reaches_dataverse: bool) -> ServicePlan {
    ServicePlan { id: Uuid::from_u128(id), name, reaches_dataverse }
}

const fn sku(id: u128, part_number: &'static str, product: &'static str, plans: &'static [ServicePlan]) -> Sku {
    Sku { id: Uuid::from_u128(id), part_number, product, plans }
}

const PLAN_1: ServicePlan = plan(0xd56f_3deb_50d8_465a_bedb_f079_817c_cac1, "DYN365_ENTERPRISE_P1", true);
const SALES: ServicePlan = plan(0x2da8_e897_7791_486b_b08f_cc63_c812_9df7, "DYN365_ENTERPRISE_SALES", true);
const CUSTOMER_SERVICE: ServicePlan =
    plan(0x9934_0b49_fb81_4b1e_976b_8f2a_e8e9_394f, "DYN365_ENTERPRISE_CUSTOMER_SERVICE", true);
const CUSTOMER_SERVICE_PRO: ServicePlan =
    plan(0x6929_f657_b31b_4947_b4ce_5066_c321_4f54, "DYN365_CUSTOMER_SERVICE_PRO", true);
const FIELD_SERVICE: ServicePlan =
    plan(0x8c66_ef8a_177f_4c0d_853c_d4f2_1933_1d09, "DYN365_ENTERPRISE_FIELD_SERVICE", true);
const TEAM_MEMBERS: ServicePlan = plan(0x4092_fdb5_8d81_41d3_be76_aaba_4074_530b, "DYN365_TEAM_MEMBERS", true);
const ENTERPRISE_TEAM_MEMBERS: ServicePlan =
    plan(0x6a54_b05e_4fab_40e7_9828_428d_b3b3_36fa, "DYN365_ENTERPRISE_TEAM_MEMBERS", true);
const APPS: ServicePlan = plan(0x874f_c546_6efe_4d22_90b8_5c4e_7aa5_9f4b, "POWERAPPS_DYN_APPS", false);
const FLOW: ServicePlan = plan(0x7e6d_7d78_73de_46ba_83b1_6d25_1173_34ba, "FLOW_DYN_APPS", false);
const APPS_PER_USER: ServicePlan = plan(0xea2c_f03b_ac60_46ae_9c1d_eeae_b63c_ec86, "POWERAPPS_PER_USER", true);
const FINANCIALS: ServicePlan = plan(0x9206_56a2_7dd8_4c83_97b6_a356_414d_bd36, "DYN365_FINANCIALS_BUSINESS", false);

/// The licences known here.
pub const SKUS: &[Sku] = &[
    sku(
        0xea12_6fc5_a19e_42e2_a731_da9d_437b_ffcf,
        "DYN365_ENTERPRISE_PLAN1",
        "Dynamics 365 Plan 1",
        &[PLAN_1, APPS, FLOW],
    ),
    sku(
        0x1e1a_282c_9c54_43a2_9310_98ef_728f_aace,
        "DYN365_ENTERPRISE_SALES",
        "Dynamics 365 Sales Enterprise",
        &[SALES, APPS, FLOW],
    ),
    sku(
        0x7497_42bf_0d37_4158_a120_3356_7104_deeb,
        "DYN365_ENTERPRISE_CUSTOMER_SERVICE",
        "Dynamics 365 Customer Service Enterprise",
        &[CUSTOMER_SERVICE, APPS, FLOW],
    ),
    sku(
        0x1439_b6e2_5d59_4873_8c59_d60e_2a19_6e92,
        "DYN365_CUSTOMER_SERVICE_PRO",
        "Dynamics 365 Customer Service Professional",
        &[CUSTOMER_SERVICE_PRO, APPS, FLOW],
    ),
    sku(
        0xc7d1_5985_e746_4f01_b113_20b5_7589_8250,
        "DYN365_ENTERPRISE_FIELD_SERVICE",
        "Dynamics 365 Field Service",
        &[FIELD_SERVICE, APPS, FLOW],
    ),
    sku(
        0x8edc_2cf8_6438_4fa9_b6e3_aa16_60c6_40cc,
        "DYN365_ENTERPRISE_SALES_CUSTOMERSERVICE",
        "Dynamics 365 Sales and Customer Service",
        &[SALES, CUSTOMER_SERVICE, APPS, FLOW],
    ),
    sku(
        0x7ac9_fe77_66b7_4e5e_9e46_10ee_d1cf_f547,
        "DYN365_TEAM_MEMBERS",
        "Dynamics 365 Team Members",
        &[TEAM_MEMBERS, APPS, FLOW],
    ),
    sku(
        0x8e7a_3d30_d97d_43ab_837c_d770_1cef_83dc,
        "DYN365_ENTERPRISE_TEAM_MEMBERS",
        "Dynamics 365 Team Members, enterprise edition",
        &[ENTERPRISE_TEAM_MEMBERS, APPS, FLOW],
    ),
    sku(0xb304_11f5_fea1_4a59_9ad9_3db7_c7ea_d579, "POWERAPPS_PER_USER", "Power Apps Premium", &[APPS_PER_USER]),
    sku(
        0x2880_026b_2b0c_4251_8656_5d41_ff11_e3aa,
        "DYN365_BUSCENTRAL_ESSENTIAL",
        "Dynamics 365 Business Central Essentials",
        &[FINANCIALS],
    ),
];

/// The licence with this id.
#[must_use]
pub fn find(id: Uuid) -> Option<&'static Sku> {
    SKUS.iter().find(|sku| sku.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_come_once_each() {
        for (at, one) in SKUS.iter().enumerate() {
            assert_eq!(find(one.id), Some(one));
            assert!(SKUS[..at].iter().all(|other| other.part_number != one.part_number), "{}", one.part_number);
        }
        assert_eq!(find(SKUS[1].id).unwrap().id.to_string(), "1e1a282c-9c54-43a2-9310-98ef728faace");
        assert_eq!(FINANCIALS.id.to_string(), "920656a2-7dd8-4c83-97b6-a356414dbd36");
    }

    #[test]
    fn a_disabled_plan_lets_nobody_in() {
        let sales = find(SKUS[1].id).unwrap();
        assert!(sales.reaches_dataverse(&[]) && sales.reaches_dataverse(&[APPS.id]));
        assert!(!sales.reaches_dataverse(&[SALES.id]));
        assert!(!SKUS.last().unwrap().reaches_dataverse(&[]), "Business Central is no Dataverse org");
    }
}
