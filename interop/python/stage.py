"""Prepares a local org for the clients, and is the outside issuer of federated tokens.

Makes, through Microsoft Graph as an administrator would, an application for each kind of
credential and the people who sign in. Prints what it made as one line of JSON, names and values
for a client's environment, and then serves the issuer's documents on loopback until its standard
input ends. All key material is made anew and goes with the folder that it stands in.
"""

import base64
import datetime
import http.server
import json
import pathlib
import sys
import tempfile
import threading
import time

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from checks import setting
from graph import Graph

GRAPH = "00000003-0000-0000-c000-000000000000"
DYNAMICS = "00000007-0000-0000-c000-000000000000"
USER_IMPERSONATION = "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4"
EXCHANGE = "api://AzureADTokenExchange"
SUBJECT = "repo:contoso/orders:ref:refs/heads/main"
PFX_PASSWORD = b"opens the file"

now = datetime.datetime.now(datetime.timezone.utc)


def days(count):
    return datetime.timedelta(days=count)


class Certificate:
    """A self-signed certificate in the forms that the clients want it in."""

    def __init__(self, folder, name):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - days(1))
            .not_valid_after(now + days(365))
            .sign(self.key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        private = self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(private + self.certificate.public_bytes(pem))
        self.pfx = folder / f"{name}.pfx"
        lock = serialization.BestAvailableEncryption(PFX_PASSWORD)
        self.pfx.write_bytes(pkcs12.serialize_key_and_certificates(name.encode(), self.key, self.certificate, None, lock))

    def credential(self):
        """As Graph's `keyCredentials` take it."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode()}


class Issuer:
    """An outside issuer: its two documents, and the tokens that it signs."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # A key that it uses and does not publish.
        self.hidden = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                document = issuer.documents().get(self.path)
                self.send_response(200 if document else 404)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def documents(self):
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {
            "/.well-known/openid-configuration": {"issuer": self.address, "jwks_uri": self.address + "/keys"},
            "/keys": {"keys": [{"kty": "RSA", "use": "sig", "kid": "published", "n": public["n"], "e": public["e"]}]},
        }

    def token(self, key=None, kid="published", lifetime=3600, **claims):
        at = int(time.time())
        said = {"iss": self.address, "sub": SUBJECT, "aud": EXCHANGE, "iat": at - 600, "nbf": at - 600}
        said.update({"exp": at + lifetime, **claims})
        return jwt.encode(said, key or self.key, algorithm="RS256", headers={"kid": kid})


graph = Graph()
issuer = Issuer()
made = {}
folder = tempfile.TemporaryDirectory(prefix="keyholder-interop-", ignore_cleanup_errors=True)
inside = pathlib.Path(folder.name)

# By secret: two that are good at once, and one whose time is over.
secret = graph.application("Interop by secret")
made["SECRET_CLIENT_ID"] = secret["appId"]
made["SECRET_PRINCIPAL"] = secret["principal"]
made["SECRET"] = graph.secret(secret)
made["SECOND_SECRET"] = graph.secret(secret)
past = {"startDateTime": f"{now - days(9):%Y-%m-%dT%H:%M:%SZ}", "endDateTime": f"{now - days(2):%Y-%m-%dT%H:%M:%SZ}"}
made["EXPIRED_SECRET"] = graph.secret(secret, **past)

disabled = graph.application("Interop, disabled")
made["DISABLED_CLIENT_ID"] = disabled["appId"]
made["DISABLED_SECRET"] = graph.secret(disabled)
graph("PATCH", f"servicePrincipals/{disabled['principal']}", {"accountEnabled": False})

# By certificate, and one that nobody registered.
good, stranger = Certificate(inside, "registered"), Certificate(inside, "stranger")
certified = graph.application("Interop by certificate", keyCredentials=[good.credential()])
made["CERTIFICATE_CLIENT_ID"] = certified["appId"]
made["CERTIFICATE_PRINCIPAL"] = certified["principal"]
made["CERTIFICATE_PEM"], made["CERTIFICATE_PFX"] = str(good.pem), str(good.pfx)
made["STRANGER_PEM"], made["STRANGER_PFX"] = str(stranger.pem), str(stranger.pfx)
made["PFX_PASSWORD"] = PFX_PASSWORD.decode()

# By an outside issuer's token.
federated = graph.application("Interop by federation")
made["FEDERATED_CLIENT_ID"] = federated["appId"]
made["FEDERATED_PRINCIPAL"] = federated["principal"]
trust = {"name": "orders", "issuer": issuer.address, "subject": SUBJECT, "audiences": [EXCHANGE]}
graph("POST", f"applications/{federated['id']}/federatedIdentityCredentials", trust)
for name, token in {
    "FEDERATED": issuer.token(),
    "FEDERATED_SUBJECT": issuer.token(sub=SUBJECT.replace("main", "other")),
    "FEDERATED_AUDIENCE": issuer.token(aud="api://another"),
    "FEDERATED_ISSUER": issuer.token(iss="https://issuer.example"),
    "FEDERATED_CASE": issuer.token(sub=SUBJECT.upper()),
    "FEDERATED_EXPIRED": issuer.token(lifetime=-500),
    "FEDERATED_KEY": issuer.token(key=issuer.hidden, kid="hidden"),
    "FEDERATED_SIGNATURE": issuer.token(key=issuer.hidden),
}.items():
    path = inside / f"{name.lower()}.jwt"
    path.write_text(token)
    made[name] = token
    made[name + "_FILE"] = str(path)

# An API of the tenant's own, whose tokens are of version 2, with a role for the application.
role = {
    "id": "6f2b5f0a-9d5e-4c8a-8a57-0c2f3b1d7e11",
    "allowedMemberTypes": ["Application"],
    "displayName": "Read orders",
    "description": "Read orders",
    "value": "Orders.Read",
    "isEnabled": True,
}
api = graph.application(
    "Interop orders API",
    identifierUris=["api://orders.keyholder.localhost"],
    api={"requestedAccessTokenVersion": 2},
    appRoles=[role],
)
made["API"], made["API_CLIENT_ID"] = "api://orders.keyholder.localhost", api["appId"]
assigned = {"principalId": secret["principal"], "resourceId": api["principal"], "appRoleId": role["id"]}
graph("POST", f"servicePrincipals/{secret['principal']}/appRoleAssignments", assigned)

# For people: a client that keeps no secret, and one that does.
dynamics = graph("GET", f"servicePrincipals(appId='{DYNAMICS}')")["id"]
wanted = [{"resourceAppId": DYNAMICS, "resourceAccess": [{"id": USER_IMPERSONATION, "type": "Scope"}]}]
REDIRECT = "http://localhost:8400/signed-in"
public = graph.application(
    "Interop for people",
    isFallbackPublicClient=True,
    publicClient={"redirectUris": [REDIRECT, "http://localhost"]},
    requiredResourceAccess=wanted,
)
web = graph.application(
    "Interop web site", web={"redirectUris": [REDIRECT]}, requiredResourceAccess=wanted
)
unconsented = graph.application(
    "Interop without consent", isFallbackPublicClient=True, requiredResourceAccess=wanted
)
everywhere = graph.application(
    "Interop of many tenants",
    isFallbackPublicClient=True,
    signInAudience="AzureADMultipleOrgs",
    requiredResourceAccess=wanted,
)
microsoft_graph = graph("GET", f"servicePrincipals(appId='{GRAPH}')")["id"]
for application, resource, scope in (
    (public, dynamics, "user_impersonation"),
    (web, dynamics, "user_impersonation"),
    (everywhere, dynamics, "user_impersonation"),
    (public, microsoft_graph, "User.Read"),
):
    consent = {
        "clientId": application["principal"],
        "consentType": "AllPrincipals",
        "resourceId": resource,
        "scope": scope,
    }
    graph("POST", "oauth2PermissionGrants", consent)
made["PUBLIC_CLIENT_ID"], made["WEB_CLIENT_ID"] = public["appId"], web["appId"]
made["EVERYWHERE_CLIENT_ID"] = everywhere["appId"]
made["UNCONSENTED_CLIENT_ID"] = unconsented["appId"]
made["WEB_SECRET"] = graph.secret(web)
made["REDIRECT"] = REDIRECT


def person(name, enabled=True, change=False):
    user = f"{name.lower()}@{setting('TENANT_DOMAIN')}"
    password = "Morning-over-77-hills"
    graph(
        "POST",
        "users",
        {
            "displayName": name,
            "mailNickname": name.lower(),
            "userPrincipalName": user,
            "accountEnabled": enabled,
            "usageLocation": "DE",
            "passwordProfile": {"password": password, "forceChangePasswordNextSignIn": change},
        },
    )
    made[name.upper() + "_USERNAME"], made[name.upper() + "_PASSWORD"] = user, password


person("Ada")
person("Leo")
person("Dan", enabled=False)
person("Nora", change=True)

print(json.dumps({"KEYHOLDER_" + name: value for name, value in made.items()}), flush=True)
sys.stdin.read()
