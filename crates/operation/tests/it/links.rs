//! Paths over lookups, lambdas, and which tables a query touches.

use keyholder_operation::query::{JoinOn, LinkKind};
use keyholder_operation::{Filter, Query, SourceId};

use crate::world::{query, refusal};

fn tables(query: &Query) -> Vec<&str> {
    query.further_tables().into_iter().map(|table| table.logical_name()).collect()
}

#[test]
fn a_path_is_one_outer_link_however_often_it_is_named() {
    let query = query(
        "accounts?$filter=primarycontactid/fullname eq 'x' and primarycontactid/owninguser/fullname ne 'y'\
         &$orderby=primarycontactid/createdon desc",
    );
    assert_eq!(tables(&query), ["contact", "systemuser"]);
    assert!(query.links.iter().all(|link| link.kind == LinkKind::Outer && link.filter.is_none()));
    assert_eq!((query.links[0].from, query.links[1].from), (SourceId::ROOT, SourceId(1)));
    assert_eq!((query.order[0].column.source, &*query.order[0].column.name), (SourceId(1), "createdon"));
    let Some(Filter::And(parts)) = &query.filter else { panic!() };
    assert!(matches!(&parts[1], Filter::Compare { column, .. } if column.source == SourceId(2)));
}

#[test]
fn each_property_of_a_lookup_leads_to_its_own_table() {
    let both = query(
        "contacts?$filter=parentcustomerid_account/name eq 'a' or parentcustomerid_contact/fullname eq 'a' or \
         parentcustomerid_contact eq null",
    );
    assert_eq!(tables(&both), ["account", "contact"]);
    let Some(Filter::Or(parts)) = &both.filter else { panic!() };
    // Null is the row of that table, not the lookup, which may lead to the other.
    assert!(
        matches!(&parts[2], Filter::Null { column, negated: false } if column.source == SourceId(2) && &*column.name == "contactid")
    );
}

#[test]
fn a_lookup_sorts_by_the_names_in_all_its_tables() {
    let query = query("contacts?$orderby=_parentcustomerid_value desc,_owninguser_value");
    assert_eq!(tables(&query), ["account", "contact", "systemuser"]);
    let names: Vec<_> = query
        .order
        .iter()
        .map(|by| {
            let others: Vec<_> = by.otherwise.iter().map(|column| (column.source.0, &*column.name)).collect();
            ((by.column.source.0, &*by.column.name), others)
        })
        .collect();
    assert_eq!(names, [((1, "name"), vec![(2, "fullname")]), ((3, "fullname"), vec![])]);
}

#[test]
fn a_lambda_is_a_scope_of_its_own() {
    let found = query(
        "accounts?$filter=contact_customer_accounts/any(c:c/owninguser/fullname eq 'x' and \
         c/contact_customer_contacts/all(d:d/fullname ne 'y')) and not contact_customer_accounts/any()",
    );
    assert_eq!(tables(&found), ["contact", "systemuser", "contact", "contact"]);
    assert!(found.links.is_empty());
    let Some(Filter::And(parts)) = &found.filter else { panic!() };
    let Filter::Exists(any) = &parts[0] else { panic!() };
    assert!(!any.negated && any.links.len() == 1 && matches!(any.on, JoinOn::Referencing { .. }));
    let Some(Filter::And(inner)) = &any.filter else { panic!() };
    let Filter::Exists(all) = &inner[1] else { panic!() };
    // That all are not so means that none is.
    assert!(
        all.negated && matches!(&all.filter, Some(Filter::Compare { comparison, .. }) if comparison.name() == "eq")
    );
    assert!(matches!(&parts[1], Filter::Exists(none) if none.negated && none.filter.is_none()));
    let pairs = query("systemusers?$filter=systemuserroles_association/any(r:r/name eq 'x')");
    assert!(matches!(&pairs.filter, Some(Filter::Exists(any)) if matches!(any.on, JoinOn::Pairs { .. })));
}

#[test]
fn tables_come_in_the_order_of_links_then_conditions() {
    let query = query(
        "contacts?$filter=contact_customer_contacts/any(c:c/fullname eq 'x') and owninguser/fullname eq 'x'\
         &$orderby=parentcustomerid_account/name",
    );
    assert_eq!(tables(&query), ["systemuser", "account", "contact"]);
    assert_eq!(query.joined_tables(), 3);
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    for (filter, status, expected) in [
        ("primarycontactid/nosuch eq 1", 400, "named 'nosuch' on type 'Microsoft.Dynamics.CRM.contact'"),
        ("nosuch/fullname eq 'x'", 400, "named 'nosuch' on type 'Microsoft.Dynamics.CRM.account'"),
        ("name/fullname eq 'x'", 400, "no navigation property"),
        ("contact_customer_accounts/fullname eq 'x'", 400, "is not a single value"),
        ("primarycontactid/any(c:c/fullname eq 'x')", 400, "Any/All may only be used following a collection."),
        ("primarycontactid/contact_customer_contacts/any(c:c/fullname eq 'x')", 400, "below a lookup"),
        ("ownerid/fullname eq 'x'", 400, "'fullname' on type 'Microsoft.Dynamics.CRM.principal'"),
        ("contact_customer_accounts/any(c:fullname eq 'x')", 501, "only 'c/...' is known"),
        ("contact_customer_accounts/all()", 400, "Syntax error"),
        ("contact_customer_accounts/any(c c/fullname eq 'x')", 400, "Syntax error"),
        ("name in ()", 400, "Syntax error"),
        ("name in ('a',null)", 501, "null"),
        ("name in ('a',1)", 400, "incompatible types"),
    ] {
        let (found, message) = refusal("GET", &format!("accounts?$filter={filter}"), "");
        assert!(found == status && message.contains(expected), "{filter}: {found} {message}");
    }
}

#[test]
fn joins_and_lambdas_are_bounded() {
    let path = |levels: usize| {
        let links = "parentaccountid/".repeat(levels);
        format!("accounts?$filter={links}name eq 'x'")
    };
    assert_eq!(query(&path(15)).links.len(), 15);
    assert_eq!(
        refusal("GET", &path(16), ""),
        (400, "Number of link entities in query exceeded maximum limit.".to_owned())
    );
    let nested = |levels: usize| {
        let open: String = (1..=levels)
            .map(|level| {
                let row = if level == 1 { String::new() } else { format!("v{}/", level - 1) };
                format!("{row}account_parent_account/any(v{level}:")
            })
            .collect();
        format!("accounts?$filter={open}v{levels}/name eq 'x'{}", ")".repeat(levels))
    };
    assert_eq!(query(&nested(5)).further_tables().len(), 5);
    assert!(refusal("GET", &nested(6), "").1.contains("deeper than 5 levels"));
}
