//! As much of DER (X.690) as a PFX file needs.

/// Why a text is none; nothing says that it is damaged.
pub(super) type Problem = Option<&'static str>;

/// Values one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const EXPLICIT: u8 = 0xa0;
const IMPLICIT: u8 = 0x80;

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn value(&mut self, tag: u8) -> Result<&'a [u8], Problem> {
        let (&found, rest) = self.0.split_first().ok_or(None)?;
        let (&first, rest) = rest.split_first().ok_or(None)?;
        if found != tag {
            return Err(None);
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(None)?;
                (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
            }
            _ => return Err(None),
        };
        let (value, rest) = rest.split_at_checked(length).ok_or(None)?;
        self.0 = rest;
        Ok(value)
    }

    pub(super) fn sequence(&mut self) -> Result<Self, Problem> {
        self.value(SEQUENCE).map(Self)
    }

    pub(super) fn maybe_sequence(&mut self) -> Option<Self> {
        self.sequence().ok()
    }

    /// `[number]` around another value.
    pub(super) fn explicit(&mut self, number: u8) -> Result<Self, Problem> {
        self.value(EXPLICIT | number).map(Self)
    }

    /// `[number]` in an octet string's place.
    pub(super) fn implicit_octets(&mut self, number: u8) -> Result<&'a [u8], Problem> {
        self.value(IMPLICIT | number)
    }

    pub(super) fn octets(&mut self) -> Result<&'a [u8], Problem> {
        self.value(OCTETS)
    }

    pub(super) fn identifier(&mut self) -> Result<&'a [u8], Problem> {
        self.value(IDENTIFIER)
    }

    /// A number that is not negative and has at most 31 bits.
    pub(super) fn integer(&mut self) -> Result<u32, Problem> {
        let bytes = self.value(INTEGER)?;
        if bytes.is_empty() || bytes.len() > 4 || bytes.first().is_some_and(|byte| *byte > 0x7f) {
            return Err(None);
        }
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    pub(super) fn maybe_integer(&mut self) -> Option<u32> {
        self.integer().ok()
    }
}
