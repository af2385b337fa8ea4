//! A new password for a person whom Keyholder made, because the old one has been in use for long.
//!
//! A person has one password: there is no overlap. So the new one is kept first, in a file of its own in the journal's
//! folder (for the owner alone, a whole way in like any env file); then it is set, proved, and written to its place.
//! Whenever a run is killed, the place or that file holds the password that lets in, and the next run goes on from there.
//! What signs in while that goes on may be refused for a moment; tokens that were got before stay good.

use keyholder_client::connection::names;
use keyholder_entra::graph::{PasswordProfile, User, UserWrite};
use keyholder_foundation::{Secret, Timestamp};
use keyholder_platform::{EnvFile, EnvFileError, FileError};
use serde::Serialize;

use super::access::Access;
use super::declared;
use super::password::{KeptPassword, PasswordFile, PasswordSink, generate};
use super::problem::Problem;
use super::proof::{self, Proof};
use crate::TAG;
use crate::declaration::{Declaration, NonInteractiveUser, Sink};
use crate::error::{Error, While};
use crate::estate::Estate;
use crate::journal::{Journal, JournalError, Loan};
use crate::plan::Finding;
use crate::report::{Event, Outcome, Reporter, Step};
use crate::sink::SinkError;

/// A person whose password may be replaced.
#[derive(Debug)]
pub struct Renewal {
    /// The name in the declaration, or else the user name.
    pub name: String,
    access: Access,
    user_name: String,
    sink: PasswordFile,
    tenant: String,
    person: User,
}

/// What is known of a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordSeen {
    /// The name in the declaration.
    pub name: String,
    /// Whose it is.
    pub user_name: String,
    /// Where it is kept.
    pub place: String,
    /// When it was set last, where the directory tells.
    #[serde(serialize_with = "crate::report::moment")]
    pub set: Option<Timestamp>,
    /// Whether a run from here was stopped in the midst of replacing it.
    pub is_begun: bool,
    /// The orgs in which the new one is proved.
    pub proved_in: Vec<String>,
}

/// What was done about a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewed {
    /// The name in the declaration.
    pub name: String,
    /// Whose it is.
    pub user_name: String,
    /// Where it was written.
    pub place: String,
    /// The orgs that let the person in with it.
    pub proved_in: Vec<String>,
    /// Why it could not be proved in the others, a sentence each.
    pub unproved: Vec<String>,
}

/// How the name of the file ends that keeps a new password until it stands in its place.
const PENDING: &str = ".password.env";

/// The people whose passwords a run from here was stopped in the midst of replacing, by their user names.
///
/// # Errors
/// When the journal's folder, or a file in it, cannot be read.
pub fn begun(journal: &Journal) -> Result<Vec<String>, Error> {
    let folder = journal.folder();
    let failed = |source| SinkError::File(FileError::Io { doing: "read", path: folder.to_path_buf(), source });
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(failed)?,
    };
    let mut people = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if !path.to_string_lossy().ends_with(PENDING) {
            continue;
        }
        match EnvFile::read(&path) {
            Ok(file) => people.extend(file.get(names::USERNAME).map(|name| name.value.expose().to_owned())),
            // Brought to its place since the folder was listed.
            Err(EnvFileError::File(error)) if error.is_missing() => {}
            Err(error) => {
                let (place, reason) = (path.display().to_string(), error.to_string());
                return Err(SinkError::Foreign { place, reason }.into());
            }
        }
    }
    Ok(people)
}

impl Renewal {
    /// The person of a declared user; nothing where no org of theirs can be reached.
    ///
    /// # Errors
    /// [`Problem::NoSuchPerson`], [`Problem::ForeignPerson`] for somebody whom Keyholder did not make, and what the
    /// services said.
    pub async fn of(
        estate: &Estate,
        declaration: &Declaration,
        (name, user): (&str, &NonInteractiveUser),
    ) -> Result<Self, Error> {
        let no_tenant = || Error::Stopped(vec![Finding::no_tenant(name)]);
        for org in &user.orgs {
            if let Some((_, Err(error))) = estate.orgs().find(|(known, _)| known == org) {
                let doing = || format!("reach the org `{org}`, which has to let `{name}` in with the new password");
                return Err::<Self, _>(error.clone()).while_doing(doing);
            }
        }
        let access = declared::access(estate, declaration, user)?.ok_or_else(no_tenant)?;
        let doing = || format!("look for `{}` in the directory", user.user_name);
        let tenant = access.graph.organization().await.while_doing(doing)?.id.to_string();
        let person = access.graph.user(&user.user_name).await.while_doing(doing)?;
        let person = person.ok_or_else(|| Problem::NoSuchPerson { user_name: user.user_name.clone() })?;
        if person.profile.employee_type.as_deref() != Some(TAG) {
            return Err(Problem::ForeignPerson { user_name: user.user_name.clone(), id: person.id }.into());
        }
        let sink = PasswordFile::new(&user.password, Some(&access.means))?;
        Ok(Self { name: name.to_owned(), access, user_name: user.user_name.clone(), sink, tenant, person })
    }

