//! The name that was probably meant.

/// How many names are compared with.
const MOST: usize = 1000;

/// The candidate that differs least from `word`, if it differs little enough to have been meant.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody mistypes a name of this length into another; and the distance takes the square of it.
    if word.chars().count() > 100 {
        return None;
    }
    let most = (word.chars().count() / 3).max(1);
    let distance = |candidate: &&str| distance(&folded(word), &folded(candidate));
    let candidates = candidates.into_iter().take(MOST).filter(|candidate| candidate.len() <= 400);
    let best = candidates.min_by_key(distance)?;
    (distance(&best) <= most).then_some(best)
}

/// `; did you mean ...?`, or nothing.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, candidates).map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// `clientId`, `client_id` and `CLIENT-ID` are all the same word to somebody in a hurry.
fn folded(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

/// How many characters have to be put in, left out, changed or swapped with their neighbour.
fn distance(left: &[char], right: &[char]) -> usize {
    let width = right.len() + 1;
    let mut before_last = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (row, l) in left.iter().enumerate() {
        let mut this = vec![row + 1; width];
        for (column, r) in right.iter().enumerate() {
            let changed = last[column] + usize::from(l != r);
            this[column + 1] = changed.min(last[column + 1] + 1).min(this[column] + 1);
            let swapped = row > 0 && column > 0 && left[row - 1] == *r && right[column - 1] == *l;
            if swapped {
                this[column + 1] = this[column + 1].min(before_last[column - 1] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, this);
    }
    last[width - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        const KEYS: [&str; 5] = ["name", "roles", "orgs", "client-id", "business-unit"];
        assert_eq!(nearest("rolse", KEYS), Some("roles"));
        assert_eq!(nearest("role", KEYS), Some("roles"));
        assert_eq!(nearest("clientId", KEYS), Some("client-id"));
        assert_eq!(nearest("business_unit", KEYS), Some("business-unit"));
        assert_eq!(nearest("busines-unti", KEYS), Some("business-unit"));
        assert_eq!(nearest("secret", KEYS), None);
        assert_eq!(nearest("", []), None);
        assert_eq!(did_you_mean("org", KEYS), "; did you mean `orgs`?");
        assert_eq!(did_you_mean(&"x".repeat(1000), KEYS), "");
    }

    #[test]
    fn distances_count_slips() {
        let of = |left: &str, right: &str| distance(&folded(left), &folded(right));
        assert_eq!(of("abc", "abc"), 0);
        assert_eq!(of("abc", "acb"), 1);
        assert_eq!(of("abc", "ab"), 1);
        assert_eq!(of("abc", "xyz"), 3);
        assert_eq!(of("", "abc"), 3);
    }
}
