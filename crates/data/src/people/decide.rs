//! What becomes of a person's user, from what it is and what the directory says. Nothing else is
//! looked at, so the whole of it can be read as a table in the tests below.

use super::{PersonFacts, Presence};

/// `accessmode` of a licensed person.
pub(crate) const READ_WRITE: i64 = 0;
/// `accessmode` of somebody who sees settings and no data.
pub(crate) const ADMINISTRATIVE: i64 = 1;
/// `accessmode` of somebody who cannot sign in by hand.
pub(crate) const NON_INTERACTIVE: i64 = 4;

/// How a person's user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// `accessmode`
    pub(crate) access_mode: i64,
    /// Whether it is disabled: by the directory with a reason, or by hand without one.
    pub(crate) disabled: Option<Option<Reason>>,
    /// `islicensed`
    pub(crate) is_licensed: bool,
    /// `setupuser`: an administrator without a licence.
    pub(crate) is_setup_user: bool,
}

/// Why the directory has disabled a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The person was deleted.
    Deleted,
    /// The person may not sign in.
    Blocked,
    /// The org's security group does not have the person.
    OutsideGroup,
    /// The person has no licence.
    Unlicensed,
}

impl Reason {
    const ALL: [Self; 4] = [Self::Deleted, Self::Blocked, Self::OutsideGroup, Self::Unlicensed];

    /// What `disabledreason` says. The words are ours.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Deleted => "The user was deleted in Microsoft Entra ID.",
            Self::Blocked => "The user is blocked from signing in.",
            Self::OutsideGroup => "The user is not a member of the environment's security group.",
            Self::Unlicensed => "The user has no license.",
        }
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.text() == text)
    }
}

/// How the user shall stand; nothing when there is none and shall be none.
pub(crate) fn decide(now: Option<Standing>, facts: &PersonFacts) -> Option<Standing> {
    let unlicensed_administrator = facts.is_administrator && !facts.is_licensed;
    let Some(now) = now else {
        let is_there = facts.presence == Presence::Exists && facts.is_enabled && facts.may_enter;
        return (is_there && (facts.is_licensed || facts.is_administrator)).then_some(Standing {
            access_mode: if facts.is_licensed { READ_WRITE } else { ADMINISTRATIVE },
            disabled: None,
            is_licensed: facts.is_licensed,
            is_setup_user: unlicensed_administrator,
        });
    };
    // Administrators without a licence always end up here, whatever they were before; and they
    // leave when one of the two changes.
    let access_mode = if unlicensed_administrator {
        ADMINISTRATIVE
    } else if now.is_setup_user {
        READ_WRITE
    } else {
        now.access_mode
    };
    let needs_licence = access_mode != ADMINISTRATIVE && access_mode != NON_INTERACTIVE;
    let reason = if facts.presence != Presence::Exists {
        Some(Reason::Deleted)
    } else if !facts.is_enabled {
        Some(Reason::Blocked)
    } else if !facts.may_enter {
        Some(Reason::OutsideGroup)
    } else if needs_licence && !facts.is_licensed {
        Some(Reason::Unlicensed)
    } else {
        None
    };
    Some(Standing {
        access_mode,
        disabled: match now.disabled {
            // What an administrator of the org did by hand is theirs to undo.
            Some(None) => Some(None),
            _ => reason.map(Some),
        },
        is_licensed: facts.is_licensed,
        is_setup_user: unlicensed_administrator,
    })
}

