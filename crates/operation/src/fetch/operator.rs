//! The operators of FetchXML's conditions.

/// How many values an operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// None.
    None,
    /// One.
    One,
    /// Two.
    Two,
    /// One or more.
    Many,
}

/// Writes the enumeration and its table from one list, so that neither can lack what the other has.
macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $arity:ident;)*) => {
        /// How a condition compares.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operator {
            $(#[doc = concat!("`", $word, "`")] $name,)*
        }

        impl Operator {
            /// Every operator.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word in FetchXML.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// How many values it takes.
            #[must_use]
            pub const fn arity(self) -> Arity {
                match self { $(Self::$name => Arity::$arity,)* }
            }
        }
    };
}

operators! {
    Equal = "eq", One;
    NotEqual = "ne", One;
    Greater = "gt", One;
    GreaterOrEqual = "ge", One;
    Less = "lt", One;
    LessOrEqual = "le", One;
    Null = "null", None;
    NotNull = "not-null", None;
    Like = "like", One;
    NotLike = "not-like", One;
    BeginsWith = "begins-with", One;
    NotBeginWith = "not-begin-with", One;
    EndsWith = "ends-with", One;
    NotEndWith = "not-end-with", One;
    In = "in", Many;
    NotIn = "not-in", Many;
    Between = "between", Two;
    NotBetween = "not-between", Two;
    ContainValues = "contain-values", Many;
    NotContainValues = "not-contain-values", Many;
    EqualUserId = "eq-userid", None;
    NotEqualUserId = "ne-userid", None;
    EqualUserTeams = "eq-userteams", None;
    EqualUserOrUserTeams = "eq-useroruserteams", None;
    EqualUserOrUserHierarchy = "eq-useroruserhierarchy", None;
    EqualUserOrUserHierarchyAndTeams = "eq-useroruserhierarchyandteams", None;
    EqualBusinessId = "eq-businessid", None;
    NotEqualBusinessId = "ne-businessid", None;
    EqualUserLanguage = "eq-userlanguage", None;
    Under = "under", One;
    UnderOrEqual = "eq-or-under", One;
    NotUnder = "not-under", One;
    Above = "above", One;
    AboveOrEqual = "eq-or-above", One;
    On = "on", One;
    OnOrBefore = "on-or-before", One;
    OnOrAfter = "on-or-after", One;
    Yesterday = "yesterday", None;
    Today = "today", None;
    Tomorrow = "tomorrow", None;
    LastSevenDays = "last-seven-days", None;
    NextSevenDays = "next-seven-days", None;
    LastWeek = "last-week", None;
    ThisWeek = "this-week", None;
    NextWeek = "next-week", None;
    LastMonth = "last-month", None;
    ThisMonth = "this-month", None;
    NextMonth = "next-month", None;
    LastYear = "last-year", None;
    ThisYear = "this-year", None;
    NextYear = "next-year", None;
    LastXHours = "last-x-hours", One;
    NextXHours = "next-x-hours", One;
    LastXDays = "last-x-days", One;
    NextXDays = "next-x-days", One;
    LastXWeeks = "last-x-weeks", One;
    NextXWeeks = "next-x-weeks", One;
    LastXMonths = "last-x-months", One;
    NextXMonths = "next-x-months", One;
    LastXYears = "last-x-years", One;
    NextXYears = "next-x-years", One;
    OlderThanXMinutes = "olderthan-x-minutes", One;
    OlderThanXHours = "olderthan-x-hours", One;
    OlderThanXDays = "olderthan-x-days", One;
    OlderThanXWeeks = "olderthan-x-weeks", One;
    OlderThanXMonths = "olderthan-x-months", One;
    OlderThanXYears = "olderthan-x-years", One;
    ThisFiscalYear = "this-fiscal-year", None;
    ThisFiscalPeriod = "this-fiscal-period", None;
    NextFiscalYear = "next-fiscal-year", None;
    NextFiscalPeriod = "next-fiscal-period", None;
    LastFiscalYear = "last-fiscal-year", None;
    LastFiscalPeriod = "last-fiscal-period", None;
    LastXFiscalYears = "last-x-fiscal-years", One;
    LastXFiscalPeriods = "last-x-fiscal-periods", One;
    NextXFiscalYears = "next-x-fiscal-years", One;
    NextXFiscalPeriods = "next-x-fiscal-periods", One;
    InFiscalYear = "in-fiscal-year", One;
    InFiscalPeriod = "in-fiscal-period", One;
    InFiscalPeriodAndYear = "in-fiscal-period-and-year", Two;
    InOrBeforeFiscalPeriodAndYear = "in-or-before-fiscal-period-and-year", Two;
    InOrAfterFiscalPeriodAndYear = "in-or-after-fiscal-period-and-year", Two;
}

impl Operator {
    /// The operator of this name. `neq` is an older name of `ne`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "neq" { "ne" } else { name };
        Self::ALL.iter().copied().find(|operator| operator.name() == name)
    }

    /// Whether the column may be compared with another column instead of a value.
    #[must_use]
    pub const fn takes_column(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual
        )
    }
}
