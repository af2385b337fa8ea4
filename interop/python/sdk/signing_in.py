"""Who calls: the SDK, signed in as an application user that is made for it."""

import os

from azure.identity import ClientAssertionCredential, ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError

from checks import ORG, TENANT, check, setting
from graph import Graph

# The SDK asks with `requests`, which is told of a further authority like this.
os.environ["REQUESTS_CA_BUNDLE"] = setting("CA_FILE")

AT = {"authority": setting("ORIGIN"), "connection_verify": setting("CA_FILE")}


def administrator():
    """The SDK as the administrating application."""
    client, secret = setting("ADMIN_CLIENT_ID"), setting("ADMIN_CLIENT_SECRET")
    return DataverseClient(ORG, ClientSecretCredential(TENANT, client, secret, disable_instance_discovery=True, **AT))


def application():
    """The SDK as an application that signs in with an outside token, and may do everything."""
    client = setting("FEDERATED_CLIENT_ID")
    with administrator() as made_by:
        root = made_by.records.list("businessunit", filter="parentbusinessunitid eq null", select=["businessunitid"])
        unit = root.first()["businessunitid"]
        user = made_by.records.create(
            "systemuser", {"applicationid": client, "businessunitid@odata.bind": f"/businessunits({unit})"}
        )
        filter = f"name eq 'System Administrator' and _businessunitid_value eq {unit}"
        role = made_by.records.list("role", filter=filter, select=["roleid"]).first()["roleid"]
    # The SDK cannot associate rows.
    api = ORG + "/api/data/v9.2/"
    link = {"@odata.id": f"{api}roles({role})"}
    Graph().session.post(f"{api}systemusers({user})/systemuserroles_association/$ref", json=link).raise_for_status()
    credential = ClientAssertionCredential(TENANT, client, lambda: setting("FEDERATED"), **AT)
    return DataverseClient(ORG, credential), user


def check_refused(name, status, code, words, ask):
    """That what is asked for is refused with this status and this code of Dataverse's, in these words."""
    try:
        check(f"{name} is refused", False, ask())
    except HttpError as error:
        seen = (error.status_code, error.details.get("service_error_code"), error.message)
        check(f"{name} is {status} {code}", seen[:2] == (status, code) and words in seen[2], seen)
