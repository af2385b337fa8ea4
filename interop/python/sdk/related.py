"""Rows with the rows that belong to them, and lists of values."""

from PowerPlatform.Dataverse.models.filters import col, raw
from PowerPlatform.Dataverse.models.query_builder import ExpandOption

from checks import check, part


def related(client, user):
    rows = client.records
    contacts = rows.create("contact", [{"lastname": f"Related {index}"} for index in range(3)])
    account = rows.create(
        "account", {"name": "Related by SDK", "primarycontactid@odata.bind": f"/contacts({contacts[0]})"}
    )
    for contact in contacts:
        rows.update("contact", contact, {"parentcustomerid_account@odata.bind": f"/accounts({account})"})

    with part("expanded"):
        row = rows.retrieve(
            "account", account, select=["name"], expand=["primarycontactid", "contact_customer_accounts"]
        )
        seen = (row["primarycontactid"]["lastname"], len(row["contact_customer_accounts"]))
        check("a lookup and rows of a row", seen == ("Related 0", 3), row.data)
        option = ExpandOption("contact_customer_accounts").select("lastname").filter("lastname ne 'Related 1'")
        query = client.query.builder("account").select("name").where(col("name") == "Related by SDK")
        expanded = (
            query.expand(option.order_by("lastname", descending=True).top(1), "primarycontactid").execute().first()
        )
        names = [one["lastname"] for one in expanded["contact_customer_accounts"]]
        check("with options", names == ["Related 2"], expanded.data)

    with part("lists of values"):
        select = client.query.builder("contact").select("lastname")
        found = select.where(col("lastname").in_(["Related 0", "Related 2", "O'Neil"])).order_by("lastname").execute()
        check("in a list", [row["lastname"] for row in found] == ["Related 0", "Related 2"], found.records)
        select = client.query.builder("contact").select("lastname").where(raw("startswith(lastname,'Related')"))
        found = select.where(col("lastname").not_in(["Related 0", "Related 2"])).execute()
        check("not in a list", [row["lastname"] for row in found] == ["Related 1"], found.records)

    with part("what a table leads to"):
        expands = client.query.odata_expands("contact")
        seen = [one for one in expands if one["nav_property"] == "parentcustomerid_account"]
        right = len(seen) == 1 and seen[0]["target_entity_set"] == "accounts"
        check("is found by name", right, expands)
