"""Many rows deleted by a job of the org."""

import uuid

from checks import check, part


def bulk_delete(client, _user):
    rows = client.records
    ids = rows.create("account", [{"name": f"Swept {index}"} for index in range(4)])
    with part("many rows deleted by a job"):
        job = rows.delete("account", ids[:3])
        check("the job has an id", uuid.UUID(job))
        for _ in range(200):
            left = [row["name"] for row in rows.list("account", filter="startswith(name,'Swept ')", select=["name"])]
            if len(left) == 1:
                break
        check("the rows are gone, and no others", left == ["Swept 3"], left)
