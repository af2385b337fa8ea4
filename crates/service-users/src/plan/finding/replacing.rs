//! What stands in the way of replacing or revoking a credential.

use keyholder_foundation::{KeyId, Timestamp};

use super::{Finding, Severity};
use crate::kept::KeyKind;

impl Finding {
    /// Neither an id nor the name of one of the application's federated credentials.
    pub(crate) fn no_such_credential(name: &str, id: &str) -> Self {
        let message = format!("`{id}` is neither the id of a credential of `{name}` nor the name of a federated one");
        Self::new(Severity::Stop, "noSuchCredential", name, message).hint("`keyholder credential list` shows them")
    }

    pub(crate) fn last_credential(name: &str) -> Self {
        let message = format!("it is the last credential of `{name}` that works: without it nothing signs in as it");
        Self::new(Severity::Stop, "lastCredential", name, message)
            .hint("add another one first (`keyholder credential add`), or say `--even-the-last`")
    }

    /// A place that holds no credential of the application, so that nothing says which one is to be replaced.
    pub(crate) fn nothing_to_replace(name: &str, place: &str, there: &[String]) -> Self {
        let has = if there.is_empty() { "no secret or certificate at all".to_owned() } else { there.join(", ") };
        let message = format!(
            "`{place}` holds no credential of `{name}`, so nothing says which one is to be replaced; it has {has}"
        );
        let finding = Self::new(Severity::Stop, "nothingToReplace", name, message);
        if there.is_empty() {
            finding.hint("`keyholder credential add` makes one")
        } else {
            finding.hint("say which one goes: `--replaces ID`; or make one more with `keyholder credential add`")
        }
    }

    /// Nothing stands in a declared place here, while what was made for it works.
    pub(crate) fn place_is_empty(name: &str, place: &str, there: &str) -> Self {
        let message = format!(
            "`{place}` holds no credential of `{name}` here, though one that was made for it works: {there}; so it was not \
             replaced"
        );
        Self::new(Severity::Stop, "placeIsEmpty", name, message).hint(
            "if another machine has it, rotate it there; if it is lost, `keyholder apply` makes one for this place",
        )
    }

    /// A program that was handed several which work: on which machine, or for which cluster, its words do not tell.
    pub(crate) fn several_handed(name: &str, place: &str, there: &[String]) -> Self {
        let message = format!(
            "`{place}` was handed several credentials of `{name}` that work: {}; the same words may keep them in several \
             places, such as on another machine, so nothing says which one is to be replaced",
            there.join(", ")
        );
        Self::new(Severity::Stop, "severalHanded", name, message).hint(
            "say which one goes, with the place: `--save-with ... --replaces ID`; or remove those that nobody uses: \
             `keyholder credential revoke`",
        )
    }

    /// A place may hold any of several, for it failed with each.
    pub(crate) fn place_keeps_failing(name: &str, place: &str, there: &[String]) -> Self {
        let message = format!(
            "`{place}` has failed with {} new credentials of `{name}`, may hold any of them, and all work: {}; one more would \
             not mend that",
            there.len(),
            there.join(", ")
        );
        Self::new(Severity::Stop, "placeKeepsFailing", name, message).hint(
            "mend what fails there; then remove those that it does not hold (`keyholder credential revoke`), and run this again",
        )
    }

    /// Several secrets or certificates, of which one is to go.
    pub(crate) fn which_to_replace(name: &str, there: &[String]) -> Self {
        let message = format!("`{name}` has several that could be replaced: {}", there.join(", "));
        Self::new(Severity::Stop, "whichToReplace", name, message).hint("say which one goes: `--replaces ID`")
    }

    /// Another run is at the same credential.
    pub(crate) fn rotation_under_way(name: &str, place: &str, who: &str) -> Self {
        let message =
            format!("the credential of `{name}` in `{place}` is being made, replaced or revoked by another run: {who}");
        Self::new(Severity::Stop, "rotationUnderWay", name, message).hint(
            "nothing was changed: wait until that run, and a program that it has started, has ended; one that was stopped is finished by running it again \
             where it ran, or from anywhere a quarter of an hour later",
        )
    }

    /// One that is new, for a place that does not hold it yet.
    pub(crate) fn on_its_way(name: &str, place: &str, (kind, id, starts): (KeyKind, KeyId, Option<Timestamp>)) -> Self {
        let since = starts.map(|start| format!(", made at {start}")).unwrap_or_default();
        let who = format!("the {} {id} is new and not in it yet{since}", kind.noun());
        Self::rotation_under_way(name, place, &who)
    }

    /// The credential of a place is not any more what it was when the plan was made.
    pub(crate) fn changed_meanwhile(name: &str, place: &str, what: &str) -> Self {
        let message = format!("the credential of `{name}` in `{place}` was changed since it was looked at: {what}");
        Self::new(Severity::Stop, "changedMeanwhile", name, message)
            .hint("another run was at it; nothing was done about it: run this again")
    }

    /// A file that holds what was made for another place.
    pub(crate) fn of_another_place(
        (name, who): (&str, &str),
        (place, flags): (&str, &str),
        (kind, id, label): (KeyKind, KeyId, &str),
    ) -> Self {
        let noun = kind.noun();
        let whose = match label == place {
            true => "this path on another machine, or in another folder that is gone",
            false => label,
        };
        let message = format!(
            "`{place}` holds the {noun} {id} of `{name}`, which by its label was made for another place: `{whose}`; \
             replaced here, it would end there too"
        );
        let made = match kind {
            KeyKind::Secret => "--secret",
            KeyKind::Certificate => "--certificate",
        };
        Self::new(Severity::Stop, "ofAnotherPlace", name, message)
            .hint(format!(
                "if the file is a copy, make one of its own for it: `keyholder credential add {who} {made} {flags}`"
            ))
            .hint(format!(
                "if it was moved, and nothing is left there: `keyholder rotate {who} {flags} --replaces {id}`"
            ))
    }

    /// The credential that the caller is signed in with.
    pub(crate) fn own_credential(name: &str, noun: &str, id: KeyId) -> Self {
        let message = format!("the {noun} {id} of `{name}` is the one that this very command is signed in with");
        Self::new(Severity::Stop, "ownCredential", name, message).hint(
            "do it as another administrator, or say `--even-my-own`: the new one is then signed in with before this one \
             is revoked, and later commands need the new one",
        )
    }
}
