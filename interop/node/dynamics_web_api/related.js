// Rows with the rows that belong to them: expanded and followed.

import { check, checkSame, part } from "../checks.js";

export async function related({ api, me }) {
  const account = await api.create({
    collection: "accounts",
    data: {
      name: "Related",
      primarycontactid: { firstname: "Pia", lastname: "Primary" },
      contact_customer_accounts: [
        { firstname: "Ann", lastname: "First" },
        { firstname: "Bob", lastname: "Second" },
        { firstname: "Cid", lastname: "Third" },
      ],
    },
  });
  const read = (more) => api.retrieve({ collection: "accounts", key: account, select: ["name"], ...more });

  await part("expanded", async () => {
    const row = await read({
      expand: [
        { property: "primarycontactid", select: ["fullname"] },
        { property: "createdby", select: ["systemuserid"] },
        {
          property: "contact_customer_accounts",
          select: ["lastname"],
          filter: "startswith(lastname,'S') or startswith(lastname,'T')",
          orderBy: ["lastname desc"],
          top: 1,
        },
      ],
    });
    check("a lookup", row.primarycontactid.fullname === "Pia Primary" && row.createdby.systemuserid === me.UserId, row);
    checkSame(
      "rows of a row",
      row.contact_customer_accounts.map((one) => one.lastname),
      ["Third"],
    );
    const nested = await read({
      expand: [
        {
          property: "contact_customer_accounts",
          select: ["lastname"],
          expand: [{ property: "parentcustomerid_account", select: ["name"] }],
        },
      ],
    });
    const names = nested.contact_customer_accounts.map((one) => one.parentcustomerid_account.name);
    checkSame("what they belong to", names, ["Related", "Related", "Related"]);
    const list = await api.retrieveMultiple({
      collection: "accounts",
      select: ["name"],
      filter: `accountid eq ${account}`,
      expand: [{ property: "primarycontactid", select: ["lastname"] }],
    });
    check("in a list", list.value[0].primarycontactid.lastname === "Primary", list);
    const none = await api.retrieve({
      collection: "accounts",
      key: await api.create({ collection: "accounts", data: { name: "Alone" } }),
      select: ["name"],
      expand: [
        { property: "primarycontactid", select: ["lastname"] },
        { property: "contact_customer_accounts", select: ["lastname"] },
      ],
    });
    check("nothing", none.primarycontactid === null && none.contact_customer_accounts.length === 0, none);
  });

  await part("followed", async () => {
    const contact = await read({ select: ["/primarycontactid", "fullname"] });
    check("a lookup", contact.fullname === "Pia Primary" && contact.name === undefined, contact);
    const reference = await read({ select: ["primarycontactid/$ref"] });
    check("a reference", reference.id === contact.contactid && reference.collection === "contacts", reference);
    const several = await read({ navigationProperty: "contact_customer_accounts", select: ["/", "lastname"] });
    check("rows of a row", several.value.length === 3, several);
    const count = await api.count({ collection: `accounts(${account})/contact_customer_accounts` });
    check("how many", count === 3, count);
  });
}
