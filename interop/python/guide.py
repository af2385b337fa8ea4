"""Walks a guide as somebody new would: in an empty folder, with an empty home, copying what it says.

Of the guide (its first argument) it takes, in order: indented blocks, which are commands; the fenced block
after one, which is what they print, `…` standing for anything; and paragraphs that begin with
**In a browser**, whose sentences are done in Chromium. KEYHOLDER_PROGRAM is the program, which is called
`keyholder` here; KEYHOLDER_AZ, KEYHOLDER_CHROMIUM and KEYHOLDER_CHROMEDRIVER are what is installed. Arguments
after the guide's name are added to `keyholder org start`: tests choose the port.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from counting import check, done
from webdriver import Chromium

STEP = re.compile(
    r"open\s+`(?P<address>[^`]+)`"
    r"|sign\s+in\s+as\s+`(?P<user>[^`]+)`\s+with\s+`(?P<password>[^`]+)`"
    r"|type\s+the\s+old\s+password,\s+`(?P<old>[^`]+)`,\s+and\s+`(?P<new>[^`]+)`\s+twice"
    r"|press\s+\*\*(?P<button>[^*]+)\*\*"
    r"|see\s+\*\*(?P<title>[^*]+)\*\*"
    r"|and\s+read\s+`(?P<words>[^`]+)`",
    re.IGNORECASE,
)
ENDED = "--- the block has ended, with"
FAILED = "--- this failed:"


def parts(text):
    """The guide as pairs of a kind and a text: `run`, `prints`, `browse`."""
    found, kind, kept = [], None, []

    def end():
        if kind and "\n".join(kept).strip():
            found.append((kind, "\n".join(kept).strip("\n")))
        kept.clear()

    for line in text.splitlines():
        if line.startswith("```"):
            end()
            kind = None if kind == "prints" else "prints"
            continue
        if kind == "prints":
            kept.append(line)
            continue
        if line.startswith("    ") or (kind == "run" and not line.strip()):
            # A blank line inside a block of commands does not end it.
            here = "run"
        elif line.startswith("**In a browser**") or (kind == "browse" and line.strip()):
            here = "browse"
        else:
            here = None
        if here != kind:
            end()
        kind = here
        kept.append(line[4:] if here == "run" else line)
    end()
    return found


class Shell:
    """One shell, as somebody has it open for the whole walk."""

    def __init__(self, folder, environment):
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.run(f"set -E -o pipefail; trap 'echo \"{FAILED} $BASH_COMMAND\" >&2' ERR")

    def run(self, commands):
        self.bash.stdin.write(f"{commands}\necho; echo '{ENDED}' $?\n")
        self.bash.stdin.flush()
        said = []
        for line in self.bash.stdout:
            if line.startswith(ENDED):
                return "".join(said)
            said.append(line)
        sys.exit(f"the shell ended: {''.join(said)}")

    def value(self, text):
        """What a text with variables stands for."""
        return self.run(f'echo "{text}"').strip()


def as_printed(expected, said):
    """The first line that was to be printed and was not; none if all were, in that order."""
    lines = iter([" ".join(line.split()) for line in said.splitlines()])
    for wanted in expected.splitlines():
        words = " ".join(wanted.split())
        if not words or words == "…":
            continue
        pattern = re.compile(".*?".join(re.escape(part) for part in words.split("…")))
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


def browse(text, shell):
    """Does what a paragraph says; gives what it said that was not so."""
    steps = 0
    with Chromium() as browser:
        for step in STEP.finditer(" ".join(text.split())):
            said = {name: shell.value(value) for name, value in step.groupdict().items() if value is not None}
            steps += 1
            if "address" in said:
                browser.open(said["address"])
            elif "user" in said:
                browser.type("#username", said["user"])
                browser.type("#password", said["password"])
                browser.press("sign-in")
            elif "old" in said:
                browser.type("#password", said["old"])
                browser.type("#new_password", said["new"])
                browser.type("#confirmation", said["new"])
            elif "button" in said:
                browser.press_labelled(said["button"])
            elif said.get("title", browser.title) != browser.title or said.get("words", "") not in browser.text():
                return f"{step.group()}: but {browser.text()}"
    return None if steps >= 3 else "nothing was done"


def main():
    guide, more = pathlib.Path(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="keyholder-guide-", ignore_cleanup_errors=True) as work:
        work = pathlib.Path(work)
        for folder in ("home", "bin", "walk"):
            (work / folder).mkdir()
        for name, setting in (("keyholder", "KEYHOLDER_PROGRAM"), ("az", "KEYHOLDER_AZ")):
            (work / "bin" / name).symlink_to(os.environ[setting])
        path = f"{work / 'bin'}:/usr/local/bin:/usr/bin:/bin"
        environment = {"PATH": path, "HOME": str(work / "home"), "LANG": "C.UTF-8"}
        shell = Shell(work / "walk", environment)
        org = None
        try:
            said = ""
            for kind, text in parts(guide.read_text()):
                name = text.splitlines()[0][:100]
                if kind == "run" and text.startswith("keyholder org start"):
                    arguments = [*text.split(), *more]
                    org = subprocess.Popen(
                        arguments, cwd=work / "walk", env=environment, stdout=subprocess.PIPE, text=True,
                        executable=os.environ["KEYHOLDER_PROGRAM"],
                    )
                    said = ""
                    for line in org.stdout:
                        said += line
                        if "Ctrl-C" in line:
                            break
                    check(name, "Ctrl-C" in said, said)
                elif kind == "run":
                    said = shell.run(text)
                    check(name, FAILED not in said and '"error":{"code":"Unexpected' not in said, said)
                elif kind == "prints":
                    missing = as_printed(text, said)
                    check(f"prints {name}", missing is None, f"{missing!r} is not in {said}")
                elif kind == "browse":
                    os.environ["KEYHOLDER_CA_FILE"] = str(work / "walk/.keyholder/ca.pem")
                    wrong = browse(text, shell)
                    check(name, wrong is None, wrong)
        finally:
            shell.bash.stdin.close()
            shell.bash.wait()
            if org:
                org.terminate()
                org.wait()
    done()


main()
