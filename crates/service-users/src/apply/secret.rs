//! A new client secret or certificate: made, proved, handed to its sink; then those that it replaces are
//! removed.

use std::time::Duration;

use keyholder_client::Error as ClientError;
use keyholder_entra::graph::{Application, NewPasswordCredential};
use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};

use super::keys::{self, Stays};
use super::{Done, Run};
use crate::Administrator;
use crate::certificate::{self, Fresh};
use crate::error::{Error, While};
use crate::journal::Made;
use crate::kept::{self, KeyKind};
use crate::marks::Labels;
use crate::observe::{address, sign_in};
use crate::patience::{Patience, key_not_seen, object_not_seen};
use crate::plan::{Action, Change};
use crate::report::{Outcome, Reporter};
use crate::rotate;
use crate::sink::{Kept, Key, SecretSink, SinkError};
use crate::turns::Taken;

pub(super) async fn perform(run: &Run<'_>, change: &Change, action: &Action) -> Result<Done, Error> {
    let name = &change.item;
    let application = run.application(name)?;
    let administrator = run.tenant(change)?.1;
    let home = run.declaration.home(name).ok_or_else(|| Error::Unplanned(format!("an org of `{name}`")))?;
    let address = address(administrator, &home.1.url, application.app_id)?;
    let reporter = run.reporter;
    let (Action::MakeSecret { credential, .. }
    | Action::MakeCertificate { credential, .. }
    | Action::RewriteKey { credential, .. }) = action
    else {
        return Err(Error::Unplanned(change.subject.clone()));
    };
    let sink = run.sinks.get(name, *credential).ok_or_else(|| Error::Unplanned(format!("a sink for `{name}`")))?;
    let taken = run.take_turn(change, *credential, &application, sink).await?;
    let (application, address, turn) = (&application, &address, taken.as_ref());
    let making = Making { administrator, reporter, name, application, address, replacing: None, turn };
    let done = in_turn(run, change, action, &making, sink).await;
    // One that is kept may overlap with an old one: when this machine signed in with it is still to be told.
    let is_kept = matches!(action, Action::RewriteKey { .. });
    match taken {
        Some(taken) => taken.end(done, |_, notes| is_kept && notes.signed_in().is_some()),
        None => done,
    }
}

async fn in_turn(
    run: &Run<'_>,
    change: &Change,
    action: &Action,
    making: &Making<'_>,
    sink: &dyn SecretSink,
) -> Result<Done, Error> {
    let Making { administrator, application, address, name, .. } = *making;
    match action {
        Action::MakeSecret { credential, lifetime_seconds, replaces, over } => {
            run.record_begun(change, name, application, sink)?;
            let made = making.secret(Duration::from_secs(*lifetime_seconds), sink, *over).await?;
            run.known().keys.insert((name.to_owned(), *credential), made.clone());
            let removed = keys::remove(administrator, application, None, replaces).await?;
            Ok(told(Done::new(Outcome::Created), &made, removed))
        }
        Action::MakeCertificate { credential, lifetime_seconds, replaces, over } => {
            run.record_begun(change, name, application, sink)?;
            // The list of certificates is one: two that are made at once would undo each other.
            let _turn = run.certificates.lock().await;
            let (made, fresh) = making.certificate(Duration::from_secs(*lifetime_seconds), sink, *over).await?;
            run.known().keys.insert((name.to_owned(), *credential), made.clone());
            let removed = keys::remove(administrator, application, Some(Stays::Fresh(&fresh)), replaces).await?;
            Ok(told(Done::new(Outcome::Created), &made, removed))
        }
        Action::RewriteKey { rewrite, removes, .. } => {
            let held = match sink.load().await? {
                Kept::Key { key, .. } => *key,
                Kept::Text { text, .. } => Key { secret: text, ..address.clone() },
                // Nothing is written to it, only what it replaced is removed.
                Kept::OutOfSight if !rewrite => address.clone(),
                _ => return Err(Error::Unplanned(format!("the key in `{}`", sink.place()))),
            };
            let facts =
                held.certificate().map_err(ClientError::from).while_doing(|| format!("read `{}`", sink.place()));
            let facts = facts?.map(|certificate| certificate.facts().clone());
            let in_directory = kept::registered(application, held.key_id, facts.as_ref());
            let expires = in_directory.and_then(|registered| registered.ends).map(Timestamp::whole_seconds);
            let key = Key {
                secret: held.secret.clone(),
                key_id: in_directory.map(|registered| registered.key_id).or(held.key_id),
                expires: expires.or(held.expires),
                ..address.clone()
            };
            if *rewrite {
                sink.save(&key).await?;
            }
            let _turn = run.certificates.lock().await;
            let stays = in_directory.filter(|one| one.kind == KeyKind::Certificate).map(|one| Stays::Shown(one.key_id));
            // A list that does not show what the place holds is not one to take others from.
            let removes = if in_directory.is_none() && sink.gives_back() { &[] } else { removes.as_slice() };
            let removed = keys::remove(administrator, application, stays, removes).await?;
            Ok(told(Done::new(Outcome::Changed), &key, removed))
        }
        _ => Err(Error::Unplanned(change.subject.clone())),
    }
}

