"""msal (Python): an application by its secret, as its documentation shows it."""

import msal

from checks import ORG, TENANT, check, check_application, check_refused, claims, done, setting

CLIENT, PRINCIPAL = setting("SECRET_CLIENT_ID"), setting("SECRET_PRINCIPAL")


def ask(secret, client=CLIENT, tenant=TENANT, scope=ORG + "/.default"):
    # A new application each time: msal keeps refusals for a minute.
    application = msal.ConfidentialClientApplication(
        client,
        client_credential=secret,
        authority=setting("ORIGIN") + "/" + tenant,
        instance_discovery=False,
        verify=setting("CA_FILE"),
    )
    return application.acquire_token_for_client([scope])


secret = setting("SECRET")
tokens = []
for name, given, tenant in (
    ("the first secret", secret, TENANT),
    ("the second secret", setting("SECOND_SECRET"), TENANT),
    ("the tenant's domain", secret, setting("TENANT_DOMAIN")),
):
    answer = ask(given, tenant=tenant)
    tokens.append(answer.get("access_token"))
    check_application(f"a token by {name}", tokens[-1], CLIENT, PRINCIPAL, "1")
check("no token is handed out twice", len(set(tokens)) == 3)

slashed = ask(secret, scope=ORG + "//.default")["access_token"]
check_application("a resource with a trailing slash keeps it", slashed, CLIENT, PRINCIPAL, "1", ORG + "/")
for graph in ("https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"):
    answer = ask(secret, scope=graph + "/.default")
    check_application(f"a token for {graph}", answer.get("access_token"), CLIENT, PRINCIPAL, "1", graph)

said = claims(ask(secret, scope=setting("API") + "/.default")["access_token"])
check(
    "an API that wants version 2 gets it, with the role",
    said["ver"] == "2.0"
    and said["aud"] == setting("API_CLIENT_ID")
    and said["azp"] == CLIENT
    and said["azpacr"] == "1"
    and said["roles"] == ["Orders.Read"]
    and said["iss"] == f"{setting('ORIGIN')}/{TENANT}/v2.0",
    said,
)

check_refused("a wrong secret", ask("wrong" + secret), 7000215, "invalid_client")
check_refused("a secret whose time is over", ask(setting("EXPIRED_SECRET")), 7000222, "invalid_client")
unknown = "12345678-1234-1234-1234-123456789012"
check_refused("an unknown application", ask(secret, client=unknown), 700016, "unauthorized_client")
off = ask(setting("DISABLED_SECRET"), client=setting("DISABLED_CLIENT_ID"))
check_refused("a disabled application", off, 7000112, "unauthorized_client")
public = ask(secret, client=setting("PUBLIC_CLIENT_ID"))
check_refused("another application's secret", public, 7000215, "invalid_client")
other = ask(secret, scope="https://contoso.crm.dynamics.com/.default")
check_refused("an unknown resource", other, 500011, "invalid_resource")
single = ask(secret, scope=ORG + "/user_impersonation")
check_refused("a single permission", single, 1002012, "invalid_scope")
try:
    ask(secret, tenant=unknown)
    check("an unknown tenant is refused", False)
except ValueError as error:
    check("an unknown tenant is refused", "Unable to get authority configuration" in str(error), error)
done()
