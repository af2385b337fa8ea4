//! Properties that real objects have and these never have anything in: nothing here gives them a
//! value. They are shown as the service shows them where nothing is set, and a body may say of them
//! only that there is nothing.

use serde_json::{Value, json};

use super::body::Body;
use super::problem::Problem;

/// How a property looks that nothing is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    Null,
    False,
    List,
    /// A publisher whom nobody verified.
    Publisher,
}

impl Nothing {
    pub(super) fn value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::False => false.into(),
            Self::List => Value::Array(Vec::new()),
            Self::Publisher => json!({ "displayName": null, "verifiedPublisherId": null, "addedDateTime": null }),
        }
    }
}

/// The properties of one kind of object that nothing is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unset {
    /// Those that are shown with all others.
    pub(super) shown: &'static [(&'static str, Nothing)],
    /// Those that are shown only to who asks for them by name.
    pub(super) selectable: &'static [(&'static str, Nothing)],
}

pub(super) const NO_PROPERTIES: Unset = Unset { shown: &[], selectable: &[] };

pub(super) const APPLICATION: Unset = Unset {
    shown: &[
        ("applicationTemplateId", Nothing::Null),
        ("certification", Nothing::Null),
        ("disabledByMicrosoftStatus", Nothing::Null),
        ("nativeAuthenticationApisEnabled", Nothing::Null),
        ("tokenEncryptionKeyId", Nothing::Null),
        ("verifiedPublisher", Nothing::Publisher),
    ],
    selectable: &[
        ("authenticationBehaviors", Nothing::Null),
        ("managerApplications", Nothing::List),
        ("oauth2RequirePostResponse", Nothing::False),
    ],
};

pub(super) const SERVICE_PRINCIPAL: Unset = Unset {
    shown: &[
        ("applicationTemplateId", Nothing::Null),
        ("disabledByMicrosoftStatus", Nothing::Null),
        ("resourceSpecificApplicationPermissions", Nothing::List),
        ("tokenEncryptionKeyId", Nothing::Null),
        ("verifiedPublisher", Nothing::Publisher),
    ],
    selectable: &[("customSecurityAttributes", Nothing::Null)],
};

impl Unset {
    /// Those of the kind of object that an `@odata.type` names.
    pub(super) fn of_type(name: &str) -> Self {
        match name {
            "#microsoft.graph.application" => APPLICATION,
            "#microsoft.graph.servicePrincipal" => SERVICE_PRINCIPAL,
            _ => NO_PROPERTIES,
        }
    }

    /// Takes what a body says of them, which must be that there is nothing.
    pub(super) fn take_from(self, body: &mut Body) -> Result<(), Problem> {
        self.shown.iter().chain(self.selectable).try_for_each(|(name, _)| body.take_nothing(name))
    }
}
