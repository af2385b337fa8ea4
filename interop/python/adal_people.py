"""adal (Python): people at the first endpoint, by a code, by another device, and on by refresh tokens."""

import adal

from browser import Browser, approve_device
from checks import AUTHORITY, ORG, check, check_person, done, setting

ADA, PASSWORD = setting("ADA_USERNAME"), setting("ADA_PASSWORD")
PUBLIC, WEB = setting("PUBLIC_CLIENT_ID"), setting("WEB_CLIENT_ID")


def context():
    return adal.AuthenticationContext(AUTHORITY, validate_authority=False, verify_ssl=setting("CA_FILE"))


def check_refused(name, number, ask):
    try:
        ask()
        check(f"{name} is refused", False)
    except adal.AdalError as error:
        check(f"{name} is AADSTS{number}", error.error_response["error_codes"] == [number], error.error_response)


# By another device.
ours = context()
code = ours.acquire_user_code(ORG, PUBLIC)
approve_device(code["verification_url"], code["user_code"], ADA, PASSWORD)
answer = ours.acquire_token_with_device_code(ORG, code, PUBLIC)
check_person("a person at another device", answer["accessToken"], PUBLIC, ADA, ["user_impersonation"])
check("the answer names the person and the resource", answer["userId"] == ADA and answer["resource"] == ORG, answer)
check_refused("its code for the second time", 54005, lambda: context().acquire_token_with_device_code(ORG, code, PUBLIC))

# On by the refresh token, for the same resource and for another.
refreshed = context().acquire_token_with_refresh_token(answer["refreshToken"], PUBLIC, ORG)
check_person("a refreshed token", refreshed["accessToken"], PUBLIC, ADA, ["user_impersonation"])
graph = "https://graph.microsoft.com"
other = context().acquire_token_with_refresh_token(answer["refreshToken"], PUBLIC, graph)
check_person("a token for another resource", other["accessToken"], PUBLIC, ADA, ["User.Read"], graph)
check_refused(
    "a refresh token that is none", 9002313, lambda: context().acquire_token_with_refresh_token("none", PUBLIC, ORG)
)


# By a code.
def code_of(client):
    address = (
        f"{AUTHORITY}/oauth2/authorize?response_type=code&client_id={client}"
        f"&redirect_uri={setting('REDIRECT')}&resource={ORG}&state=s"
    )
    browser = Browser()
    return browser.sign_in(browser.open(address), ADA, PASSWORD)["code"]


def redeem(code, secret=setting("WEB_SECRET"), redirect=setting("REDIRECT")):
    return context().acquire_token_with_authorization_code(code, redirect, ORG, WEB, secret)


given = code_of(WEB)
check_person("a person at a web site", redeem(given)["accessToken"], WEB, ADA, ["user_impersonation"], proof="1")
check_refused("a code for the second time", 54005, lambda: redeem(given))
check_refused("a code with a wrong secret", 7000215, lambda: redeem(code_of(WEB), "wrong"))
check_refused("a code with another address", 500112, lambda: redeem(code_of(WEB), redirect="http://localhost:8400/"))
done()
