//! What is read, what is refused and by which code, and that a printed tree reads as itself.

use keyholder_dataverse::error::code;
use proptest::prelude::*;

use super::*;

fn refusal(text: &str) -> (u32, u16, String) {
    let error = Fetch::parse(text).expect_err(text);
    (error.code, error.status, error.message)
}

#[test]
fn a_document_of_every_element() {
    let text = "<fetch version='1.0' mapping='logical' distinct='true' count='50' page='2' no-lock='false' \
                returntotalrecordcount='true' paging-cookie='&lt;cookie/&gt;'>\
                <!-- a note --><entity name='account'><attribute name='name' alias='n'/>\
                <link-entity name='contact' from='contactid' to='primarycontactid' link-type='outer' alias='c' \
                visible='false'><all-attributes/><order attribute='fullname' descending='true'/></link-entity>\
                <filter type='or' isquickfindfields='1'><condition attribute='statecode' operator='in'>\
                <value uiname='x'>0</value><value><![CDATA[1]]></value></condition>\
                <condition entityname='c' attribute='fullname' operator='neq' valueof='name'/>\
                <link-entity name='task' from='regardingobjectid' to='accountid' link-type='not any'/>\
                </filter></entity></fetch>";
    let fetch = Fetch::parse(text).unwrap();
    assert!(fetch.distinct && fetch.total_count && !fetch.aggregate);
    assert_eq!((fetch.count, fetch.page, fetch.paging_cookie.as_deref()), (Some(50), Some(2), Some("<cookie/>")));
    let body = &fetch.entity.body;
    assert_eq!((body.attributes[0].name.as_str(), body.attributes[0].alias.as_deref()), ("name", Some("n")));
    assert_eq!((body.links[0].kind, body.links[0].body.orders[0].descending), (LinkKind::Outer, true));
    let [Part::Condition(list), Part::Condition(columns), Part::Link(none)] = body.filters[0].parts.as_slice() else {
        panic!("{:?}", body.filters)
    };
    assert_eq!(list.with, With::Values(vec!["0".into(), "1".into()]));
    assert_eq!((columns.operator, &columns.with), (Operator::NotEqual, &With::Column("name".into())));
    assert_eq!(none.kind, LinkKind::NotAny);
    assert_eq!(Fetch::parse(&fetch.to_string()).unwrap(), fetch);
}

