//! What a tenant asks of its people, and who there is to try things as: Conditional Access, second
//! factors, how long passwords last, how many licences there are, personas.

use keyholder_entra::licences::SKUS;
use keyholder_foundation::{ObjectId, Secret, TenantId};
use keyholder_identity::{MultiFactor, Persona, SignInRule};
use keyholder_platform::env_file;
use serde::Serialize;

use super::{OpenWorld, State};
use crate::env_file::{self as env, Address, names};
use crate::error::{Refused, StartError};
use crate::folder::{PersonaEntry, TenantEntry};

/// For how many days a password may be good, as the directory has it.
const PASSWORD_DAYS: std::ops::RangeInclusive<u32> = 14..=730;

/// A persona whose credentials have been written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenPersona {
    /// `delegated-administrator` or `without-rights`.
    pub persona: &'static str,
    /// The sign-in name.
    pub user_principal_name: String,
    /// The file with the password.
    pub env_file: std::path::PathBuf,
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

impl State {
    /// The tenant of this domain or id; the first when none is named.
    fn tenant(&self, name: Option<&str>) -> Result<&TenantEntry, StartError> {
        let found = match name {
            Some(name) => self.record.tenant(name),
            None => self.record.tenants.first(),
        };
        found.ok_or_else(|| {
            let known = self.record.tenants.iter().map(|tenant| tenant.domain.clone()).collect();
            Refused::NoTenant { name: cut(name.unwrap_or_default()), known }.into()
        })
    }

    async fn person(&self, tenant: TenantId, name: &str) -> Result<ObjectId, StartError> {
        let found = self.identity.find_user(tenant, name).await?;
        found.map(|found| found.id).ok_or_else(|| Refused::NoPerson { name: cut(name) }.into())
    }
}

impl OpenWorld {
    /// What a tenant demands of every sign-in of a person.
    ///
    /// # Errors
    /// [`Refused::NoTenant`]; [`StartError`].
    pub async fn conditional_access(&self, tenant: Option<&str>) -> Result<SignInRule, StartError> {
        let state = self.state().await;
        Ok(state.identity.sign_in_rule(state.tenant(tenant)?.id).await?)
    }

    /// Sets what a tenant demands of every sign-in of a person. Applications are not asked.
    ///
    /// # Errors
    /// [`Refused::NoTenant`]; [`StartError`].
    pub async fn set_conditional_access(&self, tenant: Option<&str>, rule: SignInRule) -> Result<(), StartError> {
        let state = self.state().await;
        Ok(state.identity.set_sign_in_rule(state.tenant(tenant)?.id, rule).await?)
    }

    /// Sets how far one person, by sign-in name or object id, is with a second factor.
    ///
    /// # Errors
    /// [`Refused::NoTenant`], [`Refused::NoPerson`]; [`StartError`].
    pub async fn set_multi_factor(
        &self,
        tenant: Option<&str>,
        person: &str,
        wanted: MultiFactor,
    ) -> Result<(), StartError> {
        let state = self.state().await;
        let tenant = state.tenant(tenant)?.id;
        let person = state.person(tenant, person).await?;
        Ok(state.identity.set_multi_factor(tenant, person, wanted).await?)
    }

    /// Sets for how many days the passwords of a tenant's people are good, counted from when they
    /// were set; for ever when none.
    ///
    /// # Errors
    /// [`Refused::NoTenant`], [`Refused::PasswordDays`]; [`StartError`].
    pub async fn set_password_validity(&self, tenant: Option<&str>, days: Option<u32>) -> Result<(), StartError> {
        if days.is_some_and(|days| !PASSWORD_DAYS.contains(&days)) {
            return Err(Refused::PasswordDays.into());
        }
        let state = self.state().await;
        let tenant = state.tenant(tenant)?;
        state.identity.set_password_validity(tenant.id, &tenant.domain, days).await?;
        Ok(())
    }

    /// Sets how many of a licence, by its name (`DYN365_ENTERPRISE_PLAN1`) or id, a tenant has
    /// bought. Those given away already stay given.
    ///
    /// # Errors
    /// [`Refused::NoTenant`], [`Refused::NoLicence`]; [`StartError`].
    pub async fn set_licences(&self, tenant: Option<&str>, sku: &str, units: u32) -> Result<(), StartError> {
        let known = |known: &&keyholder_entra::licences::Sku| {
            known.part_number.eq_ignore_ascii_case(sku) || known.id.to_string() == sku
        };
        let Some(found) = SKUS.iter().find(known) else {
            let known = SKUS.iter().map(|sku| sku.part_number.to_owned()).collect();
            return Err(Refused::NoLicence { name: cut(sku), known }.into());
        };
        let state = self.state().await;
        Ok(state.identity.set_prepaid_units(state.tenant(tenant)?.id, found.id, units).await?)
    }

