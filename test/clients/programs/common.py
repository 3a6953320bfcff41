"""What the clients in Python share: the checks on the command line, and their payloads."""

import json
import sys

PAYLOADS = {
    "text": "hello",
    "empty": "",
    "binary": b"\0\xff",
    "long": "x" * 2000,
    "large": "x" * 2**20,
    "emoji": "🙂🙃🙂",
}


def opened(subprotocol):
    return f"open:{subprotocol}" if subprotocol else "open"


def received(message, payload):
    if message != payload:
        return "wrong"
    return "text" if isinstance(message, str) else "binary"


def closed(code, reason):
    return f"close:{code}:{reason or ''}"


def checks(version):
    """Yields the URL, the payload or None, the subprotocols and a list for the events, which it prints afterwards."""
    print(json.dumps({"version": version}), flush=True)
    words = iter(sys.argv[1:])
    for check, url, sends, subprotocol in zip(words, words, words, words):
        events = []
        yield url, PAYLOADS.get(sends), [] if subprotocol == "-" else [subprotocol], events
        print(json.dumps({"check": check, "events": " ".join(events)}), flush=True)
