"""Username and password, by msal, azure-identity and adal, which ask for the user's realm at port 443."""

import logging

import adal
import msal
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import UsernamePasswordCredential

from checks import AUTHORITY, ORG, TENANT, check, check_person, check_refused, done, numbers, setting

ADA, PASSWORD, PUBLIC = setting("ADA_USERNAME"), setting("ADA_PASSWORD"), setting("PUBLIC_CLIENT_ID")
SCOPE = f"{ORG}/user_impersonation"
logging.disable()


def ask(user, password, client=PUBLIC, tenant=TENANT, scope=SCOPE):
    authority = f"{setting('ORIGIN')}/{tenant}"
    app = msal.PublicClientApplication(
        client, authority=authority, instance_discovery=False, verify=setting("CA_FILE")
    )
    return app.acquire_token_by_username_password(user, password, [scope])


for tenant in (TENANT, setting("TENANT_DOMAIN"), "organizations"):
    # Who asks at no tenant in particular must be an application of many tenants.
    client = setting("EVERYWHERE_CLIENT_ID") if tenant == "organizations" else PUBLIC
    answer = ask(ADA, PASSWORD, client=client, tenant=tenant)
    name = f"msal: a person at {tenant}"
    check_person(name, answer.get("access_token"), client, ADA, ["user_impersonation"])
    check("and a refresh token", "refresh_token" in answer, answer)
for name, user, password, number in (
    ("a wrong password", ADA, "wrong" + PASSWORD, 50126),
    ("an unknown person", "nobody@" + setting("TENANT_DOMAIN"), PASSWORD, 50034),
    ("a disabled person", setting("DAN_USERNAME"), setting("DAN_PASSWORD"), 50057),
    ("a password that must be changed", setting("NORA_USERNAME"), setting("NORA_PASSWORD"), 50055),
):
    check_refused("msal: " + name, ask(user, password), number, "invalid_grant")
check_refused("msal: no consent", ask(ADA, PASSWORD, setting("UNCONSENTED_CLIENT_ID")), 65001, "invalid_grant")
confidential = ask(ADA, PASSWORD, setting("WEB_CLIENT_ID"))
check_refused("msal: an application with a secret, without it", confidential, 7000218, "invalid_client")

AT = {"authority": setting("ORIGIN"), "disable_instance_discovery": True, "connection_verify": setting("CA_FILE")}
credential = UsernamePasswordCredential(PUBLIC, ADA, PASSWORD, tenant_id=TENANT, **AT)
token = credential.get_token(SCOPE).token
check_person("azure-identity: a person", token, PUBLIC, ADA, ["user_impersonation"])
try:
    UsernamePasswordCredential(PUBLIC, ADA, "wrong", tenant_id=TENANT, **AT).get_token(SCOPE)
    check("azure-identity: a wrong password is refused", False)
except ClientAuthenticationError as error:
    check("azure-identity: a wrong password is AADSTS50126", set(numbers(error)) == {50126}, error)

context = adal.AuthenticationContext(AUTHORITY, validate_authority=False, verify_ssl=setting("CA_FILE"))
answer = context.acquire_token_with_username_password(ORG, ADA, PASSWORD, PUBLIC)
check_person("adal: a person", answer["accessToken"], PUBLIC, ADA, ["user_impersonation"])
try:
    fresh = adal.AuthenticationContext(AUTHORITY, validate_authority=False, verify_ssl=setting("CA_FILE"))
    fresh.acquire_token_with_username_password(ORG, ADA, "wrong", PUBLIC)
    check("adal: a wrong password is refused", False)
except adal.AdalError as error:
    check("adal: a wrong password is AADSTS50126", error.error_response["error_codes"] == [50126], error)

# Ten wrong ones, and the right one does not help any more.
for _ in range(10):
    ask(setting("LEO_USERNAME"), "wrong")
locked = ask(setting("LEO_USERNAME"), setting("LEO_PASSWORD"))
check_refused("msal: a locked account", locked, 50053, "invalid_grant")
done()
