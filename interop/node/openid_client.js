// openid-client: nobody's library in particular, which holds the token service to the standards.

import * as oidc from "openid-client";
import { Browser } from "./browser.js";
import { AUTHORITY, ORG, check, checkApplication, checkPerson, claims, done, setting } from "./checks.js";

const issuer = new URL(`${AUTHORITY}/v2.0`);
const scope = `${ORG}/.default`;

// An application, its secret in the form and in the header.
const client = setting("SECRET_CLIENT_ID");
for (const [name, proof] of [
  ["the form", oidc.ClientSecretPost(setting("SECRET"))],
  ["the header", oidc.ClientSecretBasic(setting("SECRET"))],
]) {
  const found = await oidc.discovery(issuer, client, undefined, proof);
  const answer = await oidc.clientCredentialsGrant(found, { scope });
  checkApplication(`a secret in ${name}`, answer.access_token, client, setting("SECRET_PRINCIPAL"), "1");
}
const wrong = await oidc.discovery(issuer, client, undefined, oidc.ClientSecretPost("wrong"));
try {
  check("a wrong secret is refused", false, await oidc.clientCredentialsGrant(wrong, { scope }));
} catch (error) {
  const said = error.cause;
  check("a wrong secret is AADSTS7000215", said.error === "invalid_client" && said.error_codes[0] === 7000215, said);
}

// A person at a web site: the id token is verified, its nonce too, and the answer about the person.
const web = setting("WEB_CLIENT_ID");
const site = await oidc.discovery(issuer, web, undefined, oidc.ClientSecretPost(setting("WEB_SECRET")));
const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
const expectedNonce = oidc.randomNonce();
const address = oidc.buildAuthorizationUrl(site, {
  redirect_uri: setting("REDIRECT"),
  scope: `openid profile email offline_access ${ORG}/user_impersonation`,
  code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
  code_challenge_method: "S256",
  state: "a state",
  nonce: expectedNonce,
});
const browser = new Browser();
const page = await browser.open(address);
const back = new URL(setting("REDIRECT"));
back.search = new URLSearchParams(await browser.signIn(page, setting("ADA_USERNAME"), setting("ADA_PASSWORD")));
const checks = { pkceCodeVerifier, expectedNonce, expectedState: "a state", idTokenExpected: true };
const answer = await oidc.authorizationCodeGrant(site, back, checks);
checkPerson("a person's token", answer.access_token, web, setting("ADA_USERNAME"), "user_impersonation", "1");
check("the id token is theirs", answer.claims().preferred_username === setting("ADA_USERNAME"), answer.claims());
const again = await oidc.refreshTokenGrant(site, answer.refresh_token, { scope });
checkPerson("a refreshed token", again.access_token, web, setting("ADA_USERNAME"), "user_impersonation", "1");
check("is another one", claims(again.access_token).uti !== claims(answer.access_token).uti);
try {
  check("a code for the second time is refused", false, await oidc.authorizationCodeGrant(site, back, checks));
} catch (error) {
  check("a code for the second time is AADSTS54005", error.cause?.error_codes?.[0] === 54005, error.cause);
}
done();
