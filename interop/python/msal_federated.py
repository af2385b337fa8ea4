"""msal (Python): an application by an outside issuer's token."""

import msal

from checks import AUTHORITY, ORG, check_application, check_refused, done, setting

CLIENT, PRINCIPAL = setting("FEDERATED_CLIENT_ID"), setting("FEDERATED_PRINCIPAL")


def ask(assertion, client=CLIENT):
    application = msal.ConfidentialClientApplication(
        client,
        client_credential={"client_assertion": assertion},
        authority=AUTHORITY,
        instance_discovery=False,
        verify=setting("CA_FILE"),
    )
    return application.acquire_token_for_client([ORG + "/.default"])


token = setting("FEDERATED")
for name, assertion in (("a token", token), ("a callback", lambda: token), ("the token again", token)):
    answer = ask(assertion)
    check_application(f"signed in by {name}", answer.get("access_token"), CLIENT, PRINCIPAL, "2")
    if "error" in answer:
        print(answer["error_description"])
for name, what, number in (
    ("another issuer", "ISSUER", 700211),
    ("another audience", "AUDIENCE", 700212),
    ("another subject", "SUBJECT", 700213),
    ("another letter case", "CASE", 7002138),
    ("a token whose time is over", "EXPIRED", 700024),
    ("a key that is not published", "KEY", 7000272),
    ("a signature of another key", "SIGNATURE", 700027),
):
    check_refused(name, ask(setting("FEDERATED_" + what)), number)
check_refused("an application without the credential", ask(token, setting("SECRET_CLIENT_ID")), 700211)
done()
