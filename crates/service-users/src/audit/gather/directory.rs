//! One directory: applications with their credentials, service principals, sign-ins; the people behind org users.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{join, join3, join4};
use keyholder_client::Graph;
use keyholder_client::cloud::is_microsoft_login;
use keyholder_client::graph::ConditionalAccessPolicy;
use keyholder_client::graph::users::Membership;
use keyholder_entra::graph::{Application, FederatedIdentityCredential, ServicePrincipal, SubscribedSku, User};
use keyholder_entra::well_known::DYNAMICS_CRM;
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use uuid::Uuid;

use super::{Notes, Wanted, trouble};
use crate::Administrator;
use crate::audit::facts::{
    AcceptedIssuer, ApplicationFacts, FEDERATIONS, HeldCredential, LeftOut, LeftOutBy, PersonFacts, Principal,
    Registration, TenantFacts, Trouble, Unread,
};
use crate::kept::{self, Registered};
use crate::marks::{Labels, is_ours};
use crate::non_interactive::held_licences;

/// The tenants of Microsoft's own applications.
const MICROSOFTS: [TenantId; 2] = [
    TenantId(Uuid::from_u128(0xf8cd_ef31_a31e_4b4a_93e4_5f57_1e91_255a)),
    TenantId(Uuid::from_u128(0x72f9_88bf_86f1_41af_91ab_2d7c_d011_db47)),
];

const SIGN_INS: [&str; 1] =
    ["the Microsoft Graph permission AuditLog.Read.All, or the directory role Reports Reader for a person"];

const READS: [&str; 2] = [
    "for an application: the Microsoft Graph permission Application.Read.All, which reads and changes nothing",
    "for a person: the directory role Global Reader, or Directory Readers",
];

/// What was read.
pub(super) struct Read {
    pub(super) tenant: TenantFacts,
    pub(super) applications: Vec<ApplicationFacts>,
    pub(super) people: Vec<PersonFacts>,
    pub(super) unread: Vec<Unread>,
}

pub(super) async fn read(administrator: &Administrator, authority: &str, wanted: &Wanted) -> Read {
    let graph = &administrator.graph;
    let mut notes = Notes::of_tenant(authority);
    let mut tenant = TenantFacts::of(administrator, authority);
    let mut people_notes = Notes::of_tenant(authority);
    let (applications, people) =
        join(applications(graph, authority, wanted, &mut notes), people(graph, authority, wanted, &mut people_notes))
            .await;
    let mut applications = applications.unwrap_or_else(|error| {
        tenant.trouble = Some(refused(&error));
        Vec::new()
    });
    if !is_microsoft_login(administrator.org.tokens().authority().login()) {
        for one in applications.iter_mut().filter(|one| Some(one.client_id) == tenant.caller) {
            one.is_local_administrator = one.credentials.iter().any(HeldCredential::is_endless);
        }
    }
    let mut unread = notes.unread;
    unread.extend(people_notes.unread);
    Read { tenant, applications, people, unread }
}

/// Why nothing of it could be read; an audit needs no right to change anything.
fn refused(error: &keyholder_client::Error) -> Trouble {
    match error {
        keyholder_client::Error::Graph(refusal) if matches!(refusal.status, 401 | 403) => {
            Trouble { hints: READS.map(str::to_owned).to_vec(), ..trouble(error) }
        }
        _ => trouble(error),
    }
}

