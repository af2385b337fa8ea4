"""A check is a name and a condition; the last line counts them."""

import contextlib
import os
import sys
import traceback

passed = 0
failed = 0


def check(name, condition, seen=None):
    global passed, failed
    if condition:
        passed += 1
        print(f"ok: {name}")
    else:
        failed += 1
        print(f"FAILED: {name}: saw {seen if isinstance(seen, str) else repr(seen)}")


@contextlib.contextmanager
def part(name):
    """A part of a program: what it raises is a failed check, and the rest is done all the same."""
    try:
        yield
    except Exception:
        check(name, False, traceback.format_exc())


def setting(name):
    return os.environ["KEYHOLDER_" + name]


def done():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
