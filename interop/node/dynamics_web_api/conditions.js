// Filters that reach further, and queries that are kept in the org.

import { check, checkSame, part } from "../checks.js";

export async function conditions({ api }) {
  const collection = "accounts";
  const made = [];
  for (const [index, city] of ["Oslo", "Oslo", "Rome", "Rome", "Rome"].entries()) {
    made.push(
      await api.create({
        collection,
        data: {
          name: `Condition ${index}`,
          address1_city: city,
          revenue: 100 * (index + 1),
          numberofemployees: index,
          customertypecode: index < 2 ? 3 : 11,
        },
      }),
    );
  }
  const contact = { lastname: "Condition", "parentcustomerid_account@odata.bind": `/accounts(${made[1]})` };
  await api.create({ collection: "contacts", data: contact });
  const ours = "startswith(name,'Condition ')";
  const found = async (filter) => {
    const request = { collection, select: ["name"], filter: `${ours} and (${filter})`, orderBy: ["name"] };
    return (await api.retrieveMultiple(request)).value.map((row) => Number(row.name.at(-1)));
  };

  await part("filters", async () => {
    for (const [filter, expected] of [
      ["contact_customer_accounts/any(c:c/lastname eq 'Condition')", [1]],
      ["not contact_customer_accounts/any()", [0, 2, 3, 4]],
      ["createdby/fullname ne null and numberofemployees eq 3", [3]],
      ["numberofemployees in (1,4)", [1, 4]],
      ["Microsoft.Dynamics.CRM.In(PropertyName='address1_city',PropertyValues=['Oslo','Bern'])", [0, 1]],
      ["Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=['1','3'])", [1, 2, 3]],
      ["Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=2) and revenue gt 450", [4]],
      ["Microsoft.Dynamics.CRM.Today(PropertyName='createdon') and revenue lt 150", [0]],
      ["Microsoft.Dynamics.CRM.EqualUserId(PropertyName='ownerid') and revenue lt 150", [0]],
    ]) {
      checkSame(filter, await found(filter), expected);
    }
  });

  await part("groups", async () => {
    const apply = `filter(${ours})/groupby((address1_city),aggregate($count as rows,revenue with sum as total))`;
    const groups = (await api.retrieveMultiple({ collection, apply })).value;
    const seen = groups.map((group) => [group.address1_city, group.rows, group.total]).sort();
    checkSame("count and sum", seen, [
      ["Oslo", 2, 300],
      ["Rome", 3, 1200],
    ]);
    const whole = await api.retrieveMultiple({
      collection,
      apply: `filter(${ours})/aggregate(revenue with average as mean,numberofemployees with max as most)`,
    });
    checkSame("without groups", [whole.value[0].mean, whole.value[0].most], [300, 4]);
  });

  await part("a query that is kept in the org", async () => {
    const fetch = `<fetch><entity name="account"><attribute name="name"/><filter>
      <condition attribute="name" operator="like" value="Condition %"/></filter></entity></fetch>`;
    const data = { name: "Interop", returnedtypecode: "account", querytype: 0, fetchxml: fetch };
    const userQuery = await api.create({ collection: "userqueries", data });
    const rows = await api.retrieveMultiple({ collection, userQuery });
    check("is run by its id", rows.value.length === 5, rows.value?.length);
  });
}
