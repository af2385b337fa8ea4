"""Every page that people see, in headless Chromium: with scripts, and without them on a phone.

Nothing here knows the pages from within: it reads what a person reads, types and presses.
Pictures of all pages are kept where KEYHOLDER_SCREENSHOTS names a folder.
"""

import base64
import hashlib
import html
import http.server
import os
import pathlib
import secrets
import threading
import urllib.parse

import requests

from checks import AUTHORITY, ORG, TENANT, check, check_person, done, setting
from graph import Graph
from webdriver import Chromium

ORIGIN, DOMAIN = setting("ORIGIN"), setting("TENANT_DOMAIN")
ADMIN, ADMIN_PASSWORD = setting("ADMIN_USERNAME"), setting("ADMIN_PASSWORD")
PASSWORD = "Morning-over-77-hills"
PLAN = "ea126fc5-a19e-42e2-a731-da9d437bffcf"
DYNAMICS, USER_IMPERSONATION = "00000007-0000-0000-c000-000000000000", "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4"
# A name that must not become markup.
SHELF = 'Orders & <b id="b">Shelf</b>'

graph = Graph()


class Elsewhere(http.server.ThreadingHTTPServer):
    """Another site on this machine: an application's loopback address, and somebody who means ill."""

    def __init__(self):
        site = self
        # What was sent to it, and the pages that it shows.
        self.sent, self.pages = [], {"/script": "<title>off</title><script>document.title = 'on'</script>"}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                address = urllib.parse.urlsplit(self.path)
                if address.query:
                    site.sent.append(dict(urllib.parse.parse_qsl(address.query)))
                page = site.pages.get(address.path, "<title>Received</title><p>Received</p>")
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(page.encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                site.sent.append(dict(urllib.parse.parse_qsl(body)))
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(b"<title>Received</title><p>Received</p>")

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def as_application(self):
        return f"http://localhost:{self.server_port}"

    def as_stranger(self):
        return f"http://127.0.0.1:{self.server_port}"

    def take(self):
        sent, self.sent = self.sent, []
        return sent


class Org:
    """The org's Web API, asked as the administrating application."""

    def __init__(self):
        self.session = graph.session

    def __call__(self, method, path, body=None):
        answer = self.session.request(method, f"{ORG}/api/data/v9.2/{path}", json=body)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def user(self, person):
        found = self("GET", f"systemusers?$select=systemuserid&$filter=azureactivedirectoryobjectid eq {person}")
        return found["value"][0]["systemuserid"]


org, elsewhere = Org(), Elsewhere()


def person(name, change=False, licensed=False):
    """Somebody new in the directory; gives the object id and the sign-in name."""
    nickname = f"{name.lower()}-{secrets.token_hex(4)}"
    user = f"{nickname}@{DOMAIN}"
    made = graph(
        "POST",
        "users",
        {
            "displayName": name,
            "mailNickname": nickname,
            "userPrincipalName": user,
            "accountEnabled": True,
            "usageLocation": "DE",
            "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": change},
        },
    )
    if licensed:
        licence(made["id"], True)
    return made["id"], user


def licence(person, give):
    change = {"addLicenses": [{"skuId": PLAN}] if give else [], "removeLicenses": [] if give else [PLAN]}
    graph("POST", f"users/{person}/assignLicense", change)


def application(name):
    return graph.application(
        name,
        isFallbackPublicClient=True,
        publicClient={"redirectUris": ["http://localhost"]},
        requiredResourceAccess=[
            {"resourceAppId": DYNAMICS, "resourceAccess": [{"id": USER_IMPERSONATION, "type": "Scope"}]}
        ],
    )


def grants(principal):
    return graph("GET", f"oauth2PermissionGrants?$filter=clientId eq '{principal}'")["value"]


def authorize(client, verifier="v" * 43, **more):
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "client_id": client,
        "response_type": "code",
        "redirect_uri": elsewhere.as_application(),
        "scope": f"{ORG}/user_impersonation openid offline_access",
        "state": "back & forth",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{AUTHORITY}/oauth2/v2.0/authorize?{urllib.parse.urlencode(asked)}"


