"""Rows as tables of pandas."""

import warnings

import pandas
from PowerPlatform.Dataverse.models.filters import col

from checks import check, part


def frames(client, user):
    made = pandas.DataFrame({"name": ["Frame 0", "Frame 1", "Frame 2"], "revenue": [1.5, None, 3.0]})
    with part("tables of pandas"):
        ids = client.dataframe.create("account", made)
        changes = pandas.DataFrame({"accountid": ids, "telephone1": ["1", "2", None]})
        client.dataframe.update("account", changes, "accountid")
        query = client.query.builder("account").select("name", "revenue", "telephone1")
        read = query.where(col("name").startswith("Frame ")).order_by("name").execute().to_dataframe()
        check("are sent and read", list(read["name"]) == list(made["name"]), read)
        check("numbers", list(read["revenue"].fillna(0)) == [1.5, 0, 3.0], read)
        check("without what they lack", list(read["telephone1"].fillna("")) == ["1", "2", ""], read)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old = client.dataframe.get("account", filter="startswith(name,'Frame ')", select=["name"])
        check("the older way", len(old) == 3, old)
        client.dataframe.delete("account", ids, use_bulk_delete=False)
        left = client.records.list("account", filter="startswith(name,'Frame ')", select=["name"])
        check("are deleted", len(left) == 0, left)
