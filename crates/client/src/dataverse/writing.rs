//! Writes, one request each.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::batch::change_url;
use super::{Change, Dataverse, Done, Key, Row, RowRef, Targets};
use crate::api::Call;
use crate::error::Error;
use crate::transport::origin_of;

impl Dataverse {
    /// Carries a change out with one request ([`Dataverse::settle`] sends a second where that is safe).
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, id: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Change, Query, etag};
    /// let row = org.get(Query::row("contacts", id).select(["lastname"])).await?;
    /// let change = Change::update(("contacts", id), &serde_json::json!({ "lastname": "Ng" }));
    /// let seen = etag(&row).unwrap_or("*");
    /// let now = org.execute(&change.if_unchanged(seen).returning_row()).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to; 412 when a condition does not hold.
    pub async fn execute(&self, change: &Change) -> Result<Done, Error> {
        let body = change.body(&self.api.root)?;
        let url = change_url(&self.api.root, &change.path);
        let headers = self.headers(change.headers.iter().cloned());
        let answer = self.api.call(Call { method: change.method.clone(), url: &url, headers: &headers, body }).await?;
        self.api.http.counters().written(change.rows);
        Done::read(|| url, &answer)
    }

    /// Creates a row in the entity set and gives its id.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, account: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// #[derive(serde::Serialize)]
    /// struct Contact<'a> {
    ///     lastname: &'a str,
    ///     #[serde(rename = "parentcustomerid_account@odata.bind")]
    ///     company: String,
    /// }
    /// let company = keyholder_client::dataverse::RowRef::from(("accounts", account)).bind();
    /// let id = org.create("contacts", &Contact { lastname: "Ng", company }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to. After a lost connection the row may exist: [`Change::create_with_id`] settles that.
    pub async fn create<T: Serialize + ?Sized>(&self, set: &str, row: &T) -> Result<Uuid, Error> {
        self.execute(&Change::create(set, row)).await?.required_id(&self.api.root)
    }

    /// Changes columns of a row that exists: an update never creates.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, id: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// org.update("contacts", id, &serde_json::json!({ "jobtitle": "Baker", "emailaddress1": null })).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Dataverse`] with 404 when there is no such row, and what the request came to.
    pub async fn update<T: Serialize + ?Sized>(
        &self,
        set: &str,
        key: impl Into<Key>,
        changes: &T,
    ) -> Result<(), Error> {
        self.execute(&Change::update((set, key), changes)).await.map(drop)
    }

    /// Changes the row with this key, or makes it; gives its id.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Key;
    /// let key = Key::alternate("accountnumber", "A-17");
    /// let id = org.upsert("accounts", key, &serde_json::json!({ "name": "Contoso" })).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn upsert<T: Serialize + ?Sized>(
        &self,
        set: &str,
        key: impl Into<Key>,
        values: &T,
    ) -> Result<Uuid, Error> {
        self.execute(&Change::upsert((set, key), values)).await?.required_id(&self.api.root)
    }

    /// Deletes a row.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, id: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// match org.delete("contacts", id).await {
    ///     Err(error) if error.is_missing() => println!("it is gone already"),
    ///     outcome => outcome?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Dataverse`] with 404 when there is no such row ([`Error::is_missing`]), and what
    /// the request came to.
    pub async fn delete(&self, set: &str, key: impl Into<Key>) -> Result<(), Error> {
        self.execute(&Change::delete((set, key))).await.map(drop)
    }

    /// Ties two rows together over a collection-valued navigation property.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, user: uuid::Uuid, role: uuid::Uuid,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// org.associate(("systemusers", user), "systemuserroles_association", ("roles", role)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn associate(
        &self,
        row: impl Into<RowRef>,
        property: &str,
        other: impl Into<RowRef>,
    ) -> Result<(), Error> {
        self.execute(&Change::associate(row, property, other)).await.map(drop)
    }

    /// Unties two rows.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, user: uuid::Uuid, role: uuid::Uuid,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// org.disassociate(("systemusers", user), "systemuserroles_association", role).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to; 404 when they were not tied.
    pub async fn disassociate(&self, row: impl Into<RowRef>, property: &str, other: Uuid) -> Result<(), Error> {
        self.execute(&Change::disassociate(row, property, other)).await.map(drop)
    }

    /// Calls an action, `roles(<id>)/Microsoft.Dynamics.CRM.AddPrivilegesRole`; its result, when
    /// it has one.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, role: uuid::Uuid, privilege: uuid::Uuid,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// let privileges = serde_json::json!({ "Privileges": [{ "PrivilegeId": privilege, "Depth": "Global" }] });
    /// org.action(&format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole"), &privileges).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn action(&self, path: &str, parameters: &Value) -> Result<Option<Row>, Error> {
        self.execute(&Change::action(path, parameters)).await.map(|done| done.row)
    }

    /// Makes many rows of one table with one request, all or none, and gives their ids in order.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Targets;
    /// let mut targets = Targets::of("contact");
    /// targets.push(&serde_json::json!({ "lastname": "Ng" }));
    /// let ids = org.create_multiple("contacts", targets).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to. After a lost connection the rows may exist; [`Targets::create`] with ids of the
    /// caller's choosing, and [`Dataverse::settle`], leave no doubt.
    pub async fn create_multiple(&self, set: &str, targets: Targets) -> Result<Vec<Uuid>, Error> {
        let done = self.execute(&targets.create(set)).await?;
        done.ids().ok_or_else(|| Error::Protocol {
            origin: origin_of(&self.api.root),
            found: format!("an answer with HTTP status {} without the new rows' ids", done.status.as_u16()),
        })
    }

    /// Changes many rows of one table with one request, all or none.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, ids: Vec<uuid::Uuid>,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Targets;
    /// let mut targets = Targets::of("contact");
    /// for id in ids {
    ///     targets.push_with_id("contactid", id, &serde_json::json!({ "jobtitle": "Baker" }));
    /// }
    /// org.update_multiple("contacts", targets).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn update_multiple(&self, set: &str, targets: Targets) -> Result<(), Error> {
        self.execute(&targets.update(set)).await.map(drop)
    }

    /// Changes or makes many rows of one table with one request, all or none.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Key, Targets};
    /// let mut targets = Targets::of("account");
    /// for (number, name) in [("A-17", "Contoso"), ("A-18", "Fabrikam")] {
    ///     let key = Key::alternate("accountnumber", number);
    ///     targets.push_with_key(("accounts", key), &serde_json::json!({ "name": name }));
    /// }
    /// org.upsert_multiple("accounts", targets).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn upsert_multiple(&self, set: &str, targets: Targets) -> Result<(), Error> {
        self.execute(&targets.upsert(set)).await.map(drop)
    }

    /// Removes many rows of one elastic table with one request; the service has this for no other tables.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, ids: Vec<uuid::Uuid>,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Targets;
    /// let mut targets = Targets::of("new_reading");
    /// for id in ids {
    ///     targets.push_with_id("new_readingid", id, &serde_json::json!({}));
    /// }
    /// org.delete_multiple("new_readings", targets).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn delete_multiple(&self, set: &str, targets: Targets) -> Result<(), Error> {
        self.execute(&targets.delete(set)).await.map(drop)
    }
}
