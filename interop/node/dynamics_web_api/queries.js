// Many rows: filtered, ordered, counted, in pages.

import { check, checkDenied, checkSame, part } from "../checks.js";

const ROWS = 23;

export async function queries({ api }) {
  const collection = "accounts";
  const number = (index) => `Q${String(index).padStart(2, "0")}`;
  await api.callAction({
    collection,
    actionName: "Microsoft.Dynamics.CRM.CreateMultiple",
    action: {
      Targets: Array.from({ length: ROWS }, (_, index) => ({
        "@odata.type": "Microsoft.Dynamics.CRM.account",
        name: `Query ${index % 3 === 0 ? "a & b" : "#c+d"}`,
        accountnumber: number(index),
        numberofemployees: index,
        creditonhold: index % 2 === 0,
      })),
    },
  });
  const filter = "startswith(accountnumber,'Q')";
  const select = ["accountnumber"];
  const numbers = (rows) => rows.map((row) => row.accountnumber);
  const asked = async (more) => numbers((await api.retrieveMultiple({ collection, select, ...more })).value);

  await part("filters", async () => {
    const orderBy = ["accountnumber desc"];
    checkSame("the last three", await asked({ filter, orderBy, top: 3 }), [22, 21, 20].map(number));
    for (const [condition, expected] of [
      ["numberofemployees gt 20", [21, 22]],
      ["numberofemployees le 1 or numberofemployees eq 5", [0, 1, 5]],
      ["name eq 'Query a & b' and numberofemployees lt 5", [0, 3]],
      ["contains(name,'#c+d') and numberofemployees lt 3", [1, 2]],
      ["not contains(name,'c') and creditonhold eq false and numberofemployees lt 10", [3, 9]],
      ["endswith(accountnumber,'9')", [9, 19]],
      ["telephone1 eq null and numberofemployees ge 22", [22]],
    ]) {
      const found = await asked({ filter: `${filter} and (${condition})`, orderBy: ["accountnumber"] });
      checkSame(condition, found, expected.map(number));
    }
    await checkDenied("a filter that is none", 400, "0x80060888", /./, () => asked({ filter: "name eq" }));
  });

  await part("pages", async () => {
    const request = { collection, select, filter, orderBy: ["accountnumber"], maxPageSize: 10, count: true };
    const first = await api.retrieveMultiple(request);
    check(
      "a page, and how many rows there are",
      first.value.length === 10 && first.oDataCount === ROWS,
      first.oDataCount,
    );
    const second = await api.retrieveMultiple(request, first.oDataNextLink);
    const third = await api.retrieveMultiple(request, second.oDataNextLink);
    check("the last page has no next one", third.oDataNextLink === undefined, third.oDataNextLink);
    const all = [first, second, third].flatMap((page) => numbers(page.value));
    checkSame(
      "every row is in one page",
      all,
      Array.from({ length: ROWS }, (_, index) => number(index)),
    );
    const whole = await api.retrieveAll(request);
    checkSame("all pages at once", numbers(whole.value), all);
  });

  await part("counts", async () => {
    const all = await api.count({ collection });
    check("how many rows there are", Number.isInteger(all) && all > ROWS, all);
    check("how many a filter finds", (await api.count({ collection, filter })) === ROWS);
    check("how many there are in all pages", (await api.countAll({ collection, filter, select })) === ROWS);
  });

  await part("an address that is too long for one", async () => {
    const conditions = Array.from(
      { length: ROWS },
      (_, index) => `(accountnumber eq '${number(index)}' and name ne 'x')`,
    );
    const found = await asked({ filter: conditions.join(" or "), orderBy: ["accountnumber"] });
    check("is sent as a batch", found.length === ROWS && found[0] === number(0), found);
  });

  await part("formatted values", async () => {
    const formatted = "OData.Community.Display.V1.FormattedValue";
    const request = {
      collection,
      select: ["creditonhold"],
      filter: "accountnumber eq 'Q00'",
      includeAnnotations: formatted,
    };
    const [row] = (await api.retrieveMultiple(request)).value;
    check(
      "only what was asked for",
      row.creditonhold_Formatted === "Yes" && !JSON.stringify(row).includes("lookuplogicalname"),
      row,
    );
  });
}