async fn applications(
    graph: &Graph,
    authority: &str,
    wanted: &Wanted,
    notes: &mut Notes,
) -> Result<Vec<ApplicationFacts>, keyholder_client::Error> {
    let matters =
        |one: &Application| wanted.clients.contains_key(&one.app_id) || is_ours(one) || asks_for_dynamics(one);
    let registrations = graph.applications_where(matters).await?;
    let ids: Vec<ObjectId> = registrations.iter().map(|one| one.id).collect();
    let is_known = |client: ClientId| registrations.iter().any(|one| one.app_id == client);
    let clients: BTreeSet<ClientId> =
        registrations.iter().map(|one| one.app_id).chain(wanted.clients.keys().copied()).collect();
    let (principals, federations, sign_ins) = join3(
        graph.service_principals_where(|one| clients.contains(&one.app_id)),
        graph.federated_credentials_of(&ids),
        graph.last_sign_ins(),
    )
    .await;
    let mut principals: BTreeMap<ClientId, ServicePrincipal> =
        principals?.into_iter().map(|one| (one.app_id, one)).collect();
    let federations =
        notes.take_grave(FEDERATIONS, &["the Microsoft Graph permission Application.Read.All"], federations);
    let mut federations = federations.unwrap_or_default();
    let sign_ins = notes.take("when applications signed in last", &SIGN_INS, sign_ins);
    let last = |client: ClientId| sign_ins.as_ref().and_then(|all| all.get(&client).copied());
    let mut all: Vec<ApplicationFacts> = registrations
        .iter()
        .map(|registration| {
            let accepted = federations.remove(&registration.id).unwrap_or_default();
            let issuer = |one: FederatedIdentityCredential| AcceptedIssuer {
                name: one.name,
                issuer: one.issuer,
                subject: one.subject,
            };
            let principal = principals.remove(&registration.app_id);
            ApplicationFacts {
                federations: accepted.into_iter().map(issuer).collect(),
                ..application(authority, registration.app_id, Some(registration), principal, wanted)
            }
        })
        .collect();
    let others = wanted.clients.keys().copied().filter(|client| !is_known(*client));
    all.extend(others.map(|client| application(authority, client, None, principals.remove(&client), wanted)));
    for one in &mut all {
        one.last_sign_in = last(one.client_id);
        one.sign_ins_are_known = sign_ins.is_some();
    }
    all.sort_by(|one, other| (&one.name, one.client_id).cmp(&(&other.name, other.client_id)));
    Ok(all)
}

fn application(
    authority: &str,
    client_id: ClientId,
    registration: Option<&Application>,
    principal: Option<ServicePrincipal>,
    wanted: &Wanted,
) -> ApplicationFacts {
    let names = [
        registration.and_then(|one| one.display_name.clone()),
        principal.as_ref().and_then(|one| one.display_name.clone()),
        wanted.clients.get(&client_id).cloned(),
    ];
    let mut credentials: Vec<HeldCredential> =
        registration.into_iter().flat_map(kept::of).map(|held| credential(&held, false)).collect();
    if let Some(principal) = &principal {
        let secrets = principal.password_credentials.iter().map(Registered::from);
        let own = secrets.chain(principal.key_credentials.iter().map(Registered::from));
        // A certificate is shown on both where it is the registration's.
        let own =
            own.map(|held| credential(&held, true)).filter(|one| !credentials.iter().any(|known| known.id == one.id));
        credentials.extend(own.collect::<Vec<_>>());
    }
    let owner = principal.as_ref().and_then(|one| one.app_owner_organization_id);
    let is_nobodys = registration.is_none() && principal.is_none() && !wanted.with_principal.contains(&client_id);
    ApplicationFacts {
        tenant: authority.to_owned(),
        client_id,
        is_microsofts: is_nobodys || owner.is_some_and(|owner| MICROSOFTS.contains(&owner)),
        name: names.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_else(|| client_id.to_string()),
        registration: registration.map(|one| Registration {
            id: one.id,
            made: one.created_date_time,
            is_disabled: principal.as_ref().is_some_and(|principal| principal.is_disabled == Some(true)),
            is_ours: is_ours(one),
            asks_for_dynamics: asks_for_dynamics(one),
        }),
        principal: principal.map(|one| Principal {
            id: one.id,
            is_enabled: one.account_enabled && one.is_disabled != Some(true),
            is_managed_identity: one.service_principal_type.as_deref() == Some("ManagedIdentity"),
        }),
        is_local_administrator: false,
        credentials,
        federations: Vec::new(),
        last_sign_in: None,
        sign_ins_are_known: false,
    }
}

fn credential(held: &Registered<'_>, is_on_principal: bool) -> HeldCredential {
    HeldCredential {
        kind: held.kind,
        id: held.key_id,
        name: held.name.map(str::to_owned),
        starts: held.starts,
        ends: held.ends,
        place: held.name.and_then(Labels::parse).map(|(_, place)| place.to_owned()),
        is_on_principal,
    }
}

fn asks_for_dynamics(application: &Application) -> bool {
    application.required_resource_access.iter().any(|one| one.resource_app_id == DYNAMICS_CRM)
}