    /// When it was set last, where the directory tells.
    #[must_use]
    pub fn set(&self) -> Option<Timestamp> {
        self.person.last_password_change_date_time
    }

    /// What is known of it.
    ///
    /// # Errors
    /// When the file of a run that was stopped cannot be read.
    pub async fn look(&self) -> Result<PasswordSeen, Error> {
        let pending = self.pending()?;
        Ok(PasswordSeen {
            name: self.name.clone(),
            user_name: self.user_name.clone(),
            place: self.sink.place().to_owned(),
            set: self.person.last_password_change_date_time,
            is_begun: matches!(pending.load(&self.user_name).await?, KeptPassword::Held(_)),
            proved_in: self.access.orgs.iter().map(|org| org.name.clone()).collect(),
        })
    }

    fn pending_path(&self) -> std::path::PathBuf {
        self.access.journal.folder().join(format!("{}{PENDING}", self.person.id))
    }

    fn pending(&self) -> Result<PasswordFile, Error> {
        Ok(PasswordFile::new(&Sink::EnvFile(self.pending_path()), None)?)
    }

    /// Replaces it.
    ///
    /// A place that does not take the new one gets its old one back, where it tells which that is; where it does not, the
    /// new one stays in the file of the journal, which the error names.
    ///
    /// # Errors
    /// What the services and the place said.
    pub async fn renew(&self, reporter: &dyn Reporter) -> Result<Renewed, Error> {
        let loan = Loan::Rotation {
            tenant: self.tenant.clone(),
            owner: self.person.id.0,
            place: self.sink.place().to_owned(),
        };
        let recorded = self.access.journal.record(loan, self.access.now()).map_err(|error| match error {
            JournalError::InUse { .. } => {
                let who = "it runs on this machine";
                Error::Stopped(vec![Finding::rotation_under_way(&self.name, self.sink.place(), who)])
            }
            error => error.into(),
        })?;
        self.sink.check_room()?;
        let before = match self.sink.load(&self.user_name).await? {
            KeptPassword::Held(password) => Some(password),
            KeptPassword::Nothing | KeptPassword::Unknown => None,
        };
        let pending = self.pending()?;
        let (password, is_set) = match pending.load(&self.user_name).await? {
            // Setting it again does no harm; believing that it is set would.
            KeptPassword::Held(password) => {
                let proof = self.proof(&password, reporter).await?;
                (password, matches!(proof, Some(Proof::In(_) | Proof::WithoutRole)))
            }
            KeptPassword::Nothing | KeptPassword::Unknown => {
                let nickname = self.user_name.split('@').next().unwrap_or_default();
                let password = generate(&*self.access.random, nickname);
                pending.save(&self.way_in(password.clone())?).await?;
                (password, false)
            }
        };
        if !is_set {
            self.give(&password).await?;
        }
        let (proved_in, unproved) = match self.prove(&password, reporter).await {
            Ok(proved) => proved,
            Err(error) => return Err(self.take_back(before.as_ref(), error).await),
        };
        if let Err(error) = self.sink.save(&self.way_in(password.clone())?).await {
            // The place may have the new one: then that has to stay the right one.
            let before = before.as_ref().filter(|_| !error.is_unsure());
            return Err(self.take_back(before, error.into()).await);
        }
        self.look_again(&password, reporter).await?;
        self.forget_pending()?;
        recorded.strike()?;
        let place = self.sink.place().to_owned();
        let mut event =
            Event::new(Step::Password, Outcome::Changed, format!("password of `{}` in `{place}`", self.name))
                .note("what was set before no longer works")
                .fact("place", &place);
        event.item.clone_from(&self.name);
        reporter.done(&event);
        Ok(Renewed { name: self.name.clone(), user_name: self.user_name.clone(), place, proved_in, unproved })
    }

