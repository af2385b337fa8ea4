// @azure/msal-node: an application by secret, certificate and outside token.

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { ConfidentialClientApplication } from "@azure/msal-node";
import { AUTHORITY, ORG, check, checkApplication, checkRefused, claims, done, setting } from "./checks.js";

const host = new URL(setting("ORIGIN")).host;

function ask(clientId, credential, { authority = AUTHORITY, scope = `${ORG}/.default` } = {}) {
  const auth = { clientId, authority, knownAuthorities: [host], ...credential };
  return new ConfidentialClientApplication({ auth }).acquireTokenByClientCredential({ scopes: [scope] });
}

// By secret.
const client = setting("SECRET_CLIENT_ID");
const secret = setting("SECRET");
for (const [name, clientSecret, tenant] of [
  ["the first secret", secret, setting("TENANT_ID")],
  ["the second secret", setting("SECOND_SECRET"), setting("TENANT_ID")],
  ["the tenant's domain", secret, setting("TENANT_DOMAIN")],
]) {
  const answer = await ask(client, { clientSecret }, { authority: `${setting("ORIGIN")}/${tenant}` });
  checkApplication(`a token by ${name}`, answer.accessToken, client, setting("SECRET_PRINCIPAL"), "1");
  const lifetime = (answer.expiresOn - Date.now()) / 1000;
  check("its lifetime is told", lifetime > 3000 && lifetime <= 3600, lifetime);
}
const own = claims((await ask(client, { clientSecret: secret }, { scope: setting("API") + "/.default" })).accessToken);
check(
  "an API that wants version 2 gets it, with the role",
  own.ver === "2.0" && own.azp === client && own.aud === setting("API_CLIENT_ID") && own.roles[0] === "Orders.Read",
  own,
);
for (const [name, clientId, clientSecret, number] of [
  ["a wrong secret", client, "wrong" + secret, 7000215],
  ["a secret whose time is over", client, setting("EXPIRED_SECRET"), 7000222],
  ["an unknown application", "12345678-1234-1234-1234-123456789012", secret, 700016],
  ["a disabled application", setting("DISABLED_CLIENT_ID"), setting("DISABLED_SECRET"), 7000112],
]) {
  await checkRefused(name, number, () => ask(clientId, { clientSecret }));
}
await checkRefused("an unknown resource", 500011, () =>
  ask(client, { clientSecret: secret }, { scope: "https://contoso.crm.dynamics.com/.default" }),
);

// By certificate.
function certificate(pem, algorithm) {
  const der = new X509Certificate(pem.slice(pem.indexOf("-----BEGIN CERTIFICATE"))).raw;
  return createHash(algorithm).update(der).digest("hex");
}
const certified = setting("CERTIFICATE_CLIENT_ID");
const pem = readFileSync(setting("CERTIFICATE_PEM"), "utf8");
const privateKey = pem.slice(0, pem.indexOf("-----BEGIN CERTIFICATE"));
const thumbprint = certificate(pem, "sha1");
const thumbprintSha256 = certificate(pem, "sha256");
const x5c = pem.slice(privateKey.length);
for (const [name, clientCertificate] of [
  ["RS256 and x5t", { privateKey, thumbprint }],
  ["PS256 and x5t#S256", { privateKey, thumbprintSha256 }],
  ["PS256, x5t#S256 and x5c", { privateKey, thumbprintSha256, x5c }],
]) {
  const answer = await ask(certified, { clientCertificate });
  checkApplication(`a token by ${name}`, answer.accessToken, certified, setting("CERTIFICATE_PRINCIPAL"), "2");
}
const other = readFileSync(setting("STRANGER_PEM"), "utf8");
const otherKey = other.slice(0, other.indexOf("-----BEGIN CERTIFICATE"));
for (const [name, print] of [
  ["a certificate that nobody registered", certificate(other, "sha256")],
  ["a registered thumbprint with another key", thumbprintSha256],
]) {
  const clientCertificate = { privateKey: otherKey, thumbprintSha256: print };
  await checkRefused(name, 700027, () => ask(certified, { clientCertificate }));
}

// By an outside issuer's token.
const federated = setting("FEDERATED_CLIENT_ID");
for (const clientAssertion of [setting("FEDERATED"), async () => setting("FEDERATED")]) {
  const answer = await ask(federated, { clientAssertion });
  const name = `a token by an outside token (${typeof clientAssertion})`;
  checkApplication(name, answer.accessToken, federated, setting("FEDERATED_PRINCIPAL"), "2");
}
for (const [name, what, number] of [
  ["another issuer", "ISSUER", 700211],
  ["another audience", "AUDIENCE", 700212],
  ["another subject", "SUBJECT", 700213],
  ["a token whose time is over", "EXPIRED", 700024],
  ["a key that is not published", "KEY", 7000272],
]) {
  await checkRefused(name, number, () => ask(federated, { clientAssertion: setting("FEDERATED_" + what) }));
}
done();
