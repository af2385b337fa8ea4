"""What is checked of a local org's tokens and refusals."""

import base64
import json
import re

# For those who check: they need not know where these are counted.
from counting import check, done, part, setting  # noqa: F401

ORG = setting("ORG_URL").rstrip("/")
TENANT = setting("TENANT_ID")
AUTHORITY = setting("ORIGIN") + "/" + TENANT


def claims(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


def numbers(text):
    """The AADSTS numbers that a text names."""
    return [int(number) for number in re.findall(r"AADSTS(\d+)", str(text))]


def check_application(name, token, client, principal, proof, audience=ORG):
    """That a token is an application's of version 1. `proof` is 1 for a secret, 2 for a key."""
    said = claims(token) if token else {}
    expected = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "appid": client,
        "appidacr": proof,
        "idtyp": "app",
        "oid": principal,
        "sub": principal,
        "ver": "1.0",
    }
    check(name, {key: said.get(key) for key in expected} == expected and "scp" not in said and "upn" not in said, said)


def check_person(name, token, client, user, scopes, audience=ORG, proof="0"):
    """That a token is a person's of version 1, through the application `client`."""
    said = claims(token) if token else {}
    expected = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "appid": client,
        "appidacr": proof,
        "upn": user,
        "ver": "1.0",
    }
    right = {key: said.get(key) for key in expected} == expected
    check(name, right and set(said["scp"].split()) >= set(scopes) and said["oid"] != said["sub"], said)


def check_refused(name, answer, number, error=None):
    """That an answer of the token service, as `msal` gives it, is this refusal."""
    right = answer.get("error_codes") == [number] and numbers(answer.get("error_description")) == [number]
    check(f"{name} is AADSTS{number}", right and error in (None, answer["error"]), answer)
