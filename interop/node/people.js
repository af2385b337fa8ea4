// @azure/msal-node: people, by password, by a code, by another device, and on by refresh tokens.

import { ConfidentialClientApplication, CryptoProvider, PublicClientApplication } from "@azure/msal-node";
import { Browser, approveDevice } from "./browser.js";
import { AUTHORITY, ORG, TENANT, check, checkPerson, checkRefused, claims, done, setting } from "./checks.js";

const ada = setting("ADA_USERNAME");
const password = setting("ADA_PASSWORD");
const publicId = setting("PUBLIC_CLIENT_ID");
const webId = setting("WEB_CLIENT_ID");
const redirectUri = setting("REDIRECT");
const scopes = [`${ORG}/user_impersonation`];
const knownAuthorities = [new URL(setting("ORIGIN")).host];

function publicClient(clientId = publicId) {
  return new PublicClientApplication({ auth: { clientId, authority: AUTHORITY, knownAuthorities } });
}

function webClient(clientSecret = setting("WEB_SECRET")) {
  const auth = { clientId: webId, authority: AUTHORITY, knownAuthorities, clientSecret };
  return new ConfidentialClientApplication({ auth });
}

function checkSignedIn(name, answer, client = publicId, proof = "0") {
  checkPerson(name, answer.accessToken, client, ada, "user_impersonation", proof);
  const [said, account] = [answer.idTokenClaims, answer.account];
  const right = said.aud === client && said.tid === TENANT && said.preferred_username === ada;
  const oid = claims(answer.accessToken).oid;
  check("and the account is the person's", right && account.homeAccountId === `${oid}.${TENANT}`, { said, account });
}

// By username and password.
const byPassword = (username, given, client = publicId) =>
  publicClient(client).acquireTokenByUsernamePassword({ scopes, username, password: given });
checkSignedIn("a person by password", await byPassword(ada, password));
for (const [name, username, given, client, number] of [
  ["a wrong password", ada, "wrong", publicId, 50126],
  ["an unknown person", "nobody@" + setting("TENANT_DOMAIN"), password, publicId, 50034],
  ["a disabled person", setting("DAN_USERNAME"), setting("DAN_PASSWORD"), publicId, 50057],
  ["a password that must be changed", setting("NORA_USERNAME"), setting("NORA_PASSWORD"), publicId, 50055],
  ["no consent", ada, password, setting("UNCONSENTED_CLIENT_ID"), 65001],
  ["an application with a secret, without it", ada, password, webId, 7000218],
]) {
  await checkRefused(name, number, () => byPassword(username, given, client));
}

// By a code, with PKCE, for a program and for a web site.
const browser = new Browser();
async function code(client) {
  const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
  const pkce = { codeChallenge: challenge, codeChallengeMethod: "S256" };
  let page = await browser.open(await client.getAuthCodeUrl({ scopes, redirectUri, state: "s", ...pkce }));
  if (page.text) page = await browser.signIn(page, ada, password);
  return { code: page.code, codeVerifier: verifier, scopes, redirectUri };
}
checkSignedIn("a person by a code", await publicClient().acquireTokenByCode(await code(publicClient())));
const site = webClient();
const request = await code(site);
checkSignedIn("a person at a web site", await site.acquireTokenByCode(request), webId, "1");
await checkRefused("a code for the second time", 54005, () => webClient().acquireTokenByCode(request));
const unproved = { ...(await code(site)), codeVerifier: "w".repeat(43) };
await checkRefused("a code with another verifier", 501481, () => webClient().acquireTokenByCode(unproved));
const guessed = await code(site);
await checkRefused("a code with a wrong secret", 7000215, () => webClient("wrong").acquireTokenByCode(guessed));

// By another device.
const app = publicClient();
const deviceCodeCallback = (shown) => void approveDevice(shown, ada, password);
const answer = await app.acquireTokenByDeviceCode({ scopes, deviceCodeCallback });
checkSignedIn("a person at another device", answer);

// On by the refresh token, for the same resource and for another.
const [account] = await app.getTokenCache().getAllAccounts();
const refreshed = await app.acquireTokenSilent({ account, scopes, forceRefresh: true });
checkSignedIn("a refreshed token", refreshed);
check("is another token", refreshed.accessToken !== answer.accessToken);
const graph = "https://graph.microsoft.com";
const mail = claims((await app.acquireTokenSilent({ account, scopes: [`${graph}/User.Read`] })).accessToken);
check("a token for another resource", mail.aud === graph && mail.scp.split(" ").includes("User.Read"), mail);
await checkRefused("a permission that nobody consented to", 65001, () =>
  app.acquireTokenSilent({ account, scopes: [`${graph}/Mail.Read`] }),
);
await checkRefused("a refresh token that is none", 9002313, () =>
  publicClient().acquireTokenByRefreshToken({ refreshToken: "none", scopes }),
);
done();
