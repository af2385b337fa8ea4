// dynamics-web-api as its documentation shows it: one instance, the token from Microsoft's library, which keeps it.
// Says when it is ready, waits for a line, does its task, and says what came of it.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// Where both are installed.
const installed = createRequire(`${process.env.PEER_FOLDER}/`);
const { ConfidentialClientApplication } = installed("@azure/msal-node");
const { DynamicsWebApi } = installed("dynamics-web-api");

const setting = (name) => process.env[`KEYHOLDER_${name}`];
const org = setting("ORG_URL").replace(/\/$/, "");
const task = JSON.parse(process.argv[2]);

const application = new ConfidentialClientApplication({
  auth: {
    clientId: setting("CLIENT_ID"),
    clientSecret: setting("CLIENT_SECRET"),
    authority: `${setting("AUTHORITY")}/${setting("TENANT_ID")}`,
    knownAuthorities: [new URL(setting("AUTHORITY")).host],
  },
});
const api = new DynamicsWebApi({
  serverUrl: org,
  onTokenRefresh: () => application.acquireTokenByClientCredential({ scopes: [`${org}/.default`] }),
  dataApi: { version: "9.2" },
});

const contact = (number) => ({
  firstname: `First${number % 50}`,
  lastname: `Last${(number * 7919) % 1000}`,
  emailaddress1: `contact${number}@contoso.example`,
  telephone1: `555-${String(number).padStart(6, "0")}`,
});

const typed = { "@odata.type": "Microsoft.Dynamics.CRM.contact" };

function target(number) {
  const row = contact(number);
  if (task.operation === "create") return { ...typed, ...row };
  const { emailaddress1, ...values } = row;
  return { ...typed, "@odata.id": `contacts(emailaddress1='${emailaddress1}')`, ...values };
}

const message = { create: "CreateMultiple", upsert: "UpsertMultiple" }[task.operation];

// Each writes the rows from one number on, as many as go into one request, and gives how many it wrote.
const writers = {
  async multiple(from) {
    const Targets = Array.from({ length: task.size }, (_, at) => target(from + at));
    await api.callAction({
      collection: "contacts",
      actionName: `Microsoft.Dynamics.CRM.${message}`,
      action: { Targets },
    });
    return task.size;
  },
  async batch(from) {
    api.startBatch();
    for (let at = 0; at < task.size; at += 1) api.create({ collection: "contacts", data: contact(from + at) });
    return (await api.executeBatch()).length;
  },
  async single(from) {
    await api.create({ collection: "contacts", data: contact(from) });
    return 1;
  },
};

async function write(result) {
  const writer = writers[task.mode];
  let next = 0;
  const worker = async () => {
    while (next < task.rows) {
      const from = next;
      next += task.size;
      try {
        const written = await writer(from);
        result.rows += written;
      } catch (error) {
        const errors = [error].flat();
        if (errors.some(({ status }) => status === 429)) result.refused += 1;
        else result.failed ??= String(errors[0]?.message ?? errors[0]);
      }
    }
  };
  await Promise.all(Array.from({ length: task.concurrency }, worker));
}

async function read(result) {
  const select = ["fullname", "emailaddress1", "telephone1", "statecode"];
  const all = await api.retrieveAll({ collection: "contacts", select });
  result.rows = all.value.length;
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
await api.callFunction("WhoAmI");
console.log(JSON.stringify({ ready: true }));
await lines.next();
const result = { rows: 0, refused: 0 };
const started = performance.now();
await (task.operation === "read" ? read(result) : write(result));
console.log(JSON.stringify({ ...result, seconds: (performance.now() - started) / 1000 }));
await lines.next();
process.exit(0);
