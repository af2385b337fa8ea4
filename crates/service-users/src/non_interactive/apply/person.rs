//! The person in the directory, and the password.

use keyholder_entra::graph::{NewUser, PasswordProfile, UserWrite};
use keyholder_foundation::Secret;

use super::{NEW_PERSON, Run};
use crate::TAG;
use crate::error::{Error, While};
use crate::non_interactive::password::{KeptPassword, WayIn, generate};
use crate::non_interactive::problem::Problem;
use crate::patience::object_not_seen;
use crate::report::{Event, Outcome, Step};

impl Run<'_> {
    /// The password that the place keeps; a new one, kept there first, when it keeps none.
    async fn kept_password(&self) -> Result<Secret, Error> {
        let sink =
            self.sink.ok_or_else(|| Problem::NoPasswordPlace { user_name: self.definition.user_name.clone() })?;
        if let Some(KeptPassword::Held(password)) = &self.observed.password {
            return Ok(password.clone());
        }
        let password = generate(&*self.access.random, self.definition.nickname());
        sink.save(&self.way_in(password.clone())?).await?;
        Ok(password)
    }

    fn way_in(&self, password: Secret) -> Result<WayIn, Error> {
        self.access.way_in(&self.observed.tenant.id.to_string(), &self.definition.user_name, password)
    }

    pub(super) async fn create_person(&mut self, usage_location: Option<String>) -> Result<(), Error> {
        let definition = self.definition;
        let name = &definition.user_name;
        // Kept before it is used: a password that nobody knows would be worth nothing, one that
        // opens nothing yet does no harm.
        let kept = self.kept_password().await?;
        let nickname = definition.nickname();
        let changes = definition.changes_first_password;
        let password = if changes { generate(&*self.access.random, nickname) } else { kept };
        let person = NewUser {
            account_enabled: !changes,
            display_name: definition.display_name.clone().unwrap_or_else(|| nickname.to_owned()),
            mail_nickname: nickname.to_owned(),
            user_principal_name: name.clone(),
            password_profile: PasswordProfile { password, force_change_password_next_sign_in: changes },
            // A program cannot be asked for a new one.
            password_policies: Some("DisablePasswordExpiration".to_owned()),
            usage_location,
            employee_type: Some(TAG.to_owned()),
        };
        let made = self.access.graph.create_user(&person).await;
        let made = made.while_doing(|| format!("make the directory user `{name}`"))?;
        let event = Event::new(Step::Person, Outcome::Created, format!("directory user `{name}`"));
        self.report(&event.fact("objectId", &made.id));
        self.observed.person = Some(made);
        let place = self.sink.map(|sink| sink.place().to_owned()).unwrap_or_default();
        let event = Event::new(Step::Password, Outcome::Created, format!("password in `{place}`"));
        self.report(&event.fact("place", &place));
        Ok(())
    }

    pub(super) async fn enable_person(&mut self) -> Result<(), Error> {
        let is_first = self.definition.changes_first_password && self.sink.is_some();
        let password_profile = match is_first {
            true => Some(self.kept_password_again().await?),
            false => None,
        };
        let write = UserWrite { account_enabled: Some(true), password_profile, ..UserWrite::default() };
        let what = if is_first { "signing in allowed, the first password changed" } else { "signing in allowed" };
        self.change_person(&write, "enable", what).await
    }

    /// As [`Run::kept_password`], for a person who has another one until now.
    async fn kept_password_again(&mut self) -> Result<PasswordProfile, Error> {
        if let (Some(sink), Some(KeptPassword::Nothing)) = (self.sink, &self.observed.password) {
            self.observed.password = Some(sink.load(&self.definition.user_name).await?);
        }
        Ok(PasswordProfile { password: self.kept_password().await?, force_change_password_next_sign_in: false })
    }

    pub(super) async fn change_person(&mut self, write: &UserWrite, doing: &str, what: &str) -> Result<(), Error> {
        let (id, name) = (self.person()?.id, &self.definition.user_name);
        let graph = &self.access.graph;
        self.access
            .patience
            .wait_for(NEW_PERSON, &self.access.http, self.reporter, object_not_seen, || graph.update_user(id, write))
            .await
            .while_doing(|| format!("{doing} for the directory user `{name}`"))?;
        let event = Event::new(Step::Person, Outcome::Changed, format!("directory user `{name}`")).note(what);
        self.report(&event);
        Ok(())
    }

    /// A new password, because nobody can use the old one.
    pub(super) async fn set_password(&mut self, because: &str) -> Result<(), Error> {
        let (id, name) = (self.person()?.id, self.definition.user_name.clone());
        let sink = self.sink.ok_or_else(|| Problem::NoPasswordPlace { user_name: name.clone() })?;
        let password = generate(&*self.access.random, self.definition.nickname());
        let profile = PasswordProfile { password: password.clone(), force_change_password_next_sign_in: false };
        let write = UserWrite { password_profile: Some(profile), ..UserWrite::default() };
        let done = self.access.graph.update_user(id, &write).await;
        done.while_doing(|| format!("give the directory user `{name}` a new password"))?;
        // When this fails the place stays empty, and the next run gives a new one again.
        sink.save(&self.way_in(password)?).await?;
        let event = Event::new(Step::Password, Outcome::Changed, format!("password in `{}`", sink.place()))
            .note(format!("{because}; what was set before no longer works"))
            .fact("place", &sink.place());
        self.report(&event);
        Ok(())
    }
}
