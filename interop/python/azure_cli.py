"""The Azure CLI: logs in as an application and as a person, gets tokens, and asks Microsoft Graph."""

import json
import os
import re
import subprocess
import sys
import tempfile

from browser import approve_device
from checks import ORG, TENANT, check, check_application, check_person, done, numbers, setting
from graph import move_clock

ORIGIN = setting("ORIGIN")
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
folder = tempfile.TemporaryDirectory(prefix="keyholder-az-", ignore_cleanup_errors=True)
environment = {
    **os.environ,
    "AZURE_CONFIG_DIR": folder.name,
    "AZURE_CORE_COLLECT_TELEMETRY": "false",
    "AZURE_CORE_INSTANCE_DISCOVERY": "false",
    "AZURE_CORE_USE_MSAL_HTTP_CACHE": "false",
    "AZURE_CORE_ENCRYPT_TOKEN_CACHE": "false",
    "REQUESTS_CA_BUNDLE": setting("CA_FILE"),
}


class Refused(Exception):
    pass


def az(*arguments):
    ran = subprocess.run(
        [setting("AZ"), *arguments, "--output", "json"], env=environment, capture_output=True, text=True, timeout=300
    )
    if ran.returncode != 0:
        raise Refused(ran.stderr)
    return json.loads(ran.stdout) if ran.stdout.strip() else None


def check_refused(name, number, *arguments):
    try:
        seen = az(*arguments)
        check(f"{name} is refused", False, seen)
    except Refused as error:
        check(f"{name} is AADSTS{number}", set(numbers(error)) == {number}, str(error))


def token(resource=ORG):
    return az("account", "get-access-token", "--resource", resource)["accessToken"]


def login(*arguments):
    return az("login", *arguments, "--allow-no-subscriptions")


# One address makes it known as a cloud.
az("cloud", "register", "--name", "Keyholder", "--endpoint-resource-manager", ORIGIN)
az("cloud", "set", "--name", "Keyholder")

# As an application.
SECRET = ["--service-principal", "--username", setting("SECRET_CLIENT_ID"), "--tenant"]
seen = login(*SECRET, TENANT, "--password", setting("SECRET"))
check("an application is logged in", [account["tenantId"] for account in seen] == [TENANT], seen)
check_application("its token", token(), setting("SECRET_CLIENT_ID"), setting("SECRET_PRINCIPAL"), "1")
az("logout")
login(*SECRET, setting("TENANT_DOMAIN"), "--password", setting("SECRET"))
check_application("and by the tenant's domain", token(), setting("SECRET_CLIENT_ID"), setting("SECRET_PRINCIPAL"), "1")
az("logout")
wrong = ["--password", "wrong" + setting("SECRET")]
check_refused("a wrong secret", 7000215, "login", *SECRET, TENANT, *wrong, "--allow-no-subscriptions")

CERTIFICATE = ["--service-principal", "--username", setting("CERTIFICATE_CLIENT_ID"), "--tenant", TENANT]
login(*CERTIFICATE, "--certificate", setting("CERTIFICATE_PEM"))
client, principal = setting("CERTIFICATE_CLIENT_ID"), setting("CERTIFICATE_PRINCIPAL")
check_application("a token by certificate", token(), client, principal, "2")
az("logout")
stranger = ["--certificate", setting("STRANGER_PEM"), "--allow-no-subscriptions"]
check_refused("a certificate that nobody registered", 700027, "login", *CERTIFICATE, *stranger)

FEDERATED = ["--service-principal", "--username", setting("FEDERATED_CLIENT_ID"), "--tenant", TENANT]
login(*FEDERATED, "--federated-token", setting("FEDERATED"))
client, principal = setting("FEDERATED_CLIENT_ID"), setting("FEDERATED_PRINCIPAL")
check_application("a token by an outside token", token(), client, principal, "2")
az("logout")
other = ["--federated-token", setting("FEDERATED_SUBJECT"), "--allow-no-subscriptions"]
check_refused("an outside token of another subject", 700213, "login", *FEDERATED, *other)

# As a person, by another device.
waiting = subprocess.Popen(
    [setting("AZ"), "login", "--use-device-code", "--tenant", TENANT, "--allow-no-subscriptions", "--output", "json"],
    env=environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
)
shown = ""
while not (found := re.search(r"page (\S+) and enter the code (\S+)", shown)):
    line = waiting.stderr.readline()
    if not line:
        sys.exit(f"no code in {shown}")
    shown += line
approve_device(*found.groups(), setting("ADMIN_USERNAME"), setting("ADMIN_PASSWORD"))
out, err = waiting.communicate(timeout=60)
check("a person is logged in", waiting.returncode == 0, err)
check_person("their token", token(), AZURE_CLI, setting("ADMIN_USERNAME"), ["user_impersonation"])
graph = "https://graph.microsoft.com"
check_person("their token for Microsoft Graph", token(graph), AZURE_CLI, setting("ADMIN_USERNAME"), [], graph)

