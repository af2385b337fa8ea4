//! `/users`.

use std::collections::HashMap;

use http::Method;
use keyholder_entra::graph::{DEFAULT_USER_PROPERTIES, User};
use keyholder_foundation::{ObjectId, Secret, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::{self, Segment};
use super::problem::Problem;
use super::query::Askable;
use super::{Call, app_role_assignments, delta, end, factors, licences, member_of, owners};
use crate::directory::activity::ActivityKind;
use crate::directory::listing::{Condition, Listed};
use crate::directory::users::{self, NewPassword, UserChange, UserKey};

const ENTITY: &str = "User";
const PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("accountEnabled", Type::Bool),
    ("assignedLicenses", Type::Objects(&[("skuId", Type::Text)])),
    ("city", Type::Text),
    ("companyName", Type::Text),
    ("country", Type::Text),
    ("createdDateTime", Type::Moment),
    ("department", Type::Text),
    ("displayName", Type::Text),
    ("employeeId", Type::Text),
    ("employeeType", Type::Text),
    ("givenName", Type::Text),
    ("jobTitle", Type::Text),
    ("mail", Type::Text),
    ("mailNickname", Type::Text),
    ("otherMails", Type::Texts),
    ("state", Type::Text),
    ("surname", Type::Text),
    ("usageLocation", Type::Text),
    ("userPrincipalName", Type::Text),
    ("userType", Type::Text),
];
/// Properties that are changed by the names that they have here, with how long they may be.
const PROFILE: [(&str, usize); 17] = [
    ("businessPhones", 64),
    ("city", 128),
    ("companyName", 64),
    ("country", 128),
    ("department", 64),
    ("employeeId", 16),
    ("employeeType", 128),
    ("givenName", 64),
    ("jobTitle", 128),
    ("mobilePhone", 64),
    ("officeLocation", 128),
    ("otherMails", 250),
    ("postalCode", 40),
    ("preferredLanguage", 64),
    ("state", 128),
    ("streetAddress", 1024),
    ("surname", 64),
];
/// What may be said of a person only that there is nothing.
const ABSENT: [&str; 3] = ["onPremisesImmutableId", "onPremisesExtensionAttributes", "identities"];

pub(super) fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "users", "user").default(DEFAULT_USER_PROPERTIES)
}

fn askable() -> Askable<impl Fn(&str, bool, &str) -> Option<Condition>> {
    Askable { entity: ENTITY, properties: PROPERTIES, narrows: users::condition, named: true }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    let (key, rest) = match (&first.key, rest.split_first()) {
        (Some(key), _) => (path::key_parts(key).1.to_owned(), rest),
        (None, Some((id, rest))) if id.name == "$count" => {
            end(rest)?;
            return count(call).await;
        }
        (None, Some((id, _))) if matches!(id.name.as_str(), "delta" | "delta()") => {
            return delta::users(call, rest).await;
        }
        (None, Some((id, rest))) => (id.text.clone(), rest),
        (None, None) => {
            return match *call.method {
                Method::GET => list(call).await,
                Method::POST => create(call).await,
                _ => call.no_method(),
            };
        }
    };
    of_one(call, UserKey::parse(&key), rest).await
}