fn told(mut done: Done, key: &Key, removed: usize) -> Done {
    if removed > 0 {
        let what = match key.kind() {
            KeyKind::Secret => "secrets, whose text was lost or refused",
            KeyKind::Certificate => "secrets and certificates, which were lost or refused",
        };
        done = done.note(format!("removed {removed} of its own earlier {what}"));
    }
    if let Some(expires) = key.expires {
        done = done.note(format!("expires on {}", expires.date())).fact("expires", &expires);
    }
    match key.key_id {
        Some(id) => done.fact(key.kind().fact(), &id),
        None => done,
    }
}

/// Why a new key is of no use to anybody, and whether it still works all the same.
fn of_no_use(key: &Key, key_id: KeyId, source: Error, revoked: Result<(), Error>) -> Error {
    let (noun, source) = (key.kind().noun(), Box::new(source));
    match revoked {
        Ok(()) => Error::Undone { noun, key_id, source },
        Err(error) => Error::Stranded { noun, key_id, source, revocation: Box::new(error) },
    }
}

/// The error back, unless the place may have the key: then that is not to be revoked.
fn unrevoked(key: &Key, key_id: KeyId, error: Error) -> Result<Error, Error> {
    match &error {
        Error::Sink(failed) if failed.is_unsure() => {
            Err(Error::Unsure { noun: key.kind().noun(), key_id, source: Box::new(error) })
        }
        _ => Ok(error),
    }
}

/// What it takes to make a credential of an application.
pub(crate) struct Making<'a> {
    pub(crate) administrator: &'a Administrator,
    pub(crate) reporter: &'a dyn Reporter,
    pub(crate) name: &'a str,
    pub(crate) application: &'a Application,
    /// The way in, still without a credential.
    pub(crate) address: &'a Key,
    /// When it is made to replace one that works.
    pub(crate) replacing: Option<Replacing<'a>>,
    /// This run's turn with the place, where a journal is kept.
    pub(crate) turn: Option<&'a Taken>,
}

/// What a credential has to do more that is to replace one that works.
#[derive(Clone, Copy)]
pub(crate) struct Replacing<'a> {
    /// Which one; its label says so.
    pub(crate) id: Option<KeyId>,
    /// The orgs that have to let it in, with their names.
    pub(crate) orgs: &'a [(String, &'a Administrator)],
    /// What was on the registration before.
    pub(crate) known: &'a [KeyId],
}

