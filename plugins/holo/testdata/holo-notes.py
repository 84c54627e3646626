#!/usr/bin/env python3
"""The notes plugin of notes_test.go, in Python."""
import os, sys

target = os.environ["HOLO_ROOT_DIR"] + "/etc/notes"
resources, state = os.environ["HOLO_RESOURCE_DIR"], os.environ["HOLO_STATE_DIR"]
assert os.environ["HOLO_API_VERSION"] == "3"


def read(name):
    try:
        with open(name, "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


def scan():
    for n in os.listdir(resources):
        print(f"ENTITY: note:{n}\nSOURCE: {resources}/{n}\nwrite to: {target}/{n}")
    for n in os.listdir(state):
        if not os.path.exists(f"{resources}/{n}"):
            print(f"ENTITY: note:{n}\nACTION: Scrubbing (its resource is gone)\ndelete: {target}/{n}")


def apply(n, force):
    want, was, now = read(f"{resources}/{n}"), read(f"{state}/{n}"), read(f"{target}/{n}")
    if n == "bad":
        print(f"!! cannot write {target}/{n}", file=sys.stderr)
        sys.exit(1)
    if want is None:
        for d in (target, state):
            if os.path.exists(f"{d}/{n}"):
                os.remove(f"{d}/{n}")
        print(f"deleted {target}/{n}")
        return
    message = None
    if now == want:
        message = "not changed"
    elif was is not None and not force and now is None:
        message = "requires --force to restore"
    elif was is not None and not force and was != now:
        message = "requires --force to overwrite"
    if message:
        os.write(3, message.encode())
        return
    os.makedirs(target, exist_ok=True)
    for d in (target, state):
        with open(f"{d}/{n}", "wb") as f:
            f.write(want)
    print(f"wrote {target}/{n}")
    print(f">> from {resources}/{n}", file=sys.stderr)


op = sys.argv[1]
if op == "info":
    print("MIN_API_VERSION=2\nMAX_API_VERSION=3")
elif op == "scan":
    scan()
elif op == "diff":
    n = sys.argv[2].removeprefix("note:")
    os.write(3, f"{state}/{n}\0{target}/{n}\0".encode())
else:
    apply(sys.argv[2].removeprefix("note:"), op == "force-apply")
