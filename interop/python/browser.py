"""A person at a browser without scripts: opens an address, fills in forms, presses buttons.

As a program it is what a client may start as this machine's browser: it opens the address that it
is given and signs in as the person in KEYHOLDER_BROWSER_USERNAME and KEYHOLDER_BROWSER_PASSWORD.
"""

import html.parser
import re
import sys
import urllib.parse

import requests

from checks import setting


class Page(html.parser.HTMLParser):
    """The one form of a page."""

    def __init__(self, answer):
        super().__init__()
        self.url, self.text = answer.url, answer.text
        self.action, self.fields, self.buttons = None, {}, []
        self.feed(answer.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes.get("action", self.url)
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "button":
            self.buttons.append(attributes.get("value"))

    def number(self):
        """The AADSTS number that it shows."""
        shown = re.search(r"AADSTS(\d+)", self.text)
        return shown and int(shown.group(1))


class Browser:
    """Keeps cookies, and stops before it leaves the local org."""

    def __init__(self):
        self.session = requests.Session()
        self.session.verify = setting("CA_FILE")
        self.session.trust_env = False
        # Opens the address elsewhere.
        self.leaves = None

    def open(self, url):
        return self._follow(self.session.get(url, allow_redirects=False))

    def press(self, page, button, **fields):
        assert button in page.buttons, f"no button {button!r} among {page.buttons} in {page.text}"
        form = {**page.fields, **fields, "action": button}
        address = urllib.parse.urljoin(page.url, page.action)
        headers = {"Origin": setting("ORIGIN"), "Referer": page.url}
        return self._follow(self.session.post(address, data=form, headers=headers, allow_redirects=False))

    def _follow(self, answer):
        """A page; or, as a dictionary, the parameters that an address elsewhere is opened with."""
        while answer.is_redirect:
            address = urllib.parse.urljoin(answer.url, answer.headers["Location"])
            if not address.startswith(setting("ORIGIN") + "/"):
                self.leaves = lambda: requests.get(address, timeout=10)
                query = urllib.parse.urlsplit(address).query
                return {name: values[0] for name, values in urllib.parse.parse_qs(query).items()}
            answer = self.session.get(address, allow_redirects=False)
        page = Page(answer)
        if page.action and not urllib.parse.urljoin(page.url, page.action).startswith(setting("ORIGIN") + "/"):
            # `response_mode=form_post`: the page's one button sends the answer on.
            self.leaves = lambda: requests.post(page.action, data=page.fields, timeout=10)
            return page.fields
        return page

    def sign_in(self, page, user, password):
        return self.press(page, "sign-in", username=user, password=password)


def approve_device(address, code, user, password):
    """Does on this device what the other one asks for; gives the last page."""
    browser = Browser()
    page = browser.press(browser.open(address), "code", user_code=code)
    page = browser.sign_in(page, user, password)
    return browser.press(page, "accept") if "accept" in page.buttons else page


if __name__ == "__main__":
    browser = Browser()
    browser.sign_in(browser.open(sys.argv[1]), setting("BROWSER_USERNAME"), setting("BROWSER_PASSWORD"))
    browser.leaves()
