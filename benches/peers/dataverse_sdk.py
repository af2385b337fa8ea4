"""Microsoft's Dataverse SDK for Python as its documentation shows it, one client for each thread.

Says when it is ready, waits for a line, does its task, and says what came of it.
"""

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models import UpsertItem

TASK = json.loads(sys.argv[1])
SIZE = TASK["size"]


def setting(name):
    return os.environ["KEYHOLDER_" + name]


CREDENTIAL = ClientSecretCredential(
    setting("TENANT_ID"),
    setting("CLIENT_ID"),
    setting("CLIENT_SECRET"),
    authority=setting("AUTHORITY"),
    connection_verify=setting("CA_FILE"),
    disable_instance_discovery=True,
)
OWN = threading.local()


def client():
    """The thread's own: the session below it is not for several."""
    if not hasattr(OWN, "client"):
        OWN.client = DataverseClient(setting("ORG_URL"), CREDENTIAL)
    return OWN.client


def contact(number):
    return {
        "firstname": f"First{number % 50}",
        "lastname": f"Last{number * 7919 % 1000}",
        "emailaddress1": f"contact{number}@contoso.example",
        "telephone1": f"555-{number:06}",
    }


def item(number):
    row = contact(number)
    return UpsertItem(alternate_key={"emailaddress1": row.pop("emailaddress1")}, record=row)


def multiple(first):
    numbers = range(first, first + SIZE)
    if TASK["operation"] == "upsert":
        client().records.upsert("contact", [item(number) for number in numbers])
        return SIZE
    return len(client().records.create("contact", [contact(number) for number in numbers]))


def batch(first):
    batch = client().batch.new()
    with batch.changeset() as changes:
        for number in range(first, first + SIZE):
            changes.records.create("contact", contact(number))
    result = batch.execute()
    return sum(response.status_code == 204 for response in result.responses)


def single(first):
    client().records.create("contact", contact(first))
    return 1


def read():
    select = ["fullname", "emailaddress1", "telephone1", "statecode"]
    return sum(len(page) for page in client().records.list_pages("contact", select=select))


def attempt(first):
    try:
        return {"rows": WRITERS[TASK["mode"]](first)}
    except HttpError as error:
        return {"refused": 1} if error.status_code == 429 else {"failed": str(error)}


def prepare(barrier):
    """What a client asks once: for its token, the table's set and its choices. There is no other way to the last."""
    client().records.list("contact", select=["contactid"], top=1)
    client()._get_odata()._bulk_fetch_picklists("contact")
    barrier.wait()


def say(result):
    print(json.dumps(result), flush=True)


WRITERS = {"multiple": multiple, "batch": batch, "single": single}
pool = ThreadPoolExecutor(TASK["concurrency"])
together = threading.Barrier(TASK["concurrency"])
list(pool.map(prepare, [together] * TASK["concurrency"]))
say({"ready": True})
sys.stdin.readline()
total = {"rows": 0, "refused": 0}
started = time.perf_counter()
if TASK["operation"] == "read":
    total["rows"] = pool.submit(read).result()
else:
    for came in pool.map(attempt, range(0, TASK["rows"], SIZE)):
        for name, value in came.items():
            total[name] = total[name] + value if name in ("rows", "refused") else value
say({**total, "seconds": time.perf_counter() - started})
sys.stdin.readline()
os._exit(0)
