use std::collections::BTreeSet;

use http::{HeaderMap, Method};
use keyholder_dataverse::Depth;
use keyholder_dataverse::error::{AccessMode, DataverseError, PrincipalFacts};
use keyholder_dataverse::schema::Schema;
use keyholder_operation::{Bound, Request, bind};
use uuid::Uuid;

use super::*;
use crate::grants::{Grants, Holder};
use crate::privilege::privilege_id;
use crate::reach::Reach;
use crate::required::required;

const USER: Uuid = Uuid::from_u128(1);
const UNIT: Uuid = Uuid::from_u128(2);
const BELOW: Uuid = Uuid::from_u128(3);
const TEAM: Uuid = Uuid::from_u128(4);
const OTHER_UNIT: Uuid = Uuid::from_u128(5);
const ROW: &str = "11111111-2222-3333-4444-555555555555";

fn nobody() -> Grants {
    Grants::new(PrincipalFacts::new(USER, UNIT, AccessMode::NonInteractive, Some(Uuid::from_u128(9))), vec![TEAM])
}

fn with(privileges: &[(&str, Depth)]) -> Grants {
    let mut grants = nobody();
    let held = privileges.iter().map(|(name, depth)| (privilege_id(name), *depth));
    grants.add_role(Holder::User, UNIT, &[UNIT, BELOW].into(), held);
    grants
}

fn bound(method: &str, address: &str, body: &str, prefer: Option<&str>) -> Bound {
    let schema = Schema::core().unwrap();
    let method: Method = method.parse().unwrap();
    let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
    let path = format!("v9.2/{path}");
    let mut headers = HeaderMap::new();
    headers.extend(prefer.map(|prefer| (http::header::HeaderName::from_static("prefer"), prefer.parse().unwrap())));
    bind(
        &schema,
        &Request { method: &method, path: &path, query, headers: &headers, body: body.as_bytes(), references: None },
    )
    .unwrap()
}

