"""Queries: by parameters, by the builder."""

import datetime
import warnings

from PowerPlatform.Dataverse.models.filters import col, raw

from checks import check, part
from sdk.signing_in import check_refused

ROWS = 23


def numbers(rows):
    return [int(row["accountnumber"][1:]) for row in rows]


def queries(client, user):
    rows = client.records
    rows.create(
        "account",
        [
            {
                "name": "Query 'a' & b" if index % 3 == 0 else "Query #c+d",
                "accountnumber": f"P{index:02}",
                "numberofemployees": index,
                "creditonhold": index % 2 == 0,
            }
            for index in range(ROWS)
        ],
    )
    ours = "startswith(accountnumber,'P')"
    select, order = ["AccountNumber"], ["accountnumber"]

    with part("by parameters"):
        top = rows.list("account", filter=ours, select=select, orderby=["accountnumber desc"], top=3)
        check("the last three", numbers(top) == [22, 21, 20], numbers(top))
        pages = list(rows.list_pages("account", filter=ours, select=select, orderby=order, page_size=10, count=True))
        check("pages of the size that was asked for", [len(page) for page in pages] == [10, 10, 3], pages)
        check("with every row once", [n for page in pages for n in numbers(page)] == list(range(ROWS)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old = [
                numbers(page) for page in rows.get("account", filter=ours, select=select, orderby=order, page_size=20)
            ]
        check("the older way", [len(page) for page in old] == [20, 3], old)
        refused = lambda: rows.list("account", filter="name eq", select=select)  # noqa: E731
        check_refused("a filter that is none", 400, "0x80060888", "", refused)

    def found(condition):
        query = client.query.builder("account").select("accountnumber").where(raw(ours)).where(condition)
        return numbers(query.order_by("accountnumber").execute())

    with part("by the builder"):
        yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
        for name, condition, expected in (
            ("compared", (col("numberofemployees") > 20) | (col("numberofemployees") == 5), [5, 21, 22]),
            ("a text with quotes", (col("Name") == "Query 'a' & b") & (col("numberofemployees") < 5), [0, 3]),
            ("between", col("numberofemployees").between(3, 5), [3, 4, 5]),
            ("not between", col("numberofemployees").not_between(1, 20), [0, 21, 22]),
            ("like", col("accountnumber").like("%9"), [9, 19]),
            ("not like", col("accountnumber").not_like("P0%") & col("accountnumber").not_like("P1%"), [20, 21, 22]),
            ("null", col("telephone1").is_null() & (col("numberofemployees") >= 22), [22]),
            ("true", (col("creditonhold") == True) & (col("numberofemployees") < 4), [0, 2]),  # noqa: E712
            ("a moment", (col("createdon") > yesterday) & (col("numberofemployees") < 1), [0]),
        ):
            seen = found(condition)
            check(f"the builder: {name}", seen == expected, seen)
        query = client.query.builder("account").select("name", "creditonhold").where(col("accountnumber") == "P00")
        row = query.include_formatted_values().execute().first()
        check("in words", row["creditonhold@OData.Community.Display.V1.FormattedValue"] == "Yes", row.data)
        paged = client.query.builder("account").select("accountnumber").where(raw(ours)).page_size(9)
        sizes = [len(page) for page in paged.order_by("accountnumber").execute_pages()]
        check("in pages", sizes == [9, 9, 5], sizes)