    fn way_in(&self, password: Secret) -> Result<super::WayIn, Error> {
        self.access.way_in(&self.tenant, &self.user_name, password)
    }

    async fn give(&self, password: &Secret) -> Result<(), Error> {
        let profile = PasswordProfile { password: password.clone(), force_change_password_next_sign_in: false };
        let write = UserWrite { password_profile: Some(profile), ..UserWrite::default() };
        let done = self.access.graph.update_user(self.person.id, &write).await;
        done.while_doing(|| format!("give the directory user `{}` a new password", self.user_name))
    }

    /// What a sign-in with a password comes to; nothing where no org is there to sign in to.
    async fn proof(&self, password: &Secret, reporter: &dyn Reporter) -> Result<Option<Proof>, Error> {
        let Some(org) = self.access.orgs.first() else { return Ok(None) };
        let proof = proof::prove(&self.access, org, &self.user_name, password.clone(), false, reporter).await;
        proof.while_doing(|| format!("sign in as `{}`", self.user_name)).map(Some)
    }

    async fn prove(&self, password: &Secret, reporter: &dyn Reporter) -> Result<(Vec<String>, Vec<String>), Error> {
        let (mut proved, mut unproved) = (Vec::new(), Vec::new());
        for org in &self.access.orgs {
            let doing = || format!("sign in as `{}` with the new password", self.user_name);
            let proof = proof::prove(&self.access, org, &self.user_name, password.clone(), true, reporter).await;
            let why = match proof.while_doing(doing)? {
                Proof::In(who) => {
                    let subject = format!("WhoAmI as `{}` in {}", self.name, org.name);
                    let mut event = Event::new(Step::WhoAmI, Outcome::Proved, subject).fact("userId", &who.user_id);
                    event.item.clone_from(&self.name);
                    reporter.done(&event);
                    proved.push(org.name.clone());
                    continue;
                }
                Proof::WithoutRole => "the org lets nobody do anything who has no role".to_owned(),
                Proof::WantsMore(code) => {
                    format!("the token service wants more than a name and a password (AADSTS{code})")
                }
                Proof::Untried(why) => why,
                Proof::WrongPassword | Proof::MustChange => {
                    let name = &self.user_name;
                    let reason = format!("the directory did not take `{name}`'s new password");
                    return Err(SinkError::Refused { place: org.name.clone(), reason }.into());
                }
            };
            unproved.push(format!("{}: {why}", org.name));
        }
        Ok((proved, unproved))
    }

    /// Looks whether the place and the directory still have the new one. A run on another machine may have set another
    /// one meanwhile, for a person has one password; then the file of the journal stays, and the next run brings this one
    /// there.
    async fn look_again(&self, password: &Secret, reporter: &dyn Reporter) -> Result<(), Error> {
        let is_there = match self.sink.load(&self.user_name).await? {
            KeptPassword::Held(there) => there.matches(password.expose()),
            KeptPassword::Nothing => false,
            KeptPassword::Unknown => true,
        };
        let is_taken = |proof| !matches!(proof, Some(Proof::WrongPassword | Proof::MustChange));
        if is_there && is_taken(self.proof(password, reporter).await?) {
            return Ok(());
        }
        let place = self.sink.place().to_owned();
        Err(Problem::PasswordOvertaken { user_name: self.user_name.clone(), place }.into())
    }

    /// Sets the old password again, which its place still holds; else says where the new one is.
    async fn take_back(&self, before: Option<&Secret>, error: Error) -> Error {
        let is_back = match before {
            Some(before) => self.give(before).await.is_ok() && self.forget_pending().is_ok(),
            None => false,
        };
        match error {
            error if is_back => error,
            // The network or a service failed: the next run goes on.
            error @ Error::Service { .. } => error,
            error => {
                let kept = self.pending_path().display().to_string();
                let said = match &error {
                    Error::Sink(failed) => failed.refusal().map(str::to_owned),
                    _ => None,
                };
                let said = said.unwrap_or_else(|| crate::error::with_causes(&error));
                let reason =
                    format!("{said}; the new password is set, and `{kept}` holds it until another run brings it there");
                SinkError::Refused { place: self.sink.place().to_owned(), reason }.into()
            }
        }
    }

    fn forget_pending(&self) -> Result<(), Error> {
        let path = self.pending_path();
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(SinkError::File(FileError::Io { doing: "remove", path, source }).into())
            }
            _ => Ok(()),
        }
    }
}