/// Everything below one person.
pub(super) async fn of_one(call: &Call<'_>, key: UserKey, rest: &[Segment]) -> Result<Answer, Problem> {
    let Some((action, rest)) = rest.split_first() else {
        return match *call.method {
            Method::GET => get(call, key).await,
            Method::PATCH => update(call, key).await,
            Method::DELETE => delete(call, key).await,
            _ => call.no_method(),
        };
    };
    if action.name == "approleassignments" {
        let user = find(call, key).await?;
        return app_role_assignments::of_user(call, user.id, rest).await;
    }
    if call.version == "beta" || action.name == "authentication" {
        return factors::handle(call, find(call, key).await?.id, action, rest).await;
    }
    let name = action.name.strip_prefix("microsoft.graph.").unwrap_or(&action.name);
    if member_of::is_one(name) {
        let user = find(call, key).await?;
        return member_of::handle(call, &format!("users/{}", user.id), user.id, action, rest).await;
    }
    end(rest)?;
    match (action.name.as_str(), call.method) {
        ("assignlicense", &Method::POST) => licences::assign(call, key).await,
        ("licensedetails", &Method::GET) => licences::details(call, &find(call, key).await?),
        ("revokesigninsessions" | "invalidateallrefreshtokens", &Method::POST) => revoke_sessions(call, key).await,
        ("ownedobjects", &Method::GET) => {
            let user = find(call, key).await?;
            owners::owned(call, &format!("users/{}/ownedObjects", user.id), user.id).await
        }
        ("assignlicense" | "licensedetails" | "revokesigninsessions" | "invalidateallrefreshtokens", _) => {
            call.no_method()
        }
        _ => Err(Problem::unknown_segment(&action.text)),
    }
}

/// The person, whom the caller must be allowed to see.
async fn find(call: &Call<'_>, key: UserKey) -> Result<User, Problem> {
    let all = call.caller.may(Action::ReadUsers);
    match (all, call.identity.directory.find_user(call.caller.tenant.id, key).await) {
        (_, Ok(user)) if call.caller.may_read_oneself(user.id) => Ok(user),
        // Who may not read people does not learn either of which there are.
        (Err(denied), _) => Err(denied),
        (Ok(()), found) => Ok(found?),
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadUsers)?;
    no_expand(call)?;
    let listing = call.query.listing(&askable())?;
    let page = call.identity.directory.list_users(call.caller.tenant.id, listing).await?;
    let mut activities = activities(call, page.entities.iter().map(|user| user.id).collect()).await?;
    let page = page.map(|user| {
        let activity = activities.as_mut().map(|of| of.remove(&user.id).unwrap_or_default().shown());
        Active { user, activity }
    });
    Ok(Answer::Found(shape(call).page(&call.query, &page)?))
}

async fn count(call: &Call<'_>) -> Result<Answer, Problem> {
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadUsers)?;
    let listing = call.query.counting(&askable())?;
    let page = call.identity.directory.list_users(call.caller.tenant.id, listing).await?;
    Ok(Answer::Number(page.count.unwrap_or_default()))
}

fn no_expand(call: &Call<'_>) -> Result<(), Problem> {
    call.query.expand.first().map_or(Ok(()), |name| Err(Problem::unknown_property(name, "user")))
}

async fn get(call: &Call<'_>, key: UserKey) -> Result<Answer, Problem> {
    let user = find(call, key).await?;
    call.query.of_one()?;
    no_expand(call)?;
    let activities = activities(call, vec![user.id]).await?;
    let activity = activities.map(|mut of| of.remove(&user.id).unwrap_or_default().shown());
    Ok(Answer::Found(shape(call).one(&call.query, &Active { user, activity })?))
}

/// A person, and when they signed in last where that was asked for.
#[derive(Serialize)]
struct Active {
    #[serde(flatten)]
    user: User,
    #[serde(rename = "signInActivity", skip_serializing_if = "Option::is_none")]
    activity: Option<Value>,
}

impl Listed for Active {
    fn id(&self) -> uuid::Uuid {
        self.user.id()
    }

    fn name(&self) -> &str {
        self.user.name()
    }
}

/// When somebody signed in last.
#[derive(Default)]
struct LastSignIns {
    there: Option<Timestamp>,
    away: Option<Timestamp>,
    successful: Option<Timestamp>,
}

