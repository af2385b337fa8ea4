// Who calls: the library, signed in as an application, and application users that are made with it.

import { ConfidentialClientApplication } from "@azure/msal-node";
import { DynamicsWebApi } from "dynamics-web-api";
import { AUTHORITY, ORG, check, setting } from "../checks.js";

// The library as one application uses it.
export function signedIn(clientId, clientSecret, more = {}) {
  const auth = { clientId, clientSecret, authority: AUTHORITY, knownAuthorities: [new URL(setting("ORIGIN")).host] };
  const application = new ConfidentialClientApplication({ auth });
  // Microsoft's library keeps the token, so that it is asked for once.
  const onTokenRefresh = () => application.acquireTokenByClientCredential({ scopes: [`${ORG}/.default`] });
  return new DynamicsWebApi({ serverUrl: ORG, onTokenRefresh, ...more });
}

// A role of the root business unit, given to a user.
export async function assign(api, user, role) {
  const found = await api.retrieveMultiple({
    collection: "roles",
    select: ["roleid"],
    filter: `name eq '${role}' and _parentroleid_value eq null`,
  });
  await api.associate({
    collection: "systemusers",
    primaryKey: user,
    relationshipName: "systemuserroles_association",
    relatedCollection: "roles",
    relatedKey: found.value[0].roleid,
  });
}

// An application user without roles; gives its id.
export async function applicationUser(api, applicationid) {
  const filter = "parentbusinessunitid eq null";
  const units = await api.retrieveMultiple({ collection: "businessunits", select: ["businessunitid"], filter });
  const unit = units.value[0].businessunitid;
  const data = { applicationid, "businessunitid@odata.bind": `/businessunits(${unit})` };
  return api.create({ collection: "systemusers", data });
}

// An application user that may do everything, made by the administrating application.
export async function world() {
  const administrator = signedIn(setting("ADMIN_CLIENT_ID"), setting("ADMIN_CLIENT_SECRET"));
  const client = setting("SECRET_CLIENT_ID");
  const user = await applicationUser(administrator, client);
  await assign(administrator, user, "System Administrator");
  const api = signedIn(client, setting("SECRET"));
  // Throws where the library else gives `false` or nothing.
  const strict = signedIn(client, setting("SECRET"), { propagateErrors: true });
  const me = await api.callFunction("WhoAmI");
  check("an application calls as itself", me.UserId === user, { me, user });
  return { api, strict, me };
}
