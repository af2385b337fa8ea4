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
folder = tempfile.TemporaryDirectory(prefix="keyholder-az-")
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
# az dates a key by this machine's clock, and a test world's stands still until it is moved.
move_clock("+5m")
az("logout")
login("--service-principal", "--username", made["appId"], "--tenant", TENANT, "--password", key["password"])
check_application("the new secret is good", token(), made["appId"], principal["id"], "1")
done()