impl LastSignIns {
    /// As Graph shows it; nothing of somebody who never tried. Which requests they were is not kept.
    fn shown(&self) -> Value {
        let Self { there, away, successful } = self;
        if there.or(*away).or(*successful).is_none() {
            return Value::Null;
        }
        json!({
            "lastSignInDateTime": there.map(|moment| moment.to_string()),
            "lastSignInRequestId": null,
            "lastNonInteractiveSignInDateTime": away.map(|moment| moment.to_string()),
            "lastNonInteractiveSignInRequestId": null,
            "lastSuccessfulSignInDateTime": successful.map(|moment| moment.to_string()),
            "lastSuccessfulSignInRequestId": null,
        })
    }
}

/// When these people signed in last, if it was asked for by name; that takes a right of its own.
async fn activities(call: &Call<'_>, people: Vec<ObjectId>) -> Result<Option<HashMap<ObjectId, LastSignIns>>, Problem> {
    if !call.query.selects("signInActivity") {
        return Ok(None);
    }
    call.caller.may_read_reports()?;
    let mut all: HashMap<ObjectId, LastSignIns> = HashMap::new();
    for activity in call.identity.directory.sign_in_activities_of(call.caller.tenant.id, people).await? {
        let of = all.entry(activity.principal).or_default();
        match activity.kind {
            ActivityKind::PersonThere => of.there = Some(activity.last),
            ActivityKind::PersonAway => of.away = Some(activity.last),
            ActivityKind::Person => of.successful = Some(activity.last),
            _ => {}
        }
    }
    Ok(Some(all))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteUsers)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    for name in ["accountEnabled", "displayName", "mailNickname", "userPrincipalName", "passwordProfile"] {
        body.has(name)?;
    }
    let (change, password) = change(&mut body)?;
    body.finish()?;
    check_name(call, &change)?;
    let password = password.ok_or_else(|| Problem::invalid_value("passwordProfile", ENTITY))?;
    password.check(change.user_principal_name.as_deref(), change.password_policies.clone().flatten().as_deref())?;
    let password = password.hashed(call).await?;
    let made = call.identity.directory.create_user(call.caller.tenant.id, change, password).await?;
    shape(call).created(&Defaulted(shape(call).properties(&Default::default(), &made)?), &made.id.to_string())
}

/// A person of whom only the default properties are left.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Defaulted(Map<String, Value>);

async fn update(call: &Call<'_>, key: UserKey) -> Result<Answer, Problem> {
    let may = [Action::WriteUsers, Action::ResetPasswords].into_iter().any(|action| call.caller.can(action));
    if !may {
        return Err(Problem::denied());
    }
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let only_password = body.names().all(|name| name == "passwordProfile");
    let (mut change, password) = change(&mut body)?;
    body.finish()?;
    check_name(call, &change)?;
    if !only_password {
        call.caller.may(Action::WriteUsers)?;
    }
    let directory = &call.identity.directory;
    let user = directory.find_user(call.caller.tenant.id, key).await?;
    if password.is_some() || change.account_enabled.is_some() || change.user_principal_name.is_some() {
        check_sensitive(call, user.id).await?;
    }
    if let Some(password) = password {
        call.caller.may(Action::ResetPasswords)?;
        let policies = change.password_policies.clone().unwrap_or_else(|| user.password_policies.clone());
        password.check(user.user_principal_name.as_deref(), policies.as_deref())?;
        change.password = Some(password.hashed(call).await?);
    }
    directory.update_user(call.caller.tenant.id, UserKey::Object(user.id), change).await?;
    Ok(Answer::Done)
}

async fn delete(call: &Call<'_>, key: UserKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteUsers)?;
    call.query.of_action()?;
    let directory = &call.identity.directory;
    let user = directory.find_user(call.caller.tenant.id, key).await?;
    check_sensitive(call, user.id).await?;
    directory.delete_user(call.caller.tenant.id, UserKey::Object(user.id)).await?;
    Ok(Answer::Done)
}

