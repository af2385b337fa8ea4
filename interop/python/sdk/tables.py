"""Tables, columns, keys and relationships of the caller's own."""

import datetime
import enum
import uuid

from PowerPlatform.Dataverse.core.errors import MetadataError
from PowerPlatform.Dataverse.models.labels import Label, LocalizedLabel
from PowerPlatform.Dataverse.models.relationship import (
    CascadeConfiguration,
    LookupAttributeMetadata,
    ManyToManyRelationshipMetadata,
    OneToManyRelationshipMetadata,
)
from PowerPlatform.Dataverse.models.upsert import UpsertItem

from checks import check, part
from sdk.signing_in import check_refused


class Colour(enum.IntEnum):
    RED = 1
    GREEN = 2
    __labels__ = {1033: {"RED": "Red", "GREEN": "Green"}}


COLUMNS = {
    "new_Code": "string",
    "new_Notes": "memo",
    "new_Count": {"type": "int", "min_value": 0, "max_value": 1000},
    "new_Weight": {"type": "decimal", "precision": 3},
    "new_Share": "float",
    "new_Due": "datetime",
    "new_Ready": "bool",
    "new_Colour": Colour,
}


def tables(client, user):
    made = client.tables.create("new_Part", COLUMNS, display_name="Part")
    seen = (
        made.schema_name,
        made.logical_name,
        made.entity_set_name,
        made.primary_name_attribute,
        made.primary_id_attribute,
    )
    check("a table is made", seen == ("new_Part", "new_part", "new_parts", "new_name", "new_partid"), made)
    try:
        check("and not twice", False, client.tables.create("new_Part", {}))
    except MetadataError as error:
        check("and not twice", "already exists" in error.message, error)

    with part("rows of it"):
        values = {
            "new_name": "One",
            "new_code": "P1",
            "new_notes": "Two\nlines",
            "new_count": 7,
            "new_weight": 1.125,
            "new_share": 0.25,
            "new_due": "2026-12-24",
            "new_ready": True,
            "new_colour": "green",
        }
        key = client.records.create("new_Part", values)
        row = client.records.retrieve("new_Part", key, select=list(values), include_annotations="*")
        seen = [row[name] for name in list(values)[:6]] + [row["new_ready"], row["new_colour"]]
        check("hold what was sent", seen == ["One", "P1", "Two\nlines", 7, 1.125, 0.25, True, 2], row.data)
        check("dates too", str(row["new_due"]).startswith("2026-12-24"), row["new_due"])
        label = row["new_colour@OData.Community.Display.V1.FormattedValue"]
        check("choices have their labels", label == "Green", label)
        refused = lambda: client.records.create("new_part", {"new_name": "Two", "new_count": 1001})  # noqa: E731
        check_refused("a number out of its range", 400, "0x8004432f", "new_count", refused)

    with part("what the org says of it"):
        check("a table is found whatever the case", client.tables.get("NEW_PART").entity_set_name == "new_parts")
        check("one that is not there is not", client.tables.get("new_Nothing") is None)
        listed = client.tables.list(filter="SchemaName eq 'new_Part'", select=["LogicalName", "SchemaName"])
        check("listed", [one["LogicalName"] for one in listed] == ["new_part"], listed)
        columns = client.tables.list_columns(
            "new_Part", select=["LogicalName", "AttributeType"], filter="AttributeType eq 'Integer'"
        )
        check("columns of a type", "new_count" in [one["LogicalName"] for one in columns], columns)
        check("a column that is not there", client.tables.get_column("new_Part", "new_Nothing") is None)

    with part("columns"):
        added = client.tables.add_columns("new_Part", {"new_Extra": "string", "new_Other": Colour})
        check("are added", added == ["new_Extra", "new_Other"], added)
        client.records.update("new_Part", key, {"new_extra": "more", "new_other": "Red"})
        row = client.records.retrieve("new_Part", key, select=["new_extra", "new_other"])
        check("and hold values", (row["new_extra"], row["new_other"]) == ("more", 1), row.data)
        removed = client.tables.remove_columns("new_Part", ["new_Extra", "new_Other"])
        check("are removed", removed == ["new_Extra", "new_Other"], removed)
        refused = lambda: client.records.retrieve("new_Part", key, select=["new_extra"])  # noqa: E731
        check_refused("a column that is removed", 400, "0x80060888", "new_extra", refused)

    with part("an alternate key"):
        made = client.tables.create_alternate_key("new_Part", "new_PartCode", ["new_code"])
        check("is made", uuid.UUID(made.metadata_id) and made.schema_name == "new_PartCode", made)
        listed = client.tables.get_alternate_keys("new_Part")
        seen = [(one.metadata_id, one.schema_name, one.key_attributes, one.status) for one in listed]
        check("is listed", seen == [(made.metadata_id, "new_PartCode", ["new_code"], "Active")], listed)
        upsert = client.records.upsert
        upsert("new_Part", [UpsertItem({"new_code": "O'Neil"}, {"new_name": "Upserted"})])
        upsert("new_Part", [UpsertItem({"new_code": code}, {"new_name": "Both"}) for code in ("O'Neil", "P9")])
        rows = client.records.list("new_Part", select=["new_name", "new_code"], orderby=["new_code"])
        seen = [(row["new_code"], row["new_name"]) for row in rows]
        check("makes and changes rows", seen == [("O'Neil", "Both"), ("P1", "One"), ("P9", "Both")], seen)
        row = client.records.retrieve("new_Part", "new_code='P9'", select=["new_name"])
        check("finds a row", row["new_name"] == "Both", row.data)
        client.tables.delete_alternate_key("new_Part", made.metadata_id)
        check("is removed", client.tables.get_alternate_keys("new_Part") == [])

    with part("relationships"):
        lookup = LookupAttributeMetadata("new_AccountId", Label([LocalizedLabel("Account", 1033)]))
        relationship = OneToManyRelationshipMetadata(
            "new_account_part", "account", "new_part", "accountid", CascadeConfiguration(delete="RemoveLink")
        )
        made = client.tables.create_one_to_many_relationship(lookup, relationship)
        account = client.records.create("account", {"name": "Of parts"})
        client.records.update("new_Part", key, {"new_AccountId@odata.bind": f"/accounts({account})"})
        row = client.records.retrieve("new_Part", key, select=["_new_accountid_value"], expand=["new_AccountId"])
        right = row["_new_accountid_value"] == account and row["new_AccountId"]["name"] == "Of parts"
        check("one-to-many", right, row.data)
        found = client.tables.get_relationship("new_account_part")
        seen = (found.relationship_id, found.relationship_type, found.lookup_schema_name, found.referencing_entity)
        check("found by name", seen == (made.relationship_id, "one_to_many", "new_AccountId", "new_part"), found)
        other = client.tables.create_lookup_field("new_Part", "new_OwnerContact", "contact", display_name="Contact")
        related = client.tables.list_table_relationships("new_Part")
        names = {one["SchemaName"] for one in related}
        check("listed", {"new_account_part", other.relationship_schema_name} <= names, names)
        many = client.tables.create_many_to_many_relationship(
            ManyToManyRelationshipMetadata("new_Part_Contact", "new_part", "contact")
        )
        found = client.tables.get_relationship("new_Part_Contact")
        ends = {found.entity1_logical_name, found.entity2_logical_name}
        check("many-to-many", found.relationship_type == "many_to_many" and ends == {"new_part", "contact"}, found)
        for one in (made, other, many):
            client.tables.delete_relationship(one.relationship_id)
        check("are deleted", client.tables.get_relationship("new_account_part") is None)

    with part("the table"):
        client.tables.delete("new_Part")
        check("is deleted", client.tables.get("new_Part") is None)
