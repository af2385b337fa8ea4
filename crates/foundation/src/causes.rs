//! Errors with their causes, for people.

use std::error::Error;

/// What an error says and then each of its causes, the nearest first. Many errors repeat their cause in their own
/// words: what was said already is not said again.
#[must_use]
pub fn causes(error: &dyn Error) -> Vec<String> {
    let mut said = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        next = cause.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Failed(&'static str, Option<Box<Failed>>);

    impl fmt::Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Failed {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as &(dyn Error + 'static))
        }
    }

    #[test]
    fn each_cause_is_said_once() {
        let lost = |before| Failed(before, Some(Box::new(Failed("no such file", None))));
        assert_eq!(causes(&lost("cannot read `a`: no such file")), ["cannot read `a`: no such file"]);
        assert_eq!(causes(&lost("cannot begin")), ["cannot begin", "no such file"]);
        let outer = Failed("cannot begin", Some(Box::new(lost("cannot read `a`: no such file"))));
        assert_eq!(causes(&outer), ["cannot begin", "cannot read `a`: no such file"]);
    }
}
