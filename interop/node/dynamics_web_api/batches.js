// Several requests in one.

import { randomUUID } from "node:crypto";
import { check, checkSame, part } from "../checks.js";

// What a batch that fails gives: the answers up to the failure.
async function failed(ask) {
  try {
    return { answer: await ask() };
  } catch (error) {
    return { errors: [error].flat() };
  }
}

export async function batches({ api }) {
  const named = async (name) => api.count({ collection: "accounts", filter: `name eq '${name}'` });

  await part("a change set", async () => {
    api.startBatch();
    api.create({ collection: "contacts", data: { lastname: "Batch — é" }, contentId: "1" });
    api.create({
      collection: "accounts",
      data: { name: "Batch {1}", "primarycontactid@odata.bind": "$1" },
      contentId: "2",
    });
    api.associate({ contentId: "$2", relationshipName: "contact_customer_accounts", relatedKey: "$1" });
    const [contact, account] = await api.executeBatch();
    const row = await api.retrieve({
      collection: "accounts",
      key: account,
      select: ["name", "_primarycontactid_value"],
    });
    check("is bound by content ids", row._primarycontactid_value === contact && row.name === "Batch {1}", row);
    const of = await api.retrieve({ collection: "contacts", key: contact, select: ["_parentcustomerid_value"] });
    check("and addressed by them", of._parentcustomerid_value === account, of);

    api.startBatch();
    api.update({ collection: "accounts", key: account, data: { name: "Batch, changed" } });
    api.deleteRecord({ collection: "contacts", key: contact });
    api.deleteRecord({ collection: "contacts", key: randomUUID() });
    const { errors } = await failed(() => api.executeBatch());
    check("that fails says why", errors?.length === 1 && errors[0].error.code === "0x80040217", errors);
    const kept = await api.retrieve({
      collection: "accounts",
      key: account,
      select: ["name", "_primarycontactid_value"],
    });
    check(
      "and leaves everything as it was",
      kept.name === "Batch {1}" && kept._primarycontactid_value === contact,
      kept,
    );
  });

  await part("requests that read", async () => {
    api.startBatch();
    api.retrieveMultiple({ collection: "accounts", select: ["name"], filter: "startswith(name,'Batch {')", top: 2 });
    api.count({ collection: "contacts" });
    api.count({ collection: "accounts", filter: "startswith(name,'Batch {')" });
    api.callFunction("WhoAmI");
    const [rows, contacts, accounts, me] = await api.executeBatch();
    const right = rows.value[0].name === "Batch {1}" && contacts > 0 && accounts === 1 && me.UserId.length === 36;
    check("each gives its answer", right, { rows, contacts, accounts, me });
  });

  await part("several change sets", async () => {
    api.startBatch();
    api.create({ collection: "accounts", data: { name: "Set 1" } });
    api.retrieveMultiple({ collection: "accounts", select: ["name"], filter: "name eq 'Set 1'" });
    api.create({ collection: "accounts", data: { name: "Set 2" } });
    const [one, read, two] = await api.executeBatch();
    check("in order", one.length === 36 && read.value.length === 1 && two.length === 36, { one, read, two });
  });

  await part("a batch that fails", async () => {
    api.startBatch();
    api.create({ collection: "accounts", data: { name: "Before" }, inChangeSet: false });
    api.deleteRecord({ collection: "accounts", key: randomUUID(), inChangeSet: false });
    api.create({ collection: "accounts", data: { name: "Behind" }, inChangeSet: false });
    const { errors } = await failed(() => api.executeBatch());
    check("gives the answers up to there", errors?.length === 2 && errors[1].status === 404, errors);
    checkSame("and does nothing more", [await named("Before"), await named("Behind")], [1, 0]);

    api.startBatch();
    api.deleteRecord({ collection: "accounts", key: randomUUID(), inChangeSet: false });
    api.create({ collection: "accounts", data: { name: "Behind" }, inChangeSet: false });
    const [refused, made] = await api.executeBatch({ continueOnError: true });
    check("goes on when it is asked to", refused.status === 404 && made.length === 36, { refused, made });
    check("and says the code", refused.error.code === "0x80040217", refused);
  });
}