    /// Makes somebody to try things as, or gives whoever is there a new password, and writes an env
    /// file to sign in with.
    ///
    /// # Errors
    /// [`Refused::NoTenant`]; [`StartError`] when it cannot be made or written down.
    pub async fn make_persona(&self, tenant: Option<&str>, persona: Persona) -> Result<WrittenPersona, StartError> {
        let mut state = self.state.write().await;
        let tenant = state.tenant(tenant)?.clone();
        let made = state.identity.make_persona(tenant.id, persona).await?;
        state.propagation.wake();
        let name = self.persona_file(&tenant, persona.name());
        let text = print(&self.address_of(&tenant), &made.user_principal_name, &made.password);
        self.folder.write(&name, text.expose().as_bytes())?;
        let mut record = state.record.clone();
        if let Some(tenant) = record.tenant_mut(tenant.id) {
            let passwords = tenant.personas.get(persona.name()).map_or(0, |entry| entry.passwords) + 1;
            tenant.personas.insert(persona.name().to_owned(), PersonaEntry { user: made.user, passwords });
        }
        self.keep_record(&mut state, record).await?;
        Ok(WrittenPersona {
            persona: persona.name(),
            user_principal_name: made.user_principal_name,
            env_file: self.folder.file(&name),
        })
    }

    /// The name of a persona's env file.
    fn persona_file(&self, tenant: &TenantEntry, persona: &str) -> String {
        // No domain has an `@` in it, so the files of tenants and of personas cannot meet.
        if tenant.id == self.tenant { format!("{persona}.env") } else { format!("{persona}@{}.env", tenant.domain) }
    }

    /// Gives a persona's env file of an earlier version the name that it has now, unless a tenant's
    /// own has that name.
    fn rename_old(&self, state: &State, tenant: &TenantEntry, persona: &str, name: &str) {
        let old = format!("{}.{persona}", tenant.domain);
        let is_tenants = state.record.tenants.iter().any(|other| other.domain == old);
        let (old, new) = (self.folder.file(&format!("{old}.env")), self.folder.file(name));
        if tenant.id != self.tenant && !is_tenants && !new.exists() {
            // Where there is none, there is nothing to rename.
            let _ = std::fs::rename(old, new);
        }
    }

    /// Brings the personas' env files up to the current addresses.
    pub(super) fn refresh_personas(&self, state: &State) -> Result<(), StartError> {
        for tenant in &state.record.tenants {
            for persona in tenant.personas.keys() {
                let name = self.persona_file(tenant, persona);
                self.rename_old(state, tenant, persona, &name);
                let Some(file) = env::read(&self.folder.file(&name))? else { continue };
                let get = |name| file.get(name).map(|variable| variable.value.clone());
                let (Some(user), Some(password)) = (get(names::USERNAME), get(names::PASSWORD)) else { continue };
                let text = print(&self.address_of(tenant), user.expose(), &password);
                if self.folder.read(&name).ok().as_deref() != Some(text.expose()) {
                    self.folder.write(&name, text.expose().as_bytes())?;
                }
            }
        }
        Ok(())
    }

    /// Removes the env files of personas that the world does not have any more, or not with that
    /// password: nobody can sign in with them.
    pub(super) fn remove_stale_personas(&self, before: &crate::folder::World, now: &crate::folder::World) {
        for tenant in &before.tenants {
            let kept = now.tenants.iter().find(|kept| kept.id == tenant.id);
            for (persona, entry) in &tenant.personas {
                if kept.and_then(|kept| kept.personas.get(persona)) != Some(entry) {
                    let _ = std::fs::remove_file(self.folder.file(&self.persona_file(tenant, persona)));
                }
            }
        }
    }
}

/// The env file of a persona: what an administrator's has, with a person alone.
fn print(address: &Address, user: &str, password: &Secret) -> Secret {
    let comment = "Written by `keyholder org persona`. It holds a password: keep it private.";
    let mut variables = env::variables(address).to_vec();
    variables.extend([(names::USERNAME, user), (names::PASSWORD, password.expose())]);
    env_file::print(comment, variables.into_iter().filter(|(_, value)| !value.is_empty()))
}
