// Tables, columns, keys and relationships of the caller's own.

import { check, checkDenied, checkSame, part } from "../checks.js";

const CRM = "Microsoft.Dynamics.CRM";
const label = (text) => ({
  "@odata.type": `${CRM}.Label`,
  LocalizedLabels: [{ "@odata.type": `${CRM}.LocalizedLabel`, Label: text, LanguageCode: 1033 }],
});
const column = (type, SchemaName, more) => ({
  "@odata.type": `${CRM}.${type}AttributeMetadata`,
  SchemaName,
  DisplayName: label(SchemaName.slice(4)),
  RequiredLevel: { Value: "None" },
  ...more,
});
const option = (Value, text) => ({ Value, Label: label(text) });

export async function schema({ api }) {
  const table = "LogicalName='new_widget'";

  await part("a table", async () => {
    const id = await api.createEntity({
      data: {
        "@odata.type": `${CRM}.EntityMetadata`,
        SchemaName: "new_Widget",
        DisplayName: label("Widget"),
        DisplayCollectionName: label("Widgets"),
        Description: label("Something small"),
        OwnershipType: "UserOwned",
        HasActivities: false,
        HasNotes: false,
        IsActivity: false,
        Attributes: [
          column("String", "new_Name", { MaxLength: 100, FormatName: { Value: "Text" }, IsPrimaryName: true }),
        ],
      },
    });
    const made = await api.retrieveEntity({
      key: id,
      select: ["LogicalName", "EntitySetName", "PrimaryNameAttribute", "IsCustomEntity"],
    });
    const seen = [made.LogicalName, made.EntitySetName, made.PrimaryNameAttribute, made.IsCustomEntity];
    checkSame("is made", seen, ["new_widget", "new_widgets", "new_name", true]);
    await checkDenied("and not twice", 400, "0x80060888", /new_widget.* already/, () =>
      api.createEntity({
        data: {
          "@odata.type": `${CRM}.EntityMetadata`,
          SchemaName: "new_Widget",
          DisplayName: label("Widget"),
          DisplayCollectionName: label("Widgets"),
          OwnershipType: "UserOwned",
          HasNotes: false,
          HasActivities: false,
          Attributes: [
            column("String", "new_Name", { MaxLength: 100, FormatName: { Value: "Text" }, IsPrimaryName: true }),
          ],
        },
      }),
    );
  });

  await part("columns", async () => {
    for (const data of [
      column("String", "new_Code", { MaxLength: 20, FormatName: { Value: "Text" } }),
      column("Memo", "new_Notes", { MaxLength: 2000, Format: "TextArea" }),
      column("Integer", "new_Count", { MinValue: 0, MaxValue: 1000, Format: "None" }),
      column("Decimal", "new_Weight", { MinValue: 0, MaxValue: 100, Precision: 3 }),
      column("Money", "new_Price", { MinValue: 0, MaxValue: 1000000, PrecisionSource: 2 }),
      column("DateTime", "new_Due", { Format: "DateOnly", DateTimeBehavior: { Value: "DateOnly" } }),
      column("Boolean", "new_Ready", {
        DefaultValue: false,
        OptionSet: {
          "@odata.type": `${CRM}.BooleanOptionSetMetadata`,
          TrueOption: option(1, "Ready"),
          FalseOption: option(0, "Not yet"),
        },
      }),
      column("Picklist", "new_Colour", {
        OptionSet: {
          "@odata.type": `${CRM}.OptionSetMetadata`,
          IsGlobal: false,
          OptionSetType: "Picklist",
          Options: [option(100000000, "Red"), option(100000001, "Green")],
        },
      }),
    ]) {
      const made = await api.createAttribute({ entityKey: table, data });
      check(`${data.SchemaName} is made`, made.length === 36, made);
    }
    const row = await api.create({
      collection: "new_widgets",
      data: {
        new_name: "One",
        new_code: "W1",
        new_count: 7,
        new_weight: 1.25,
        new_due: "2026-12-24",
        new_ready: true,
        new_colour: 100000001,
      },
      returnRepresentation: true,
      includeAnnotations: "*",
    });
    const seen = [row.new_name, row.new_count, row.new_weight, row.new_ready_Formatted, row.new_colour_Formatted];
    checkSame("hold what rows have", seen, ["One", 7, 1.25, "Ready", "Green"]);
    await checkDenied("are checked", 400, "0x8004432f", /new_count/, () =>
      api.create({ collection: "new_widgets", data: { new_name: "Two", new_count: 1001 } }),
    );
  });

  await part("an alternate key", async () => {
    const data = { SchemaName: "new_WidgetCode", DisplayName: label("Code"), KeyAttributes: ["new_code"] };
    await api.create({ collection: "EntityDefinitions", key: table, navigationProperty: "Keys", data });
    const row = await api.retrieve({ collection: "new_widgets", key: "new_code='W1'", select: ["new_name"] });
    check("finds a row", row.new_name === "One", row);
    const upsert = (name) =>
      api.upsert({ collection: "new_widgets", key: "new_code='O''Neil'", data: { new_name: name } });
    const made = await upsert("Three");
    check("makes one", (await upsert("Four")) === made, made);
    const changed = await api.retrieve({
      collection: "new_widgets",
      key: "new_code=\"O''Neil\"",
      select: ["new_name"],
    });
    check("and changes it", changed.new_name === "Four", changed);
    await checkDenied("is unique", 412, "0x80060892", /key/i, () =>
      api.create({ collection: "new_widgets", data: { new_name: "Five", new_code: "W1" } }),
    );
  });

  await part("relationships", async () => {
    const id = await api.createRelationship({
      data: {
        "@odata.type": `${CRM}.OneToManyRelationshipMetadata`,
        SchemaName: "new_account_widget",
        ReferencedEntity: "account",
        ReferencedAttribute: "accountid",
        ReferencingEntity: "new_widget",
        CascadeConfiguration: {
          Assign: "NoCascade",
          Delete: "RemoveLink",
          Merge: "NoCascade",
          Reparent: "NoCascade",
          Share: "NoCascade",
          Unshare: "NoCascade",
        },
        Lookup: column("Lookup", "new_AccountId"),
      },
    });
    const account = await api.create({ collection: "accounts", data: { name: "Of widgets" } });
    const data = { new_name: "Bound", "new_AccountId@odata.bind": `accounts(${account})` };
    const widget = await api.create({ collection: "new_widgets", data });
    const read = () =>
      api.retrieve({
        collection: "new_widgets",
        key: widget,
        select: ["_new_accountid_value"],
        expand: [{ property: "new_AccountId", select: ["name"] }],
      });
    const row = await read();
    check("one-to-many", row._new_accountid_value === account && row.new_AccountId.name === "Of widgets", row);
    const many = await api.createRelationship({
      data: {
        "@odata.type": `${CRM}.ManyToManyRelationshipMetadata`,
        SchemaName: "new_widget_contact",
        Entity1LogicalName: "new_widget",
        Entity2LogicalName: "contact",
        IntersectEntityName: "new_widget_contact",
      },
    });
    const contact = await api.create({ collection: "contacts", data: { lastname: "Of widgets" } });
    const link = {
      collection: "new_widgets",
      primaryKey: widget,
      relationshipName: "new_widget_contact",
      relatedKey: contact,
    };
    await api.associate({ ...link, relatedCollection: "contacts" });
    const request = {
      collection: "new_widgets",
      key: widget,
      navigationProperty: "new_widget_contact",
      select: ["lastname"],
    };
    const linked = await api.retrieveMultiple(request);
    check("many-to-many", linked.value.length === 1 && linked.value[0].contactid === contact, linked);
    await api.disassociate(link);
    check("and removed", (await api.retrieveMultiple(request)).value.length === 0);
    await api.deleteRelationship({ key: many });
    await api.deleteRelationship({ key: id });
    await checkDenied("a relationship that is deleted", 404, "0x80060888", /./, () =>
      api.retrieveMultiple({ ...request, navigationProperty: "new_widget_contact" }),
    );
  });

  await part("what was made is taken away", async () => {
    await api.callAction({ actionName: "PublishAllXml" });
    const { MetadataId } = await api.retrieveEntity({ key: table, select: ["LogicalName"] });
    await api.deleteRecord({ collection: "EntityDefinitions", key: MetadataId });
    await checkDenied("a table that is deleted", 404, "0x80060888", /new_widgets/, () =>
      api.retrieveMultiple({ collection: "new_widgets" }),
    );
  });
}