# What people do with it then.
made = az("ad", "app", "create", "--display-name", "Made by az", "--sign-in-audience", "AzureADMyOrg")
again = az("ad", "app", "create", "--display-name", "Made by az", "--sign-in-audience", "AzureADMyOrg")
check("a registration is made once", made["appId"] == again["appId"], again)
principal = az("ad", "sp", "create", "--id", made["appId"])
check("and its service principal", principal["appId"] == made["appId"], principal)
key = az("ad", "app", "credential", "reset", "--id", made["appId"], "--append", "--display-name", "az")
DYNAMICS, IMPERSONATION = "00000007-0000-0000-c000-000000000000", "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4"
az("ad", "app", "permission", "add", "--id", made["appId"], "--api", DYNAMICS, "--api-permissions", IMPERSONATION + "=Scope")
az("ad", "app", "permission", "grant", "--id", made["appId"], "--api", DYNAMICS, "--scope", "user_impersonation")
listed = az("ad", "app", "permission", "list", "--id", made["appId"])
check("its permission", [one["resourceAppId"] for one in listed] == [DYNAMICS], listed)
grants = az("ad", "app", "permission", "list-grants", "--id", made["appId"])
check("is granted", [one["scope"].strip() for one in grants] == ["user_impersonation"], grants)
people = az("ad", "user", "list")
check("people are listed", setting("ADA_USERNAME") in [one["userPrincipalName"] for one in people], people)
who = az("rest", "--url", f"{ORIGIN}/api/data/v9.2/WhoAmI", "--resource", ORG)
check("the org knows the person", "UserId" in who, who)

# Everything else about a registration, changed and seen again.
ID = ["--id", made["appId"]]
uri = f"api://{made['appId']}"
az("ad", "app", "update", *ID, "--web-redirect-uris", "https://localhost/cb", "--identifier-uris", uri, "--set", "tags=['az']")
shown = az("ad", "app", "show", *ID)
right = (shown["web"]["redirectUris"], shown["identifierUris"], shown["tags"]) == (["https://localhost/cb"], [uri], ["az"])
check("a registration is changed", right, shown)
for name, arguments in (
    ("by its uri", ["app", "list", "--identifier-uri", uri]),
    ("by a filter", ["app", "list", "--filter", "startswith(displayName,'Made by')"]),
    ("as a principal, by its uri", ["sp", "list", "--spn", uri]),
):
    check(f"it is found {name}", [one["appId"] for one in az("ad", *arguments)] == [made["appId"]])
me = az("ad", "signed-in-user", "show")
check("az knows who it is", me["userPrincipalName"] == setting("ADMIN_USERNAME"), me)
az("ad", "app", "owner", "add", *ID, "--owner-object-id", me["id"])
owners = az("ad", "app", "owner", "list", *ID)
check("an owner is there once", [owner["id"] for owner in owners] == [me["id"]], owners)
trust = {"name": "main", "issuer": "https://issuer.example", "subject": "one", "audiences": ["api://AzureADTokenExchange"]}
az("ad", "app", "federated-credential", "create", *ID, "--parameters", json.dumps(trust))
again = {**trust, "subject": "two"}
NAMED = [*ID, "--federated-credential-id", "main"]
az("ad", "app", "federated-credential", "update", *NAMED, "--parameters", json.dumps(again))
trusted = az("ad", "app", "federated-credential", "show", *NAMED)
check("a federated credential is changed", trusted["subject"] == "two", trusted)
az("ad", "app", "federated-credential", "delete", *NAMED)
check("and taken away", az("ad", "app", "federated-credential", "list", *ID) == [])
az("ad", "app", "permission", "delete", *ID, "--api", DYNAMICS)
check("and so is a permission", az("ad", "app", "permission", "list", *ID) == [])
other = az("ad", "app", "credential", "reset", *ID, "--append", "--display-name", "other")
kept = {key["displayName"]: key["keyId"] for key in az("ad", "app", "credential", "list", *ID)}
check("a second secret", set(kept) == {"az", "other"} and other["password"] != key["password"], kept)
az("ad", "app", "credential", "delete", *ID, "--key-id", kept["other"])
check("is revoked alone", [key["displayName"] for key in az("ad", "app", "credential", "list", *ID)] == ["az"])
new = ["--display-name", "Made by az too", "--password", "Morning-over-77-hills", "--user-principal-name"]
person = az("ad", "user", "create", *new, f"az@{setting('TENANT_DOMAIN')}")
az("ad", "user", "update", "--id", person["id"], "--display-name", "Renamed")
check("a person is renamed", az("ad", "user", "show", "--id", person["userPrincipalName"])["displayName"] == "Renamed")
az("ad", "user", "delete", "--id", person["id"])
second = az("ad", "app", "create", "--display-name", "Made by az and deleted")
az("ad", "app", "delete", "--id", second["appId"])
try:
    check("a deleted registration is gone", False, az("ad", "app", "show", "--id", second["appId"]))
except Refused as error:
    check("a deleted registration is gone", "does not exist" in str(error), str(error))

# az dates a key by this machine's clock, and a test world's stands still until it is moved.
move_clock("+5m")
az("logout")
login("--service-principal", "--username", made["appId"], "--tenant", TENANT, "--password", key["password"])
check_application("the new secret is good", token(), made["appId"], principal["id"], "1")
done()