async fn revoke_sessions(call: &Call<'_>, key: UserKey) -> Result<Answer, Problem> {
    let is_self = call.caller.is_person && key == UserKey::Object(call.caller.id);
    if !(is_self && call.caller.was_given(Action::WriteUsers)) {
        call.caller.may(Action::WriteUsers)?;
    }
    call.query.of_action()?;
    let directory = &call.identity.directory;
    let user = directory.find_user(call.caller.tenant.id, key).await?;
    if !is_self {
        check_sensitive(call, user.id).await?;
    }
    directory.revoke_sessions(call.caller.tenant.id, user.id).await?;
    let context = format!("{}/v1.0/$metadata#Edm.Boolean", call.identity.origin);
    match json!({ "@odata.context": context, "value": true }) {
        Value::Object(shown) => Ok(Answer::Found(shown)),
        _ => Ok(Answer::Done),
    }
}

/// Those who have a directory role, or could come by one through a group that gives roles, are changed
/// in what matters by Global Administrators only.
async fn check_sensitive(call: &Call<'_>, user: ObjectId) -> Result<(), Problem> {
    let is_self = call.caller.id == user;
    if is_self || call.caller.has(&keyholder_entra::well_known::GLOBAL_ADMINISTRATOR) {
        return Ok(());
    }
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    let is_sensitive =
        !directory.roles_of(tenant, user).await?.is_empty() || directory.reaches_role_group(tenant, user).await?;
    if is_sensitive { Err(Problem::denied()) } else { Ok(()) }
}

/// A password that somebody is given, in plain text.
pub(super) struct WantedPassword {
    text: Secret,
    must_change: bool,
}

impl WantedPassword {
    pub(super) fn new(text: String) -> Self {
        Self { text: Secret::new(text), must_change: false }
    }

    /// Eight characters or more of three kinds, and not the sign-in name.
    pub(super) fn check(&self, user_name: Option<&str>, policies: Option<&str>) -> Result<(), Problem> {
        let text = self.text.expose();
        let length = text.chars().count();
        let kinds = [
            text.contains(|c: char| c.is_ascii_lowercase()),
            text.contains(|c: char| c.is_ascii_uppercase()),
            text.contains(|c: char| c.is_ascii_digit()),
            text.contains(|c: char| !c.is_ascii_alphanumeric()),
        ];
        let is_weak = policies.is_some_and(|policies| policies.contains("DisableStrongPassword"));
        let strong = is_weak || kinds.into_iter().filter(|kind| *kind).count() >= 3;
        let name = user_name.and_then(|name| name.split('@').next()).unwrap_or_default().to_lowercase();
        let is_name = name.len() >= 4 && text.to_lowercase().contains(&name);
        if (8..=256).contains(&length) && strong && !is_name && !text.contains('\0') {
            return Ok(());
        }
        Err(Problem::request(
            "The specified password does not comply with password complexity requirements. Please provide a different \
             password.",
        ))
    }

    pub(super) async fn hashed(self, call: &Call<'_>) -> Result<NewPassword, Problem> {
        let hash = call.identity.directory.hash_password(self.text).await?;
        Ok(NewPassword { hash, must_change: self.must_change })
    }
}

