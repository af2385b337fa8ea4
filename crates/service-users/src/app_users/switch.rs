//! Letting an application into the org, or keeping it out.

use serde_json::json;

use super::find::Found;
use crate::Administrator;
use crate::error::{Error, While};
use crate::plan::Finding;
use crate::report::{Event, Outcome, Reporter, Step};

/// Enables or disables an application's user in the org; one that is so already stays. What a disabled
/// one asks next is refused, whatever token it holds; its roles, rows and keys stay.
///
/// # Errors
/// [`Error::Stopped`] when there is no such user, or it is the caller's own and would be disabled; and
/// what the org refused.
pub async fn switch(
    administrator: &Administrator,
    found: &Found,
    enable: bool,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let user = found.user(administrator)?;
    let subject = format!("application user of `{}`", found.name);
    let event = |outcome, note: &str| {
        let event = Event::new(Step::ApplicationUser, outcome, &subject).note(note);
        event.fact("userId", &user.id).fact("clientId", &found.client_id).fact("enabled", &enable)
    };
    let word = if enable { "enabled" } else { "disabled" };
    if user.is_disabled != enable {
        reporter.done(&event(Outcome::Found, &format!("it was {word} already")));
        return Ok(());
    }
    if !enable {
        refuse_the_caller(administrator, found).await?;
    }
    // The application id goes along: without it, real orgs refuse changes to such users.
    let changes = json!({ "isdisabled": !enable, "applicationid": found.client_id });
    let changed = administrator.org.update("systemusers", user.id, &changes).await;
    changed.while_doing(|| format!("change the application user of `{}`", found.name))?;
    let note = if enable {
        "it is enabled: its next request is answered, with the roles that it has"
    } else {
        "it is disabled: its next request is refused, whatever token it holds; roles, rows and keys stay"
    };
    reporter.done(&event(Outcome::Changed, note));
    Ok(())
}

/// Whoever calls would not get in again.
pub(super) async fn refuse_the_caller(administrator: &Administrator, found: &Found) -> Result<(), Error> {
    let me = administrator.org.who_am_i().await.while_doing(|| "ask the org who the caller is".to_owned())?;
    if found.user.as_ref().is_some_and(|user| user.id == me.user_id) {
        return Err(Error::Stopped(vec![Finding::is_the_caller(&found.name)]));
    }
    Ok(())
}