#[test]
fn what_fetch_xml_does_not_have_is_refused_by_its_name() {
    let account = |inside: &str| format!("<fetch><entity name='account'>{inside}</entity></fetch>");
    let filter = |inside: &str| account(&format!("<filter>{inside}</filter>"));
    for (text, expected, named) in [
        ("<fetch".to_owned(), code::INVALID_FETCH_XML, "not well-formed"),
        ("<query/>".to_owned(), code::QUERY_ELEMENT_NOT_FOUND, "'query'"),
        ("<fetch/>".to_owned(), code::QUERY_ELEMENT_NOT_FOUND, "'entity'"),
        ("<fetch><entity/></fetch>".to_owned(), code::QUERY_ELEMENT_NOT_FOUND, "'name'"),
        ("<fetch colour='red'><entity name='a'/></fetch>".to_owned(), code::INVALID_FETCH_XML, "'colour'"),
        ("<fetch mapping='x'><entity name='a'/></fetch>".to_owned(), code::QUERY_INVALID_MAPPING, "'x'"),
        ("<fetch page='0'><entity name='a'/></fetch>".to_owned(), code::QUERY_VALUE_GREATER_THAN_ZERO, "'page'"),
        ("<fetch top='-3'><entity name='a'/></fetch>".to_owned(), code::QUERY_INVALID_ATTRIBUTE_VALUE, "'-3'"),
        ("<fetch top='3' page='2'><entity name='a'/></fetch>".to_owned(), code::INVALID_ARGUMENT, "page"),
        ("<fetch datasource='retained'><entity name='a'/></fetch>".to_owned(), code::NOT_SUPPORTED_HERE, "datasource"),
        (account("<atribute name='a'/>"), code::QUERY_INVALID_NODE, "atribute"),
        (account("words"), code::QUERY_INVALID_NODE, "'words'"),
        (account("<attribute name='a' alias='1'/>"), code::QUERY_INVALID_ALIAS, "'1'"),
        (account("<attribute name='a' aggregate='median'/>"), code::QUERY_INVALID_AGGREGATE, "'median'"),
        (account("<attribute name='a' rowaggregate='CountChildren'/>"), code::NOT_SUPPORTED_HERE, "rowaggregate"),
        (account("<order attribute='a' descending=''/>"), code::QUERY_INVALID_DESCENDING, "descending"),
        (account("<order alias='a'/>"), code::QUERY_ALIAS_IN_ORDER, "alias"),
        (account("<link-entity name='a' link-type='left'/>"), code::QUERY_INVALID_LINK_TYPE, "'left'"),
        (account("<link-entity name='a' link-type='any'/>"), code::QUERY_INVALID_LINK_TYPE, "'any'"),
        (filter("<link-entity name='a'/>"), code::QUERY_INVALID_LINK_TYPE, "'inner'"),
        (account("<filter type='xor'/>"), code::QUERY_INVALID_FILTER_TYPE, "'xor'"),
        (filter("<condition operator='eq' value='1'/>"), code::QUERY_ELEMENT_NOT_FOUND, "'attribute'"),
        (filter("<condition attribute='a' operator='bogus'/>"), code::QUERY_INVALID_OPERATOR, "'bogus'"),
        (filter("<condition attribute='a' operator='eq'/>"), code::QUERY_BAD_CONDITION, "'eq'"),
        (filter("<condition attribute='a' operator='in'/>"), code::QUERY_BAD_CONDITION, "one or more"),
        (filter("<condition attribute='a' operator='between' value='1'/>"), code::QUERY_BAD_CONDITION, "two"),
        (filter("<condition attribute='a' operator='like' valueof='b'/>"), code::QUERY_BAD_CONDITION, "valueof"),
    ] {
        let (code, _, message) = refusal(&text);
        assert_eq!(code, expected, "{text}: {message}");
        assert!(message.contains(named), "{text}: {message}");
    }
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let entities =
        "<!DOCTYPE fetch [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><fetch><entity name='&b;'/></fetch>";
    assert_eq!(refusal(entities).0, code::INVALID_FETCH_XML);
    let deep = |levels: usize| {
        let inside = format!("{}{}", "<filter>".repeat(levels), "</filter>".repeat(levels));
        format!("<fetch><entity name='a'>{inside}</entity></fetch>")
    };
    assert!(Fetch::parse(&deep(50)).is_ok());
    let (code, status, message) = refusal(&deep(5_000));
    assert_eq!((code, status), (code::INVALID_FETCH_XML, 400));
    assert!(message.contains("deeper than 64 levels"), "{message}");
    assert!(refusal(&format!("<fetch>{}</fetch>", " ".repeat(300_000))).2.contains("bytes"));
    let many = |element: &str, times: usize| {
        format!("<fetch><entity name='a'><filter>{}</filter></entity></fetch>", element.repeat(times))
    };
    let condition = "<condition attribute='a' operator='null'/>";
    assert!(Fetch::parse(&many(condition, 500)).is_ok());
    assert_eq!(refusal(&many(condition, 501)).0, code::TOO_MANY_CONDITIONS_IN_QUERY);
    assert_eq!(refusal(&many("<filter/>", 25_000)).0, code::INVALID_FETCH_XML);
    let values = "<value>1</value>".repeat(2_001);
    let list = many(&format!("<condition attribute='a' operator='in'>{values}</condition>"), 1);
    assert_eq!(refusal(&list).0, code::TOO_MANY_VALUES_IN_QUERY);
    let links = "<link-entity name='b' link-type='any'/>";
    assert!(Fetch::parse(&many(links, 15)).is_ok());
    assert_eq!(refusal(&many(links, 16)).0, code::TOO_MANY_LINKS_IN_QUERY);
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,11}"
}

fn attribute(aggregate: bool) -> impl Strategy<Value = Attribute> {
    let figure = proptest::option::of(proptest::sample::select(&Figure::ALL[..]));
    let part = proptest::option::of(proptest::sample::select(&DateGrouping::ALL[..]));
    (name(), proptest::option::of(name()), figure, any::<bool>(), part, any::<bool>(), any::<Option<bool>>()).prop_map(
        move |(name, alias, figure, grouped, date_grouping, distinct, user_time_zone)| Attribute {
            name,
            alias,
            group_by: grouped && !(aggregate && figure.is_some()),
            aggregate: figure,
            date_grouping,
            distinct,
            user_time_zone,
        },
    )
}

