//! Serde helpers for what services print in more than one way.

use serde::{Deserialize, Deserializer};

/// A number, or its text.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Fraction(f64),
    Text(String),
}

impl NumberOrText {
    fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, and seconds are enough")]
            Self::Fraction(fraction) if fraction.is_finite() => Some(fraction as i64),
            Self::Fraction(_) => None,
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

/// Whole numbers that v1 endpoints print as strings and v2 endpoints as numbers.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let read = NumberOrText::deserialize(deserializer)?;
    read.number().ok_or_else(|| serde::de::Error::custom("expected a whole number or its text"))
}

/// As [`number`], where the field may be missing or null.
pub(crate) fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<NumberOrText>::deserialize(deserializer)?.and_then(NumberOrText::number))
}

/// One text or an array of texts, as a JWT's `aud` may be (RFC 7519 section 4.1.3).
pub(crate) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<OneOrMany>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(OneOrMany::One(text)) => vec![text],
        Some(OneOrMany::Many(texts)) => texts,
    })
}

/// Null where an array or text is expected reads as empty.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Moments as RFC 3339 text; the fraction of a second has up to seven digits in Graph.
pub(crate) mod moment {
    use keyholder_foundation::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Prints the moment, or null.
    pub(crate) fn serialize<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => serializer.collect_str(moment),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a moment; null is none.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Timestamp::parse(&text).map_err(serde::de::Error::custom)).transpose()
    }
}

/// Secrets on their way out: the one place where a wire struct shows one.
pub(crate) mod secret {
    use keyholder_foundation::Secret;
    use serde::Serializer;

    /// Prints the secret itself.
    pub(crate) fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Prints the secret itself, or null.
    pub(crate) fn serialize_optional<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_str(secret.expose()),
            None => serializer.serialize_none(),
        }
    }
}
