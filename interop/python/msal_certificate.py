"""msal (Python): an application by its certificate, in each way that msal signs assertions."""

import msal
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from checks import AUTHORITY, ORG, check_application, check_refused, done, setting

CLIENT, PRINCIPAL = setting("CERTIFICATE_CLIENT_ID"), setting("CERTIFICATE_PRINCIPAL")


def ask(credential, client=CLIENT):
    application = msal.ConfidentialClientApplication(
        client,
        client_credential=credential,
        authority=AUTHORITY,
        instance_discovery=False,
        verify=setting("CA_FILE"),
    )
    return application.acquire_token_for_client([ORG + "/.default"])


pem = open(setting("CERTIFICATE_PEM")).read()
certificate = x509.load_pem_x509_certificate(pem[pem.index("-----BEGIN CERTIFICATE") :].encode())
sha1 = certificate.fingerprint(hashes.SHA1()).hex()
sha256 = certificate.fingerprint(hashes.SHA256()).hex()
pfx, password = setting("CERTIFICATE_PFX"), setting("PFX_PASSWORD")
for name, credential in (
    ("RS256 and x5t", {"private_key": pem, "thumbprint": sha1}),
    ("PS256 and x5t#S256", {"private_key": pem, "public_certificate": pem, "sha256_thumbprint": sha256}),
    ("a public certificate alone", {"private_key": pem, "public_certificate": pem}),
    ("RS256, x5t and x5c", {"private_key": pem, "thumbprint": sha1, "public_certificate": pem}),
    ("a PFX file", {"private_key_pfx_path": pfx, "passphrase": password}),
    ("a PFX file and x5c", {"private_key_pfx_path": pfx, "passphrase": password, "public_certificate": True}),
):
    answer = ask(credential)
    check_application(f"a token by {name}", answer.get("access_token"), CLIENT, PRINCIPAL, "2")
    if "error" in answer:
        print(answer["error_description"])

other = open(setting("STRANGER_PEM")).read()
stranger = {"private_key_pfx_path": setting("STRANGER_PFX"), "passphrase": password}
check_refused("a certificate that nobody registered", ask(stranger), 700027, "invalid_client")
check_refused(
    "a registered thumbprint with another key", ask({"private_key": other, "thumbprint": sha1}), 700027, "invalid_client"
)
elsewhere = ask({"private_key": pem, "thumbprint": sha1}, setting("SECRET_CLIENT_ID"))
check_refused("a certificate of another application", elsewhere, 700027, "invalid_client")
done()
