//! The roles that every organization starts with, and what each lets its holders do. Two have templates
//! with ids that are the same everywhere.
//!
//! The depths of System Customizer, Service Writer, Service Deleter and Office Collaborator are as exported from
//! a real environment, those of the others as documented in words; each for the tables that there
//! are. Beside that, each has what every new role has.

mod business;

use keyholder_dataverse::schema::{Ownership, Table};
use keyholder_dataverse::{Depth, Verb};
use keyholder_security::{DEFINITION_READS, DEFINITION_WRITES, Privilege};
use uuid::Uuid;

use business::{Area, Standard};

/// The role template of System Administrator, the same in every org.
pub(crate) const SYSTEM_ADMINISTRATOR: Uuid = Uuid::from_u128(0x627090ff_40a3_4053_8790_584edc5be201);
/// The role template of System Customizer, the same in every org.
pub(crate) const SYSTEM_CUSTOMIZER: Uuid = Uuid::from_u128(0x119f245c_3cc8_4b62_b31c_d1a046ced15d);

/// Further role templates that are the same in every org, as recorded from real ones.
const BASIC_USER: Uuid = Uuid::from_u128(0x236750cd_45ae_4939_ab12_b24b920ced93);
const DELEGATE: Uuid = Uuid::from_u128(0xd892cc0b_28c7_4e88_bd92_72f2c366baed);
const SUPPORT_USER: Uuid = Uuid::from_u128(0x2d101bb3_5ced_4122_83f1_94d5efde4e3b);

/// How deep a role has a privilege, if at all: one that is about a table, or one that is about none.
type HasPrivilege = fn(&Privilege, Option<(&Table, Verb)>) -> Option<Depth>;

/// A role that comes with the organization.
pub(super) struct PredefinedRole {
    pub(super) name: &'static str,
    pub(super) template: Option<Uuid>,
    pub(super) depth: HasPrivilege,
}

const fn role(name: &'static str, template: Option<Uuid>, depth: HasPrivilege) -> PredefinedRole {
    PredefinedRole { name, template, depth }
}

pub(super) const ROLES: [PredefinedRole; 19] = [
    role("System Administrator", Some(SYSTEM_ADMINISTRATOR), |privilege, _| deepest(privilege)),
    role("System Customizer", Some(SYSTEM_CUSTOMIZER), customizer),
    role("Basic User", Some(BASIC_USER), basic_user),
    role("Environment Maker", None, |_, _| None),
    role("Delegate", Some(DELEGATE), delegate),
    role("Service Reader", None, |privilege, about| everywhere(privilege, about, &[Verb::Read])),
    role("Service Writer", None, service_writer),
    role("Service Deleter", None, |privilege, about| everywhere(privilege, about, &[Verb::Delete])),
    role("Support User", Some(SUPPORT_USER), support_user),
    role("Office Collaborator", None, office_collaborator),
    role("CEO-Business Manager", None, |_, about| standard(about, BUSINESS_MANAGER)),
    role("Vice President of Sales", None, |_, about| standard(about, sales(Depth::Deep, Depth::Global))),
    role("Sales Manager", None, |_, about| standard(about, sales(Depth::Local, Depth::Global))),
    role("Salesperson", None, |_, about| standard(about, sales(Depth::Basic, Depth::Local))),
    role("CSR Manager", None, |_, about| standard(about, service(Depth::Global))),
    role("Customer Service Representative", None, |_, about| standard(about, service(Depth::Local))),
    role("Vice President of Marketing", None, |_, about| standard(about, marketing(Depth::Deep, Depth::Global))),
    role("Marketing Manager", None, |_, about| standard(about, marketing(Depth::Local, Depth::Global))),
    role("Marketing Professional", None, |_, about| standard(about, marketing(Depth::Basic, Depth::Local))),
];

const BUSINESS_MANAGER: Standard = Standard::new(Area::Business, Depth::Global, Depth::Global);

const fn sales(own: Depth, roles: Depth) -> Standard {
    Standard::new(Area::Sales, own, roles)
}

const fn service(roles: Depth) -> Standard {
    Standard::new(Area::Service, Depth::Basic, roles)
}

/// Leads are assigned at least in the own business unit.
const fn marketing(own: Depth, roles: Depth) -> Standard {
    let assigned_leads = if matches!(own, Depth::Basic) { Depth::Local } else { own };
    Standard { assigned_leads, ..Standard::new(Area::Marketing, own, roles) }
}

fn standard(about: Option<(&Table, Verb)>, role: Standard) -> Option<Depth> {
    about.and_then(|(table, verb)| role.depth(table, verb))
}

/// Whether a role is one that comes with an organization; `name_id` gives the id that such a role has by its name.
pub(crate) fn is_predefined(root: Uuid, name_id: impl Fn(&str) -> Uuid) -> bool {
    ROLES.iter().any(|role| name_id(role.name) == root)
}

fn deepest(privilege: &Privilege) -> Option<Depth> {
    privilege.depths.last().copied()
}

fn everywhere(privilege: &Privilege, about: Option<(&Table, Verb)>, verbs: &[Verb]) -> Option<Depth> {
    if about.is_none() && verbs.contains(&Verb::Read) {
        return definitions(privilege);
    }
    // Where a privilege cannot be that deep, such a role is not given it.
    about.filter(|(_, verb)| verbs.contains(verb)).and_then(|_| deepest(privilege)).filter(|it| *it == Depth::Global)
}