def redeem(**form):
    return requests.post(
        f"{AUTHORITY}/oauth2/v2.0/token", data=form, verify=setting("CA_FILE"), timeout=30
    ).json()


def sign_in(browser, user, password=PASSWORD):
    browser.type("#username", user)
    browser.type("#password", password)
    browser.press("sign-in")


class Walk:
    """One way to look at all pages."""

    def __init__(self, name, **options):
        self.name, self.options, self.pictures = name, options, 0

    def browser(self):
        return Chromium(**self.options)

    def shows(self, browser, title, *words):
        """That the browser shows this page, whole and without a complaint of its own."""
        seen, log = browser.text(), browser.log()
        # That the door answers 403 is no complaint about the page.
        complaints = [line for line in log if "Failed to load resource" not in line or "favicon" in line]
        right = browser.title == browser.text("h1") == title and all(word in seen for word in words)
        check(f"{self.name}: {title}", right and not complaints, (browser.url, seen, log))
        wide = browser.script("return document.documentElement.scrollWidth - window.innerWidth")
        check(f"{self.name}: {title}: nothing hangs over the side", wide <= 0, wide)
        if folder := os.environ.get("KEYHOLDER_SCREENSHOTS"):
            self.pictures += 1
            name = f"{self.name}-{self.pictures:02} {title}".replace(" ", "-").replace("/", "-")
            browser.screenshot(pathlib.Path(folder) / f"{name}.png")

    def door(self):
        """The org's address: who comes in, and who does not and why."""
        with self.browser() as browser:
            browser.open(ORG + "/")
            self.shows(browser, "Sign in", "Keyholder local org", "User name", "Password")
            check(f"{self.name}: one can type at once", browser.is_focused("#username"))
            sign_in(browser, ADMIN, "wrong")
            self.shows(browser, "Sign in", "AADSTS50126")
            kept = (browser.value("#username"), browser.value("#password"))
            check(f"{self.name}: the name is kept and the password is not", kept == (ADMIN, ""), kept)
            check(f"{self.name}: and the password can be typed at once", browser.is_focused("#password"))
            sign_in(browser, f"nobody@{DOMAIN}")
            self.shows(browser, "Sign in", "AADSTS50034")
            # An application's id and secret are no name and password.
            sign_in(browser, setting("ADMIN_CLIENT_ID"), setting("ADMIN_CLIENT_SECRET"))
            self.shows(browser, "Sign in", "An application cannot sign in here", "AADSTS50034")
            sign_in(browser, ADMIN, ADMIN_PASSWORD)
            self.shows(browser, "Keyholder local org", ADMIN, "System Administrator", ORG)
            check(f"{self.name}: back at the org's address", browser.url == ORG + "/", browser.url)
            cookies = {cookie["name"]: cookie for cookie in browser.cookies()}
            guarded = all(cookie["httpOnly"] and cookie["secure"] for cookie in cookies.values())
            guarded = guarded and all(cookie["sameSite"] == "Lax" for cookie in cookies.values())
            named = all(name.startswith("__Host-") for name in cookies)
            check(f"{self.name}: no script and no other site gets at the session", guarded and named and cookies, cookies)
            browser.open(ORG + "/main.aspx")
            self.shows(browser, "Keyholder local org")
            browser.click("a")
            self.shows(browser, "Signed out")
            browser.open(ORG + "/")
            self.shows(browser, "Sign in")
            browser.press("cancel")
            self.shows(browser, "Cancelled")

        anna, name = person("Anna")
        with self.browser() as browser:
            browser.open(ORG + "/")
            sign_in(browser, name)
            self.shows(browser, "You have no licence", "0x80072560", name)
            licence(anna, True)
            browser.open(ORG + "/")
            self.shows(browser, "You have no role here", "0x80042f09", "Ask an administrator", name)
            user = org.user(anna)
            org("PATCH", f"systemusers({user})", {"accessmode": 4})
            browser.open(ORG + "/")
            locked = "Non-interactive users cannot access the web user interface."
            self.shows(browser, "This door is locked", f"0x80044160: {locked}", "non-interactive user", name)
            licence(anna, False)
            browser.open(ORG + "/")
            self.shows(browser, "This door is locked", "0x80044160", "a licence")
            browser.click("a")
            self.shows(browser, "Signed out")
        ben, name = person("Ben", licensed=True)
        org.user(ben)
        licence(ben, False)
        with self.browser() as browser:
            browser.open(ORG + "/")
            sign_in(browser, name)
            self.shows(browser, "Your user is disabled", "0x80040225", "no license", name)

    def password(self):
        """The first sign-in, with a password that must be changed."""
        nora, name = person("Nora", change=True, licensed=True)
        with self.browser() as browser:
            browser.open(ORG + "/")
            sign_in(browser, name)
            self.shows(browser, "Change your password", "At least 8 characters")
            for old, new, again, number in (
                (PASSWORD, "Evening-over-77-hills", "another", "AADSTS50052"),
                (PASSWORD, "short", "short", "AADSTS50052"),
                ("wrong", "Evening-over-77-hills", "Evening-over-77-hills", "AADSTS50126"),
            ):
                self.change(browser, old, new, again)
                self.shows(browser, "Change your password", number)
            self.change(browser, PASSWORD, "Evening-over-77-hills", "Evening-over-77-hills")
            self.shows(browser, "You have no role here", name)
            check(f"{self.name}: she is a user of the org", bool(org.user(nora)))

    @staticmethod
    def change(browser, old, new, again):
        for field, text in (("password", old), ("new_password", new), ("confirmation", again)):
            browser.type(f"#{field}", text)
        browser.press("change")

    def applications(self):
        """An application that signs a person in: consent, the code, and what it is good for."""
        shelf = application(SHELF)
        client, principal = shelf["appId"], shelf["principal"]
        carl, name = person("Carl", licensed=True)
        verifier = secrets.token_urlsafe(48)
        with self.browser() as browser:
            browser.open(authorize(client, verifier))
            self.shows(browser, "Sign in", SHELF)
            sign_in(browser, name)
            self.shows(browser, "Permissions requested", SHELF, DOMAIN, name)
            browser.press("decline")
            sent = elsewhere.take()
            right = [(one.get("error"), one.get("state")) for one in sent] == [("access_denied", "back & forth")]
            check(f"{self.name}: consent refused", right and not grants(principal), sent)
            browser.open(authorize(client, verifier))
            browser.press("accept")
            sent = elsewhere.take()
            right = browser.url.startswith(elsewhere.as_application()) and sent[0]["state"] == "back & forth"
            check(f"{self.name}: the code comes to the loopback address", right and "code" in sent[0], (browser.url, sent))
            kept = [(grant["consentType"], grant["principalId"]) for grant in grants(principal)]
            check(f"{self.name}: consent is kept", kept == [("Principal", carl)], kept)
            code = {
                "grant_type": "authorization_code",
                "client_id": client,
                "code": sent[0]["code"],
                "redirect_uri": elsewhere.as_application(),
            }
            wrong = redeem(**code, code_verifier="w" * 43)
            check(f"{self.name}: another verifier is AADSTS501481", wrong.get("error_codes") == [501481], wrong)
            answer = redeem(**code, code_verifier=verifier)
            token = answer.get("access_token")
            check_person(f"{self.name}: and is good for a token", token, client, name, ["user_impersonation"])
            # Signed in and consented: nothing is asked, and no page is shown.
            browser.open(authorize(client, response_mode="fragment"))
            check(f"{self.name}: nothing is asked twice", "#code=" in browser.url, browser.url)
            browser.open(authorize(client, response_mode="form_post", state="posted"))
            self.shows(browser, "Continue")
            browser.click("button")
            sent = elsewhere.take()
            check(f"{self.name}: a posted answer", sent and sent[-1].get("state") == "posted" and "code" in sent[-1], sent)
            browser.open(authorize(client, redirect_uri="https://evil.example/"))
            self.shows(browser, "Sorry, but we're having trouble signing you in", "AADSTS50011")
            check(f"{self.name}: no address that is not registered", browser.url.startswith(ORIGIN), browser.url)
            browser.open(f"{AUTHORITY}/adminconsent?client_id={client}")
            self.shows(browser, "Sorry, but we're having trouble signing you in", "AADSTS90094")
            browser.open(authorize(f"{'0' * 8}-0000-4000-8000-{'0' * 12}"))
            self.shows(browser, "Sorry, but we're having trouble signing you in", "AADSTS700016")

    def administrator(self):
        """An administrator's consent, for everyone."""
        shelf = application(SHELF)
        back = urllib.parse.quote(elsewhere.as_application(), safe="")
        asked = f"{AUTHORITY}/adminconsent?client_id={shelf['appId']}&redirect_uri={back}&state=s"
        title = "Permissions requested: review for your organization"
        with self.browser() as browser:
            browser.open(asked)
            self.shows(browser, "Sign in", SHELF)
            sign_in(browser, ADMIN, ADMIN_PASSWORD)
            self.shows(browser, title, SHELF, "user_impersonation", "everyone", ADMIN)
            browser.press("decline")
            sent = elsewhere.take()
            check(f"{self.name}: an administrator who says no", sent and sent[0]["error"] == "access_denied", sent)
            browser.open(asked)
            browser.press("accept")
            sent = elsewhere.take()
            right = sent and sent[0].get("admin_consent") == "True" and sent[0].get("tenant") == TENANT
            check(f"{self.name}: an administrator who says yes", right and sent[0]["state"] == "s", sent)
            kept = [(grant["consentType"], grant["scope"].strip()) for grant in grants(shelf["principal"])]
            check(f"{self.name}: for everyone", kept == [("AllPrincipals", "user_impersonation")], kept)
            browser.open(f"{AUTHORITY}/adminconsent?client_id={shelf['appId']}")
            browser.press("accept")
            self.shows(browser, "Permissions granted")

    def device(self):
        """A sign-in on another device."""
        shelf = application(SHELF)
        consent = {"clientId": shelf["principal"], "consentType": "AllPrincipals", "scope": "user_impersonation"}
        consent["resourceId"] = graph("GET", f"servicePrincipals(appId='{DYNAMICS}')")["id"]
        graph("POST", "oauth2PermissionGrants", consent)
        eve, name = person("Eve", licensed=True)

        def start():
            form = {"client_id": shelf["appId"], "scope": f"{ORG}/user_impersonation"}
            return requests.post(
                f"{AUTHORITY}/oauth2/v2.0/devicecode", data=form, verify=setting("CA_FILE"), timeout=30
            ).json()

        def poll(flow):
            grant = "urn:ietf:params:oauth:grant-type:device_code"
            return redeem(grant_type=grant, client_id=shelf["appId"], device_code=flow["device_code"])

        with self.browser() as browser:
            flow = start()
            browser.open(flow["verification_uri"])
            self.shows(browser, "Enter code")
            check(f"{self.name}: the code can be typed at once", browser.is_focused("#user_code"))
            browser.type("#user_code", "NOSUCHCODE")
            browser.press("code")
            self.shows(browser, "Enter code", "AADSTS")
            browser.type("#user_code", flow["user_code"].lower())
            browser.press("code")
            self.shows(browser, "Sign in", SHELF)
            sign_in(browser, name)
            self.shows(browser, "Are you trying to sign in?", SHELF, name)
            browser.press("accept")
            self.shows(browser, "You have signed in")
            token = poll(flow).get("access_token")
            check_person(f"{self.name}: the other device", token, shelf["appId"], name, ["user_impersonation"])
            flow = start()
            browser.open(flow["verification_uri"])
            browser.type("#user_code", flow["user_code"])
            browser.press("code")
            browser.press("decline")
            self.shows(browser, "Cancelled")
            check(f"{self.name}: and one that is turned down", poll(flow)["error"] == "authorization_declined")

    def all(self):
        self.door()
        self.password()
        self.applications()
        self.administrator()
        self.device()


