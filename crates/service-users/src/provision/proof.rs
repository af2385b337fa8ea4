//! The proof: everything is done once more from the outside, with nothing but the key.

use std::time::Duration;

use keyholder_client::{Dataverse, Row, WhoAmI};

use super::Run;
use crate::error::{Error, While};
use crate::patience::{Patience, key_not_seen, rights_not_seen};
use crate::report::{Event, Outcome, Step};
use crate::sink::Key;

/// What the application saw.
pub(super) struct Proof {
    pub(super) authority: String,
    pub(super) who: WhoAmI,
    pub(super) rows: Vec<Row>,
}

/// An org caches users and their rights for about half a minute.
const ORG_CACHES: Duration = Duration::from_secs(60);

pub(super) async fn prove(run: &mut Run<'_>, key: &Key) -> Result<Proof, Error> {
    let administrator = run.administrator;
    let http = &administrator.http;
    let name = &run.definition.name;
    let doing = || format!("sign in as `{name}`");

    let org = Dataverse::connect(&key.connection(), http.clone()).await.while_doing(doing)?;
    let what = "the token service to know the new secret";
    let token = administrator
        .patience
        .wait_for(what, http, run.reporter, key_not_seen, || org.tokens().get(org.scope()))
        .await
        .while_doing(doing)?;
    let authority = org.tokens().authority().to_string();
    let signed_in = Event::new(Step::SignIn, Outcome::Proved, format!("sign-in as `{name}` at {authority}"))
        .note("the authority comes from the org's own 401 challenge")
        .fact("authority", &authority)
        .fact("tokenExpires", &token.expires_at());
    run.report(&signed_in);

    // Where nothing was changed, a refusal is the truth and not a cache.
    let deadline = if run.changed { ORG_CACHES.min(administrator.patience.deadline) } else { Duration::ZERO };
    let patience = Patience { deadline, ..administrator.patience };
    let what = "the org to know the new user and its role";
    let who = patience
        .wait_for(what, http, run.reporter, rights_not_seen, || org.who_am_i())
        .await
        .while_doing(|| format!("ask the org who `{name}` is"))?;
    let known = Event::new(Step::WhoAmI, Outcome::Proved, format!("WhoAmI as `{name}`"))
        .fact("userId", &who.user_id)
        .fact("businessUnitId", &who.business_unit_id)
        .fact("organizationId", &who.organization_id);
    run.report(&known);

    let query = &run.definition.proof;
    let rows = patience
        .wait_for(what, http, run.reporter, rights_not_seen, || org.query(query).collect())
        .await
        .while_doing(|| format!("read `{query}` as `{name}`"))?;
    run.report(&Event::new(Step::Query, Outcome::Proved, format!("GET {query}")).fact("rows", &rows.len()));
    Ok(Proof { authority, who, rows })
}