impl Making<'_> {
    fn label(&self, sink: &dyn SecretSink, id: &str) -> String {
        match self.replacing.and_then(|replacing| replacing.id) {
            Some(replaced) => Labels::print_for(sink.place(), Some(id), replaced),
            None => Labels::print(sink.place(), Some(id)),
        }
    }

    fn id(&self) -> ObjectId {
        self.application.id
    }

    /// Writes down what is about to be made, before it is: the run may be killed before it hears of it.
    fn about_to_make(&self, made: Made) -> Result<(), Error> {
        self.turn.map_or(Ok(()), |turn| turn.about_to_make(made))
    }

    /// Writes down which one it is. Should the record not take it, it is known by its span.
    fn answered(&self, asked: Made, id: KeyId) {
        let _ = self.turn.map(|turn| turn.answered(asked, id));
    }

    /// It is where it belongs and that is known, or it is revoked again: the next run needs no record of it. One that stays
    /// excuses nobody else's.
    fn forget(&self, id: KeyId) {
        let _ = self.turn.map(|turn| turn.forget(id));
    }

    /// What of it was revoked again.
    fn undone(&self, key: &Key, id: KeyId, error: Error, revoked: Result<(), Error>) -> Error {
        if revoked.is_ok() {
            self.forget(id);
        }
        of_no_use(key, id, error, revoked)
    }

    pub(crate) fn patience(&self) -> Patience {
        self.administrator.patience
    }

    /// Makes a client secret, proves it and hands it to the sink. In the sink it may replace a key of `gone`, an
    /// application that is there no more.
    ///
    /// The sink's old secret stays until the new one works: programs go on signing in with it meanwhile.
    pub(crate) async fn secret(
        &self,
        lifetime: Duration,
        sink: &dyn SecretSink,
        gone: Option<ClientId>,
    ) -> Result<Key, Error> {
        let (graph, http) = (&self.administrator.graph, &self.administrator.http);
        let doing = || format!("make a client secret for `{}`", self.name);
        // Before there is a secret: its label must be recognised whatever happens next.
        let place = sink.claim_place_id()?;
        let (from, until) = certificate::validity(self.administrator.now(), lifetime);
        let wanted = NewPasswordCredential {
            display_name: Some(self.label(sink, &place)),
            start_date_time: Some(from),
            end_date_time: Some(until),
        };
        let asked = Made { starts: from, ends: until, id: None };
        self.about_to_make(asked)?;
        let what = "the directory to know the new registration everywhere";
        let made = self
            .patience()
            .wait_for(what, http, self.reporter, object_not_seen, || graph.add_password(self.id(), wanted.clone()))
            .await
            .while_doing(doing)?;
        self.answered(asked, made.key_id);
        let Some(secret) = made.secret_text else {
            let found = "a new client secret without its text".to_owned();
            return Err(ClientError::Protocol { origin: "the directory".to_owned(), found }).while_doing(doing);
        };
        let expires = made.end_date_time.or(wanted.end_date_time);
        let expires = expires.map(Timestamp::whole_seconds);
        let key = Key { secret, key_id: Some(made.key_id), expires, ..self.address.clone() };
        if let Err(error) = self.prove_and_save(&key, sink, gone).await {
            let error = unrevoked(&key, made.key_id, error)?;
            // Nobody will ever know its text.
            let revoked = graph.remove_password(self.id(), made.key_id).await;
            let revoked = revoked.while_doing(|| format!("remove the client secret {}", made.key_id));
            return Err(self.undone(&key, made.key_id, error, revoked));
        }
        self.note_delivery(sink, made.key_id).await?;
        self.forget(made.key_id);
        Ok(key)
    }

    /// Makes a key with its certificate, registers the certificate, proves it and hands both to the sink.
    ///
    /// The sink's old key stays until the new one works: programs go on signing in with it meanwhile.
    pub(crate) async fn certificate(
        &self,
        lifetime: Duration,
        sink: &dyn SecretSink,
        gone: Option<ClientId>,
    ) -> Result<(Key, Fresh), Error> {
        let http = &self.administrator.http;
        let place = sink.claim_place_id()?;
        let label = self.label(sink, &place);
        let now = self.administrator.now();
        let fresh = certificate::make(self.name, label, now, lifetime)?;
        let (starts, ends) = certificate::validity(now, lifetime);
        let asked = Made { starts, ends, id: Some(fresh.entry.key_id) };
        self.about_to_make(asked)?;
        let what = "the directory to know the new registration everywhere";
        let id = self
            .patience()
            .wait_for(what, http, self.reporter, object_not_seen, || {
                keys::add_certificate(self.administrator, self.id(), &fresh)
            })
            .await
            .while_doing(|| format!("register the certificate of `{}`", self.name))?;
        self.answered(asked, id);
        let expires = fresh.entry.end_date_time;
        let key = Key { secret: fresh.pem.clone(), key_id: Some(id), expires, ..self.address.clone() };
        if let Err(error) = self.prove_and_save(&key, sink, gone).await {
            let error = unrevoked(&key, id, error)?;
            // Nobody else has its key.
            let mut there = self.application.clone();
            there.key_credentials.push(keyholder_entra::graph::KeyCredential { key_id: id, ..fresh.entry.clone() });
            let revoked = keys::remove(self.administrator, &there, None, &[id]).await.map(drop);
            return Err(self.undone(&key, id, error, revoked));
        }
        self.note_delivery(sink, id).await?;
        self.forget(id);
        Ok((key, fresh))
    }

    async fn prove_and_save(&self, key: &Key, sink: &dyn SecretSink, gone: Option<ClientId>) -> Result<(), Error> {
        if let Some(replacing) = self.replacing {
            rotate::refuse_rival(self, sink, key, replacing).await?;
        }
        self.prove(key).await?;
        if let Some(replacing) = self.replacing {
            rotate::prove_in(self, key, replacing.orgs).await?;
        }
        sink.save_over(key, gone).await?;
        if self.replacing.is_some() {
            rotate::read_back(sink, key).await.map_err(SinkError::may_hold)?;
        }
        Ok(())
    }

    /// A file shows what it holds. Of a program only this tells the next run that it took the key: without,
    /// the key is taken for lost and replaced.
    async fn note_delivery(&self, sink: &dyn SecretSink, key: KeyId) -> Result<(), Error> {
        if sink.gives_back() {
            return Ok(());
        }
        let noted = keys::note_delivery(self.administrator, self.application, key).await;
        noted.while_doing(|| format!("write down in the registration that {} has taken {key}", sink.place()))
    }

    /// Signs in with a new credential, once the token service knows it.
    async fn prove(&self, key: &Key) -> Result<(), Error> {
        let noun = match key.kind() {
            KeyKind::Secret => "secret",
            KeyKind::Certificate => "certificate",
        };
        self.patience()
            .wait_for(
                &format!("the token service to know the new {noun}"),
                &self.administrator.http,
                self.reporter,
                key_not_seen,
                || sign_in(self.administrator, key),
            )
            .await
            .while_doing(|| format!("sign in as `{}` with its new {noun}", self.name))
    }
}
