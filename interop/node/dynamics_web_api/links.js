// What ties rows together, and acting in another's name.

import { check, checkDenied, checkSame, part, setting } from "../checks.js";
import { applicationUser, assign } from "./world.js";

export async function links({ api, me }) {
  const account = await api.create({ collection: "accounts", data: { name: "Links" } });
  const parent = await api.create({ collection: "accounts", data: { name: "Links, parent" } });
  const contact = await api.create({ collection: "contacts", data: { lastname: "Linked" } });
  const toAccount = (primaryKey) => ({ collection: "accounts", primaryKey });

  await part("single-valued links", async () => {
    const navigationProperty = "parentaccountid";
    const related = { relatedCollection: "accounts", relatedKey: parent };
    await api.associateSingleValued({ ...toAccount(account), navigationProperty, ...related });
    const read = () => api.retrieve({ collection: "accounts", key: account, select: ["_parentaccountid_value"] });
    check("a lookup is set", (await read())._parentaccountid_value === parent);
    await api.disassociateSingleValued({ ...toAccount(account), navigationProperty });
    check("and cleared", (await read())._parentaccountid_value === null);
  });

  await part("one-to-many links", async () => {
    const relationshipName = "contact_customer_accounts";
    const related = { relatedCollection: "contacts", relatedKey: contact };
    await api.associate({ ...toAccount(account), relationshipName, ...related });
    const read = () => api.retrieve({ collection: "contacts", key: contact, select: ["_parentcustomerid_value"] });
    check("the other row's lookup is set", (await read())._parentcustomerid_value === account);
    const request = {
      collection: "accounts",
      key: account,
      navigationProperty: relationshipName,
      select: ["lastname"],
    };
    const found = await api.retrieveMultiple(request);
    checkSame(
      "rows of a row",
      found.value.map((row) => row.contactid),
      [contact],
    );
    await api.disassociate({ ...toAccount(account), relationshipName, relatedKey: contact });
    check("and cleared", (await read())._parentcustomerid_value === null);
  });

  await part("many-to-many links", async () => {
    const role = await api.create({
      collection: "roles",
      data: { name: "Interop", "businessunitid@odata.bind": `businessunits(${me.BusinessUnitId})` },
    });
    const relationshipName = "systemuserroles_association";
    const user = { collection: "systemusers", primaryKey: me.UserId, relationshipName };
    const request = {
      collection: "systemusers",
      key: me.UserId,
      navigationProperty: relationshipName,
      select: ["name"],
    };
    const names = async () => (await api.retrieveMultiple(request)).value.map((row) => row.name).sort();
    await api.associate({ ...user, relatedCollection: "roles", relatedKey: role });
    checkSame("a role is assigned", await names(), ["Interop", "System Administrator"]);
    await api.disassociate({ ...user, relatedKey: role });
    checkSame("and removed", await names(), ["System Administrator"]);
  });

  await part("acting in another's name", async () => {
    const other = await applicationUser(api, setting("CERTIFICATE_CLIENT_ID"));
    const create = (more) => api.create({ collection: "accounts", data: { name: "For another" }, ...more });
    const ways = [
      ["by the org's id", { impersonate: other }],
      ["by the directory's", { impersonateAAD: setting("CERTIFICATE_PRINCIPAL") }],
    ];
    for (const [name, as] of ways) {
      await checkDenied(`${name}, who may not`, 403, "0x80042f09", /prvCreateAccount/, () => create(as));
    }
    await assign(api, other, "System Administrator");
    const select = ["_createdby_value", "_createdonbehalfby_value", "_ownerid_value"];
    for (const [name, as] of ways) {
      const row = await create({ ...as, select, returnRepresentation: true });
      const who = [row._createdby_value, row._createdonbehalfby_value, row._ownerid_value];
      checkSame(`${name}, both are named`, who, [other, me.UserId, other]);
    }
  });
}
