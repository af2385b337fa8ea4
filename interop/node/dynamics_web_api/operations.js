// Functions and actions.

import { check, checkDenied, part } from "../checks.js";

export async function operations({ api, me }) {
  await part("functions", async () => {
    const version = await api.callFunction({ name: "RetrieveVersion" });
    check("a function", /^9\.\d+\.\d+\.\d+$/.test(version.Version), version);
    const user = { collection: "systemusers", key: me.UserId };
    const held = await api.callFunction({ ...user, name: "Microsoft.Dynamics.CRM.RetrieveUserPrivileges" });
    check("a function of a row", held.RolePrivileges.length > 50, held.RolePrivileges?.length);
    const one = await api.callFunction({
      ...user,
      name: "Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName",
      parameters: { PrivilegeName: "prvReadAccount" },
    });
    check("a function with a parameter", one.RolePrivileges[0].Depth === "Global", one);
    await checkDenied("a function that is none", 404, "0x80060888", /Wonder/, () => api.callFunction("Wonder"));
  });

  await part("actions", async () => {
    const key = await api.create({
      collection: "roles",
      data: { name: "Interop privileges", "businessunitid@odata.bind": `businessunits(${me.BusinessUnitId})` },
    });
    const privileges = await api.retrieveMultiple({
      collection: "privileges",
      select: ["privilegeid"],
      filter: "name eq 'prvReadAccount'",
    });
    const PrivilegeId = privileges.value[0].privilegeid;
    await api.callAction({
      collection: "roles",
      key,
      actionName: "Microsoft.Dynamics.CRM.AddPrivilegesRole",
      action: { Privileges: [{ PrivilegeId, Depth: "Local" }] },
    });
    const parameters = { RoleId: key };
    const given = await api.callFunction({ name: "RetrieveRolePrivilegesRole", parameters });
    const depth = given.RolePrivileges.find((one) => one.PrivilegeId === PrivilegeId)?.Depth;
    check("an action of a row", depth === "Local", given);
  });

  await part("search", async () => {
    await checkDenied("Dataverse search", 404, "0x80060888", /local org does not serve \/api\/search/, () =>
      api.query("Fabrikam"),
    );
  });
}
