"""FetchXML and SQL."""

from checks import check, part
from sdk.signing_in import check_refused

ROWS = 12


def fetchxml(client, user):
    client.records.create("contact", [{"lastname": f"G{n:02}", "numberofchildren": n} for n in range(ROWS)])
    with part("FetchXML"):
        fetch = """
            <fetch count="5"><entity name="contact">
              <attribute name="lastname"/><order attribute="lastname"/>
              <filter><condition attribute="lastname" operator="like" value="G__"/></filter>
            </entity></fetch>"""
        pages = list(client.query.fetchxml(fetch).execute_pages())
        check("pages of the size that was asked for", [len(page) for page in pages] == [5, 5, 2], pages)
        names = [row["lastname"] for page in pages for row in page]
        check("with every row once", names == [f"G{n:02}" for n in range(ROWS)], names)
        grouped = """
            <fetch aggregate="true"><entity name="contact">
              <attribute name="contactid" aggregate="count" alias="rows"/>
              <attribute name="numberofchildren" aggregate="sum" alias="total"/>
              <filter><condition attribute="lastname" operator="like" value="G__"/></filter>
            </entity></fetch>"""
        row = client.query.fetchxml(grouped).execute().first()
        check("aggregates", (row["rows"], row["total"]) == (12, 66), row.data)


def sql(client, user):
    account = client.records.create("account", {"name": "Of SQL & <others>"})
    bound = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    made = [
        {"lastname": f"S{n:02}", "numberofchildren": n, "firstname": "Even" if n % 2 == 0 else "Odd", **bound}
        for n in range(ROWS)
    ]
    client.records.create("contact", made)
    ours = "lastname LIKE 'S__'"
    ask = client.query.sql
    with part("SQL"):
        rows = ask(f"SELECT TOP 3 lastname, numberofchildren FROM contact WHERE {ours} ORDER BY lastname DESC")
        check("the last three", [row["lastname"] for row in rows] == ["S11", "S10", "S09"], rows)
        rows = ask(f"SELECT lastname FROM contact WHERE {ours} AND numberofchildren IN (1, 2) AND firstname = 'Odd'")
        check("a list of values", [row["lastname"] for row in rows] == ["S01"], rows)
        rows = ask(f"SELECT COUNT(*) AS n FROM contact WHERE {ours} AND numberofchildren BETWEEN 2 AND 4")
        check("a count", rows[0]["n"] == 3, rows)
        rows = ask(
            f"SELECT firstname, COUNT(contactid) AS n, MAX(numberofchildren) AS most FROM contact WHERE {ours} "
            "GROUP BY firstname ORDER BY firstname"
        )
        seen = [(row["firstname"], row["n"], row["most"]) for row in rows]
        check("groups", seen == [("Even", 6, 10), ("Odd", 6, 11)], rows)
        rows = ask(
            "SELECT c.lastname, a.name FROM contact c INNER JOIN account a ON c.parentcustomerid = a.accountid "
            "WHERE c.lastname = 'S05'"
        )
        check("two tables", [(row["lastname"], row["name"]) for row in rows] == [("S05", "Of SQL & <others>")], rows)
        columns = {one["name"]: one for one in client.query.sql_columns("contact")}
        right = (
            columns["contactid"]["is_pk"]
            and columns["fullname"]["is_name"]
            and columns["birthdate"]["type"] == "DateTime"
        )
        check("columns by their names", right, list(columns)[:5])
        refused = lambda: ask("SELECT nome FROM contact")  # noqa: E731
        check_refused("a column that is not there", 400, "0x80041103", "nome", refused)
