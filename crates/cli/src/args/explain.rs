//! `explain`.

use clap::Args;

/// The long help.
pub(crate) const EXPLAIN: &str = "Says what a code of the token service (AADSTS) or of Dataverse (0x) means, what mends it, and who \
    has the right to do so. A code may be written in any way that services and their clients print it; a whole message, \
    an answer's body or a log is searched for codes, from standard input where no text is given.\n\n\
    It asks nobody: `keyholder doctor` looks at an org and a credential.\n\n\
    Examples:\n  \
    keyholder explain AADSTS7000222\n  \
    keyholder explain 0x80040220\n  \
    keyholder explain -2147220960\n  \
    keyholder explain < answer.json\n  \
    keyholder explain --list\n\n\
    Exit codes: 1 when none of the codes is known, 65 when there is no code in the text.";

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A code, or a text that has codes in it [default: standard input]
    #[arg(value_name = "CODE|TEXT", allow_negative_numbers = true)]
    pub(crate) text: Vec<String>,
    /// Every code that Keyholder knows
    #[arg(long, conflicts_with = "text")]
    pub(crate) list: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use keyholder_service_users::codes::Code;

    use crate::args::Arguments;

    /// The words of a command as a shell reads them, with its single quotes.
    pub(crate) fn words(command: &str) -> Vec<String> {
        let parts = command.split('\'').enumerate();
        let words = parts.flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        words.collect()
    }

    #[test]
    fn every_command_that_mends_is_one() {
        let mut tried = 0;
        for code in Code::all() {
            if let Some(command) = code.explained().command {
                // Some of it only Microsoft's own program does.
                if command.starts_with("az ") {
                    continue;
                }
                let parsed = Arguments::try_parse_from(words(command));
                assert!(parsed.is_ok(), "{code}: {command}: {:?}", parsed.err());
                tried += 1;
            }
        }
        assert!(tried > 40, "{tried}");
    }
}
