"""msal (Python): client credentials with a secret, as its documentation shows them."""

import msal

from checks import check, claims, done, setting

SCOPE = [setting("ORG_URL").rstrip("/") + "/.default"]


def application(tenant, secret):
    # A new application each time: msal keeps refusals for a minute.
    return msal.ConfidentialClientApplication(
        setting("ADMIN_CLIENT_ID"),
        client_credential=secret,
        authority=setting("ORIGIN") + "/" + tenant,
        instance_discovery=False,
        verify=setting("CA_FILE"),
    )


secret = setting("ADMIN_CLIENT_SECRET")
tokens = []
for tenant in (setting("TENANT_ID"), setting("TENANT_DOMAIN")):
    answer = application(tenant, secret).acquire_token_for_client(SCOPE)
    tokens.append(answer.get("access_token"))
    check(f"a token from {tenant}", "access_token" in answer, answer.get("error_description"))

said = claims(tokens[0])
check(
    "the claims of a version 1 app-only token",
    said["aud"].rstrip("/") == setting("ORG_URL").rstrip("/")
    and said["iss"] == f"https://sts.windows.net/{setting('TENANT_ID')}/"
    and said["appid"] == setting("ADMIN_CLIENT_ID")
    and said["tid"] == setting("TENANT_ID")
    and said["ver"] == "1.0"
    and said["idtyp"] == "app"
    and said["oid"] == said["sub"],
    said,
)
check("no token is handed out twice", tokens[0] != tokens[1])

refused = application(setting("TENANT_ID"), "wrong" + secret).acquire_token_for_client(SCOPE)
check(
    "a wrong secret is AADSTS7000215",
    refused.get("error") == "invalid_client" and refused.get("error_codes") == [7000215],
    refused,
)

elsewhere = application(setting("TENANT_ID"), secret).acquire_token_for_client(["https://contoso.crm.dynamics.com/.default"])
check("an unknown resource is AADSTS500011", elsewhere.get("error_codes") == [500011], elsewhere)
done()
