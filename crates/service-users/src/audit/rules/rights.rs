//! What service users may do: nothing, everything, or more than programs as a rule need.

use std::collections::BTreeSet;

use keyholder_foundation::ClientId;

use super::{Found, Judging, Rule, for_shell, listed, of_user, rights_as_points, shown};
use crate::audit::facts::{OrgFacts, Rights, ServiceUser, UserKind};
use crate::audit::finding::{Point, Severity};
use crate::declaration::{Right, in_words};
use keyholder_security::{Depth, Verb};

static NO_ROLE: Rule = Rule {
    id: "KH301",
    name: "no-role",
    severity: Severity::Warning,
    title: "A service user has no role",
    explanation: "Neither the user nor a team of it holds one: the org refuses everything that its program asks for.",
    mend: "Give it the least role that its program needs, or remove it.",
};
static ADMINISTRATOR: Rule = Rule {
    id: "KH302",
    name: "system-administrator",
    severity: Severity::Warning,
    title: "A service user is a System Administrator",
    explanation: "Whoever has its credential may do everything in the org: read and delete every row, change users, roles and \
        code. Programs as a rule need a role of their own.",
    mend: "Give it a custom role with the least privileges, and take System Administrator off.",
};
static FAR: Rule = Rule {
    id: "KH303",
    name: "administers",
    severity: Severity::Warning,
    title: "A service user may administer parts of the org",
    explanation: "It may act in other people's names, give or change roles, change users or the org's settings, have code run \
        or remove traces. By some of these it can give itself all the rest.",
    mend: "Take the privileges out of its role, unless that is its job.",
};
static DATA: Rule = Rule {
    id: "KH304",
    name: "far-reaching-data",
    severity: Severity::Note,
    title: "A service user may change or delete any row of a core table",
    explanation: "It may change, delete, give away or share every account, contact, case and the like in the org, not only its \
        own or its business unit's.",
    mend: "Narrow verbs and depths of its role to what its program does.",
};
static SHIPPED: Rule = Rule {
    id: "KH306",
    name: "out-of-the-box-role",
    severity: Severity::Note,
    title: "A service user holds a role that came with the org",
    explanation: "Such roles are made for people: they grant more than one program needs, and updates change them.",
    mend: "Give it a custom role of its own.",
};

pub(super) static ROLES: &[&Rule] = &[&NO_ROLE, &ADMINISTRATOR, &FAR, &DATA];
pub(super) static SHIPPED_ROLES: &[&Rule] = &[&SHIPPED];

/// Tables whose rows are an org's business.
const CORE: [&str; 12] = [
    "account",
    "contact",
    "lead",
    "opportunity",
    "incident",
    "quote",
    "salesorder",
    "invoice",
    "contract",
    "activitypointer",
    "annotation",
    "product",
];

pub(super) fn judge(judging: &mut Judging<'_>) {
    let facts = judging.facts;
    for (org, user) in facts.users() {
        let application = user.application.and_then(|client| facts.application(org.tenant.as_deref()?, client));
        // An administrative user is no service user, and Microsoft's own applications are Microsoft's; the local org's
        // administrator has to be one.
        let is_another = application.is_some_and(|one| one.is_microsofts || one.is_local_administrator);
        if user.is_disabled || user.kind == UserKind::Administrative || is_another {
            continue;
        }
        one(judging, org, user);
    }
}

fn one(judging: &mut Judging<'_>, org: &OrgFacts, user: &ServiceUser) {
    let Some(roles) = &user.roles else { return };
    let (name, place) = (shown(&user.name), &org.name);
    let found = |rule, message: String| {
        Found::new(rule, of_user(org, user), message).in_orgs(vec![place.clone()]).program(&user.name)
    };
    if roles.is_empty() {
        let message = format!("{name} has no role in {place}, neither of its own nor of a team");
        let found = found(&NO_ROLE, message).so(format!("{place} refuses whatever its program asks for"));
        judging.add(match user.application {
            Some(client) => found
                .mend(format!("{}, with the least role that it needs", give_role(org, user, client)))
                .mend(format!("or `keyholder app-user remove {client} --url {}`", org.url)),
            None => {
                let name = for_shell(&user.name);
                found.mend(format!("`keyholder non-interactive convert {name} --role NAME --url {}`", org.url))
            }
        });
        return;
    }
    if let Some(role) = roles.iter().find(|role| role.is_system_administrator) {
        let through = role.team.as_ref().map(|team| format!(" by its team {}", shown(team))).unwrap_or_default();
        let audits = if user.is_caller { "; it is what audits here" } else { "" };
        let message = format!("{name} is a System Administrator of {place}{through}{audits}");
        let found =
            found(&ADMINISTRATOR, message).so(format!("whoever has its credential may do everything in {place}"));
        // Somebody has to look after an org.
        if user.is_caller {
            let reads =
                "audit as a user who may only read: a role that reads users, roles, teams and business units is enough";
            judging.add_at_most(Severity::Note, found.mend(reads));
        } else {
            judging.add(found.mend(narrower(org, user)));
        }
        return;
    }
    let shipped: Vec<String> = roles.iter().filter(|role| role.is_shipped).map(|role| shown(&role.name)).collect();
    if !shipped.is_empty() {
        let message = format!("{name} holds {} in {place}, which came with the org", listed(&shipped));
        let what = shipped.iter().map(|role| Point::new(format!("the role {role}")));
        judging.add(found(&SHIPPED, message).says(what).mend(narrower(org, user)));
    }
    let Some(rights) = &user.rights else { return };
    let far: BTreeSet<&str> = rights.rights.iter().filter_map(administers).collect();
    if !far.is_empty() {
        let words: Vec<String> = far.into_iter().map(str::to_owned).collect();
        let message = format!("{name} {} in {place}", listed(&words));
        let consequence = "whoever has its credential may do more than its program does".to_owned();
        let what = words.into_iter().map(Point::new);
        judging.add(found(&FAR, message).says(what).so(consequence).mend(narrower(org, user)));
    }
    let core: Vec<Right> = rights.rights.iter().filter(|right| is_far_reaching(right)).cloned().collect();
    if !core.is_empty() {
        let message = format!("{name} {} ({place})", listed(&in_words(&core)));
        judging.add(found(&DATA, message).says(rights_as_points(&core)).mend(narrower(org, user)));
    }
}

