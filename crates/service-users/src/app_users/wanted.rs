//! An application user that is wanted now, without a file that declares it.

use std::collections::BTreeMap;

use keyholder_client::OrgUrl;
use keyholder_foundation::ClientId;

use crate::declaration::{ApplicationUser, Credential, Declaration, ONE_ORG, Org, Right, Role, RoleSource};

/// What is wanted of one application in one org.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Its name: its registration bears it, and so does the role of its own.
    pub name: String,
    /// The registration to use, whoever made it.
    pub client_id: Option<ClientId>,
    /// The name of its business unit; the root one when not given.
    pub business_unit: Option<String>,
    /// Roles that the org has, by name.
    pub roles: Vec<String>,
    /// What a role of its own grants; no such role without any.
    pub rights: Vec<Right>,
    /// How it signs in.
    pub credentials: Vec<Credential>,
    /// Whether the registration declares Dynamics CRM `user_impersonation` and gets consent to it.
    pub user_impersonation: bool,
    /// Whether other tenants can consent to the application.
    pub multi_tenant: bool,
}

impl Wanted {
    /// The same as a declaration of the org at `url`.
    ///
    /// # Errors
    /// When one of the roles that the org has is called like the role of its own.
    pub fn declaration(self, url: &OrgUrl) -> Result<Declaration, String> {
        let mut roles: BTreeMap<String, Role> = BTreeMap::new();
        for name in self.roles {
            let role = Role { name: name.clone(), source: RoleSource::Existing, adopt: false };
            roles.insert(name, role);
        }
        if !self.rights.is_empty() {
            let own = Role { name: self.name.clone(), source: RoleSource::Rights(self.rights), adopt: false };
            if roles.insert(self.name.clone(), own).is_some() {
                return Err(format!(
                    "`{}` is both a role that the org has and the role that would be made for the application",
                    self.name
                ));
            }
        }
        let user = ApplicationUser {
            name: self.name.clone(),
            client_id: self.client_id,
            orgs: vec![ONE_ORG.to_owned()],
            business_unit: self.business_unit,
            roles: roles.keys().cloned().collect(),
            credentials: self.credentials,
            user_impersonation: self.user_impersonation,
            multi_tenant: self.multi_tenant,
        };
        let org = Org { url: url.clone(), tenant: None, environment: None };
        Ok(Declaration {
            orgs: BTreeMap::from([(ONE_ORG.to_owned(), org)]),
            roles,
            application_users: BTreeMap::from([(self.name, user)]),
            ..Declaration::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declaration::parse_grant;

    #[test]
    fn a_role_of_its_own_bears_its_name_and_no_others() {
        let url = "https://contoso.crm4.dynamics.com".parse().unwrap();
        let wanted = Wanted {
            name: "orders".to_owned(),
            roles: vec!["Basic User".to_owned()],
            rights: parse_grant("contact=read:organization").unwrap(),
            ..Wanted::default()
        };
        let declaration = wanted.clone().declaration(&url).unwrap();
        declaration.check().unwrap();
        assert_eq!(declaration.application_users["orders"].roles, ["Basic User", "orders"]);
        assert_eq!(declaration.roles["Basic User"].source, RoleSource::Existing);
        let twice = Wanted { roles: vec!["orders".to_owned()], ..wanted.clone() };
        assert!(twice.declaration(&url).unwrap_err().contains("both a role that the org has"));
        let without = Wanted { rights: Vec::new(), ..wanted };
        assert_eq!(without.declaration(&url).unwrap().roles.len(), 1);
    }
}
