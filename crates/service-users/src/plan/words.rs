//! Privileges by their names, and how far they reach.

use keyholder_security::Depth;

use crate::wishes::Wish;

/// How far a privilege reaches, behind its name.
pub(crate) fn reach(depth: Depth) -> &'static str {
    match depth {
        Depth::Basic => "for own rows",
        Depth::Local => "in the business unit",
        Depth::Deep => "in the business unit and those below",
        Depth::Global => "organization-wide",
    }
}

/// A role's privileges by their names.
pub(super) fn in_names(wishes: &[Wish]) -> String {
    let each: Vec<_> = wishes.iter().map(|wish| format!("{} {}", wish.name, reach(wish.depth))).collect();
    match each.as_slice() {
        [] => "grants nothing beyond what every new role gets".to_owned(),
        each => format!("grants {} and what every new role gets", each.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_said_by_the_names_of_its_privileges() {
        assert_eq!(in_names(&[]), "grants nothing beyond what every new role gets");
        let wish = Wish { name: "prvReadContact".to_owned(), depth: Depth::Local, table: None, optional: false };
        assert_eq!(in_names(&[wish]), "grants prvReadContact in the business unit and what every new role gets");
    }
}
