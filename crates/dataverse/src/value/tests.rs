use super::*;
use crate::schema::{Column, Schema, Table};
use proptest::prelude::*;
use serde_json::value::RawValue;
use std::sync::Arc;

fn column(table: &str, name: &str) -> (Arc<Table>, Arc<Column>) {
    let table = Schema::core().unwrap().table(table).unwrap().unwrap();
    let column = table.column(name).unwrap_or_else(|| panic!("{name}")).clone();
    (table, column)
}

fn read(table: &str, name: &str, json: &str) -> Result<Value, crate::DataverseError> {
    let (table, column) = column(table, name);
    read_json(&table, &column, &RawValue::from_string(json.to_owned()).unwrap())
}

fn reason(table: &str, name: &str, json: &str) -> String {
    read(table, name, json).unwrap_err().message.rsplit("ODataException: ").next().unwrap().to_owned()
}

#[test]
fn reads_and_prints_as_the_service_does() {
    for (table, name, json, printed) in [
        ("contact", "lastname", r#""O\"Neil\n""#, r#""O\"Neil\n""#),
        ("account", "revenue", "10000", "10000"),
        ("account", "revenue", "12345.678", "12345.68"),
        ("account", "revenue", "1e4", "10000"),
        ("transactioncurrency", "exchangerate", "1.0000000001", "1.0000000001"),
        ("account", "numberofemployees", "7", "7"),
        ("contact", "birthdate", r#""2000-02-29""#, r#""2000-02-29""#),
        ("contact", "donotemail", "true", "true"),
        ("contact", "gendercode", "2", "2"),
        ("contact", "lastusedincampaign", r#""2026-01-31T13:00:00.5+01:00""#, r#""2026-01-31T12:00:00Z""#),
        (
            "contact",
            "contactid",
            r#""9188040D-6C67-4C5B-B112-36A304B66DAD""#,
            r#""9188040d-6c67-4c5b-b112-36a304b66dad""#,
        ),
        ("contact", "address1_latitude", "47.5", "47.5"),
        ("contact", "lastname", "null", "null"),
        (
            "role",
            "iscustomizable",
            r#"{"Value":false,"CanBeChanged":true}"#,
            r#"{"Value":false,"CanBeChanged":true,"ManagedPropertyLogicalName":"iscustomizable"}"#,
        ),
    ] {
        let value = read(table, name, json).unwrap_or_else(|error| panic!("{name} {json}: {error}"));
        let mut out = String::new();
        write_json(&mut out, &column(table, name).1, &value);
        assert_eq!(out, printed, "{name} {json}");
    }
}

#[test]
fn another_type_is_refused_in_the_services_words() {
    for (table, name, json, literal, expected) in [
        ("account", "numberofemployees", "\"x\"", "x", "Edm.Int32"),
        ("account", "numberofemployees", "1.5", "1.5", "Edm.Int32"),
        ("account", "revenue", "\"1\"", "1", "Edm.Decimal"),
        ("contact", "donotemail", "1", "1", "Edm.Boolean"),
        ("contact", "lastname", "5", "5", "Edm.String"),
        ("contact", "birthdate", "\"2000-01-01T00:00:00Z\"", "2000-01-01T00:00:00Z", "Edm.Date"),
        ("contact", "birthdate", "\"2001-02-29\"", "2001-02-29", "Edm.Date"),
        (
            "systemuser",
            "applicationid",
            "\"{9188040d-6c67-4c5b-b112-36a304b66dad}\"",
            "{9188040d-6c67-4c5b-b112-36a304b66dad}",
            "Edm.Guid",
        ),
        ("contact", "gendercode", "99999999999", "99999999999", "Edm.Int32"),
    ] {
        assert_eq!(
            reason(table, name, json),
            format!("Cannot convert the literal '{literal}' to the expected type '{expected}'."),
        );
    }
}

#[test]
fn limits_are_the_columns_own() {
    let code = |table: &str, name: &str, json: &str| read(table, name, json).unwrap_err().code;
    assert_eq!(code("contact", "jobtitle", &format!("\"{}\"", "x".repeat(101))), 0x8004_4331);
    // Two UTF-16 code units each.
    assert_eq!(code("contact", "jobtitle", &format!("\"{}\"", "😀".repeat(51))), 0x8004_4331);
    assert!(read("contact", "jobtitle", &format!("\"{}\"", "é".repeat(100))).is_ok());
    assert_eq!(code("account", "numberofemployees", "-1"), 0x8004_432f);
    assert_eq!(code("account", "revenue", "-0.01"), 0x8004_4330);
    assert_eq!(code("account", "revenue", "100000000000001"), 0x8004_4330);
    assert_eq!(code("contact", "gendercode", "9"), 0x8004_431a);
    assert_eq!(code("contact", "birthdate", "\"1752-12-31\""), 0x8004_0239);
}

#[test]
fn texts_compare_folded_and_null_with_nothing() {
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(text("ÉCOLE ").compare(&text("ecole")), Some(Ordering::Equal));
    assert_eq!(text("a").compare(&Value::Null), None);
    let id = Uuid::from_u128(1);
    let lookup = Value::Lookup(Reference { type_code: 2, id });
    assert_eq!(lookup.compare(&Value::Guid(id)), Some(Ordering::Equal));
    assert_eq!(Value::Integer(1).compare(&Value::Boolean(true)), None);
}

#[test]
fn rounds_half_away_from_zero() {
    assert_eq!(Decimal::parse("-0.00000000005").map(|exact| exact.0), Some(-1));
    assert_eq!(Money::parse("0.00004"), Some(Money(0)));
    assert_eq!(Money(12_345).rounded(2), Money(12_300));
    assert_eq!(Money(-12_350).rounded(2), Money(-12_400));
    for no_number in ["", "-", ".5", "5.", "1e", "0x1", "1 ", "--1", "1e99999999999", "１"] {
        assert_eq!(Decimal::parse(no_number), None, "{no_number}");
    }
}

proptest! {
    #[test]
    fn decimals_print_and_read_back(units in any::<i64>(), more in any::<u32>()) {
        let exact = Decimal(i128::from(units) * i128::from(more));
        prop_assert_eq!(Decimal::parse(&exact.to_string()), Some(exact));
        let money = Money(units);
        prop_assert_eq!(Money::parse(&money.to_string()), Some(money));
    }

    #[test]
    fn exponents_move_the_point(digits in 1i64..1_000_000, exponent in 0u32..6) {
        let written = format!("{digits}e{exponent}");
        let moved = i128::from(digits) * 10_i128.pow(exponent) * Decimal::ONE;
        prop_assert_eq!(Decimal::parse(&written), Some(Decimal(moved)));
        let down = format!("{digits}e-{exponent}");
        prop_assert_eq!(Decimal::parse(&down), Some(Decimal(moved / 10_i128.pow(exponent * 2))));
    }

    #[test]
    fn random_numbers_never_panic(text in "[-+0-9.eE]{0,70}") {
        let _ = Decimal::parse(&text);
        let _ = Money::parse(&text);
    }

    #[test]
    fn texts_print_as_json(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
        let mut out = String::new();
        write_json_text(&mut out, &text);
        prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
