//! `numeric` as it travels: digits in base 10,000, most significant first, around a decimal point.
//! (<https://www.postgresql.org/docs/current/protocol.html>, format of `numeric_send`.)

/// How many units of 10^-10 make one.
const ONE: u128 = 10_000_000_000;
/// The base of the digits.
const BASE: u128 = 10_000;
const NEGATIVE: u16 = 0x4000;
/// What stands for NaN and the infinities.
const SPECIAL: u16 = 0xC000;
/// The digits behind the point.
const SCALE: u16 = 10;

/// A number in units of 10^-10, as the server reads it.
pub(super) fn encode(number: i128) -> Vec<u8> {
    let magnitude = number.unsigned_abs();
    let (mut whole, fraction) = (magnitude / ONE, magnitude % ONE);
    // Ten digits behind the point are two and a half of the server's: two zeros make them three.
    let mut fraction = fraction * 100;
    let mut digits = Vec::with_capacity(12);
    for _ in 0..3 {
        digits.push(low(fraction));
        fraction /= BASE;
    }
    while whole > 0 {
        digits.push(low(whole));
        whole /= BASE;
    }
    digits.reverse();
    // The first digit counts this many times 10,000.
    let weight = i16::try_from(digits.len()).unwrap_or(i16::MAX) - 4;
    let count = u16::try_from(digits.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(8 + 2 * digits.len());
    bytes.extend(count.to_be_bytes());
    bytes.extend(weight.to_be_bytes());
    bytes.extend(if number < 0 { NEGATIVE } else { 0 }.to_be_bytes());
    bytes.extend(SCALE.to_be_bytes());
    for digit in digits {
        bytes.extend(digit.to_be_bytes());
    }
    bytes
}

fn low(number: u128) -> u16 {
    u16::try_from(number % BASE).unwrap_or_default()
}

/// What the server sent, in units of 10^-10; what is finer (an average's digits) is rounded, halves
/// away from zero. Nothing when it is no number or has more than 38 digits.
pub(super) fn decode(bytes: &[u8]) -> Option<i128> {
    let mut words = bytes.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let count = usize::from(words.next()?);
    let weight = i32::from(words.next()?.cast_signed());
    let sign = words.next()?;
    let _scale = words.next()?;
    if sign & SPECIAL == SPECIAL || words.len() != count {
        return None;
    }
    let mut magnitude: i128 = 0;
    for (place, digit) in (0..).zip(words) {
        let exponent = weight - place;
        let part = match exponent {
            -2.. => i128::from(digit).checked_mul(10_i128.checked_pow(u32::try_from(4 * exponent + 10).ok()?)?)?,
            -3 => i128::from(digit / 100) + i128::from(digit % 100 >= 50),
            _ => 0,
        };
        magnitude = magnitude.checked_add(part)?;
    }
    let number = if sign == NEGATIVE { -magnitude } else { magnitude };
    (magnitude <= crate::value::DECIMAL_LIMIT).then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::DECIMAL_LIMIT;

    proptest! {
        #[test]
        fn what_is_sent_comes_back(number in prop_oneof![-DECIMAL_LIMIT..=DECIMAL_LIMIT, -1_000_000i128..1_000_000]) {
            prop_assert_eq!(decode(&encode(number)), Some(number));
        }

        #[test]
        fn what_is_damaged_is_no_number(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            // Whatever comes of it, it is in range.
            prop_assert!(decode(&bytes).is_none_or(|number| number.unsigned_abs() <= DECIMAL_LIMIT.unsigned_abs()));
        }
    }

    #[test]
    fn finer_digits_are_rounded() {
        // 0.000000000049|99... and 0.000000000050, and 1/3 to twenty digits.
        let number = |weight: i16, digits: &[u16]| {
            let head = [digits.len() as u16, weight.cast_unsigned(), 0, 20];
            head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>()
        };
        assert_eq!(decode(&number(-3, &[49, 9999])), Some(0));
        assert_eq!(decode(&number(-3, &[50])), Some(1));
        assert_eq!(decode(&number(-1, &[3333, 3333, 3333, 3333, 3333])), Some(3_333_333_333));
        assert_eq!(decode(&number(1, &[1])), Some(10_000 * 10_000_000_000));
        // NaN.
        assert_eq!(decode(&[0, 0, 0, 0, 0xC0, 0, 0, 0]), None);
    }
}
