"""Rows: made, read, changed, upserted and deleted, one and many."""

import uuid


from checks import check, part
from sdk.signing_in import check_refused


def records(client, user):
    rows = client.records
    key = rows.create("account", {"Name": "Fabrikam", "customertypecode": "Customer", "revenue": 1234567.5})
    check("a create gives the id of the row", uuid.UUID(key))
    row = rows.retrieve("account", key, select=["Name", "customertypecode", "revenue", "_createdby_value"])
    seen = [row["name"], row["customertypecode"], row["revenue"]]
    check("labels of choices are sent as their numbers", seen == ["Fabrikam", 3, 1234567.5], seen)
    check("who made it is the application", row["_createdby_value"] == user, row.data)
    check("a row has its tag", row.etag.startswith('W/"'), row.etag)

    with part("a row"):
        rows.update("account", key, {"name": "Fabrikam & Söhne", "telephone1": None})
        shown = rows.retrieve(
            "account",
            key,
            select=["name", "customertypecode"],
            include_annotations="OData.Community.Display.V1.FormattedValue",
        )
        label = shown["customertypecode@OData.Community.Display.V1.FormattedValue"]
        check("is changed and shown in words", (shown["name"], label) == ("Fabrikam & Söhne", "Customer"), shown.data)
        missing = str(uuid.uuid4())
        check("that is not there is nothing", rows.retrieve("account", missing, select=["name"]) is None)
        refused = lambda: rows.update("account", missing, {"name": "Nobody"})  # noqa: E731
        check_refused("an update of one that is not there", 404, "0x80040217", missing, refused)
        refused = lambda: rows.create("account", {"nome": "Fabrikam"})  # noqa: E731
        check_refused("an unknown column", 400, "0x80048d19", "nome", refused)
        rows.delete("account", key)
        check("is deleted", rows.retrieve("account", key, select=["name"]) is None)
        refused = lambda: rows.delete("account", key)  # noqa: E731
        check_refused("a second delete", 404, "0x80040217", key, refused)

    with part("many rows"):
        made = [{"name": f"Bulk {index}", "numberofemployees": index} for index in range(5)]
        ids = rows.create("account", made)
        check("are made at once", len(set(ids)) == 5 and all(map(uuid.UUID, ids)), ids)
        rows.update("account", ids, {"telephone1": "555-0100"})
        rows.update("account", ids[:2], [{"fax": "1"}, {"fax": "2"}])
        read = rows.list(
            "account", filter="startswith(name,'Bulk ')", select=["name", "telephone1", "fax"], orderby=["name"]
        )
        seen = [(row["telephone1"], row["fax"]) for row in read]
        expected = [("555-0100", "1"), ("555-0100", "2")] + 3 * [("555-0100", None)]
        check("are changed alike and apart", seen == expected, seen)
        refused = lambda: rows.create(
            "account", [{"name": "Bulk too"}, {"name": "Bulk", "numberofemployees": -1}]
        )  # noqa: E731
        check_refused("all of them when one is wrong", 400, "0x8004432f", "numberofemployees", refused)
        check("and none is made", len(rows.list("account", filter="name eq 'Bulk too'", select=["name"])) == 0)
        rows.delete("account", ids[:1], use_bulk_delete=False)
        left = rows.list("account", filter="startswith(name,'Bulk ')", select=["name"])
        check("are deleted one by one", len(left) == 4, left)
