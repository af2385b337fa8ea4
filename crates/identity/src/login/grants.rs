//! The ways of getting a token, one file each.

use keyholder_entra::aadsts::{self, Problem};

use super::scope::{Asked, Several};
use super::token::{Asking, Granted, Trail};
use super::{Failure, Version};

mod authorization_code;
mod client_credentials;
mod device_code;
mod password;
mod refresh_token;

/// A grant that this service offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// An application for itself (RFC 6749 section 4.4).
    ClientCredentials,
    /// A person by username and password (RFC 6749 section 4.3).
    Password,
    /// A person who signed in before (RFC 6749 section 6).
    RefreshToken,
    /// A person who signed in on the page (RFC 6749 section 4.1).
    AuthorizationCode,
    /// A person who signed in on another device (RFC 8628).
    DeviceCode,
}

impl Grant {
    /// The grant of a `grant_type`.
    pub(super) fn find(grant_type: &str) -> Result<Self, Problem> {
        match grant_type {
            "client_credentials" => Ok(Self::ClientCredentials),
            "password" => Ok(Self::Password),
            "refresh_token" => Ok(Self::RefreshToken),
            "authorization_code" => Ok(Self::AuthorizationCode),
            // The first is v1's name for it.
            "device_code" | "urn:ietf:params:oauth:grant-type:device_code" => Ok(Self::DeviceCode),
            other => Err(aadsts::unsupported_grant_type(other)),
        }
    }

    /// Its name in the log of sign-ins.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::AuthorizationCode => "authorization_code",
            Self::DeviceCode => "device_code",
        }
    }

    /// What it gives.
    pub(super) async fn take(self, asking: &Asking<'_>, trail: &mut Trail) -> Result<Granted, Failure> {
        match self {
            Self::ClientCredentials => client_credentials::grant(asking, trail).await,
            Self::Password => password::grant(asking, trail).await,
            Self::RefreshToken => refresh_token::grant(asking, trail).await,
            Self::AuthorizationCode => authorization_code::grant(asking, trail).await,
            Self::DeviceCode => device_code::grant(asking, trail).await,
        }
    }
}

/// A parameter that must be there and not empty.
fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, Problem> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| aadsts::parameter_missing(name))
}

/// Whether what says for what the token shall be is there at all, checked early as others are.
fn check_target(asking: &Asking<'_>) -> Result<(), Problem> {
    let form = asking.form;
    match asking.version {
        Version::One => required(form.resource.as_deref(), "resource").map(drop),
        Version::Two if form.resource.is_some() => Err(aadsts::resource_parameter_unsupported()),
        Version::Two if form.scope.is_none() => Err(aadsts::parameter_missing("scope")),
        Version::Two => Ok(()),
    }
}

/// What is asked for now, or else was at first (`earlier`).
fn asked(asking: &Asking<'_>, earlier: Option<&str>, several: Several) -> Result<Asked, Problem> {
    let given = |text: Option<&'_ String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let form = asking.form;
    let now = match asking.version {
        Version::One => given(form.resource.as_ref()).map(|resource| Ok(Asked::of_resource(&resource))),
        Version::Two => given(form.scope.as_ref()).map(|scope| Asked::parse(&scope, several)),
    };
    let Some(earlier) = earlier else {
        return now.unwrap_or_else(|| Err(aadsts::scope_empty()));
    };
    let first = Asked::parse(earlier, Several::FirstCounts)?;
    let Some(now) = now else { return Ok(first) };
    let mut now = now?;
    // A request that only repeats OpenID's words still means the resource of the first.
    let only_openid = now.permissions == super::scope::Permissions::Named(Vec::new());
    if only_openid {
        now.resource = first.resource;
        now.permissions = first.permissions;
        now.bare = first.bare;
    }
    // What was asked once is not lost by not being repeated.
    now.offline_access |= first.offline_access;
    Ok(now)
}
