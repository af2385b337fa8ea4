//! What an org has, as a declaration: a start for those who come with years of integrations.

use std::collections::{BTreeMap, BTreeSet};

use keyholder_entra::graph::Application;
use keyholder_foundation::ClientId;
use uuid::Uuid;

use crate::Administrator;
use crate::declaration::{ApplicationUser, Declaration, Org, Role, RoleSource, Tenant, in_words, is_entry_name};
use crate::error::{Error, While};
use crate::granted::Privileges;
use crate::marks::{declaration_of, is_ours};
use crate::observe::{OrgSeen, RoleSeen, UserSeen, WholeOrg, whole_org};
use crate::plan::is_system_administrator;

/// How many rights of a role are said in words above it.
const SHOWN: usize = 8;

/// An org in a declaration's words.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// What it has: to plan it gives nothing to do.
    pub declaration: Declaration,
    /// What is worth saying about entries, by table and name.
    pub remarks: BTreeMap<(String, String), String>,
    /// What was left out, and why.
    pub left: Vec<String>,
}

/// Reads an org and the registrations of its application users. The org is called `name`.
///
/// # Errors
/// When the org or the directory cannot be read.
pub async fn inventory(administrator: &Administrator, name: &str) -> Result<Inventory, Error> {
    let whole = whole_org(&administrator.org).await.while_doing(|| "read the org".to_owned())?;
    let living = || whole.seen.users.iter().filter(|user| !user.is_deleted());
    let clients: Vec<ClientId> = living().map(|user| user.application).collect();
    let registrations = administrator.graph.applications_of(&[], &clients).await;
    let registrations = registrations.while_doing(|| "look for the app registrations".to_owned())?;
    Ok(Taking::new(administrator, name, &whole, &registrations).take())
}

struct Taking<'a> {
    name: &'a str,
    there: &'a OrgSeen,
    shipped: &'a BTreeSet<Uuid>,
    registrations: &'a [Application],
    privileges: Privileges,
    taken: Inventory,
    /// The names of the roles that were taken, by the id of their root copy.
    roles: BTreeMap<Uuid, String>,
}

impl<'a> Taking<'a> {
    fn new(
        administrator: &Administrator,
        name: &'a str,
        WholeOrg { seen: there, shipped }: &'a WholeOrg,
        registrations: &'a [Application],
    ) -> Self {
        let tenant = administrator.org.tokens().authority().tenant().to_owned();
        let mut declaration = Declaration { name: declaration_name(there, registrations), ..Declaration::default() };
        declaration.tenants.insert("home".to_owned(), Tenant { id: tenant });
        let url = administrator.connection.url.clone();
        let org = Org { url, tenant: Some("home".to_owned()), environment: None };
        declaration.orgs.insert(name.to_owned(), org);
        Self {
            name,
            there,
            shipped,
            registrations,
            privileges: Privileges::known(),
            taken: Inventory { declaration, remarks: BTreeMap::new(), left: Vec::new() },
            roles: BTreeMap::new(),
        }
    }

    fn take(mut self) -> Inventory {
        let mut users: Vec<&UserSeen> = self.there.users.iter().filter(|user| !user.is_deleted()).collect();
        users.sort_by_key(|user| user.application);
        for user in users {
            self.user(user);
        }
        for (name, role) in &self.taken.declaration.roles {
            let words = match &role.source {
                RoleSource::Rights(rights) => in_words(rights),
                RoleSource::Existing => continue,
            };
            let some: Vec<_> = words.iter().take(SHOWN).map(String::as_str).collect();
            let more = words.len().saturating_sub(SHOWN);
            let more = (more > 0).then(|| format!("and so on, in {more} more sentences"));
            if !some.is_empty() {
                let remark = some.into_iter().map(str::to_owned).chain(more).collect::<Vec<_>>().join("\n");
                self.taken.remarks.insert(("roles".to_owned(), name.clone()), remark);
            }
        }
        self.taken
    }

