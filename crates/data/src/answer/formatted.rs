//! Formatted values: what people see of a value, as the annotation shows it.
//!
//! In English of the United States, in UTC and with the org's own currency: the settings that a new
//! org has and that the local org has for everybody.

use std::fmt::Write;

use keyholder_dataverse::schema::{ColumnKind, DateBehavior};
use keyholder_foundation::Timestamp;
use keyholder_store::ValueRef;

/// The formatted value of a column; nothing where the service shows none (texts, ids, and lookups,
/// whose names come from other rows).
pub(crate) fn formatted(kind: &ColumnKind, value: ValueRef<'_>) -> Option<String> {
    Some(match (kind, value) {
        (ColumnKind::Boolean(labels), ValueRef::Bool(flag)) => {
            if flag {
                labels.yes.clone()
            } else {
                labels.no.clone()
            }
        }
        (
            ColumnKind::Choice { options, .. } | ColumnKind::State { options } | ColumnKind::Status { options },
            ValueRef::Integer(number),
        ) => options.iter().find(|option| i64::from(option.value) == number)?.label.clone(),
        (ColumnKind::MultiSelect { options }, ValueRef::Text(chosen)) => {
            let labels = chosen.split(',').filter_map(|number| {
                let number: i32 = number.parse().ok()?;
                options.iter().find(|option| option.value == number).map(|option| option.label.as_str())
            });
            labels.collect::<Vec<_>>().join("; ")
        }
        (ColumnKind::Integer(_) | ColumnKind::BigInteger, ValueRef::Integer(number)) => grouped(number.into(), 0, 0),
        (ColumnKind::Decimal { precision, .. }, ValueRef::Decimal(units)) => grouped(units, 10, (*precision).into()),
        (ColumnKind::Money { precision, .. }, ValueRef::Money(units)) => {
            let amount = grouped(i128::from(units).abs(), 4, (*precision).into());
            if units < 0 { format!("-${amount}") } else { format!("${amount}") }
        }
        (ColumnKind::Double { precision, .. }, ValueRef::Double(number)) => {
            let digits = usize::from(*precision);
            let plain = format!("{:.digits$}", number.abs());
            let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
            let sign = if number < 0.0 { "-" } else { "" };
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{sign}{}{point}{fraction}", thousands(whole))
        }
        (ColumnKind::DateTime { behavior }, ValueRef::Time(moment)) => date(moment, *behavior),
        _ => return None,
    })
}

/// A number in units of 10^-scale with `digits` after the point and commas between thousands.
/// Further digits are cut: columns keep no more than they show.
fn grouped(units: i128, scale: u32, digits: usize) -> String {
    let one = 10_u128.pow(scale);
    let magnitude = units.unsigned_abs();
    let mut text = String::new();
    if units < 0 {
        text.push('-');
    }
    text.push_str(&thousands(&(magnitude / one).to_string()));
    if digits > 0 {
        let fraction = format!("{:0width$}", magnitude % one, width = scale as usize);
        text.push('.');
        text.push_str(fraction.get(..digits).unwrap_or(&fraction));
    }
    text
}

fn thousands(whole: &str) -> String {
    let mut text = String::with_capacity(whole.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `11/22/2026 9:07 AM`, or only the date.
fn date(moment: Timestamp, behavior: DateBehavior) -> String {
    let (iso, seconds) = (moment.date(), moment.unix_seconds().rem_euclid(86_400));
    let mut parts = iso.split('-').map(|part| part.trim_start_matches('0'));
    let (year, month, day) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut text = format!("{month}/{day}/{year}");
    if behavior != DateBehavior::DateOnly {
        let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
        let half = if hour < 12 { "AM" } else { "PM" };
        let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
        // Writing to a String cannot fail.
        let _ = write!(text, " {hour}:{minute:02} {half}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_dataverse::schema::{BooleanLabels, NumberRange, OptionItem};

    #[test]
    fn values_as_people_see_them() {
        let range = NumberRange { min: 0.0, max: 1e9 };
        let moment = Timestamp::parse("2026-01-02T00:07:46Z").unwrap();
        let cases = [
            (ColumnKind::BigInteger, ValueRef::Integer(-1_234_567), Some("-1,234,567")),
            (ColumnKind::BigInteger, ValueRef::Integer(123), Some("123")),
            (ColumnKind::Money { precision: 2, range, base: false }, ValueRef::Money(12_345_678), Some("$1,234.56")),
            (ColumnKind::Money { precision: 2, range, base: false }, ValueRef::Money(-500), Some("-$0.05")),
            (ColumnKind::Decimal { precision: 3, range }, ValueRef::Decimal(15_000_000_000), Some("1.500")),
            (ColumnKind::Double { precision: 1, range }, ValueRef::Double(-1234.56), Some("-1,234.6")),
            (
                ColumnKind::DateTime { behavior: DateBehavior::UserLocal },
                ValueRef::Time(moment),
                Some("1/2/2026 12:07 AM"),
            ),
            (ColumnKind::DateTime { behavior: DateBehavior::DateOnly }, ValueRef::Time(moment), Some("1/2/2026")),
            (ColumnKind::Guid, ValueRef::Uuid(uuid::Uuid::nil()), None),
            (ColumnKind::BigInteger, ValueRef::Null, None),
        ];
        for (kind, value, expected) in cases {
            assert_eq!(formatted(&kind, value).as_deref(), expected, "{kind:?} {value:?}");
        }
        let labels = BooleanLabels { no: "Allow".into(), yes: "Do Not Allow".into(), default: false };
        assert_eq!(formatted(&ColumnKind::Boolean(labels), ValueRef::Bool(true)).as_deref(), Some("Do Not Allow"));
        let options = vec![OptionItem { value: 3, label: "Hot".into(), pair: None }];
        let choice = ColumnKind::Choice { options, default: None };
        assert_eq!(formatted(&choice, ValueRef::Integer(3)).as_deref(), Some("Hot"));
        assert_eq!(formatted(&choice, ValueRef::Integer(4)), None);
    }
}
