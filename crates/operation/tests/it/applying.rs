//! `$apply`: what it becomes, and what it cannot say.

use keyholder_operation::query::FigureFunction;
use keyholder_operation::{Filter, print};

use crate::world::{query, refusal};

#[test]
fn groups_and_figures_are_bound_and_printed() {
    let found = query(
        "opportunities?$apply=filter(statecode eq 0)/filter(name ne 'x' and createdon ne null)/groupby((statuscode,_ownerid_value,\
         parentaccountid/name),aggregate($count as number,estimatedvalue with sum as total,createdon with max as latest))",
    );
    let Some(Filter::And(parts)) = &found.filter else { panic!() };
    assert_eq!((parts.len(), found.links.len()), (3, 1));
    let aggregate = found.aggregate.as_ref().unwrap();
    let groups: Vec<_> = aggregate.groups.iter().map(|group| &*group.name).collect();
    assert_eq!(groups, ["statuscode", "_ownerid_value", "account_name"]);
    let figures: Vec<_> = aggregate.figures.iter().map(|figure| (figure.function, &*figure.name)).collect();
    assert_eq!(
        figures,
        [(FigureFunction::Rows, "number"), (FigureFunction::Sum, "total"), (FigureFunction::Maximum, "latest")]
    );
    assert_eq!(query(&print::query(&found)), found);
    for apply in ["aggregate($count as c)", "groupby((statuscode))", "filter(statecode eq 0)"] {
        let found = query(&format!("opportunities?$apply={apply}"));
        assert_eq!(query(&print::query(&found)), found, "{apply}");
    }
}

#[test]
fn what_the_service_does_not_group_is_refused() {
    for (options, expected) in [
        (
            "$apply=groupby((statuscode),aggregate($count as c))&$orderby=c desc",
            "The query node SingleValueOpenPropertyAccess is not supported",
        ),
        ("$apply=groupby((createdon))", "does not group"),
        ("$apply=aggregate(name with countdistinct as n)", "'countdistinct' is not supported"),
        ("$apply=aggregate(name with sum as n)", "cannot be used"),
        ("$apply=aggregate(statuscode with average as n)", "cannot be used"),
        ("$apply=groupby((nosuch))", "named 'nosuch'"),
        ("$apply=groupby((statuscode),aggregate($count as statuscode))", "two results the name 'statuscode'"),
        ("$apply=groupby((statuscode))&$top=3", "The query parameter $top is not supported"),
        ("$apply=aggregate($count as a-b)", "is no name"),
    ] {
        let (status, message) = refusal("GET", &format!("opportunities?{options}"), "");
        assert!(status == 400 && message.contains(expected), "{options}: {status} {message}");
    }
}
