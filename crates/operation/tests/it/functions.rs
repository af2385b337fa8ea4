//! Dataverse's own query functions, and aliases.

use keyholder_dataverse::Value;
use keyholder_foundation::Timestamp;
use keyholder_operation::query::{CallerSet, Direction, Span, TimeUnit};
use keyholder_operation::{Comparand, Filter, print};

use crate::world::{ID, query, refusal};

fn filter(text: &str) -> Filter {
    query(&format!("accounts?$filter={text}")).filter.unwrap()
}

fn call(text: &str) -> Filter {
    filter(&format!("Microsoft.Dynamics.CRM.{text}"))
}

#[test]
fn lists_take_all_their_forms() {
    for list in [r#"["1","2"]"#, "['1','2']", "[1,2]", r#"[ "1" , 2 ]"#] {
        let found = call(&format!("In(PropertyName='industrycode',PropertyValues={list})"));
        let Filter::In { column, values, negated: false } = found else { panic!("{list}") };
        assert_eq!((&*column.name, values), ("industrycode", vec![Value::Integer(1), Value::Integer(2)]));
    }
    let names = call(r#"NotIn(PropertyName='name',PropertyValues=["a\"b",'c''d',"%26"])"#);
    let Filter::In { values, negated: true, .. } = names else { panic!() };
    assert_eq!(values, ["a\"b", "c'd", "&"].map(|text| Value::Text(text.to_owned())));
    let alias = query(
        "accounts?$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1='ownerid'&@p2=[\"11111111-2222-3333-4444-555555555555\"]",
    );
    let Some(Filter::In { column, values, .. }) = alias.filter else { panic!() };
    assert_eq!((&*column.name, &values), ("ownerid", &vec![Value::Guid(ID.parse().unwrap())]));
    // Between two of them: both count.
    let Filter::And(parts) = call("Between(PropertyName='numberofemployees',PropertyValues=[\"5\",\"7\"])") else {
        panic!()
    };
    assert!(
        matches!(&parts[1], Filter::Compare { comparison, with: Comparand::Value(Value::Integer(7)), .. } if comparison.name() == "le")
    );
    assert!(matches!(call("NotBetween(PropertyName='revenue',PropertyValues=[\"5\",\"7.5\"])"), Filter::Or(_)));
}

#[test]
fn the_caller_and_the_moment_stay_open() {
    let who = |name: &str| match call(&format!("{name}(PropertyName='ownerid')")) {
        Filter::Caller { who, negated, .. } => (who, negated),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(who("EqualUserId"), (CallerSet::User, false));
    assert_eq!(who("NotEqualUserId"), (CallerSet::User, true));
    assert_eq!(who("EqualUserOrUserTeams"), (CallerSet::UserOrTeams, false));
    let span = |text: &str| match call(text) {
        Filter::When { span, .. } => span,
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(span("Tomorrow(PropertyName='createdon')"), Span::Day(1));
    assert_eq!(span("LastWeek(PropertyName='createdon')"), Span::Whole(TimeUnit::Week, -1));
    assert_eq!(span("LastXHours(PropertyName='createdon',PropertyValue='3')"), Span::Last(TimeUnit::Hour, 3));
    assert_eq!(
        span("OlderThanXMinutes(PropertyName='createdon',PropertyValue=9)"),
        Span::OlderThan(TimeUnit::Minute, 9)
    );
    assert_eq!(
        span("On(PropertyName='createdon',PropertyValue='2026-02-03')"),
        Span::On(Timestamp::parse("2026-02-03").unwrap())
    );
}

#[test]
fn hierarchies_know_their_lookup() {
    for (column, table) in [("accountid", "account"), ("parentaccountid", "account"), ("owninguser", "systemuser")] {
        let found = call(&format!("UnderOrEqual(PropertyName='{column}',PropertyValue={ID})"));
        let Filter::Hierarchy { hierarchy, negated: false, .. } = found else { panic!("{column}") };
        assert_eq!((hierarchy.table.logical_name(), hierarchy.inclusive), (table, true));
        assert_eq!(hierarchy.direction, Direction::Under);
        assert!(hierarchy.parent.name.starts_with("parent"));
    }
    let query = query(&format!(
        "accounts?$filter=Microsoft.Dynamics.CRM.Above(PropertyName='owninguser',PropertyValue='{ID}')"
    ));
    assert_eq!(query.further_tables().len(), 1);
}

#[test]
fn functions_print_as_they_were_bound() {
    let value = |text: &str| format!(",PropertyValue={text}");
    let mut calls: Vec<String> = Vec::new();
    for name in [
        "Today",
        "Yesterday",
        "Tomorrow",
        "Last7Days",
        "Next7Days",
        "LastWeek",
        "ThisMonth",
        "NextYear",
        "ThisFiscalYear",
        "LastFiscalPeriod",
    ] {
        calls.push(format!("{name}(PropertyName='createdon')"));
    }
    for name in ["LastXHours", "LastXDays", "NextXWeeks", "NextXYears", "OlderThanXMonths", "LastXFiscalPeriods"] {
        calls.push(format!("{name}(PropertyName='createdon'{})", value("5")));
    }
    for name in ["On", "OnOrBefore", "OnOrAfter"] {
        calls.push(format!("{name}(PropertyName='createdon'{})", value("'2026-01-02T03:04:05Z'")));
    }
    for name in ["EqualUserId", "NotEqualBusinessId", "EqualUserTeams", "EqualUserOrUserHierarchyAndTeams"] {
        calls.push(format!("{name}(PropertyName='ownerid')"));
    }
    for name in ["Above", "AboveOrEqual", "Under", "UnderOrEqual", "NotUnder"] {
        calls.push(format!("{name}(PropertyName='accountid'{})", value(&format!("'{ID}'"))));
    }
    calls.push("InFiscalYear(PropertyName='createdon',PropertyValue=2026)".to_owned());
    calls
        .push("InOrAfterFiscalPeriodAndYear(PropertyName='createdon',PropertyValue1=2,PropertyValue2=2026)".to_owned());
    for call in calls {
        for address in [
            format!("accounts?$filter=Microsoft.Dynamics.CRM.{call}"),
            format!("accounts?$filter=name eq 'x' or account_parent_account/any(a:a/Microsoft.Dynamics.CRM.{call})"),
        ] {
            let original = query(&address);
            assert_eq!(query(&print::query(&original)), original, "{address}");
        }
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let not = "Not operator along with the Custom Named Condition operators is not allowed";
    for (filter, status, expected) in [
        ("not Microsoft.Dynamics.CRM.Today(PropertyName='createdon')", 400, not),
        ("Microsoft.Dynamics.CRM.Today()", 400, "needs the parameter 'PropertyName'"),
        (
            "Microsoft.Dynamics.CRM.Today(PropertyName='createdon',PropertyValue=1)",
            400,
            "'PropertyValue' is not a parameter",
        ),
        ("Microsoft.Dynamics.CRM.Today(PropertyName='name')", 400, "cannot be asked"),
        ("Microsoft.Dynamics.CRM.EqualUserId(PropertyName='name')", 400, "cannot be asked"),
        ("Microsoft.Dynamics.CRM.Today(PropertyName='nosuch')", 400, "'nosuch'"),
        ("Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue='x')", 400, "no whole number"),
        ("Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=0)", 400, "no whole number"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[])", 400, "one to 2000"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues='a')", 400, "no list"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[\"a\"", 400, "Syntax error"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[\"a)", 400, "Syntax error"),
        ("Microsoft.Dynamics.CRM.Between(PropertyName='revenue',PropertyValues=[\"1\"])", 400, "two PropertyValues"),
        ("Microsoft.Dynamics.CRM.Under(PropertyName='accountid',PropertyValue='x')", 400, "no GUID"),
        (
            "Microsoft.Dynamics.CRM.Under(PropertyName='primarycontactid',PropertyValue='11111111-2222-3333-4444-555555555555')",
            501,
            "no hierarchy",
        ),
        ("Microsoft.Dynamics.CRM.InFiscalPeriod(PropertyName='createdon',PropertyValue=1)", 501, "InFiscalPeriod"),
        ("Microsoft.Dynamics.CRM.Nonsense(PropertyName='createdon')", 501, "Nonsense"),
    ] {
        let (found, message) = refusal("GET", &format!("accounts?$filter={filter}"), "");
        assert!(found == status && message.contains(expected), "{filter}: {found} {message}");
    }
}

#[test]
fn aliases_stand_for_columns_too() {
    let found = query("accounts?$select=name&$filter=@p1 ne @p2&$orderby=@p1 desc&@p1=revenue&@p2=creditlimit");
    assert!(matches!(&found.filter, Some(Filter::Compare { column, with: Comparand::Column(other), .. })
        if &*column.name == "revenue" && &*other.name == "creditlimit"));
    assert_eq!(&*found.order[0].column.name, "revenue");
    assert!(matches!(
        query("accounts?$filter=name in (@a,'y')&@a='x'").filter,
        Some(Filter::In { values, .. }) if values == ["x", "y"].map(|text| Value::Text(text.to_owned()))
    ));
}

#[test]
fn what_clients_send_is_understood() {
    // As the service's own samples write it.
    let found = query(
        "contacts?$select=fullname,&$filter=contains(@p1,'(sample)')&$orderby=@p2 asc,@p3 desc&@p1=fullname&@p2=jobtitle&@p3=annualincome",
    );
    assert!(matches!(&found.filter, Some(Filter::Text { column, .. }) if &*column.name == "fullname"));
    assert_eq!((found.select.named().unwrap().len(), found.order.len()), (1, 2));
    let managed = query("workflows?$filter=iscustomizable/Value eq true or false ne iscustomizable/Value");
    let Some(Filter::Or(parts)) = &managed.filter else { panic!() };
    assert!(
        matches!(&parts[0], Filter::Compare { column, with: Comparand::Value(Value::Boolean(true)), .. } if &*column.name == "iscustomizable")
    );
    assert_eq!(query(&print::query(&managed)), managed);
    assert_eq!(refusal("GET", "workflows?$filter=iscustomizable/Value eq 1", "").0, 400);
    assert_eq!(refusal("GET", "workflows?$filter=iscustomizable/Nothing eq true", "").0, 400);
}