#[cfg(test)]
mod tests {
    use keyholder_foundation::{ObjectId, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn facts(change: impl FnOnce(&mut PersonFacts)) -> PersonFacts {
        let mut facts = PersonFacts {
            object_id: ObjectId(Uuid::from_u128(1)),
            user_principal_name: "a@b.c".to_owned(),
            display_name: "A B".to_owned(),
            first_name: None,
            last_name: None,
            mail: None,
            is_enabled: true,
            is_licensed: true,
            is_administrator: false,
            may_enter: true,
            presence: Presence::Exists,
        };
        change(&mut facts);
        facts
    }

    const LICENSED: Standing =
        Standing { access_mode: READ_WRITE, disabled: None, is_licensed: true, is_setup_user: false };

    fn disabled(reason: Reason) -> Option<Option<Reason>> {
        Some(Some(reason))
    }

    #[test]
    fn who_is_entitled_comes_and_nobody_else() {
        assert_eq!(decide(None, &facts(|_| {})), Some(LICENSED));
        let stay_out: [fn(&mut PersonFacts); 5] = [
            |facts| facts.is_licensed = false,
            |facts| facts.is_enabled = false,
            |facts| facts.may_enter = false,
            |facts| facts.presence = Presence::Gone,
            |facts| facts.presence = Presence::SoftDeleted(Timestamp::EPOCH),
        ];
        for change in stay_out {
            assert_eq!(decide(None, &facts(change)), None);
        }
    }

    #[test]
    fn a_licence_that_goes_disables_unless_the_user_needs_none() {
        let unlicensed = facts(|facts| facts.is_licensed = false);
        let after = |access_mode| decide(Some(Standing { access_mode, ..LICENSED }), &unlicensed).unwrap();
        assert_eq!(after(READ_WRITE).disabled, disabled(Reason::Unlicensed));
        assert_eq!((after(NON_INTERACTIVE).disabled, after(NON_INTERACTIVE).access_mode), (None, NON_INTERACTIVE));
        assert_eq!((after(ADMINISTRATIVE).disabled, after(ADMINISTRATIVE).is_licensed), (None, false));
        let again = decide(Some(after(READ_WRITE)), &facts(|_| {})).unwrap();
        assert_eq!(again, LICENSED, "a licence that comes back enables again");
    }

    #[test]
    fn the_security_group_holds_for_non_interactive_users_too() {
        let outside = facts(|facts| facts.may_enter = false);
        let user = Standing { access_mode: NON_INTERACTIVE, ..LICENSED };
        assert_eq!(decide(Some(user), &outside).unwrap().disabled, disabled(Reason::OutsideGroup));
    }

    #[test]
    fn unlicensed_administrators_end_up_administrative_whatever_they_were() {
        let administrator = facts(|facts| (facts.is_licensed, facts.is_administrator) = (false, true));
        let expected =
            Standing { access_mode: ADMINISTRATIVE, disabled: None, is_licensed: false, is_setup_user: true };
        assert_eq!(decide(None, &administrator), Some(expected));
        for access_mode in [READ_WRITE, ADMINISTRATIVE, NON_INTERACTIVE] {
            assert_eq!(decide(Some(Standing { access_mode, ..LICENSED }), &administrator), Some(expected));
        }
        let licensed = facts(|facts| facts.is_administrator = true);
        assert_eq!(decide(Some(expected), &licensed), Some(LICENSED), "a licence makes them ordinary users");
        let no_longer = decide(Some(expected), &facts(|facts| facts.is_licensed = false)).unwrap();
        assert_eq!(no_longer.disabled, disabled(Reason::Unlicensed), "nor do they stay without the role");
    }

    #[test]
    fn what_was_disabled_by_hand_stays_so() {
        let by_hand = Standing { disabled: Some(None), ..LICENSED };
        assert_eq!(decide(Some(by_hand), &facts(|_| {})), Some(by_hand));
        let unlicensed = decide(Some(by_hand), &facts(|facts| facts.is_licensed = false)).unwrap();
        assert_eq!(unlicensed.disabled, Some(None));
    }

    #[test]
    fn the_deleted_and_the_blocked_are_disabled_until_they_are_back() {
        for (change, reason) in [
            ((|facts| facts.is_enabled = false) as fn(&mut PersonFacts), Reason::Blocked),
            (|facts| facts.presence = Presence::SoftDeleted(Timestamp::EPOCH), Reason::Deleted),
        ] {
            let gone = decide(Some(LICENSED), &facts(change)).unwrap();
            assert_eq!(gone.disabled, disabled(reason));
            assert_eq!(decide(Some(gone), &facts(|_| {})), Some(LICENSED));
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_text(reason.text()), Some(reason));
        }
    }
}