fn order(aggregate: bool) -> impl Strategy<Value = Order> {
    (name(), proptest::option::of(name()), any::<bool>()).prop_map(move |(name, entity_name, descending)| Order {
        by: if aggregate { OrderBy::Alias(name) } else { OrderBy::Attribute(name) },
        entity_name,
        descending,
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let values = prop::collection::vec("\\PC{0,8}|[\"'<>&\t\n ]{0,4}", 2..4);
    let operator = proptest::sample::select(Operator::ALL);
    (name(), proptest::option::of(name()), operator, values, proptest::option::of(name())).prop_map(
        |(attribute, entity_name, operator, mut values, column)| {
            let with = match (column, operator.arity()) {
                (Some(column), _) if operator.takes_column() => With::Column(column),
                (_, operator::Arity::None) => With::Values(Vec::new()),
                (_, operator::Arity::One) => With::Values(values.drain(..1).collect()),
                (_, operator::Arity::Two) => With::Values(values.drain(..2).collect()),
                (_, operator::Arity::Many) => With::Values(values),
            };
            Condition { attribute, entity_name, operator, with }
        },
    )
}

fn filter(aggregate: bool, depth: u32) -> BoxedStrategy<Filter> {
    let part = if depth == 0 {
        condition().prop_map(Part::Condition).boxed()
    } else {
        prop_oneof![
            3 => condition().prop_map(Part::Condition),
            1 => filter(aggregate, depth - 1).prop_map(Part::Filter),
            1 => link(aggregate, true, depth - 1).prop_map(Part::Link),
        ]
        .boxed()
    };
    (any::<bool>(), any::<bool>(), prop::collection::vec(part, 0..3))
        .prop_map(|(any, quick_find, parts)| Filter { any, quick_find, parts })
        .boxed()
}

fn link(aggregate: bool, condition: bool, depth: u32) -> BoxedStrategy<Link> {
    let kinds: Vec<LinkKind> = LinkKind::ALL.into_iter().filter(|kind| kind.is_condition() == condition).collect();
    let name_or_none = || proptest::option::of(name());
    let kind = proptest::sample::select(kinds);
    (name(), name_or_none(), name_or_none(), name_or_none(), kind, any::<bool>(), body(aggregate, depth))
        .prop_map(|(name, from, to, alias, kind, intersect, body)| Link {
            name,
            from,
            to,
            alias,
            kind,
            intersect,
            body,
        })
        .boxed()
}

fn body(aggregate: bool, depth: u32) -> BoxedStrategy<Body> {
    let links = if depth == 0 {
        Just(Vec::new()).boxed()
    } else {
        prop::collection::vec(link(aggregate, false, depth - 1), 0..2).boxed()
    };
    let attributes = prop::collection::vec(attribute(aggregate), 0..3);
    let orders = prop::collection::vec(order(aggregate), 0..3);
    let filters = prop::collection::vec(filter(aggregate, depth.min(1)), 0..2);
    (any::<bool>(), attributes, orders, filters, links)
        .prop_map(|(all_attributes, attributes, orders, filters, links)| Body {
            all_attributes,
            attributes,
            orders,
            filters,
            links,
        })
        .boxed()
}

fn fetch() -> impl Strategy<Value = Fetch> {
    any::<bool>().prop_flat_map(|aggregate| {
        let number = || proptest::option::of(1_u32..=u32::MAX);
        let paging = (number(), number(), proptest::option::of("[<&\"a-z\n]{1,20}"), any::<bool>());
        (number(), paging, any::<bool>(), any::<bool>(), name(), body(aggregate, 2)).prop_map(
            move |(top, (count, page, cookie, total), distinct, raw_order, name, body)| Fetch {
                aggregate,
                distinct,
                top,
                count: count.filter(|_| top.is_none()),
                page: page.filter(|_| top.is_none()),
                paging_cookie: cookie.filter(|text| top.is_none() && text.trim().len() == text.len()),
                total_count: total && top.is_none(),
                raw_order,
                entity: Entity { name, body },
            },
        )
    })
}

proptest! {
    #[test]
    fn print_then_parse(fetch in fetch()) {
        let text = fetch.to_string();
        match Fetch::parse(&text) {
            Ok(read) => prop_assert_eq!(read, fetch),
            // A large tree may have more links than a document can.
            Err(error) => prop_assert_eq!(error.code, code::TOO_MANY_LINKS_IN_QUERY, "{}: {}", text, error.message),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[<>/a-z'=\"& !\\[\\]-]{0,200}|\\PC{0,100}") {
        if let Err(error) = Fetch::parse(&text) {
            prop_assert!((400..500).contains(&error.status), "{}", error.message);
        }
    }
}
