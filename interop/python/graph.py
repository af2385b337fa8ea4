"""Microsoft Graph, asked as the administrating application."""

import sys

import requests

from checks import setting


class Graph:
    """A session that is signed in."""

    def __init__(self):
        self.session = requests.Session()
        self.session.verify = setting("CA_FILE")
        self.session.trust_env = False
        answer = self.session.post(
            f"{setting('ORIGIN')}/{setting('TENANT_ID')}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": setting("ADMIN_CLIENT_ID"),
                "client_secret": setting("ADMIN_CLIENT_SECRET"),
                "scope": setting("ORIGIN") + "/.default",
            },
        )
        self.session.headers["Authorization"] = "Bearer " + answer.json()["access_token"]

    def __call__(self, method, path, body=None):
        answer = self.session.request(method, f"{setting('ORIGIN')}/v1.0/{path}", json=body)
        if answer.status_code >= 300:
            sys.exit(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def application(self, name, **more):
        """A registration and its service principal."""
        made = self("POST", "applications", {"displayName": name, "signInAudience": "AzureADMyOrg", **more})
        made["principal"] = self("POST", "servicePrincipals", {"appId": made["appId"]})["id"]
        return made

    def secret(self, application, **more):
        wanted = {"passwordCredential": {"displayName": "interop", **more}}
        return self("POST", f"applications/{application['id']}/addPassword", wanted)["secretText"]


def move_clock(by):
    """Moves the org's time, such as `+90d`; this machine's stays."""
    answer = requests.post(
        setting("ORIGIN") + "/_keyholder/clock",
        json={"move": by},
        auth=(setting("ADMIN_CLIENT_ID"), setting("ADMIN_CLIENT_SECRET")),
        verify=setting("CA_FILE"),
        timeout=10,
    )
    answer.raise_for_status()
