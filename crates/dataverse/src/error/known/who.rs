//! Who has the right to do what mends an error ("Security roles and privileges").

/// Who may mend an error of an org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Who {
    /// Whoever writes or runs the program.
    Program,
    /// Whoever may give roles and change them.
    RoleGiver,
    /// Whoever administers the org.
    Administrator,
    /// Whoever may share or assign the row.
    RowOwner,
    /// Whoever may change the org's tables.
    Customizer,
    /// Whoever looks after the registration in the tenant's directory.
    Directory,
    /// Whoever gives licences in the tenant.
    Licences,
}

impl Who {
    /// The same in words, with the roles' names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Program => "whoever writes or runs the program: it takes no further right",
            Self::RoleGiver => {
                "System Administrator of the org, or whoever may change and assign roles and holds what is given"
            }
            Self::Administrator => "System Administrator of the org",
            Self::RowOwner => {
                "System Administrator of the org for the role's depth; the row's owner for sharing or assigning it"
            }
            Self::Customizer => {
                "whoever writes the program; for the table itself System Administrator or System Customizer of the org"
            }
            Self::Directory => {
                "an owner of the app registration, or Application Administrator of the tenant; for people's roles, \
                 Privileged Role Administrator"
            }
            Self::Licences => "License Administrator or User Administrator of the tenant",
        }
    }
}
