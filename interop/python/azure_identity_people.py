"""azure-identity (Python): people, by a code, by another device, and by this machine's browser."""

import logging
import os
import sys

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    AuthenticationRequiredError,
    AuthorizationCodeCredential,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
)

from browser import Browser, approve_device
from checks import AUTHORITY, ORG, TENANT, check, check_person, done, numbers, setting

ADA, PASSWORD = setting("ADA_USERNAME"), setting("ADA_PASSWORD")
PUBLIC, WEB = setting("PUBLIC_CLIENT_ID"), setting("WEB_CLIENT_ID")
SCOPE = f"{ORG}/user_impersonation"
AT = {"authority": setting("ORIGIN"), "disable_instance_discovery": True, "connection_verify": setting("CA_FILE")}
DIRECT = {name: value for name, value in AT.items() if name != "disable_instance_discovery"}
logging.disable()

# By another device.
device = DeviceCodeCredential(
    PUBLIC,
    tenant_id=TENANT,
    prompt_callback=lambda address, code, _: approve_device(address, code, ADA, PASSWORD),
    **AT,
)
check_person("a person at another device", device.get_token(SCOPE).token, PUBLIC, ADA, ["user_impersonation"])
record = device.authenticate(scopes=[SCOPE])
check("the record names the person", record.username == ADA and record.tenant_id == TENANT, record)
unasked = DeviceCodeCredential(PUBLIC, tenant_id=TENANT, disable_automatic_authentication=True, **AT)
try:
    unasked.get_token(SCOPE)
    check("nobody is asked where nobody may be", False)
except AuthenticationRequiredError:
    check("nobody is asked where nobody may be", True)

# By this machine's browser.
os.environ["BROWSER"] = f"{sys.executable} {os.path.join(os.path.dirname(__file__), 'browser.py')} %s &"
os.environ["KEYHOLDER_BROWSER_USERNAME"], os.environ["KEYHOLDER_BROWSER_PASSWORD"] = ADA, PASSWORD
desk = InteractiveBrowserCredential(client_id=PUBLIC, tenant_id=TENANT, timeout=60, **AT)
check_person("a person at a desk", desk.get_token(SCOPE).token, PUBLIC, ADA, ["user_impersonation"])


# By a code that a web site was given, and on by its refresh token.
def code():
    address = (
        f"{AUTHORITY}/oauth2/v2.0/authorize?client_id={WEB}&response_type=code&state=s"
        f"&redirect_uri={setting('REDIRECT')}&scope={SCOPE}%20offline_access"
    )
    browser = Browser()
    return browser.sign_in(browser.open(address), ADA, PASSWORD)["code"]


def by_code(code, secret=setting("WEB_SECRET")):
    return AuthorizationCodeCredential(TENANT, WEB, code, setting("REDIRECT"), client_secret=secret, **DIRECT)


given = code()
site = by_code(given)
first = site.get_token(SCOPE).token
check_person("a person at a web site", first, WEB, ADA, ["user_impersonation"], proof="1")
for name, credential, number in (
    ("a code for the second time", by_code(given), 54005),
    ("a code with a wrong secret", by_code(code(), "wrong"), 7000215),
    ("a code that is none", by_code("none"), 9002313),
):
    try:
        credential.get_token(SCOPE)
        check(f"{name} is refused", False)
    except ClientAuthenticationError as error:
        check(f"{name} is AADSTS{number}", set(numbers(error)) == {number}, error)
done()
