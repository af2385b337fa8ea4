//! Who has the right to do what mends an error ("Microsoft Entra built-in roles").

/// Who may mend an error of the token service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Who {
    /// Whoever writes or sets up the program.
    Program,
    /// The person who signs in.
    Person,
    /// Whoever looks after the tenant's people.
    UserAdministrator,
    /// Whoever may change the registration.
    RegistrationOwner,
    /// Whoever may change service principals.
    ApplicationAdministrator,
    /// Whoever may consent for the whole tenant.
    ConsentAdministrator,
    /// Whoever makes the tenant's rules for sign-in.
    PolicyAdministrator,
    /// Nobody but Microsoft.
    Microsoft,
}

impl Who {
    /// The same in words, with the directory roles' names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Program => "whoever sets the program up: it takes no right in the directory",
            Self::Person => "the person who signs in",
            Self::UserAdministrator => {
                "User Administrator of the tenant; for accounts of administrators, Privileged Authentication Administrator"
            }
            Self::RegistrationOwner => {
                "an owner of the app registration, or Application Administrator or Cloud Application Administrator"
            }
            Self::ApplicationAdministrator => {
                "Application Administrator or Cloud Application Administrator of the tenant"
            }
            Self::ConsentAdministrator => {
                "Cloud Application Administrator or Application Administrator; for Microsoft Graph's own application \
                 permissions, Privileged Role Administrator"
            }
            Self::PolicyAdministrator => "Conditional Access Administrator or Security Administrator of the tenant",
            Self::Microsoft => "nobody here: it is Microsoft's own to mend",
        }
    }
}
