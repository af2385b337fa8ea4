//! Who is signed in in a browser, for pages that the rest of the process serves.

use http::HeaderMap;
use keyholder_foundation::{ObjectId, TenantId};

use crate::login::interactive::Browser;
use crate::{Error, Identity};

/// A person who is signed in in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Their tenant.
    pub tenant: TenantId,
    /// Their object id.
    pub object_id: ObjectId,
    /// Their sign-in name.
    pub user_principal_name: String,
    /// Their name.
    pub display_name: String,
    /// Whether they are a partner's, who administer the tenant by delegation.
    pub delegated: bool,
}

impl Identity {
    /// Who is signed in in the browser that sent these headers; none when nobody is. Send the browser
    /// to `/{tenant}/signin?return_to=/path` then, and to `/{tenant}/oauth2/logout` to sign out.
    ///
    /// The cookie proves it, and is sent with whatever request a page of another site makes: only
    /// show something for it, change nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn visitor(&self, headers: &HeaderMap) -> Result<Option<Visitor>, Error> {
        let found = Browser::of(self, headers).person(self).await?;
        Ok(found.map(|person| Visitor {
            tenant: person.tenant,
            object_id: person.id,
            user_principal_name: person.user_principal_name,
            display_name: person.display_name,
            delegated: person.home_tenant.is_some(),
        }))
    }
}