def what_lets_nothing_in():
    """The pages' policy holds in the browser, and the browser tells what it stopped."""
    for address in (ORG + "/", f"{ORIGIN}/devicelogin"):
        answer = requests.get(address, verify=setting("CA_FILE"), timeout=30)
        policy = answer.headers["Content-Security-Policy"]
        strict = policy.startswith("default-src 'none';") and "unsafe" not in policy and "*" not in policy
        check(f"a strict policy at {address}", strict and "frame-ancestors 'none'" in policy, policy)
    inject = {
        "a script": "let s = document.createElement('script'); s.textContent = 'document.title = 1'; document.body.append(s)",
        "a style": "let s = document.createElement('style'); s.textContent = 'main { display: none }'; document.head.append(s)",
        "a picture": "let i = new Image(); i.src = '/x.png'; document.body.append(i)",
        "a frame": "let f = document.createElement('iframe'); f.src = '/'; document.body.append(f)",
    }
    with Chromium() as browser:
        for what, script in inject.items():
            for address in (ORG + "/", f"{ORIGIN}/devicelogin"):
                browser.open(address)
                browser.log()
                browser.script(script)
                log = browser.log()
                stopped = any("Content Security Policy" in line for line in log)
                check(f"{what} is stopped at {address}", stopped and browser.title != "1" and browser.text("h1"), log)
        elsewhere.pages["/frame"] = f"<title>Frame</title><iframe src='{ORIGIN}/devicelogin'></iframe>"
        browser.open(elsewhere.as_stranger() + "/frame")
        log = browser.log()
        check("no other site frames a page", any("frame-ancestors" in line or "X-Frame-Options" in line for line in log), log)
    with Chromium(trusting=False) as browser:
        browser.open(ORG + "/")
        check("TLS is verified: without the authority there is no page", browser.title == "Privacy error", browser.title)