fn needs(method: &str, address: &str, body: &str) -> BTreeSet<String> {
    let bound = bound(method, address, body, None);
    required(&bound).iter().map(|need| need.table.privilege_name(need.verb).unwrap()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn what_operations_need() {
    let row = format!("contacts({ROW})");
    let bind = format!(r#"{{"parentcustomerid_account@odata.bind":"/accounts({ROW})"}}"#);
    assert_eq!(needs("GET", "contacts?$top=3", ""), set(&["prvReadContact"]));
    assert_eq!(needs("POST", "contacts", r#"{"lastname":"x"}"#), set(&["prvCreateContact"]));
    assert_eq!(needs("POST", "contacts", &bind), set(&["prvCreateContact", "prvAppendContact", "prvAppendToAccount"]));
    assert_eq!(
        needs("PATCH", &row, &bind),
        set(&["prvWriteContact", "prvCreateContact", "prvAppendContact", "prvAppendToAccount"])
    );
    assert_eq!(
        needs("PATCH", &row, r#"{"parentcustomerid_account":null}"#),
        set(&["prvWriteContact", "prvCreateContact", "prvAppendContact"])
    );
    assert_eq!(
        needs("POST", "contacts", &format!(r#"{{"ownerid@odata.bind":"/teams({ROW})"}}"#)),
        set(&["prvCreateContact", "prvAssignContact"])
    );
    assert_eq!(needs("DELETE", &row, ""), set(&["prvDeleteContact"]));
    assert_eq!(
        needs(
            "POST",
            &format!("systemusers({ROW})/systemuserroles_association/$ref"),
            &format!(r#"{{"@odata.id":"roles({ROW})"}}"#)
        ),
        set(&["prvAppendUser", "prvAppendRole", "prvAssignRole"])
    );
    assert_eq!(
        needs("POST", &format!("roles({ROW})/Microsoft.Dynamics.CRM.AddPrivilegesRole"), r#"{"Privileges":[]}"#),
        set(&["prvWriteRole"])
    );
    assert_eq!(
        needs("GET", &format!("systemusers({ROW})/systemuserroles_association"), ""),
        set(&["prvReadUser", "prvReadRole"])
    );
    assert!(needs("GET", "WhoAmI", "").is_empty());
}

#[test]
fn depth_decides_the_reach() {
    let reach = |depth| {
        let grants = with(&[("prvReadContact", depth)]);
        let Ok(Authorised::Query(reading)) = authorise(&grants, bound("GET", "contacts", "", None)) else { panic!() };
        assert_eq!(reading.rows().depth(), Some(depth));
        reading.rows().reach().clone()
    };
    for (depth, own, team, unit, below, other) in [
        (Depth::Basic, true, true, false, false, false),
        (Depth::Local, true, true, true, false, false),
        (Depth::Deep, true, true, true, true, false),
        (Depth::Global, true, true, true, true, true),
    ] {
        let reach = reach(depth);
        let stranger = Some(Uuid::from_u128(77));
        assert_eq!(reach.covers(Some(USER), Some(OTHER_UNIT)), own);
        assert_eq!(reach.covers(Some(TEAM), Some(OTHER_UNIT)), team);
        assert_eq!(reach.covers(stranger, Some(UNIT)), unit);
        assert_eq!(reach.covers(stranger, Some(BELOW)), below);
        assert_eq!(reach.covers(stranger, Some(OTHER_UNIT)), other);
    }
}

#[test]
fn roles_add_up_and_a_teams_role_carries_the_teams_unit() {
    let mut grants = with(&[("prvReadContact", Depth::Basic)]);
    let team = Holder::Team { team: TEAM, inherited: false };
    grants.add_role(team, OTHER_UNIT, &[OTHER_UNIT].into(), [(privilege_id("prvReadContact"), Depth::Local)]);
    let reach = grants.reach(privilege_id("prvReadContact")).unwrap();
    assert!(reach.covers(Some(USER), None) && reach.covers(None, Some(OTHER_UNIT)) && !reach.covers(None, Some(UNIT)));
    assert_eq!((grants.caller().role_count, grants.caller().privilege_count), (2, 1));
    assert_eq!(grants.depth(privilege_id("prvReadContact")), Some(Depth::Local));

    // Team privileges only: the team's rows, not the member's own.
    let mut grants = nobody();
    grants.add_role(team, OTHER_UNIT, &[OTHER_UNIT].into(), [(privilege_id("prvReadContact"), Depth::Basic)]);
    let reach = grants.reach(privilege_id("prvReadContact")).unwrap();
    assert!(reach.covers(Some(TEAM), None) && !reach.covers(Some(USER), None));
}

#[test]
fn organization_tables_are_reached_whole() {
    let grants = with(&[("prvReadTransactionCurrency", Depth::Basic)]);
    let Ok(Authorised::Query(reading)) = authorise(&grants, bound("GET", "transactioncurrencies", "", None)) else {
        panic!()
    };
    assert_eq!(reading.rows().reach(), &Reach::Everything);
}

#[test]
fn a_missing_privilege_is_named_with_everything_the_service_says() {
    let grants = with(&[("prvReadAccount", Depth::Global)]);
    let denied = authorise(&grants, bound("GET", "contacts?$top=3", "", None)).unwrap_err();
    assert_eq!(denied.privilege(), "prvReadContact");
    let error = DataverseError::from(denied);
    assert_eq!((error.status, error.code), (403, 0x8004_0220));
    let id = privilege_id("prvReadContact");
    assert!(
        error.message.contains(&format!("is missing prvReadContact privilege (Id={id}) on OTC=2 for entity 'contact'"))
    );
    assert!(error.message.contains("roleCount=1, privilegeCount=1, accessMode='4 Non-interactive'"));
}

#[test]
fn without_any_role_the_refusal_says_so() {
    for (address, privilege) in
        [("contacts", "prvReadContact"), ("WhoAmI", "prvReadUser"), ("privileges", "prvReadUser")]
    {
        let error = DataverseError::from(authorise(&nobody(), bound("GET", address, "", None)).unwrap_err());
        assert_eq!((error.status, error.code), (403, 0x8004_2f09), "{address}");
        assert_eq!(
            error.message,
            format!(
                "RetrievePrivilegeForUser: The user with id {USER} has not been assigned any roles. They need a role with the \
                 {privilege} privilege."
            )
        );
    }
    assert!(matches!(authorise(&with(&[]), bound("GET", "WhoAmI", "", None)), Ok(Authorised::Function(_))));
    assert!(matches!(authorise(&with(&[]), bound("GET", "privileges", "", None)), Ok(Authorised::Query(_))));
}

#[test]
fn of_an_upsert_only_the_way_that_is_gone_counts() {
    let grants = with(&[("prvWriteContact", Depth::Global)]);
    let row = format!("contacts({ROW})");
    let prefer = Some("return=representation");
    let Ok(Authorised::Update(writing)) = authorise(&grants, bound("PATCH", &row, "{}", prefer)) else { panic!() };
    assert!(writing.write().unwrap().is_ok());
    assert_eq!(writing.create().unwrap().as_ref().unwrap_err().privilege(), "prvCreateContact");
    assert_eq!(writing.read().unwrap().as_ref().unwrap_err().privilege(), "prvReadContact");
    assert!(writing.append().is_none() && writing.assign().is_none());
    let one_way = bound("PUT", &format!("{row}/jobtitle"), r#"{"value":"x"}"#, None);
    assert_eq!(authorise(&with(&[]), one_way).unwrap_err().privilege(), "prvWriteContact");
}

#[test]
fn lookups_need_their_target() {
    let body = format!(r#"{{"lastname":"x","parentcustomerid_account@odata.bind":"/accounts({ROW})"}}"#);
    let mut held = vec![("prvCreateContact", Depth::Global), ("prvAppendContact", Depth::Global)];
    let denied = authorise(&with(&held), bound("POST", "contacts", &body, None)).unwrap_err();
    assert_eq!(denied.privilege(), "prvAppendToAccount");
    held.push(("prvAppendToAccount", Depth::Basic));
    let Ok(Authorised::Create(writing)) = authorise(&with(&held), bound("POST", "contacts", &body, None)) else {
        panic!()
    };
    let [binding] = writing.bindings() else { panic!() };
    assert_eq!((binding.assignment(), &*binding.column().name), (1, "parentcustomerid"));
    assert_eq!(binding.target().table().logical_name(), "account");
    assert!(matches!(binding.target().reach(), Reach::Rows(_)));
}

#[test]
fn what_no_privilege_guards_can_be_read_but_not_paired() {
    let pair = bound(
        "POST",
        &format!("roles({ROW})/roleprivileges_association/$ref"),
        &format!(r#"{{"@odata.id":"privileges({ROW})"}}"#),
        None,
    );
    let grants = with(&[("prvAppendRole", Depth::Global), ("prvAssignRole", Depth::Global)]);
    assert_eq!(authorise(&grants, pair).unwrap_err().privilege(), "prvAppendPrivilege");
}

#[test]
fn pairs_are_read_by_whoever_may_read_both_sides() {
    let pairs = || bound("GET", "systemuserrolescollection", "", None);
    let user = ("prvReadUser", Depth::Global);
    let denied = |grants| authorise(&grants, pairs()).unwrap_err().privilege().to_owned();
    assert_eq!(denied(with(&[user])), "prvReadRole");
    assert_eq!(denied(with(&[("prvReadRole", Depth::Global)])), "prvReadUser");
    assert!(authorise(&with(&[user, ("prvReadRole", Depth::Global)]), pairs()).is_ok());
    // Nothing guards privileges, so roles alone decide.
    let held = with(&[("prvReadRole", Depth::Global)]);
    assert!(authorise(&held, bound("GET", "roleprivilegescollection", "", None)).is_ok());
}

#[test]
fn every_operation_keeps_its_kind() {
    // Were a kind forgotten in `authorise`, it would come out as the list of entity sets.
    let all = with(&[
        ("prvReadContact", Depth::Global),
        ("prvReadRole", Depth::Global),
        ("prvDeleteContact", Depth::Global),
        ("prvWriteRole", Depth::Global),
    ]);
    for (method, address, body) in [
        ("GET", "contacts", ""),
        ("GET", "contacts/$count", ""),
        ("GET", &*format!("contacts({ROW})"), ""),
        ("DELETE", &*format!("contacts({ROW})"), ""),
        ("GET", &*format!("RetrieveRolePrivilegesRole(RoleId={ROW})"), ""),
        ("POST", &*format!("roles({ROW})/Microsoft.Dynamics.CRM.ReplacePrivilegesRole"), r#"{"Privileges":[]}"#),
    ] {
        let authorised = authorise(&all, bound(method, address, body, None)).unwrap();
        assert!(!matches!(authorised, Authorised::ServiceDocument), "{method} {address}");
    }
}
