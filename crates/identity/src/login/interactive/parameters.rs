//! The parameters of a request that a browser makes: in the query, or in a posted form.

use keyholder_entra::aadsts::{self, Problem};

/// The longest query or form, in bytes.
const LONGEST: usize = 16 * 1024;
/// The longest value that a person types, in bytes.
const LONGEST_TYPED: usize = 1024;

/// Parameters by name, each once.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query or form. A parameter that comes twice is refused: two readers of it might take
    /// different ones.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Problem> {
        if text.len() > LONGEST {
            return Err(aadsts::request_too_long("query"));
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text) {
            if parameters.iter().any(|(known, _)| *known == name) {
                let detail = format!("The parameter '{name}' is given more than once.");
                return Err(aadsts::request_malformed(&detail));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
    }

    /// A parameter that is there and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// A parameter that must be there.
    pub(super) fn require(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| aadsts::parameter_missing(name))
    }

    /// What a person typed into a field; longer than anybody types is nothing.
    pub(super) fn typed(&self, name: &str) -> &str {
        self.get(name).filter(|value| value.len() <= LONGEST_TYPED).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_parameter_comes_once() {
        let read = Parameters::parse(b"a=1&b=&c=%20x").unwrap();
        assert_eq!((read.get("a"), read.get("b"), read.get("c"), read.get("d")), (Some("1"), None, Some(" x"), None));
        assert_eq!(Parameters::parse(b"a=1&b=2&a=1").unwrap_err().number(), 9_002_313);
        assert_eq!(Parameters::parse(&[b'a'; LONGEST + 1]).unwrap_err().number(), 90_015);
        assert_eq!(read.require("d").unwrap_err().number(), 900_144);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Parameters::parse(&bytes);
        }
    }
}
