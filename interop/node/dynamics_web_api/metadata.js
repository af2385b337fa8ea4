// What the org says of its tables.

import { check, checkDenied, checkSame, part, setting } from "../checks.js";
import { signedIn } from "./world.js";

export async function metadata({ api }) {
  const account = "LogicalName='account'";

  await part("tables", async () => {
    const select = ["LogicalName", "EntitySetName", "PrimaryIdAttribute", "PrimaryNameAttribute", "ObjectTypeCode"];
    const table = await api.retrieveEntity({ key: account, select });
    const seen = [
      table.LogicalName,
      table.EntitySetName,
      table.PrimaryIdAttribute,
      table.PrimaryNameAttribute,
      table.ObjectTypeCode,
    ];
    checkSame("one by its name", seen, ["account", "accounts", "accountid", "name", 1]);
    const byId = await api.retrieveEntity({ key: table.MetadataId, select: ["SchemaName", "DisplayName"] });
    const label = byId.DisplayName.UserLocalizedLabel;
    check(
      "one by its id",
      byId.SchemaName === "Account" && label.Label === "Account" && label.LanguageCode === 1033,
      byId,
    );
    const filter = "LogicalName eq 'contact' or LogicalName eq 'account'";
    const two = await api.retrieveEntities({ select: ["LogicalName"], filter });
    checkSame("some", two.value.map((one) => one.LogicalName).sort(), ["account", "contact"]);
    const expanded = await api.retrieveEntity({
      key: account,
      select: ["LogicalName"],
      expand: [
        { property: "Attributes", select: ["LogicalName", "AttributeType"], filter: "LogicalName eq 'revenue'" },
      ],
    });
    check(
      "with columns",
      expanded.Attributes.length === 1 && expanded.Attributes[0].AttributeType === "Money",
      expanded,
    );
    await checkDenied("one that is not there", 404, "0x80060888", /wonder/, () =>
      api.retrieveEntity({ key: "LogicalName='wonder'", select: ["LogicalName"] }),
    );
  });

  await part("columns", async () => {
    const all = await api.retrieveAttributes({ entityKey: account, select: ["LogicalName", "AttributeType"] });
    const kinds = Object.fromEntries(all.value.map((one) => [one.LogicalName, one.AttributeType]));
    const seen = [
      "accountid",
      "name",
      "revenue",
      "creditonhold",
      "industrycode",
      "statecode",
      "statuscode",
      "primarycontactid",
      "ownerid",
      "createdon",
    ];
    checkSame(
      "all, with their types",
      seen.map((name) => kinds[name]),
      ["Uniqueidentifier", "String", "Money", "Boolean", "Picklist", "State", "Status", "Lookup", "Owner", "DateTime"],
    );
    check(
      "and what they are",
      all.value.every((one) => one["@odata.type"]?.startsWith("#Microsoft.Dynamics.CRM.")),
      all.value[0],
    );
    const castType = "Microsoft.Dynamics.CRM.StringAttributeMetadata";
    const attributeKey = "LogicalName='name'";
    const name = await api.retrieveAttribute({
      entityKey: account,
      attributeKey,
      castType,
      select: ["MaxLength", "FormatName"],
    });
    check("one as what it is", name.MaxLength === 160 && name.FormatName.Value === "Text", name);
    const choice = await api.retrieveAttribute({
      entityKey: account,
      attributeKey: "LogicalName='customertypecode'",
      castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
      select: ["LogicalName"],
      expand: [{ property: "OptionSet", select: ["Options"] }],
    });
    const option = choice.OptionSet.Options.find((one) => one.Value === 3);
    check("a choice with its options", option.Label.UserLocalizedLabel.Label === "Customer", choice);
    const choices = await api.retrieveAttributes({
      entityKey: account,
      castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
      select: ["LogicalName"],
    });
    check(
      "all choices",
      choices.value.length > 5 && choices.value.every((one) => kinds[one.LogicalName] === "Picklist"),
      choices,
    );
  });

  await part("relationships", async () => {
    const castType = "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata";
    const found = await api.retrieveRelationships({ castType, filter: "SchemaName eq 'account_primary_contact'" });
    const [one] = found.value;
    const seen = [
      one.ReferencedEntity,
      one.ReferencingEntity,
      one.ReferencingAttribute,
      one.ReferencingEntityNavigationPropertyName,
    ];
    checkSame("one-to-many", seen, ["contact", "account", "primarycontactid", "primarycontactid"]);
    const byId = await api.retrieveRelationship({ key: one.MetadataId, castType, select: ["SchemaName"] });
    check("by its id", byId.SchemaName === "account_primary_contact", byId);
    const many = await api.retrieveRelationships({
      castType: "Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata",
      filter: "SchemaName eq 'systemuserroles_association'",
      select: ["Entity1LogicalName", "Entity2LogicalName", "IntersectEntityName"],
    });
    const { Entity1LogicalName, Entity2LogicalName, IntersectEntityName } = many.value[0];
    const ends = [Entity1LogicalName, Entity2LogicalName].sort();
    checkSame("many-to-many", [...ends, IntersectEntityName], ["role", "systemuser", "systemuserroles"]);
  });

  await part("the whole as one document", async () => {
    const csdl = await api.retrieveCsdlMetadata();
    check(
      "of types and sets",
      csdl.includes('<EntityType Name="account"') && csdl.includes('<EntitySet Name="accounts"'),
      csdl?.slice?.(0, 200),
    );
  });

  await part("names of tables for those of sets", async () => {
    const named = signedIn(setting("SECRET_CLIENT_ID"), setting("SECRET"), { useEntityNames: true });
    const rows = await named.retrieveMultiple({ collection: "account", select: ["name"], top: 1 });
    check("are looked up", rows.value.length === 1 && named.Utility.getCollectionName("contact") === "contacts", rows);
  });
}