/// What a body says of a person, and the password that it sets.
fn change(body: &mut Body) -> Result<(UserChange, Option<WantedPassword>), Problem> {
    let change = UserChange {
        account_enabled: body.take("accountEnabled")?,
        display_name: body.take_text("displayName", 256)?,
        user_principal_name: body.take_text("userPrincipalName", 113)?,
        mail: body.take_nullable_text("mail", 256)?,
        mail_nickname: body.take_text("mailNickname", 64)?,
        usage_location: body.take_nullable_text("usageLocation", 2)?,
        password_policies: body.take_nullable_text("passwordPolicies", 64)?,
        user_type: body.take("userType")?,
        profile: profile(body)?,
        password: None,
    };
    for name in ABSENT {
        body.take_nothing(name)?;
    }
    let two_letters = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if change.usage_location.iter().flatten().any(|location| !two_letters(location)) {
        return Err(body.invalid("usageLocation"));
    }
    if change.mail_nickname.as_ref().is_some_and(|name| !is_nickname(name)) {
        return Err(body.invalid("mailNickname"));
    }
    let is_policy = |text: &str| matches!(text.trim(), "None" | "DisablePasswordExpiration" | "DisableStrongPassword");
    if change.password_policies.iter().flatten().any(|text| !text.split(',').all(is_policy)) {
        return Err(body.invalid("passwordPolicies"));
    }
    if change.user_type.as_ref().is_some_and(|kind| !matches!(kind.as_str(), "Member" | "Guest")) {
        return Err(body.invalid("userType"));
    }
    if !body.names().any(|name| name == "passwordProfile") {
        return Ok((change, None));
    }
    let mut profile = body.take_object("passwordProfile", "passwordProfile")?;
    let text: Option<String> = profile.take("password")?;
    // As the service has it: a password that somebody else chose is changed at the first sign-in.
    let must_change = profile.take("forceChangePasswordNextSignIn")?.unwrap_or(true);
    // A second factor is never asked for here when a password is changed.
    let with_factor = profile.take::<Option<bool>>("forceChangePasswordNextSignInWithMfa")?.flatten();
    if with_factor == Some(true) {
        return Err(profile.invalid("forceChangePasswordNextSignInWithMfa"));
    }
    profile.finish()?;
    let text = text.ok_or_else(|| body.invalid("passwordProfile"))?;
    Ok((change, Some(WantedPassword { text: Secret::new(text), must_change })))
}

fn profile(body: &mut Body) -> Result<Map<String, Value>, Problem> {
    let mut profile = Map::new();
    for (name, limit) in PROFILE {
        let Some(value) = body.take::<Value>(name)? else { continue };
        let fits = |value: &Value| value.as_str().is_none_or(|text| text.chars().count() <= limit);
        let fine = match &value {
            Value::Array(list) => list.len() <= 250 && list.iter().all(fits),
            other => fits(other),
        };
        if !fine {
            return Err(body.invalid(name));
        }
        profile.insert(name.to_owned(), value);
    }
    Ok(profile)
}

/// Refuses a sign-in name with characters that it cannot have, or outside the tenant's domains.
fn check_name(call: &Call<'_>, change: &UserChange) -> Result<(), Problem> {
    let Some(name) = &change.user_principal_name else {
        return Ok(());
    };
    let invalid = || Problem::invalid_value("userPrincipalName", ENTITY);
    let (local, domain) = name.split_once('@').ok_or_else(invalid)?;
    let sound = (1..=64).contains(&local.len())
        && local.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'.-_!#^~".contains(&byte))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    if !sound {
        return Err(invalid());
    }
    let domain = domain.to_ascii_lowercase();
    if call.caller.tenant.domains.iter().any(|known| known.name == domain) {
        return Ok(());
    }
    Err(Problem::request(
        "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain \
         names in your organization.",
    ))
}

pub(super) fn is_nickname(name: &str) -> bool {
    name.chars().all(|c| !c.is_whitespace() && !c.is_control() && !r#"@()\[]";:<>,"#.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_password_is_long_and_varied_and_no_name() {
        let check = |text: &str, policies| {
            WantedPassword::new(text.to_owned()).check(Some("adele@contoso.example"), policies).is_ok()
        };
        for good in ["Abcdefg1", "abcdefg-1", "Straße-Nr5"] {
            assert!(check(good, None), "{good}");
        }
        for bad in ["Abc-1", "abcdefgh", "abcdefg1", "Adele-2026", "", &"aB1".repeat(100)] {
            assert!(!check(bad, None), "{bad}");
        }
        assert!(check("abcdefgh", Some("DisableStrongPassword")));
    }

    proptest! {
        #[test]
        fn any_password_and_nickname_are_read_without_panic(text: String) {
            let _ = (WantedPassword::new(text.clone()).check(Some(&text), Some(&text)), is_nickname(&text));
        }
    }
}
