// FetchXML.

import { check, checkDenied, checkSame, part } from "../checks.js";

const ROWS = 12;

export async function fetch({ api }) {
  const collection = "contacts";
  const account = await api.create({ collection: "accounts", data: { name: "Fetched & <co>" } });
  const numbers = Array.from({ length: ROWS }, (_, index) => `F${String(index).padStart(2, "0")}`);
  await api.callAction({
    collection,
    actionName: "Microsoft.Dynamics.CRM.CreateMultiple",
    action: {
      Targets: numbers.map((lastname, index) => ({
        "@odata.type": "Microsoft.Dynamics.CRM.contact",
        lastname,
        firstname: index % 2 === 0 ? "Even" : "Odd",
        numberofchildren: index,
        ...(index < 3 ? { "parentcustomerid_account@odata.bind": `/accounts(${account})` } : {}),
      })),
    },
  });
  const ours = '<filter><condition attribute="lastname" operator="like" value="F__"/></filter>';
  const entity = (inside) => `<entity name="contact">${inside}</entity>`;
  const listed = entity(`<attribute name="lastname"/><order attribute="lastname"/>${ours}`);

  await part("rows", async () => {
    const answer = await api.fetch({ collection, fetchXml: `<fetch top="3">${listed}</fetch>` });
    checkSame(
      "in order",
      answer.value.map((row) => row.lastname),
      numbers.slice(0, 3),
    );
    const words = entity(`<attribute name="nome"/>`);
    await checkDenied("an attribute that is not there", 400, "0x80041103", /nome/, () =>
      api.fetch({ collection, fetchXml: `<fetch>${words}</fetch>` }),
    );
  });

  await part("pages", async () => {
    const includeAnnotations = "*";
    const request = { collection, fetchXml: `<fetch count="5">${listed}</fetch>`, includeAnnotations };
    const first = await api.fetch(request);
    check("of the size that was asked for", first.value.length === 5 && first.PagingInfo.page === 1, first.PagingInfo);
    const { cookie, nextPage } = first.PagingInfo;
    const second = await api.fetch({ ...request, pageNumber: nextPage, pagingCookie: cookie });
    checkSame(
      "one after the other",
      second.value.map((row) => row.lastname),
      numbers.slice(5, 10),
    );
    const all = await api.fetchAll({ ...request });
    checkSame(
      "all of them",
      all.value.map((row) => row.lastname),
      numbers,
    );
  });

  await part("linked rows", async () => {
    const link = `<link-entity name="account" from="accountid" to="parentcustomerid" alias="a">
      <attribute name="name"/></link-entity>`;
    const answer = await api.fetch({
      collection,
      fetchXml: `<fetch>${listed.replace("</entity>", `${link}</entity>`)}</fetch>`,
    });
    const names = answer.value.map((row) => [row.lastname, row["a.name"]]);
    checkSame(
      "have their alias",
      names,
      numbers.slice(0, 3).map((number) => [number, "Fetched & <co>"]),
    );
  });

  await part("aggregates", async () => {
    const counted = entity(`<attribute name="contactid" alias="rows" aggregate="count"/>
      <attribute name="numberofchildren" alias="most" aggregate="max"/>
      <attribute name="firstname" alias="who" groupby="true"/><order alias="who"/>${ours}`);
    const answer = await api.fetch({ collection, fetchXml: `<fetch aggregate="true">${counted}</fetch>` });
    const groups = answer.value.map((row) => [row.who, row.rows, row.most]);
    checkSame("in groups", groups, [
      ["Even", 6, 10],
      ["Odd", 6, 11],
    ]);
  });

  await part("in a batch", async () => {
    api.startBatch();
    api.fetch({ collection, fetchXml: `<fetch top="2">${listed}</fetch>` });
    api.fetch({ collection, fetchXml: `<fetch top="1">${listed}</fetch>` });
    const [two, one] = await api.executeBatch();
    check("are answered in order", two.value.length === 2 && one.value.length === 1, { two, one });
    const many = numbers.concat(Array.from({ length: 200 }, (_, index) => `missing ${index}`));
    const values = many.map((value) => `<value>${value}</value>`).join("");
    const long = entity(
      `<attribute name="lastname"/><filter><condition attribute="lastname" operator="in">${values}</condition></filter>`,
    );
    const answer = await api.fetch({ collection, fetchXml: `<fetch>${long}</fetch>` });
    check("when they are too long for an address", answer.value.length === ROWS, answer.value?.length);
  });
}
