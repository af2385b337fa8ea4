//! What a statement is read as, and what is refused by its name.

use proptest::prelude::*;

use super::*;

fn document(sql: &str) -> String {
    Statement::parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).fetch.to_string()
}

#[test]
fn statements_read_as_the_documents_that_ask_the_same() {
    for (sql, expected) in [
        (
            "SELECT name FROM account AS a WHERE a.name LIKE 'Fourth Coffee'",
            "<entity name=\"account\"><attribute name=\"name\"/><filter><condition attribute=\"name\" operator=\"like\" \
             value=\"Fourth Coffee\"/></filter></entity>",
        ),
        (
            "select a.Name AS CompanyName, c.fullname from [account] a LEFT OUTER JOIN contact c ON c.parentcustomerid = \
             a.accountid AND c.statecode <> 1 -- those who are left\nORDER BY CompanyName DESC, c.fullname;",
            "<entity name=\"account\"><attribute name=\"name\" alias=\"CompanyName\"/><link-entity name=\"contact\" \
             from=\"parentcustomerid\" to=\"accountid\" alias=\"c\" link-type=\"outer\"><attribute name=\"fullname\" \
             alias=\"fullname\"/><filter><condition entityname=\"c\" attribute=\"statecode\" operator=\"ne\" \
             value=\"1\"/></filter></link-entity><order attribute=\"name\" descending=\"true\"/><order \
             attribute=\"fullname\" entityname=\"c\"/></entity>",
        ),
        (
            "SELECT t.name FROM task k JOIN account a ON k.regardingobjectid = a.accountid JOIN team t ON a.owningteam = \
             t.teamid",
            "<entity name=\"task\"><link-entity name=\"account\" from=\"accountid\" to=\"regardingobjectid\" \
             alias=\"a\"><link-entity name=\"team\" from=\"teamid\" to=\"owningteam\" alias=\"t\"><attribute name=\"name\" \
             alias=\"name\"/></link-entity></link-entity></entity>",
        ),
        (
            "SELECT name FROM account WHERE (a = 1 OR NOT_A > -2.5) AND 3 < b AND c IS NOT NULL AND d NOT IN ('x','O''Neil') \
             AND e BETWEEN 'a' AND 'b'",
            "<entity name=\"account\"><attribute name=\"name\"/><filter><filter type=\"or\"><condition attribute=\"a\" \
             operator=\"eq\" value=\"1\"/><condition attribute=\"not_a\" operator=\"gt\" value=\"-2.5\"/></filter><condition \
             attribute=\"b\" operator=\"gt\" value=\"3\"/><condition attribute=\"c\" operator=\"not-null\"/><condition \
             attribute=\"d\" operator=\"not-in\"><value>x</value><value>O'Neil</value></condition><condition \
             attribute=\"e\" operator=\"between\"><value>a</value><value>b</value></condition></filter></entity>",
        ),
        (
            "SELECT address1_city, COUNT(*) AS cnt, AVG(revenue) avg_b, COUNT(DISTINCT name) AS names FROM account GROUP BY \
             address1_city ORDER BY cnt DESC, address1_city",
            "<entity name=\"account\"><attribute name=\"address1_city\" alias=\"address1_city\" groupby=\"true\"/><attribute \
             name=\"\" alias=\"cnt\" aggregate=\"count\"/><attribute name=\"revenue\" alias=\"avg_b\" \
             aggregate=\"avg\"/><attribute name=\"name\" alias=\"names\" aggregate=\"countcolumn\" \
             distinct=\"true\"/><order alias=\"cnt\" descending=\"true\"/><order alias=\"address1_city\"/></entity>",
        ),
    ] {
        let document = document(sql);
        assert!(document.ends_with(&format!("{expected}</fetch>")), "{sql}\n{document}\n{expected}");
    }
    let paged =
        Statement::parse("SELECT DISTINCT name FROM account ORDER BY name OFFSET 6 ROWS FETCH NEXT 3 ROWS ONLY");
    let paged = paged.unwrap();
    assert_eq!((paged.skip, paged.fetch.top, paged.fetch.distinct), (6, Some(3), true));
    assert_eq!(Statement::parse("SELECT TOP (5) name FROM account").unwrap().fetch.top, Some(5));
}

#[test]
fn other_sql_is_refused_by_its_name() {
    for (sql, named) in [
        ("", "position 0"),
        ("DELETE FROM account", "'DELETE'"),
        ("SELECT * FROM account", "SELECT *"),
        ("SELECT 'abc' FROM account", "columns and aggregates"),
        ("SELECT LEN(name) FROM account", "'LEN'"),
        ("SELECT COUNT(*) FROM account", "AS"),
        ("SELECT name FROM account; DELETE FROM account", "'DELETE'"),
        ("SELECT name FROM account RIGHT JOIN contact c ON c.x = account.y", "RIGHT JOIN"),
        ("SELECT name FROM account, contact", "list of tables"),
        ("SELECT name FROM account a JOIN contact c ON a.x > c.y", "equal columns"),
        ("SELECT name FROM account a JOIN contact c ON a.x = c.y OR c.z = 1", "OR beside"),
        ("SELECT name FROM account a JOIN contact c ON a.x = c.y AND a.z = 1", "'z'"),
        ("SELECT name FROM account a JOIN contact c ON a.x = a.y", "another table"),
        ("SELECT name FROM account WHERE accountid IN (SELECT accountid FROM account)", "subquery"),
        ("SELECT name FROM account WHERE EXISTS (SELECT 1)", "EXISTS"),
        ("SELECT name FROM account WHERE NOT (a = 1)", "NOT"),
        ("SELECT name FROM account WHERE name = NULL", "NULL"),
        ("SELECT name FROM account WHERE a > b", "constant"),
        ("SELECT name FROM account WHERE a > GETUTCDATE()", "'GETUTCDATE'"),
        ("SELECT name FROM account WHERE x.a = 1", "'x'"),
        ("SELECT name, SUM(b) AS s FROM account", "'name'"),
        ("SELECT SUM(b) AS s FROM account GROUP BY name", "'name'"),
        ("SELECT name, COUNT(*) AS n FROM account GROUP BY name HAVING COUNT(*) > 1", "HAVING"),
        ("SELECT name FROM account UNION SELECT name FROM contact", "UNION"),
        ("SELECT TOP 0 name FROM account", "TOP"),
        ("SELECT name FROM account WHERE a = 'open", "position"),
        ("WITH x AS (SELECT 1) SELECT name FROM x", "'WITH'"),
    ] {
        let error = Statement::parse(sql).expect_err(sql);
        assert!(error.message.contains(named) && (400..=501).contains(&error.status), "{sql}: {error}");
    }
    let deep = format!("SELECT a FROM b WHERE {}a = 1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(Statement::parse(&deep).expect_err("deep").message.contains("more than 30 deep"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(SELECT|FROM|WHERE|JOIN|ON|a|b|\\.|,|\\(|\\)|'|=|\\*| |é|[0-9]){0,40}|\\PC{0,60}") {
        if let Err(error) = Statement::parse(&text) {
            prop_assert!((400..=501).contains(&error.status));
        }
    }
}
