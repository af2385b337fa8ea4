"""Tables and SQL in batches."""

from checks import check, part


def table_batches(client, user):
    with part("tables in a batch"):
        batch = client.batch.new()
        batch.tables.create("new_Crate", {"new_Count": "int"})
        batch.tables.get("new_Crate")
        batch.tables.list(filter="SchemaName eq 'new_Crate'", select=["LogicalName"])
        result = batch.execute()
        check("are made and found", not result.has_errors and len(result.responses) == 3, result)
        batch = client.batch.new()
        batch.tables.add_columns("new_Crate", {"new_Label": "string"})
        batch.records.create("new_Crate", {"new_count": 1})
        batch.query.sql("SELECT new_count FROM new_crate WHERE new_count = 1")
        result = batch.execute()
        check("columns, rows and SQL", not result.has_errors and len(result.responses) == 3, result)
        check(
            "a row by SQL", [row["new_count"] for row in result.responses[2].data["value"]] == [1], result.responses[2]
        )
        batch = client.batch.new()
        batch.tables.remove_columns("new_Crate", "new_Label")
        batch.tables.delete("new_Crate")
        result = batch.execute()
        check("are deleted", not result.has_errors and client.tables.get("new_Crate") is None, result)
