// Rows: made, read, changed, upserted and deleted.

import { randomUUID } from "node:crypto";
import { check, checkDenied, checkSame, part } from "../checks.js";

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function rows({ api, strict, me }) {
  const contact = await api.create({
    collection: "contacts",
    data: { firstname: "Zoë", lastname: "O'Neil", emailaddress1: "zoe@fabrikam.example" },
  });
  check("a create gives the id of the row", GUID.test(contact), contact);

  const account = await api.create({
    collection: "accounts",
    data: {
      name: "Fabrikam {1}",
      revenue: 1234567.5,
      numberofemployees: 12,
      creditonhold: true,
      customertypecode: 3,
      "primarycontactid@odata.bind": `contacts(${contact})`,
    },
    select: [
      "accountid",
      "name",
      "revenue",
      "creditonhold",
      "customertypecode",
      "_primarycontactid_value",
      "_createdby_value",
      "createdon",
    ],
    includeAnnotations: "*",
    returnRepresentation: true,
  });
  const key = account.accountid;
  const made = [account.name, account.revenue, account.creditonhold, account.customertypecode];
  checkSame("a create gives the row", made, ["Fabrikam {1}", 1234567.5, true, 3]);
  check("who made it is the application", account._createdby_value === me.UserId, account);
  check("a date is one", Math.abs(account.createdon - Date.now()) < 600_000, account.createdon);
  const shown = [
    account._primarycontactid_value,
    account._primarycontactid_value_Formatted,
    account._primarycontactid_value_LogicalName,
    account._primarycontactid_value_NavigationProperty,
    account.creditonhold_Formatted,
    account.customertypecode_Formatted,
  ];
  checkSame("annotations say what values mean", shown, [
    contact,
    "Zoë O'Neil",
    "contact",
    "primarycontactid",
    "Yes",
    "Customer",
  ]);

  await part("reading a row", async () => {
    const row = await api.retrieve({ collection: "accounts", key, select: ["name", "numberofemployees"] });
    checkSame(
      "the columns that were asked for",
      [row.name, row.numberofemployees, row.accountid],
      ["Fabrikam {1}", 12, key],
    );
    const etag = row["@odata.etag"];
    const braced = await api.retrieve({ collection: "accounts", key: `{${key.toUpperCase()}}`, select: ["name"] });
    check("an id in braces", braced.accountid === key, braced);
    const unchanged = await api.retrieve({ collection: "accounts", key, select: ["name"], ifnonematch: etag });
    check("a row that has not changed is not sent again", unchanged === undefined, unchanged);
    await api.update({ collection: "accounts", key, data: { numberofemployees: 13 } });
    const changed = await api.retrieve({
      collection: "accounts",
      key,
      select: ["numberofemployees"],
      ifnonematch: etag,
    });
    check("one that has is", changed.numberofemployees === 13 && changed["@odata.etag"] !== etag, changed);
    const name = await api.retrieve({ collection: "accounts", key, select: ["/name"] });
    check("a single property", name.value === "Fabrikam {1}", name);
    const missing = randomUUID();
    const words = new RegExp(`With Id = ${missing} Does Not Exist`);
    const ask = () => api.retrieve({ collection: "accounts", key: missing, select: ["name"] });
    await checkDenied("a row that is not there", 404, "0x80040217", words, ask);
    await checkDenied("a column that is not there", 400, "0x80060888", /'nome'/, () =>
      api.retrieve({ collection: "accounts", key, select: ["nome"] }),
    );
    await checkDenied("a table that is not there", 404, "0x80060888", /'wonders'/, () =>
      api.retrieveMultiple({ collection: "wonders" }),
    );
  });

  await part("changing a row", async () => {
    const done = await api.update({ collection: "accounts", key, data: { name: "Fabrikam — новый", telephone1: "1" } });
    check("an update says that it was done", done === true, done);
    const shown = await api.update({
      collection: "accounts",
      key,
      data: { telephone1: "555-0100", description: 'Two\nlines, "quoted" and } braced {' },
      select: ["name", "telephone1", "description", "_modifiedby_value"],
      returnRepresentation: true,
    });
    const expected = ["Fabrikam — новый", "555-0100", 'Two\nlines, "quoted" and } braced {', me.UserId];
    checkSame("or gives the row", [shown.name, shown.telephone1, shown.description, shown._modifiedby_value], expected);
    const stale = account["@odata.etag"];
    const late = await api.update({ collection: "accounts", key, data: { name: "Late" }, ifmatch: stale });
    check("an update of what has changed since is none", late === false, late);
    await checkDenied("and says so", 412, "0x80060882", /version/i, () =>
      strict.update({ collection: "accounts", key, data: { name: "Late" }, ifmatch: stale }),
    );
    const fresh = shown["@odata.etag"];
    const inTime = await api.update({ collection: "accounts", key, data: { telephone1: null }, ifmatch: fresh });
    check("one of what has not is", inTime === true, inTime);
    await api.updateSingleProperty({ collection: "accounts", key, fieldValuePair: { fax: "555-0199" } });
    await api.deleteRecord({ collection: "accounts", key, property: "description" });
    const row = await api.retrieve({
      collection: "accounts",
      key,
      select: ["name", "telephone1", "fax", "description"],
    });
    const now = [row.name, row.telephone1, row.fax, row.description];
    checkSame("single properties are set and cleared", now, ["Fabrikam — новый", null, "555-0199", null]);
    await checkDenied("an update of a row that is not there", 404, "0x80040217", /Does Not Exist/, () =>
      api.update({ collection: "accounts", key: randomUUID(), data: { name: "Nobody" } }),
    );
    await checkDenied("an unknown column in a body", 400, "0x80048d19", /'nome'/, () =>
      api.update({ collection: "accounts", key, data: { nome: "Fabrikam" } }),
    );
    await checkDenied("a text for a number", 400, "0x80048d19", /'many'.*Edm\.Int32/, () =>
      api.create({ collection: "accounts", data: { name: "F", numberofemployees: "many" } }),
    );
    await checkDenied("a text that is too long", 400, "0x80044331", /accountnumber/, () =>
      api.create({ collection: "accounts", data: { name: "F", accountnumber: "1".repeat(21) } }),
    );
  });

  await part("upserts", async () => {
    const key = randomUUID();
    const upsert = (name, more = {}) => api.upsert({ collection: "accounts", key, data: { name }, ...more });
    check("an upsert that may only change does nothing without a row", (await upsert("A", { ifmatch: "*" })) === null);
    check("an upsert makes a row with the id that it names", (await upsert("A")) === key);
    check("an upsert that may only make does nothing to a row", (await upsert("B", { ifnonematch: "*" })) === null);
    const shown = await upsert("C", { select: ["name"], returnRepresentation: true });
    check("an upsert changes a row", shown.name === "C", shown);
    const taken = () => strict.upsert({ collection: "accounts", key, data: { name: "D" }, ifnonematch: "*" });
    await checkDenied("a row that is there already", 412, "0x80040237", /./, taken);
    await checkDenied("the same id twice", 412, "0x80040237", /./, () =>
      api.create({ collection: "accounts", data: { accountid: key, name: "E" } }),
    );

    const stale = shown["@odata.etag"];
    await upsert("F");
    const late = await api.deleteRecord({ collection: "accounts", key, ifmatch: stale });
    check("a delete of what has changed since is none", late === false, late);
    check("a delete says that it was done", (await api.deleteRecord({ collection: "accounts", key })) === true);
    await checkDenied("a delete of what is not there", 404, "0x80040217", /Does Not Exist/, () =>
      api.deleteRecord({ collection: "accounts", key }),
    );
  });
}
