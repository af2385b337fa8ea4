"""A check is a name and a condition; the last line counts them."""

import os
import sys

passed = 0
failed = 0


def check(name, condition, seen=None):
    global passed, failed
    if condition:
        passed += 1
        print(f"ok: {name}")
    else:
        failed += 1
        print(f"FAILED: {name}: saw {seen!r}")


def setting(name):
    return os.environ["KEYHOLDER_" + name]


def done():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
