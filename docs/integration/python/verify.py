#!/usr/bin/env python3
"""Asks the counter that runs on this computer about one card: verify.py [FOLDER [DOMAIN]] < code.txt

FOLDER is the counter's data folder; "" or none is this user's own. The code comes by standard input, because a command line
can be read by every program and the code holds names. Prints the status and the headline. Exit codes are those of
`comptoir verify`: 0 valid, 1 refused, 3 reserve, 4 unknown or not verified, 2 wrong usage.

Only the standard library is used: copy this file and change it as you like.
"""
import http.client
import json
import os
import pathlib
import sys

MAX_CODE, MAX_ANSWER = 64 << 10, 1 << 20
# A status that is not known here is none to rely on.
EXITS = {"valid": 0, "refused": 1, "reserve": 3}


class NotVerified(Exception):
    pass


def own_folder():
    """Where comptoir keeps its data when nobody says otherwise."""
    if os.environ.get("COMPTOIR_DIR"):
        return pathlib.Path(os.environ["COMPTOIR_DIR"])
    if sys.platform == "win32":
        return pathlib.Path(os.environ.get("LOCALAPPDATA", ""), "Sceau", "comptoir")
    if sys.platform == "darwin":
        return pathlib.Path.home() / "Library" / "Application Support" / "Sceau" / "comptoir"
    data = pathlib.Path(os.environ.get("XDG_DATA_HOME", ""))
    if not data.is_absolute():
        data = pathlib.Path.home() / ".local" / "share"
    return data / "sceau" / "comptoir"


def ask(folder, domain, code):
    # Both are read at each question: the port and the program may change, the token too.
    try:
        desk = json.loads((folder / "desk.json").read_text("utf-8"))
    except FileNotFoundError:
        raise NotVerified("comptoir is not running (no desk.json)")
    except (OSError, ValueError, RecursionError):
        raise NotVerified("desk.json is not one")
    port = desk.get("port") if isinstance(desk, dict) else None
    if type(port) is not int or not 1 <= port <= 65535:
        raise NotVerified("desk.json is not one")
    try:
        token = (folder / "api-token").read_text("ascii").strip()
    except (OSError, ValueError):
        raise NotVerified("api-token can't be read")

    # http.client, unlike urllib, uses no proxy and follows no redirect: neither has any business here.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("POST", "/v1/verify", json.dumps({"code": code, "domain": domain}).encode("utf-8"),
                           {"Authorization": "Bearer " + token, "Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read(MAX_ANSWER + 1)
    except (OSError, http.client.HTTPException, ValueError):
        raise NotVerified("nobody answers: start comptoir")
    finally:
        connection.close()
    if response.status in (401, 403):
        raise NotVerified("the token is refused: is this the folder of the counter that runs?")
    if response.status != 200:
        raise NotVerified("the counter answers %d" % response.status)
    try:
        answer = json.loads(body.decode("utf-8"))
        # Take unknown members as they come: some may be added.
        return str(answer["status"]), str(answer["words"]["headline"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotVerified("the answer is not a verdict")


def main(args):
    if len(args) > 2:
        print("usage: verify.py [FOLDER [DOMAIN]] < code.txt", file=sys.stderr)
        return 2
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    sys.stderr.reconfigure(encoding="utf-8", newline="\n")
    folder, domain = (args + ["", ""])[:2]
    code = sys.stdin.buffer.read(MAX_CODE).decode("utf-8", "replace").strip("\r\n")
    try:
        status, headline = ask(pathlib.Path(folder) if folder else own_folder(), domain, code)
    except NotVerified as why:
        print("not verified: %s" % why, file=sys.stderr)
        return 4
    print("%s: %s" % (status, headline))
    return EXITS.get(status, 4)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
