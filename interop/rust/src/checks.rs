//! A check is a name and a condition; the last line counts them.

use std::error::Error;

use azure_core::credentials::TokenCredential;
use serde_json::{Value, json};

/// A setting of the world.
pub(crate) fn setting(name: &str) -> Result<String, Box<dyn Error>> {
    std::env::var(format!("KEYHOLDER_{name}")).map_err(|error| format!("KEYHOLDER_{name}: {error}").into())
}

/// How many checks passed.
#[derive(Default)]
pub(crate) struct Checks {
    passed: u32,
    failed: u32,
}

impl Checks {
    pub(crate) fn check(&mut self, name: &str, good: bool, seen: &str) {
        if good {
            self.passed += 1;
            println!("ok: {name}");
        } else {
            self.failed += 1;
            println!("FAILED: {name}: saw {seen}");
        }
    }

    /// That a credential gives an application's token of version 1. `proof` is 1 for a secret, 2
    /// for a key.
    pub(crate) async fn signed_in(
        &mut self,
        name: &str,
        credential: &dyn TokenCredential,
        client: &str,
        principal: &str,
        proof: &str,
    ) -> Result<(), Box<dyn Error>> {
        let org = setting("ORG_URL")?.trim_end_matches('/').to_owned();
        let tenant = setting("TENANT_ID")?;
        let token = match credential.get_token(&[&format!("{org}/.default")], None).await {
            Ok(token) => token,
            Err(error) => {
                self.check(name, false, &error.to_string());
                return Ok(());
            }
        };
        let said = claims(token.token.secret())?;
        let issuer = format!("https://sts.windows.net/{tenant}/");
        let good = [
            ("aud", org.as_str()),
            ("iss", &issuer),
            ("tid", &tenant),
            ("appid", client),
            ("appidacr", proof),
            ("idtyp", "app"),
            ("oid", principal),
            ("sub", principal),
            ("ver", "1.0"),
        ]
        .iter()
        .all(|(claim, value)| said[claim] == json!(value));
        self.check(name, good && said["scp"].is_null() && said["upn"].is_null(), &said.to_string());
        Ok(())
    }

    /// That what a credential asks for is refused with this AADSTS number, and with the whole error
    /// understood.
    pub(crate) async fn refused(&mut self, name: &str, credential: &dyn TokenCredential, number: u32) {
        let scope = format!("{}/.default", setting("ORG_URL").unwrap_or_default().trim_end_matches('/'));
        let said = match credential.get_token(&[&scope], None).await {
            Ok(_) => "a token".to_owned(),
            Err(error) => chain(&error),
        };
        self.check(&format!("{name} is AADSTS{number}"), said.contains(&format!("AADSTS{number}: ")), &said);
    }

    /// Says how many passed.
    pub(crate) fn done(self) -> Result<(), Box<dyn Error>> {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 { Ok(()) } else { Err("a check failed".into()) }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn claims(token: &str) -> Result<Value, Box<dyn Error>> {
    let body = token.split('.').nth(1).ok_or("the token has no body")?;
    Ok(serde_json::from_slice(&azure_core::base64::decode_url_safe(body)?)?)
}