def who_means_ill():
    """Another site cannot press a button in somebody's name."""
    shelf = application(SHELF)
    address = f"{AUTHORITY}/adminconsent?client_id={shelf['appId']}"

    def attack(browser, fields, target="_self"):
        inputs = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in fields.items()
        )
        elsewhere.pages["/attack"] = (
            f'<title>Attack</title><form method="post" action="{ORIGIN}/common/login" target="{target}">{inputs}'
            "<button>Win a prize</button></form>"
        )
        browser.open(elsewhere.as_stranger() + "/attack")
        browser.click("button")

    # What somebody gets who opens the page in a browser of their own.
    with Chromium() as own, Chromium() as victim:
        own.open(address)
        sign_in(own, ADMIN, ADMIN_PASSWORD)
        theirs = {name: own.value(f"input[name={name}]") for name in ("journey", "proof")}
        victim.open(address)
        sign_in(victim, ADMIN, ADMIN_PASSWORD)
        stolen = {name: victim.value(f"input[name={name}]") for name in ("journey", "proof")}
        for name, fields in (
            ("a form without a proof", {"journey": theirs["journey"]}),
            ("a form of another browser", theirs),
            ("even this browser's own form", stolen),
        ):
            attack(victim, {**fields, "action": "accept"})
            refused = "did not come from here" in victim.text() and "AADSTS" in victim.text()
            check(f"{name}, posted by another site, is refused", refused and not grants(shelf["principal"]), victim.text())
        victim.open(ORG + "/")
        check("and the session is as it was", ADMIN in victim.text(), victim.text())
        # The same form from its own page goes through: what was refused was the way it came.
        victim.open(address)
        victim.press("accept")
        check("the page's own form is taken", len(grants(shelf["principal"])) == 1, victim.text())


def scripts_are_off():
    for scripts in (True, False):
        with Chromium(scripts=scripts) as browser:
            browser.open(elsewhere.as_stranger() + "/script")
            expected = "on" if scripts else "off"
            check(f"a browser with scripts {expected}", browser.title == expected, browser.title)


scripts_are_off()
for walk in (Walk("with scripts"), Walk("without scripts", scripts=False, phone=True)):
    walk.all()
what_lets_nothing_in()
who_means_ill()
done()