fn narrower(org: &OrgFacts, user: &ServiceUser) -> String {
    let role = "a role of its own with what its program does and no more: `keyholder role create --help`, or `[roles]` in \
        keyholder.toml and `keyholder apply` where it is declared";
    let take = "then take the others off it: Power Platform admin center, the environment, Settings, Users";
    match user.application {
        Some(client) => format!("{role}; {}; {take}", give_role(org, user, client)),
        None => format!("{role}; {take}"),
    }
}

fn give_role(org: &OrgFacts, user: &ServiceUser, client: ClientId) -> String {
    let name = for_shell(&user.name);
    format!("`keyholder app-user create {name} --adopt {client} --role NAME --url {}`", org.url)
}

/// What of some rights reaches far, in words: administration, and every row of core tables.
pub(in crate::audit) fn far_reaching(rights: &Rights) -> Vec<String> {
    let administering: BTreeSet<&str> = rights.rights.iter().filter_map(administers).collect();
    let core: Vec<Right> = rights.rights.iter().filter(|right| is_far_reaching(right)).cloned().collect();
    administering.into_iter().map(str::to_owned).chain(in_words(&core)).collect()
}

/// What a right comes to, where it is one of administration; by some of these one gets all the others.
fn administers(right: &Right) -> Option<&'static str> {
    use Verb::{Assign, Create, Delete, Write};
    match right {
        Right::Table { table, verb, depth } => match (table.as_str(), *verb) {
            ("role", Create | Write | Delete) => Some("may change what security roles grant"),
            ("role", Assign) => Some("may give security roles to users"),
            ("systemuser", Create | Delete) => Some("may make and delete users"),
            // Its own row everybody may change.
            ("systemuser", Write) if *depth > Depth::Basic => Some("may change users"),
            ("organization", Write) => Some("may change the settings of the org"),
            ("pluginassembly" | "plugintype" | "sdkmessageprocessingstep", Create | Write) => {
                Some("may have code of its own run in the org")
            }
            ("fieldsecurityprofile", Create | Write | Delete) => Some("may change which columns are secured"),
            _ => None,
        },
        Right::Privilege { name, .. } => by_name(&name.to_lowercase()),
        Right::Every { .. } => None,
    }
}

/// The same by the names of privileges that guard no table of the schema.
fn by_name(name: &str) -> Option<&'static str> {
    Some(match name {
        "prvactonbehalfofanotheruser" => "may act in the name of any other user",
        "prvassignrole" => "may give security roles to users",
        "prvcreaterole" | "prvwriterole" | "prvdeleterole" => "may change what security roles grant",
        "prvdisableuser" => "may disable users",
        "prvdeleteauditdata" | "prvdeleteauditpartition" | "prvdeleterecordchangehistory" => {
            "may delete the audit history"
        }
        "prvbypasscustomplugins" | "prvbypasscustombusinesslogic" => "may write past the org's own business logic",
        "prvoverridecreatedoncreatedby" => "may say of a row that somebody else created it",
        "prvbulkdelete" => "may start bulk deletions",
        "prvcreateentity"
        | "prvwriteentity"
        | "prvdeleteentity"
        | "prvcreateattribute"
        | "prvwriteattribute"
        | "prvdeleteattribute"
        | "prvcreaterelationship"
        | "prvwriterelationship"
        | "prvdeleterelationship" => "may change tables and columns",
        "prvpublishcustomization" | "prvimportcustomization" => "may bring customizations into the org",
        "prvwriteorganization" => "may change the settings of the org",
        "prvcreatepluginassembly"
        | "prvwritepluginassembly"
        | "prvcreatesdkmessageprocessingstep"
        | "prvwritesdkmessageprocessingstep" => "may have code of its own run in the org",
        _ => return None,
    })
}

fn is_far_reaching(right: &Right) -> bool {
    let Right::Table { table, verb, depth: Depth::Global } = right else { return false };
    matches!(verb, Verb::Write | Verb::Delete | Verb::Assign | Verb::Share) && CORE.contains(&table.as_str())
}
