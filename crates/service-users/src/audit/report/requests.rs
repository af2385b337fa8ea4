//! What service users ask for, against what they may: as far as somebody knows.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The requests of a day. A real org tells no program of them; a local org does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requests {
    /// The day, `2026-11-28` (UTC).
    pub day: String,
    /// Tenant by tenant.
    pub tenants: Vec<TenantRequests>,
}

/// The requests of a tenant's users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRequests {
    /// What people call it: a domain.
    pub name: String,
    /// What all users without a licence ask for, and may.
    pub pool: Asked,
    /// What each user asks for, by the address of the org without a slash at its end and the user's id there.
    pub users: BTreeMap<(String, Uuid), Asked>,
}

/// Requests of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// How many so far.
    pub today: u64,
    /// How many there will be when the day goes on like this.
    pub forecast: u64,
    /// How many there may be; none for a user who shares the tenant's pool.
    pub allowance: Option<u64>,
}

impl Requests {
    /// What a user of an org asked for, and its tenant.
    #[must_use]
    pub fn of(&self, url: &str, user: Uuid) -> Option<(Asked, &TenantRequests)> {
        let key = (url.trim_end_matches('/').to_owned(), user);
        self.tenants.iter().find_map(|tenant| Some((*tenant.users.get(&key)?, tenant)))
    }
}
