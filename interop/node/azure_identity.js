// @azure/identity: an application by secret, certificate and outside token.

import {
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import { ORG, TENANT, checkApplication, checkRefused, done, setting } from "./checks.js";

const at = { authorityHost: setting("ORIGIN"), disableInstanceDiscovery: true };
const token = async (credential) => (await credential.getToken(`${ORG}/.default`)).token;

const client = setting("SECRET_CLIENT_ID");
const bySecret = (secret, id = client) => token(new ClientSecretCredential(TENANT, id, secret, at));
checkApplication("a token by secret", await bySecret(setting("SECRET")), client, setting("SECRET_PRINCIPAL"), "1");
await checkRefused("a wrong secret", 7000215, () => bySecret("wrong" + setting("SECRET")));
await checkRefused("a secret whose time is over", 7000222, () => bySecret(setting("EXPIRED_SECRET")));
await checkRefused("a disabled application", 7000112, () =>
  bySecret(setting("DISABLED_SECRET"), setting("DISABLED_CLIENT_ID")),
);

const certified = setting("CERTIFICATE_CLIENT_ID");
const byCertificate = (path) => token(new ClientCertificateCredential(TENANT, certified, path, at));
const good = await byCertificate(setting("CERTIFICATE_PEM"));
checkApplication("a token by certificate", good, certified, setting("CERTIFICATE_PRINCIPAL"), "2");
await checkRefused("a certificate that nobody registered", 700027, () => byCertificate(setting("STRANGER_PEM")));

const clientId = setting("FEDERATED_CLIENT_ID");
const byAssertion = (said) => token(new ClientAssertionCredential(TENANT, clientId, async () => said, at));
const byFile = { tenantId: TENANT, clientId, tokenFilePath: setting("FEDERATED_FILE"), ...at };
for (const [name, answer] of [
  ["an outside token", await byAssertion(setting("FEDERATED"))],
  ["an outside token in a file", await token(new WorkloadIdentityCredential(byFile))],
]) {
  checkApplication(`a token by ${name}`, answer, clientId, setting("FEDERATED_PRINCIPAL"), "2");
}
for (const [name, said, number] of [
  ["subject", setting("FEDERATED_SUBJECT"), 700213],
  ["audience", setting("FEDERATED_AUDIENCE"), 700212],
  ["issuer", setting("FEDERATED_ISSUER"), 700211],
]) {
  await checkRefused(`an outside token of another ${name}`, number, () => byAssertion(said));
}
done();
