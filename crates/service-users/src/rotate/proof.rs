//! Before a new credential takes the place of one that works: that nobody else is about to do the same, and that every
//! org lets it in.

use keyholder_client::{Dataverse, Error as ClientError, Tokens};
use keyholder_foundation::Secret;

use crate::Administrator;
use crate::apply::{Making, Replacing};
use crate::credentials::read_again;
use crate::error::{Error, While};
use crate::kept;
use crate::marks::Labels;
use crate::observe::sign_in;
use crate::patience::key_not_seen;
use crate::plan::Finding;
use crate::report::{Event, Outcome, Reporter, Step};
use crate::sink::{Kept, Key, SecretSink, SinkError};

/// How many sign-ins in a row have to work: the token service is many machines, which learn of a credential one by one.
const IN_A_ROW: usize = 3;

/// Looks whether another run has made one for the same place meanwhile. Both may see each other; then neither goes on.
pub(crate) async fn refuse_rival(
    making: &Making<'_>,
    sink: &dyn SecretSink,
    key: &Key,
    replacing: Replacing<'_>,
) -> Result<(), Error> {
    let there = read_again(making.administrator, (making.name, making.application.id), making.reporter).await?;
    let labels = Labels::of(sink)?;
    let is_rival = |one: &kept::Registered<'_>| {
        Some(one.key_id) != key.key_id && !replacing.known.contains(&one.key_id) && labels.is_own(one, None)
    };
    match kept::of(&there).find(is_rival) {
        None => Ok(()),
        Some(rival) => {
            let who = format!("it made the {} {} at the same moment", rival.kind.noun(), rival.key_id);
            Err(Error::Stopped(vec![Finding::rotation_under_way(making.name, sink.place(), &who)]))
        }
    }
}

/// Signs in several times in a row, then asks every org who it is.
pub(crate) async fn prove_in(making: &Making<'_>, key: &Key, orgs: &[(String, &Administrator)]) -> Result<(), Error> {
    prove(making.administrator, making.name, key, orgs, making.reporter).await
}

/// Looks whether a place that gives back what it holds holds what was just written to it: somebody else may write to it
/// too.
pub(crate) async fn read_back(sink: &dyn SecretSink, key: &Key) -> Result<(), SinkError> {
    let is_it = |held: &Secret| Secret::new(held.expose().trim_end()).matches(key.secret.expose().trim_end());
    let stands = match sink.load().await? {
        Kept::OutOfSight | Kept::Sealed => true,
        Kept::Key { key: held, .. } => is_it(&held.secret),
        Kept::Text { text, .. } => is_it(&text),
        Kept::Nothing | Kept::Unusable(_) | Kept::Foreign(_) => false,
    };
    let reason = "somebody else may have written to it at the same moment";
    if stands { Ok(()) } else { Err(SinkError::NotKept { place: sink.place().to_owned(), reason }) }
}

/// The same of a credential that the place holds already.
pub(super) async fn prove(
    administrator: &Administrator,
    name: &str,
    key: &Key,
    orgs: &[(String, &Administrator)],
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let what = "the token service to know the new credential everywhere";
    let in_a_row = || async {
        for _ in 0..IN_A_ROW {
            sign_in(administrator, key).await?;
        }
        Ok(())
    };
    let signed_in = administrator.patience.wait_for(what, &administrator.http, reporter, key_not_seen, in_a_row).await;
    signed_in.while_doing(|| format!("sign in as `{name}` with its new credential"))?;
    for (org, there) in orgs {
        let doing = || format!("ask the org {org} who `{name}` is, by its new credential");
        let who = who_am_i(there, key, reporter).await.while_doing(doing)?;
        let mut event = Event::new(Step::WhoAmI, Outcome::Proved, format!("WhoAmI as `{name}` in {org}"));
        event.item = name.to_owned();
        reporter.done(&event.fact("userId", &who.user_id).fact("organizationId", &who.organization_id));
    }
    Ok(())
}

async fn who_am_i(
    there: &Administrator,
    key: &Key,
    reporter: &dyn Reporter,
) -> Result<keyholder_client::WhoAmI, ClientError> {
    let authority = there.org.tokens().authority().clone();
    let as_application: Dataverse =
        there.org.with_tokens(Tokens::new(key.credential()?, authority, there.http.clone()));
    let what = "the token service to know the new credential everywhere";
    there.patience.wait_for(what, &there.http, reporter, key_not_seen, || as_application.who_am_i()).await
}