/// What these people are members of, where some policy leaves groups or roles out.
async fn memberships(
    graph: &Graph,
    policies: &[ConditionalAccessPolicy],
    people: &BTreeMap<ObjectId, User>,
    notes: &mut Notes,
) -> BTreeMap<ObjectId, Vec<Membership>> {
    if !policies.iter().any(ConditionalAccessPolicy::leaves_out_members) {
        return BTreeMap::new();
    }
    let ids: Vec<ObjectId> = people.keys().copied().collect();
    let rights = ["the Microsoft Graph permission User.Read.All; GroupMember.Read.All for the names of groups"];
    let what = "whom policies leave out of multi-factor authentication by a group or a directory role";
    notes.take(what, &rights, graph.memberships_of(&ids).await).unwrap_or_default()
}

/// How a policy leaves a person with these memberships out; several ways where it does in several.
fn ways_out(policy: &ConditionalAccessPolicy, person: ObjectId, held: &[Membership]) -> Vec<LeftOut> {
    let one = |by| LeftOut { policy: policy.display_name.clone(), by };
    let mut all: Vec<LeftOut> = policy.leaves_out(person).then(|| one(None)).into_iter().collect();
    for membership in held.iter().filter(|held| policy.leaves_out_by(held)) {
        let name = membership.display_name.clone().unwrap_or_else(|| membership.id.clone());
        let by = match membership.role_template_id {
            Some(_) => LeftOutBy::Role(name),
            None => LeftOutBy::Group(name),
        };
        all.push(one(Some(by)));
    }
    all.sort();
    all
}

/// The people behind org users; of nobody where no org has such users.
async fn people(graph: &Graph, authority: &str, wanted: &Wanted, notes: &mut Notes) -> Vec<PersonFacts> {
    let ids: Vec<ObjectId> = wanted.people.iter().copied().collect();
    if ids.is_empty() {
        return Vec::new();
    }
    let (found, bought, policies, sign_ins) = join4(
        graph.people_of(&ids),
        graph.subscribed_skus(),
        graph.conditional_access_policies(),
        graph.last_sign_ins_of(&ids),
    )
    .await;
    let needs = ["the Microsoft Graph permission User.Read.All"];
    let Some(found) = notes.take("the people behind non-interactive users", &needs, found) else { return Vec::new() };
    let needs = ["the Microsoft Graph permission Organization.Read.All"];
    let bought: Vec<SubscribedSku> =
        notes.take("what the tenant's licences are called", &needs, bought).unwrap_or_default();
    let needs = ["the Microsoft Graph permission Policy.Read.All"];
    let policies = notes.take("whom policies leave out of multi-factor authentication", &needs, policies);
    let sign_ins = notes.take("when people signed in last", &SIGN_INS, sign_ins);
    let by_id: BTreeMap<ObjectId, User> = found.into_iter().map(|user| (user.id, user)).collect();
    let asking: Option<Vec<_>> =
        policies.map(|all| all.into_iter().filter(ConditionalAccessPolicy::asks_for_more_than_a_password).collect());
    let memberships = memberships(graph, asking.as_deref().unwrap_or_default(), &by_id, notes).await;
    let left_out = |id: ObjectId| {
        let held = memberships.get(&id).map(Vec::as_slice).unwrap_or_default();
        Some(asking.as_ref()?.iter().flat_map(|policy| ways_out(policy, id, held)).collect())
    };
    let person = |id: ObjectId| {
        let user = by_id.get(&id);
        let last: Option<Timestamp> = sign_ins.as_ref().and_then(|all| all.get(&id).copied());
        PersonFacts {
            tenant: authority.to_owned(),
            id,
            is_there: user.is_some(),
            is_enabled: user.is_some_and(|user| user.account_enabled != Some(false)),
            user_name: user.and_then(|user| user.user_principal_name.clone()),
            password_set: user.and_then(|user| user.last_password_change_date_time),
            licences: user.map(|user| held_licences(user, &bought)).unwrap_or_default(),
            last_sign_in: last,
            sign_ins_are_known: sign_ins.is_some(),
            left_out_by: left_out(id),
        }
    };
    ids.into_iter().map(person).collect()
}
