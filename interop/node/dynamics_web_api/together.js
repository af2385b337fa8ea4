// Rows that are made in one request with the rows that belong to them.

import { check, checkSame } from "../checks.js";

export async function together({ api }) {
  const account = await api.create({
    collection: "accounts",
    data: {
      name: "Together",
      primarycontactid: { firstname: "Pia", lastname: "Primary" },
      contact_customer_accounts: [{ lastname: "First" }, { lastname: "Second" }, { lastname: "Third" }],
      Account_Tasks: [{ subject: "Call" }],
    },
  });
  const request = { collection: "accounts", key: account, select: ["lastname"], orderBy: ["lastname"] };
  const contacts = await api.retrieveMultiple({ ...request, navigationProperty: "contact_customer_accounts" });
  checkSame(
    "rows of a row",
    contacts.value.map((row) => row.lastname),
    ["First", "Second", "Third"],
  );
  const select = ["_primarycontactid_value"];
  const row = await api.retrieve({ collection: "accounts", key: account, select, includeAnnotations: "*" });
  check("the row of a lookup", row._primarycontactid_value_Formatted === "Pia Primary", row);
  const tasks = await api.retrieveMultiple({
    collection: "tasks",
    select: ["subject", "_regardingobjectid_value"],
    filter: `_regardingobjectid_value eq ${account}`,
    includeAnnotations: "*",
  });
  const [task] = tasks.value;
  check("activities", task.subject === "Call" && task._regardingobjectid_value_LogicalName === "account", task);

  const shown = await api.create({
    collection: "accounts",
    data: { name: "Shown", primarycontactid: { lastname: "With it" } },
    select: ["name"],
    expand: [{ property: "primarycontactid", select: ["lastname"] }],
    returnRepresentation: true,
  });
  check("are shown together", shown.primarycontactid.lastname === "With it", shown);

  const fourth = { collection: `accounts(${account})/contact_customer_accounts`, data: { lastname: "Fourth" } };
  const contact = await api.create(fourth);
  const made = await api.retrieve({ collection: "contacts", key: contact, select: ["_parentcustomerid_value"] });
  check("a row in the collection of a row", made._parentcustomerid_value === account, made);
  api.startBatch();
  api.create({ collection: "accounts", data: { name: "Of a batch" }, contentId: "1" });
  api.create({ contentId: "$1", collection: "contact_customer_accounts", data: { lastname: "Fifth" } });
  const [parent, child] = await api.executeBatch();
  const belongs = await api.retrieve({ collection: "contacts", key: child, select: ["_parentcustomerid_value"] });
  check("in a batch too", belongs._parentcustomerid_value === parent, belongs);
}
