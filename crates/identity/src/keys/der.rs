//! Just enough DER to read an RSA public key (RFC 8017, appendix A.1.1):
//! `SEQUENCE { modulus INTEGER, publicExponent INTEGER }`.

/// Modulus and exponent, big-endian and without leading zeros.
pub(super) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(der, 0x30)?;
    let (modulus, tail) = element(sequence, 0x02)?;
    let (exponent, end) = element(tail, 0x02)?;
    (rest.is_empty() && end.is_empty()).then_some((unsigned(modulus), unsigned(exponent)))
}

/// The contents of the element with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        // Two bytes of length carry keys of half a million bits.
        long @ (0x81 | 0x82) => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn unsigned(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = rsa_public_key(&bytes);
            let mut framed = vec![0x30, bytes.len() as u8];
            framed.extend(&bytes);
            let _ = rsa_public_key(&framed);
        }
    }
}
