// Serves the model over plain HTTP on a free port: `node server.js DATABASE CONTACTS ACCOUNTS`.
// Its rows are made by the same rule as those of the local org (benches/src/rows.rs).

const cds = require("@sap/cds");
const express = require("express");
const { join } = require("node:path");

const [database, rows, accounts] = process.argv.slice(2);
const id = (kind, number) => `${kind}-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;

function contact(number) {
  const [firstname, lastname] = [`First${number % 50}`, `Last${(number * 7919) % 1000}`];
  return {
    contactid: id("00000002", number),
    firstname,
    lastname,
    fullname: `${firstname} ${lastname}`,
    emailaddress1: `contact${number}@contoso.example`,
    telephone1: `555-${String(number).padStart(6, "0")}`,
    company_accountid: id("00000001", number % accounts),
  };
}

async function fill(entity, count, row) {
  for (let from = 0; from < count; from += 1000) {
    const length = Math.min(1000, count - from);
    await INSERT.into(entity).entries(Array.from({ length }, (_, index) => row(from + index)));
  }
}

async function main() {
  cds.env.requires.db = { kind: "sqlite", impl: "@cap-js/sqlite", credentials: { url: database } };
  cds.env.log.levels = { cds: "error", serve: "error", deploy: "error", odata: "error", app: "error" };
  const model = await cds.load(join(__dirname, "model.cds"));
  cds.model = cds.compile.for.nodejs(model);
  cds.db = await cds.connect.to("db");
  await cds.deploy(model).to(cds.db);
  await cds.tx(async () => {
    await fill("Accounts", Number(accounts), (number) => ({ accountid: id("00000001", number), name: `Account ${number}` }));
    await fill("Contacts", Number(rows), contact);
  });
  const app = express();
  await cds.serve("all").from(model).in(app);
  const listener = app.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: listener.address().port })));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
