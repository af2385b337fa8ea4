//! Licences in Graph's shapes; which exist is said by [`crate::licences`].

use keyholder_foundation::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lenient;

/// A licence that a person holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignedLicense {
    /// Service plans of it that the person does not get.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub disabled_plans: Vec<Uuid>,
    /// Which.
    pub sku_id: Uuid,
}

/// The body of `assignLicense`: both lists must be there, and may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignLicense {
    /// What to give.
    pub add_licenses: Vec<AssignedLicense>,
    /// What to take.
    pub remove_licenses: Vec<Uuid>,
}

/// How a licence came and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseAssignmentState {
    /// The group that gives it; null when it was given to the person.
    #[serde(default)]
    pub assigned_by_group: Option<Uuid>,
    /// As [`AssignedLicense::disabled_plans`].
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub disabled_plans: Vec<Uuid>,
    /// `None` when all is well.
    #[serde(default)]
    pub error: Option<String>,
    /// When it last changed.
    #[serde(default, with = "lenient::moment")]
    pub last_updated_date_time: Option<Timestamp>,
    /// Which.
    pub sku_id: Uuid,
    /// `Active`, `ActiveWithError`, `Disabled` or `Error`.
    #[serde(default)]
    pub state: Option<String>,
}

/// What a licence gives its holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LicenseDetails {
    /// Its id as the holder's.
    #[serde(default)]
    pub id: String,
    /// Which.
    pub sku_id: Uuid,
    /// Its name, as `DYN365_ENTERPRISE_SALES`.
    #[serde(default)]
    pub sku_part_number: String,
    /// What is in it.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub service_plans: Vec<ServicePlanInfo>,
}

/// One service in a licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePlanInfo {
    /// `User` or `Company`.
    #[serde(default)]
    pub applies_to: Option<String>,
    /// `Success`, `Disabled`, ...
    #[serde(default)]
    pub provisioning_status: Option<String>,
    /// Its id.
    pub service_plan_id: Uuid,
    /// Its name.
    #[serde(default)]
    pub service_plan_name: String,
}

/// Licences that the tenant has bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribedSku {
    /// Tenant and licence.
    pub id: String,
    /// The tenant.
    #[serde(default)]
    pub account_id: Option<String>,
    /// Its name.
    #[serde(default)]
    pub account_name: Option<String>,
    /// `User` or `Company`.
    #[serde(default)]
    pub applies_to: Option<String>,
    /// `Enabled`, `Warning`, `Suspended`, `Deleted` or `LockedOut`.
    #[serde(default)]
    pub capability_status: Option<String>,
    /// How many are given away.
    #[serde(default)]
    pub consumed_units: i64,
    /// How many were bought.
    #[serde(default)]
    pub prepaid_units: LicenseUnits,
    /// What is in it.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub service_plans: Vec<ServicePlanInfo>,
    /// Which.
    pub sku_id: Uuid,
    /// Its name, as `DYN365_ENTERPRISE_SALES`.
    #[serde(default)]
    pub sku_part_number: String,
    /// The subscriptions that it came with.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub subscription_ids: Vec<String>,
}

impl SubscribedSku {
    /// How many may still be given away.
    #[must_use]
    pub fn free_units(&self) -> i64 {
        (self.prepaid_units.enabled + self.prepaid_units.warning - self.consumed_units).max(0)
    }
}

/// How many licences were bought, by how good they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LicenseUnits {
    /// Good.
    pub enabled: i64,
    /// Ended long ago.
    pub locked_out: i64,
    /// Ended.
    pub suspended: i64,
    /// Ended just now; still good.
    pub warning: i64,
}
