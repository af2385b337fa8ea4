"""Several requests in one."""

import uuid

from checks import check, part
from sdk.signing_in import check_refused


def batches(client, user):
    listed = lambda name: client.records.list("account", filter=f"name eq '{name}'", select=["name"])  # noqa: E731
    with part("a change set"):
        batch = client.batch.new()
        with batch.changeset() as changes:
            contact = changes.records.create("contact", {"lastname": "Batch é"})
            account = changes.records.create("account", {"name": "Batch 1", "primarycontactid@odata.bind": contact})
            changes.records.update(
                "contact", contact, {"firstname": "Changed", "parentcustomerid_account@odata.bind": account}
            )
        result = batch.execute()
        check("is done", not result.has_errors and len(result.entity_ids) >= 2, result)
        made = {response.content_id: response.entity_id for response in result.responses}
        row = client.records.retrieve("account", made["2"], select=["_primarycontactid_value"])
        check("with content ids", row["_primarycontactid_value"] == made["1"], (made, row.data))

        batch = client.batch.new()
        with batch.changeset() as changes:
            changes.records.create("account", {"name": "Never"})
            changes.records.create("account", {"name": "Never", "accountnumber": 21 * "1"})
        result = batch.execute()
        seen = [(response.status_code, response.error_code, response.content_id) for response in result.responses]
        check("is not done when one fails", seen == [(400, "0x80044331", "2")] and len(listed("Never")) == 0, result)

    with part("many kinds"):
        batch = client.batch.new()
        batch.records.create("account", {"name": "Alone"})
        batch.records.create("account", [{"name": "Bulk in a batch"}, {"name": "Bulk in a batch"}])
        batch.records.list(
            "account", filter="name eq 'Batch 1' or contains(name, 'nobody''s')", select=["name"], top=2, count=True
        )
        batch.records.retrieve("contact", made["1"], select=["firstname"], include_annotations="*")
        batch.records.update("account", made["2"], {"telephone1": "1"})
        batch.records.delete("account", made["2"])
        result = batch.execute()
        check("are done in order", not result.has_errors and len(result.responses) == 6, result.failed)
        created, bulk, read, one, updated, deleted = result.responses
        check("rows", uuid.UUID(created.entity_id) and len(bulk.data["Ids"]) == 2, (created, bulk))
        check("one", one.data["firstname"] == "Changed", one)
        check("changed and deleted", (updated.status_code, deleted.status_code) == (204, 204), (updated, deleted))

    with part("a batch that fails"):
        for more, expected in (({}, [204, 400]), ({"continue_on_error": True}, [204, 400, 204])):
            batch = client.batch.new()
            batch.records.create("account", {"name": "Before, by the SDK"})
            batch.records.create("account", {"name": "Too long", "accountnumber": 21 * "1"})
            batch.records.create("account", {"name": "Behind, by the SDK"})
            result = batch.execute(**more)
            seen = [response.status_code for response in result.responses]
            check(f"answers {expected}", seen == expected and result.failed[0].error_code == "0x80044331", seen)
        batch = client.batch.new()
        batch.records.delete("account", str(uuid.uuid4()))
        # The SDK reads no answers of a batch with this status.
        refused = lambda: batch.execute()  # noqa: E731
        check_refused("a row that is not there", 404, None, "HTTP 404", refused)
