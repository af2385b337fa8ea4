//! One org that a command works on, signed in to as an administrator.

use keyholder_client::Dataverse;
use keyholder_client::dataverse::Impersonated;
use keyholder_service_users::app_users::strip_left;
use keyholder_service_users::{Administrator, Journal};
use uuid::Uuid;

use crate::args::OrgPlace;
use crate::failure::Failure;
use crate::local::{self, Absent, LocalPlace};
use crate::printer::Printer;
use crate::settings;
use crate::waits;

/// The org and its directory, and the local org that runs as long as this command.
pub(crate) struct Here {
    /// Who works on it.
    pub(crate) administrator: Administrator,
    /// What is borrowed for a while.
    pub(crate) journal: Journal,
    place: Option<LocalPlace>,
}

impl Here {
    /// Finds the org that the flags mean, and signs in to it; `absent` is for a local one.
    pub(crate) async fn find(flags: &OrgPlace, absent: Absent, printer: Printer) -> Result<Self, Failure> {
        let Some(folder) = &flags.local else {
            let journal = Journal::new(settings::state_folder("what is borrowed")?.join("journal"));
            let administrator = settings::administrator(&flags.connection, printer).await?;
            take_off_elevations(&administrator, &journal, printer).await;
            return Ok(Self { administrator, journal, place: None });
        };
        let place = LocalPlace::find(folder, absent, printer).await?;
        let journal = Journal::new(place.folder().file("journal"));
        match Self::administrator(&place).await {
            Ok(administrator) => {
                take_off_elevations(&administrator, &journal, printer).await;
                Ok(Self { administrator, journal, place: Some(place) })
            }
            Err(failure) => {
                place.end().await;
                Err(failure)
            }
        }
    }

    /// Somebody who has signed in already.
    pub(crate) fn of(administrator: Administrator, journal: Journal, place: Option<LocalPlace>) -> Self {
        Self { administrator, journal, place }
    }

    async fn administrator(place: &LocalPlace) -> Result<Administrator, Failure> {
        let connection = local::administrator(place.folder())?;
        settings::administrator_of(connection).await
    }

    /// Its parts: who works on it, what is borrowed, and the local org to be stopped at the end.
    pub(crate) fn into_parts(self) -> (Administrator, Journal, Option<LocalPlace>) {
        (self.administrator, self.journal, self.place)
    }

    /// Stops the local org, if it was started here.
    pub(crate) async fn end(self) {
        if let Some(place) = self.place {
            place.end().await;
        }
    }
}

/// One org that is only asked something, as whoever the flags mean.
pub(crate) struct Asked {
    pub(crate) org: Dataverse,
    place: Option<LocalPlace>,
}

impl Asked {
    /// Finds the org that the flags mean: as its administering application, where it is the local one
    /// of a folder.
    pub(crate) async fn find(flags: &OrgPlace, printer: Printer) -> Result<Self, Failure> {
        let Some(folder) = &flags.local else {
            let org = settings::connect(&flags.connection, printer).await?;
            waits::tell(&org, printer);
            return Ok(Self { org, place: None });
        };
        let place = LocalPlace::find(folder, Absent::Refuse, printer).await?;
        match Self::connect(&place).await {
            Ok(org) => {
                waits::tell(&org, printer);
                Ok(Self { org, place: Some(place) })
            }
            Err(failure) => {
                place.end().await;
                Err(failure)
            }
        }
    }

    /// The same in the name of another user, if one is given.
    pub(crate) async fn find_as(flags: &OrgPlace, user: Option<Uuid>, printer: Printer) -> Result<Self, Failure> {
        let Self { org, place } = Self::find(flags, printer).await?;
        let org = match user {
            Some(id) => org.impersonating(Impersonated::SystemUser(id)),
            None => org,
        };
        Ok(Self { org, place })
    }

    async fn connect(place: &LocalPlace) -> Result<Dataverse, Failure> {
        let connection = local::administrator(place.folder())?;
        Ok(Dataverse::connect(&connection, settings::http(connection.ca_file.clone())?).await?)
    }

    /// Stops the local org, if it was started here.
    pub(crate) async fn end(self) {
        if let Some(place) = self.place {
            place.end().await;
        }
    }
}

/// First of all: no application keeps what a stopped run had lent to it.
pub(crate) async fn take_off_elevations(administrator: &Administrator, journal: &Journal, printer: Printer) {
    match strip_left(administrator, journal).await {
        Ok(told) => told.iter().for_each(|sentence| printer.ask(sentence)),
        Err(error) => printer.ask(Failure::from(&error).message()),
    }
}
