"""azure-identity (Python): an application by secret, certificate and outside token."""

import os

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    EnvironmentCredential,
    WorkloadIdentityCredential,
)

from checks import ORG, TENANT, check, check_application, done, numbers, setting

SCOPE = ORG + "/.default"
AT = {"authority": setting("ORIGIN"), "disable_instance_discovery": True, "connection_verify": setting("CA_FILE")}
# Those of the service's own flows look nothing up, and have no such option.
DIRECT = {name: value for name, value in AT.items() if name != "disable_instance_discovery"}


def check_refused(name, number, ask):
    try:
        ask()
        check(f"{name} is refused", False)
    except ClientAuthenticationError as error:
        check(f"{name} is AADSTS{number}", set(numbers(error)) == {number}, error)


# By secret.
client, principal, secret = setting("SECRET_CLIENT_ID"), setting("SECRET_PRINCIPAL"), setting("SECRET")
credential = ClientSecretCredential(TENANT, client, secret, **AT)
check_application("a token by secret", credential.get_token(SCOPE).token, client, principal, "1")
info = ClientSecretCredential(TENANT, client, secret, **AT).get_token_info(SCOPE, options={"enable_cae": True})
check_application("a token that can be evaluated continuously", info.token, client, principal, "1")
named = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": client, "AZURE_CLIENT_SECRET": secret}
os.environ.update(named, AZURE_AUTHORITY_HOST=setting("ORIGIN"))
environment = EnvironmentCredential(disable_instance_discovery=True, connection_verify=setting("CA_FILE"))
check_application("a token by the environment", environment.get_token(SCOPE).token, client, principal, "1")
for name, given, number in (
    ("a wrong secret", "wrong" + secret, 7000215),
    ("a secret whose time is over", setting("EXPIRED_SECRET"), 7000222),
):
    check_refused(name, number, lambda: ClientSecretCredential(TENANT, client, given, **AT).get_token(SCOPE))
check_refused("an unknown resource", 500011, lambda: credential.get_token("https://contoso.crm.dynamics.com/.default"))

# By certificate.
client, principal = setting("CERTIFICATE_CLIENT_ID"), setting("CERTIFICATE_PRINCIPAL")
pfx, password = setting("CERTIFICATE_PFX"), setting("PFX_PASSWORD")
for name, path, more in (
    ("a PEM file", setting("CERTIFICATE_PEM"), {}),
    ("a PEM file with its chain", setting("CERTIFICATE_PEM"), {"send_certificate_chain": True}),
    ("a PFX file", pfx, {"password": password}),
):
    token = CertificateCredential(TENANT, client, path, **more, **AT).get_token(SCOPE).token
    check_application(f"a token by {name}", token, client, principal, "2")
stranger = CertificateCredential(TENANT, client, setting("STRANGER_PEM"), **AT)
check_refused("a certificate that nobody registered", 700027, lambda: stranger.get_token(SCOPE))

# By an outside issuer's token.
client, principal = setting("FEDERATED_CLIENT_ID"), setting("FEDERATED_PRINCIPAL")
credential = ClientAssertionCredential(TENANT, client, lambda: setting("FEDERATED"), **DIRECT)
check_application("a token by an outside token", credential.get_token(SCOPE).token, client, principal, "2")
workload = WorkloadIdentityCredential(
    tenant_id=TENANT, client_id=client, token_file_path=setting("FEDERATED_FILE"), **DIRECT
)
check_application("a token by an outside token's file", workload.get_token(SCOPE).token, client, principal, "2")
for name, what, number in (
    ("another issuer", "ISSUER", 700211),
    ("another audience", "AUDIENCE", 700212),
    ("another subject", "SUBJECT", 700213),
    ("a token whose time is over", "EXPIRED", 700024),
):
    wrong = ClientAssertionCredential(TENANT, client, lambda: setting("FEDERATED_" + what), **DIRECT)
    check_refused(name, number, lambda: wrong.get_token(SCOPE))
done()
