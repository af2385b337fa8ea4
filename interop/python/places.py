"""azure-keyvault-secrets, PyNaCl and PyYAML: what Keyholder wrote to a vault, to GitHub and to a manifest, used by msal."""

import base64
import datetime
import json
import time

import msal
import nacl.public
import yaml
from azure.core.credentials import AccessToken
from azure.keyvault.secrets import SecretClient

from checks import ORG, TENANT, check, claims, done, part, setting

with open(setting("PLACES"), encoding="utf-8") as file:
    places = json.load(file)
CLIENT = places["clientId"]


def check_lets_in(place, secret, client=CLIENT, tenant=TENANT):
    application = msal.ConfidentialClientApplication(
        client,
        client_credential=secret,
        authority=setting("ORIGIN") + "/" + tenant,
        instance_discovery=False,
        verify=setting("CA_FILE"),
    )
    answer = application.acquire_token_for_client([ORG + "/.default"])
    token = answer.get("access_token")
    check(f"what {place} holds lets in", token and claims(token)["appid"] == CLIENT, answer.get("error_description"))


class Static:
    """A sign-in at the vault is its own business."""

    def get_token(self, *scopes, **_):
        check("the vault's challenge names its scope", scopes == ("https://vault.azure.net/.default",), scopes)
        return AccessToken(places["vault"]["token"], int(time.time()) + 3600)


with part("the vault"):
    address, name = places["vault"]["secret"].split("/secrets/")
    vault = SecretClient(
        address,
        Static(),
        api_version="7.4",
        # It is on this machine, and not below vault.azure.net.
        verify_challenge_resource=False,
        connection_verify=places["vault"]["caFile"],
    )
    kept = vault.get_secret(name)
    left = kept.properties.expires_on - datetime.datetime.now(datetime.timezone.utc)
    check("it ends when the credential does", kept.properties.enabled and 28 <= left.days <= 30, str(left))
    tags = kept.properties.tags
    check("its tags say whose it is", tags["KEYHOLDER_CLIENT_ID"] == CLIENT and "KEYHOLDER_CLIENT_SECRET" not in tags, tags)
    check_lets_in("the vault", kept.value, tags["KEYHOLDER_CLIENT_ID"], tags["KEYHOLDER_TENANT_ID"])

with part("GitHub"):
    key = nacl.public.PrivateKey(base64.b64decode(places["github"]["key"]))
    opened = nacl.public.SealedBox(key).decrypt(base64.b64decode(places["github"]["sealed"]))
    check_lets_in("GitHub", opened.decode())

with part("the manifest"):
    with open(places["manifest"], encoding="utf-8") as file:
        (manifest,) = yaml.safe_load_all(file)
    about = manifest["metadata"]
    check(
        "it is a Secret of that name",
        (manifest["apiVersion"], manifest["kind"], manifest["type"]) == ("v1", "Secret", "Opaque")
        and (about["namespace"], about["name"]) == ("prod", "orders"),
        manifest["metadata"],
    )
    entries = manifest["stringData"]
    check("its entries are texts", all(isinstance(entry, str) for entry in entries.values()), list(entries))
    check("it leads to the org", entries["KEYHOLDER_ORG_URL"].rstrip("/") == ORG, entries["KEYHOLDER_ORG_URL"])
    check_lets_in("the manifest", entries["KEYHOLDER_CLIENT_SECRET"], entries["KEYHOLDER_CLIENT_ID"])

done()
