"""adal (Python), Microsoft's first library: an application at the first endpoint, by `resource`."""

import adal
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from checks import ORG, TENANT, check, check_application, done, numbers, setting


def context(tenant=TENANT):
    authority = setting("ORIGIN") + "/" + tenant
    # It knows the addresses of Microsoft's clouds by heart, and would ask those about this one.
    return adal.AuthenticationContext(authority, validate_authority=False, verify_ssl=setting("CA_FILE"))


def check_refused(name, number, ask):
    try:
        ask()
        check(f"{name} is refused", False)
    except adal.AdalError as error:
        said = error.error_response
        check(f"{name} is AADSTS{number}", said["error_codes"] == [number] and numbers(error) == [number], said)


# By secret.
client, principal, secret = setting("SECRET_CLIENT_ID"), setting("SECRET_PRINCIPAL"), setting("SECRET")
for tenant in (TENANT, setting("TENANT_DOMAIN")):
    answer = context(tenant).acquire_token_with_client_credentials(ORG, client, secret)
    check_application(f"a token by secret from {tenant}", answer["accessToken"], client, principal, "1")
    check("it is for the resource, for an hour", answer["resource"] == ORG and 3000 < answer["expiresIn"] <= 3600, answer)
slashed = context().acquire_token_with_client_credentials(ORG + "/", client, secret)
check_application("a resource with a slash keeps it", slashed["accessToken"], client, principal, "1", ORG + "/")
for name, given, resource, number in (
    ("a wrong secret", "wrong" + secret, ORG, 7000215),
    ("a secret whose time is over", setting("EXPIRED_SECRET"), ORG, 7000222),
    ("an unknown resource", secret, "https://contoso.crm.dynamics.com", 500011),
):
    check_refused(name, number, lambda: context().acquire_token_with_client_credentials(resource, client, given))

# By certificate.
client, principal = setting("CERTIFICATE_CLIENT_ID"), setting("CERTIFICATE_PRINCIPAL")
pem = open(setting("CERTIFICATE_PEM")).read()
public = pem[pem.index("-----BEGIN CERTIFICATE") :]
thumbprint = x509.load_pem_x509_certificate(public.encode()).fingerprint(hashes.SHA1()).hex()
for name, more in (("a certificate", []), ("a certificate and x5c", [public])):
    answer = context().acquire_token_with_client_certificate(ORG, client, pem, thumbprint, *more)
    check_application(f"a token by {name}", answer["accessToken"], client, principal, "2")
other = open(setting("STRANGER_PEM")).read()
for name, key, print_ in (
    ("a certificate that nobody registered", other, "00" * 20),
    ("a registered thumbprint with another key", other, thumbprint),
):
    check_refused(name, 700027, lambda: context().acquire_token_with_client_certificate(ORG, client, key, print_))
done()
