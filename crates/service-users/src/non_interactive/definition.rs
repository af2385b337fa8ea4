//! What is wanted of a non-interactive user, as plain data.

/// Where the person comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Made here, or by an earlier run.
    New,
    /// A person of the directory, whoever made them.
    Existing,
}

/// A non-interactive user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonInteractiveDefinition {
    /// The user name (user principal name) in the directory.
    pub user_name: String,
    /// The name for people; what stands before the `@` when not given. Only for new ones.
    pub display_name: Option<String>,
    /// Where the person comes from.
    pub source: Source,
    /// The name of the business unit; when not given, the user stays where they are, and a new one
    /// comes into the root one.
    pub business_unit: Option<String>,
    /// Names or ids of the security roles that it shall have. Others that it has stay.
    pub roles: Vec<String>,
    /// Whether System Administrator may be among the roles.
    pub allows_system_administrator: bool,
    /// The plan whose licence is borrowed, by its SKU part number or id; any that reaches Dataverse
    /// and has a free unit when not given.
    pub licence: Option<String>,
    /// Where it is used, as licences must know: two letters of ISO 3166. Needed unless the directory
    /// knows already.
    pub usage_location: Option<String>,
    /// Whether a new person gets a first password that has to be changed, as some tenants' rules have
    /// it; it is then changed at once, so that signing in without a window works.
    pub changes_first_password: bool,
    /// How many enabled non-interactive users an org may have: seven today, five once. The org does
    /// not tell.
    pub limit: u32,
}

impl NonInteractiveDefinition {
    /// A new one with today's limit and nothing else decided.
    #[must_use]
    pub fn new(user_name: impl Into<String>) -> Self {
        Self {
            user_name: user_name.into(),
            display_name: None,
            source: Source::New,
            business_unit: None,
            roles: Vec::new(),
            allows_system_administrator: false,
            licence: None,
            usage_location: None,
            changes_first_password: false,
            limit: crate::declaration::Policies::default().non_interactive_limit,
        }
    }

    /// An existing person to be converted, whose roles and business unit stay as they are.
    #[must_use]
    pub fn existing(user_name: impl Into<String>) -> Self {
        Self { source: Source::Existing, ..Self::new(user_name) }
    }

    pub(crate) fn nickname(&self) -> &str {
        self.user_name.split('@').next().unwrap_or_default()
    }
}