/// What System Customizer holds where it is not the rule (rows of one's own, and reading what belongs
/// to everybody): the verbs, each with the first letter of its depth. Sorted by table.
const CUSTOMIZER: [(&str, &str); 45] = [
    ("appmodule", "all"),
    ("asyncoperation", "all"),
    ("calendar", ""),
    ("canvasapp", "all"),
    ("category", "RG aG tG"),
    ("connection", "CB RG WG DB aB tB"),
    ("connectionreference", "all"),
    ("connectionrole", "all"),
    ("customapi", "all"),
    ("emailserverprofile", "all"),
    ("environmentvariabledefinition", "all"),
    ("feedback", "all"),
    ("importjob", "all"),
    ("kbarticle", "aG"),
    ("kbarticletemplate", "all"),
    ("knowledgearticle", "RG aG tG"),
    ("mailbox", "RB WB aG tG AG SG"),
    ("metric", "all"),
    ("organization", "all"),
    ("plugintracelog", "all"),
    ("post", "CG RG aG tG"),
    ("postfollow", "CB RG DB aB"),
    ("processsession", "CB RG WB DB aB tB AB SB"),
    ("publisher", "all"),
    ("queue", "all"),
    ("report", "all"),
    ("savedquery", "all"),
    ("savedqueryvisualization", "all"),
    ("sdkmessage", "CG RG WG DG"),
    ("sdkmessagefilter", "CG RG WG DG"),
    ("sdkmessageprocessingstep", "RG tG"),
    ("sitemap", "all"),
    ("sla", "all"),
    ("slakpiinstance", "all"),
    ("solution", "all"),
    ("solutioncomponent", "all"),
    ("subject", "RG WG tG"),
    ("systemform", "all"),
    ("systemuser", "RG WL aL tL"),
    ("template", "CG RG WG DG aG tG AB SB"),
    ("territory", "RG WG"),
    ("transactioncurrency", "RG aG tG"),
    ("usersettings", "RL WL"),
    ("webresource", "RG WG aG tG"),
    ("workflow", "all"),
];

fn customizer(privilege: &Privilege, about: Option<(&Table, Verb)>) -> Option<Depth> {
    let Some((table, verb)) = about else {
        let changes = DEFINITION_WRITES.contains(&privilege.name.as_str()).then_some(Depth::Global);
        return definitions(privilege).or(changes);
    };
    let name = table.logical_name();
    if let Some((_, held)) = CUSTOMIZER.iter().find(|(exception, _)| *exception == name) {
        return if *held == "all" { deepest(privilege) } else { written(held, verb) };
    }
    match verb {
        _ if table.ownership() == Ownership::User => Some(Depth::Basic),
        Verb::Read => Some(Depth::Global),
        _ => None,
    }
}

/// Reading definitions of tables, columns and relationships.
fn definitions(privilege: &Privilege) -> Option<Depth> {
    DEFINITION_READS.contains(&privilege.name.as_str()).then_some(Depth::Global)
}

/// The depth that such a list gives a verb.
fn written(held: &str, verb: Verb) -> Option<Depth> {
    let letter = match verb {
        Verb::Create => "C",
        Verb::Read => "R",
        Verb::Write => "W",
        Verb::Delete => "D",
        Verb::Append => "a",
        Verb::AppendTo => "t",
        Verb::Assign => "A",
        Verb::Share => "S",
    };
    let depth = held.split(' ').find_map(|one| one.strip_prefix(letter))?;
    Depth::ALL.into_iter().find(|known| known.name().starts_with(depth))
}

/// Own rows, and reading what everybody works with: a reading, its export is not at hand.
fn basic_user(privilege: &Privilege, about: Option<(&Table, Verb)>) -> Option<Depth> {
    let Some((table, verb)) = about else { return definitions(privilege) };
    match verb {
        _ if table.ownership() == Ownership::User => Some(Depth::Basic),
        Verb::Read => Some(Depth::Global),
        Verb::Write if table.logical_name() == "usersettings" => Some(Depth::Local),
        Verb::Append | Verb::AppendTo if table.logical_name() == "systemuser" => Some(Depth::Basic),
        Verb::AppendTo if table.logical_name() == "transactioncurrency" => Some(Depth::Global),
        _ => None,
    }
}

/// Nothing but acting in the name of others.
fn delegate(privilege: &Privilege, _: Option<(&Table, Verb)>) -> Option<Depth> {
    (privilege.name == "prvActOnBehalfOfAnotherUser").then_some(Depth::Global)
}

/// Everything but taking away and sharing.
fn service_writer(privilege: &Privilege, about: Option<(&Table, Verb)>) -> Option<Depth> {
    let verbs = [Verb::Create, Verb::Read, Verb::Write, Verb::Append, Verb::AppendTo, Verb::Assign];
    everywhere(privilege, about, &verbs)
}

/// What the organization is like, and no rows that people own.
fn support_user(privilege: &Privilege, about: Option<(&Table, Verb)>) -> Option<Depth> {
    if about.is_some_and(|(table, _)| table.ownership() == Ownership::User) {
        return None;
    }
    everywhere(privilege, about, &[Verb::Read])
}

fn office_collaborator(privilege: &Privilege, about: Option<(&Table, Verb)>) -> Option<Depth> {
    // What an app needs in order to show itself. What every new role has is given in any case.
    const SEEN: [&str; 5] = ["organization", "savedquery", "systemform", "webresource", "appmodule"];
    match about {
        Some((table, _)) if !SEEN.contains(&table.logical_name()) => None,
        None if matches!(privilege.name.as_str(), "prvReadOptionSet" | "prvReadEntityKey") => None,
        _ => everywhere(privilege, about, &[Verb::Read]),
    }
}
