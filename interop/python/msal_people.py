"""msal (Python): people, by a browser, by another device, and on by refresh tokens."""

import os
import sys

import msal

from browser import Browser, approve_device
from checks import AUTHORITY, ORG, TENANT, check, check_person, check_refused, claims, done, setting
from graph import Graph, move_clock

ADA, PASSWORD = setting("ADA_USERNAME"), setting("ADA_PASSWORD")
PUBLIC, WEB = setting("PUBLIC_CLIENT_ID"), setting("WEB_CLIENT_ID")
IMPERSONATION = "user_impersonation"
SCOPE = [f"{ORG}/{IMPERSONATION}"]
AT = {"authority": AUTHORITY, "instance_discovery": False, "verify": setting("CA_FILE")}


def public(client=PUBLIC, **more):
    return msal.PublicClientApplication(client, **{**AT, **more})


def web(secret=setting("WEB_SECRET")):
    return msal.ConfidentialClientApplication(WEB, client_credential=secret, **AT)


def check_signed_in(name, answer, client=PUBLIC, proof="0"):
    if "access_token" not in answer:
        check(name, False, answer)
        return
    check_person(name, answer["access_token"], client, ADA, [IMPERSONATION], proof=proof)
    said, token = answer["id_token_claims"], claims(answer["access_token"])
    right = said["preferred_username"] == ADA and said["aud"] == client and said["tid"] == TENANT
    right = right and said["oid"] == token["oid"] and said["ver"] == "2.0"
    check("and the id token says who it is", right and said["iss"] == AUTHORITY + "/v2.0", said)


# By a browser, for a web site that keeps a secret.
site = web()
flow = site.initiate_auth_code_flow(SCOPE, redirect_uri=setting("REDIRECT"))
browser = Browser()
page = browser.open(flow["auth_uri"])
page = browser.sign_in(page, ADA, "wrong" + PASSWORD)
check("the page says that a password is wrong", page.number() == 50126, page.text)
returned = browser.sign_in(page, ADA, PASSWORD)
answer = site.acquire_token_by_auth_code_flow(flow, returned)
check_signed_in("a person at a web site", answer, WEB, "1")
again = web().acquire_token_by_auth_code_flow(flow, returned)
check_refused("a code for the second time", again, 54005, "invalid_grant")

# The browser is signed in now, and no page is shown.
silent = site.initiate_auth_code_flow(SCOPE, redirect_uri=setting("REDIRECT"), prompt="none")
returned = browser.open(silent["auth_uri"])
check_signed_in("the same browser again", site.acquire_token_by_auth_code_flow(silent, returned), WEB, "1")
nobody = Browser().open(silent["auth_uri"])
check("a browser that nobody is signed in with", nobody["error"] == "login_required" and "AADSTS50058" in nobody["error_description"], nobody)
returned = browser.open((flow := site.initiate_auth_code_flow(SCOPE, redirect_uri=setting("REDIRECT")))["auth_uri"])
wrong = web("wrong" + setting("WEB_SECRET")).acquire_token_by_auth_code_flow(flow, returned)
check_refused("a code with a wrong secret", wrong, 7000215, "invalid_client")
flow = {**site.initiate_auth_code_flow(SCOPE, redirect_uri=setting("REDIRECT")), "code_verifier": "w" * 43}
returned = browser.open(flow["auth_uri"])
check_refused("a code with another verifier", web().acquire_token_by_auth_code_flow(flow, returned), 501481)
flow = site.initiate_auth_code_flow(SCOPE, redirect_uri="https://evil.example/")
page = browser.open(flow["auth_uri"])
check("an address that is not registered gets no code", page.number() == 50011, page.text)
cancelled = Browser()
flow = site.initiate_auth_code_flow(SCOPE, redirect_uri=setting("REDIRECT"))
returned = cancelled.press(cancelled.open(flow["auth_uri"]), "cancel")
check("a sign-in that is cancelled", site.acquire_token_by_auth_code_flow(flow, returned)["error"] == "access_denied")

# By this machine's browser, as a program on a desk does it.
os.environ["BROWSER"] = f"{sys.executable} {os.path.join(os.path.dirname(__file__), 'browser.py')} %s &"
os.environ["KEYHOLDER_BROWSER_USERNAME"], os.environ["KEYHOLDER_BROWSER_PASSWORD"] = ADA, PASSWORD
check_signed_in("a person at a desk", public().acquire_token_interactive(SCOPE, timeout=60))

# By another device.
app = public()
flow = app.initiate_device_flow(SCOPE)
waiting = app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
check_refused("a device that nobody has signed in on", waiting, 70016, "authorization_pending")
approve_device(flow["verification_uri"], flow["user_code"].lower(), ADA, PASSWORD)
answer = app.acquire_token_by_device_flow(flow)
check_signed_in("a person at another device", answer)
check_refused("its code for the second time", public().acquire_token_by_device_flow(flow), 54005)
declined = app.initiate_device_flow(SCOPE)
browser = Browser()
page = browser.press(browser.open(declined["verification_uri"]), "code", user_code=declined["user_code"])
browser.press(browser.sign_in(page, ADA, PASSWORD), "decline")
refused = app.acquire_token_by_device_flow(declined)
check_refused("a device that the person declined", refused, 65004, "authorization_declined")
unknown = {**app.initiate_device_flow(SCOPE), "device_code": "B" + flow["device_code"][1:]}
check("an unknown device code", public().acquire_token_by_device_flow(unknown)["error"] == "bad_verification_code")

# On by the refresh token.
account = app.get_accounts()[0]
said = claims(answer["access_token"])
check("the account is the person", account["username"] == ADA and account["home_account_id"] == f"{said['oid']}.{TENANT}", account)
refreshed = app.acquire_token_silent(SCOPE, account, force_refresh=True)
check_signed_in("a refreshed token", refreshed)
check("is another token", refreshed["access_token"] != answer["access_token"])
move_clock("+1m")
older = public().acquire_token_by_refresh_token(answer["refresh_token"], SCOPE)
check_signed_in("the older refresh token", older)
check("a new refresh token each time", older["refresh_token"] != answer["refresh_token"], older)
mail = app.acquire_token_silent_with_error(["https://graph.microsoft.com/User.Read"], account)
check_person("a token for another resource", mail["access_token"], PUBLIC, ADA, ["User.Read"], "https://graph.microsoft.com")
more = app.acquire_token_silent_with_error(["https://graph.microsoft.com/Mail.Read"], account)
check_refused("a permission that nobody consented to", more, 65001, "invalid_grant")
token = answer["refresh_token"]
check_refused("a refresh token that is none", public().acquire_token_by_refresh_token("x" + token, SCOPE), 9002313)
other = public(setting("UNCONSENTED_CLIENT_ID")).acquire_token_by_refresh_token(token, SCOPE)
check_refused("another application's refresh token", other, 70000, "invalid_grant")

# Until nobody used it for long, or it is revoked.
move_clock("+91d")
unused = public().acquire_token_by_refresh_token(token, SCOPE)
check_refused("a refresh token that nobody used for 91 days", unused, 700082, "invalid_grant")
flow = app.initiate_device_flow(SCOPE)
approve_device(flow["verification_uri"], flow["user_code"], ADA, PASSWORD)
token = app.acquire_token_by_device_flow(flow)["refresh_token"]
Graph()("POST", f"users/{said['oid']}/revokeSignInSessions")
check_refused("a revoked refresh token", public().acquire_token_by_refresh_token(token, SCOPE), 50173, "invalid_grant")
done()
