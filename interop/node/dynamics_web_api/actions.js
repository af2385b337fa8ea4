// Sharing, owners, states, merging, and what the org says of itself.

import { check, checkDenied, checkSame, part, setting } from "../checks.js";
import { applicationUser, assign } from "./world.js";

const CRM = "Microsoft.Dynamics.CRM";

export async function actions({ api, me }) {
  const account = await api.create({ collection: "accounts", data: { name: "Shared" } });
  const other = await applicationUser(api, setting("WEB_CLIENT_ID"));
  // What is shared with somebody counts for what their roles allow of rows of their own.
  await assign(api, other, "Basic User");
  const principal = { systemuserid: other, "@odata.type": `${CRM}.systemuser` };
  const target = { accountid: account, "@odata.type": `${CRM}.account` };
  const access = async () => {
    const parameters = { Target: { "@odata.id": `accounts(${account})` } };
    const request = { collection: "systemusers", key: other, name: `${CRM}.RetrievePrincipalAccess`, parameters };
    return (await api.callFunction(request)).AccessRights;
  };

  await part("sharing", async () => {
    checkSame("nothing at first", await access(), "None");
    const given = (AccessMask) => ({ Target: target, PrincipalAccess: { Principal: principal, AccessMask } });
    await api.callAction({ actionName: "GrantAccess", action: given("ReadAccess") });
    checkSame("a row is shared", await access(), "ReadAccess");
    await api.callAction({ actionName: "ModifyAccess", action: given("ReadAccess,WriteAccess") });
    checkSame("with more rights", await access(), "ReadAccess, WriteAccess");
    await api.callAction({ actionName: "RevokeAccess", action: { Target: target, Revokee: principal } });
    checkSame("and no more", await access(), "None");
  });

  await part("owners and states", async () => {
    await api.update({ collection: "accounts", key: account, data: { statecode: 1, statuscode: 2 } });
    const select = ["statecode", "statuscode", "_ownerid_value"];
    const row = await api.retrieve({ collection: "accounts", key: account, select, includeAnnotations: "*" });
    checkSame("a row is deactivated", [row.statecode_Formatted, row.statuscode_Formatted], ["Inactive", "Inactive"]);
    check("a row belongs to who made it", row._ownerid_value === me.UserId, row);
    await checkDenied("a status of another state", 400, "0x80048408", /2 is not a valid status/, () =>
      api.update({ collection: "accounts", key: account, data: { statecode: 0, statuscode: 2 } }),
    );
  });

  await part("how many rows there are", async () => {
    const answer = await api.callFunction({
      name: "RetrieveTotalRecordCount",
      parameters: { EntityNames: ["account", "contact"] },
    });
    const { Keys, Values } = answer.EntityRecordCountCollection;
    check("of several tables", Keys.length === 2 && Values.every(Number.isInteger), answer);
  });

  await part("the org", async () => {
    const AccessType = `${CRM}.EndpointAccessType'Default'`;
    const { Detail } = await api.callFunction({ name: "RetrieveCurrentOrganization", parameters: { AccessType } });
    const right = Detail.OrganizationId === me.OrganizationId && Detail.Endpoints.Keys.includes("WebApplication");
    check("says what it is", right, Detail);
  });

  await part("merging", async () => {
    const kept = await api.create({ collection: "accounts", data: { name: "Kept" } });
    const gone = await api.create({ collection: "accounts", data: { name: "Gone" } });
    const contact = await api.create({
      collection: "contacts",
      data: { lastname: "Of the merged", "parentcustomerid_account@odata.bind": `/accounts(${gone})` },
    });
    await api.callAction({
      actionName: "Merge",
      action: {
        Target: { accountid: kept, "@odata.type": `${CRM}.account` },
        Subordinate: { accountid: gone, "@odata.type": `${CRM}.account` },
        UpdateContent: { telephone1: "555-0142", "@odata.type": `${CRM}.account` },
        PerformParentingChecks: false,
      },
    });
    const row = await api.retrieve({ collection: "accounts", key: kept, select: ["telephone1"] });
    check("changes what is kept", row.telephone1 === "555-0142", row);
    const merged = await api.retrieve({
      collection: "accounts",
      key: gone,
      select: ["merged", "statecode", "_masterid_value"],
    });
    checkSame("deactivates the other", [merged.merged, merged.statecode, merged._masterid_value], [true, 1, kept]);
    const moved = await api.retrieve({ collection: "contacts", key: contact, select: ["_parentcustomerid_value"] });
    check("and moves its rows", moved._parentcustomerid_value === kept, moved);
  });
}