    fn user(&mut self, user: &UserSeen) {
        let found = self.registrations.iter().find(|application| application.app_id == user.application);
        let shown = found.and_then(|application| application.display_name.clone());
        let shown = shown.unwrap_or_else(|| user.application.to_string());
        let shown = format!("`{shown}` ({})", user.application);
        let roles: Vec<&RoleSeen> = user.roles.iter().filter_map(|id| self.there.role(*id)).collect();
        let mut leave = |reason: &str| self.taken.left.push(format!("{shown}: {reason}"));
        let Some(application) = found else {
            return leave("its registration is another tenant's, Microsoft's as a rule");
        };
        if user.id == self.there.who.user_id {
            return leave("it is the caller");
        }
        if user.is_disabled {
            return leave("it is disabled");
        }
        if roles.len() != user.roles.len() {
            return leave("not all of its roles can be read");
        }
        if roles.iter().any(|role| is_system_administrator(role.template)) {
            return leave(
                "it is a System Administrator, which nothing should be by declaration: give it a smaller role",
            );
        }
        if roles.iter().any(|role| self.is_namesake(role)) {
            return self
                .taken
                .left
                .push(format!("{shown}: one of its roles has a namesake, or a name that cannot stand in a file"));
        }
        let unit = self.there.units.iter().find(|unit| unit.id == user.unit);
        let unit = unit.filter(|unit| unit.parent.is_some()).map(|unit| unit.name.clone());
        let mut names: Vec<String> = roles.iter().map(|role| self.role(role)).collect();
        names.sort();
        names.dedup();
        let name = application.display_name.clone().unwrap_or_else(|| user.application.to_string());
        let name = if is_entry_name(&name, 120) { name } else { user.application.to_string() };
        let key = free(&name, |key| self.taken.declaration.application_users.contains_key(key));
        let multi_tenant = application.sign_in_audience.as_deref().is_some_and(|audience| audience != "AzureADMyOrg");
        let remark = credentials_in_words(application);
        self.taken.remarks.insert(("application-users".to_owned(), key.clone()), remark);
        let entry = ApplicationUser {
            name,
            client_id: Some(user.application),
            orgs: vec![self.name.to_owned()],
            business_unit: unit,
            roles: names,
            credentials: Vec::new(),
            user_impersonation: false,
            multi_tenant,
        };
        self.taken.declaration.application_users.insert(key, entry);
    }

    /// Whether a role's name does not say which role it is.
    fn is_namesake(&self, role: &RoleSeen) -> bool {
        let same =
            |other: &&RoleSeen| other.root() != role.root() && other.name.to_lowercase() == role.name.to_lowercase();
        self.there.roles.iter().any(|other| same(&other)) || !is_entry_name(&role.name, 100)
    }

    /// The role's name in the declaration, taken now if it was not yet.
    fn role(&mut self, role: &RoleSeen) -> String {
        if let Some(known) = self.roles.get(&role.root()) {
            return known.clone();
        }
        let key = free(&slug(&role.name), |key| self.taken.declaration.roles.contains_key(key));
        let rights = self.privileges.rights(self.there, role);
        let source = match rights {
            Some(rights) if !self.shipped.contains(&role.root()) => RoleSource::Rights(rights),
            read => {
                let remark = match read {
                    Some(_) => "It came with the org or with a solution.",
                    None => "Not all of its privileges can be read.",
                };
                self.taken.remarks.insert(("roles".to_owned(), key.clone()), remark.to_owned());
                RoleSource::Existing
            }
        };
        let entry = Role { name: role.name.clone(), source, adopt: false };
        self.taken.declaration.roles.insert(key.clone(), entry);
        self.roles.insert(role.root(), key.clone());
        key
    }
}

/// The declaration that Keyholder's own things here say they are of, where they agree.
fn declaration_name(there: &OrgSeen, registrations: &[Application]) -> Option<String> {
    let of_users = registrations
        .iter()
        .filter(|application| {
            is_ours(application) && there.users.iter().any(|user| user.application == application.app_id)
        })
        .map(declaration_of);
    let names: BTreeSet<Option<&str>> = of_users.collect();
    match names.into_iter().collect::<Vec<_>>().as_slice() {
        [Some(one)] => Some((*one).to_owned()),
        _ => None,
    }
}

/// What can be told of how it signs in: the credentials are others' to look after until they are declared.
fn credentials_in_words(application: &Application) -> String {
    let count = |number: usize, what: &str| match number {
        0 => None,
        1 => Some(format!("one {what}")),
        more => Some(format!("{more} {what}s")),
    };
    let all: Vec<String> = [
        count(application.password_credentials.len(), "client secret"),
        count(application.key_credentials.len(), "certificate"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if all.is_empty() {
        "It has neither client secret nor certificate.".to_owned()
    } else {
        format!("It has {}, which others look after until `credential` says otherwise.", all.join(" and "))
    }
}

/// A name in small letters with hyphens.
fn slug(name: &str) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<_> = plain.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "role".to_owned() } else { words.join("-") }
}

/// The name, or the name with the first number that makes it a new one.
fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(name) {
        return name.to_owned();
    }
    let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    numbered.into_iter().find(|name| !is_taken(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_different() {
        assert_eq!(slug("Sales & Orders (EU)"), "sales-orders-eu");
        assert_eq!(slug("日本"), "role");
        assert_eq!(free("a", |name| ["a", "a-2"].contains(&name)), "a-3");
    }
}
