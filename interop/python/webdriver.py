"""Headless Chromium, driven by W3C WebDriver over HTTP against Debian's `chromedriver`.

The browser has a home folder of its own, whose certificate store trusts the local org's authority
beside the public ones: TLS is verified as everywhere, and this machine's stores stay as they are.
"""

import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from counting import setting

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# What a phone shows.
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
# Seconds that a page may take.
LONGEST = 30


class WebDriverError(Exception):
    pass


class Chromium:
    """A fresh browser: no cookies, nothing kept."""

    def __init__(self, scripts=True, phone=False, trusting=True):
        self.home = tempfile.TemporaryDirectory(prefix="keyholder-browser-", ignore_cleanup_errors=True)
        if trusting:
            trust(pathlib.Path(self.home.name) / ".pki/nssdb")
        # Profiles and sockets go where everything else of this browser goes at its end.
        environment = {**os.environ, "HOME": self.home.name, "TMPDIR": self.home.name}
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            environment.pop(name, None)
        # It binds a port that is free for IPv4 for IPv6 too, where another test may have just taken it.
        for _ in range(5):
            self.driver = subprocess.Popen(
                [setting("CHROMEDRIVER"), "--port=0"],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            lines = (re.search(r"started successfully on port (\d+)", line) for line in self.driver.stdout)
            port = next((found for found in lines if found), None)
            if port:
                break
            self.driver.wait()
        else:
            raise WebDriverError("chromedriver ended before it answered, five times")
        self.at = f"http://127.0.0.1:{port.group(1)}/session"
        options = {
            "binary": setting("CHROMIUM"),
            # CI is root in a container, where Chromium's own sandbox has nothing to build on.
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--no-proxy-server",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--lang=en",
                "--window-size=1280,900",
            ],
            "prefs": {"credentials_enable_service": False},
        }
        if not scripts:
            options["prefs"]["profile.default_content_setting_values.javascript"] = 2
        wanted = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": options}
        made = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        self.at += "/" + made["sessionId"]
        if phone:
            # Not `mobileEmulation`: with it a touch on a button hangs where scripts are off.
            self._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": PHONE})

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.at + path, data, {"Content-Type": "application/json"}, method=method)
        # Nothing on this machine's loopback goes through a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=2 * LONGEST) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]
            raise WebDriverError(f"{said['error']}: {said['message']}") from None

    def close(self):
        try:
            self._ask("DELETE", "")
        finally:
            # A browser that hangs does not go by being asked.
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()
            self.home.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    @property
    def url(self):
        return self._ask("GET", "/url")

    @property
    def title(self):
        return self._ask("GET", "/title")

    def all(self, selector):
        found = self._ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [f"/element/{element[ELEMENT]}" for element in found]

    def one(self, selector):
        found = self.all(selector)
        if len(found) != 1:
            raise WebDriverError(f"{len(found)} of {selector} at {self.url}: {self.text()}")
        return found[0]

    def text(self, selector="body"):
        """What a person reads there."""
        return self._ask("GET", self.one(selector) + "/text")

    def value(self, selector):
        return self._ask("GET", self.one(selector) + "/property/value")

    def is_focused(self, selector):
        return self._ask("GET", "/element/active")[ELEMENT] in self.one(selector)

    def type(self, selector, text):
        element = self.one(selector)
        self._ask("POST", element + "/clear", {})
        self._ask("POST", element + "/value", {"text": text})

    def click(self, selector):
        """Clicks, and waits until the page has gone for the one that it leads to."""
        page = self.one("html")
        self._ask("POST", self.one(selector) + "/click", {})
        until = time.monotonic() + LONGEST
        try:
            while time.monotonic() < until:
                self._ask("GET", page + "/name")
                time.sleep(0.01)
        except WebDriverError as error:
            if "stale" not in str(error) and "does not belong to the document" not in str(error):
                raise
            # Until the next one is there, WebDriver holds back whatever is asked.
            return
        raise WebDriverError(f"{selector} leads nowhere at {self.url}")

    def press(self, action):
        """The button of a form."""
        self.click(f'button[value="{action}"]')

    def press_labelled(self, label):
        """The button with this label."""
        found = [button for button in self.all("button") if self._ask("GET", button + "/text") == label]
        if len(found) != 1:
            raise WebDriverError(f"{len(found)} buttons {label} at {self.url}: {self.text()}")
        value = self._ask("GET", found[0] + "/property/value")
        self.press(value)

    def script(self, text, *arguments):
        return self._ask("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def cookies(self):
        return self._ask("GET", "/cookie")

    def log(self):
        """What the browser said since the last look."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})]

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))


def trust(folder):
    """A certificate store that trusts the local org's authority for servers."""
    folder.mkdir(parents=True)
    store = ["certutil", "-d", f"sql:{folder}"]
    subprocess.run([*store, "-N", "--empty-password"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*store, "-A", "-n", "Keyholder", "-t", "C,,", "-i", setting("CA_FILE")], check=True)
