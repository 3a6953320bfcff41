"""Connects once with one of two Python clients, and prints the reply to a message or how the handshake failed."""

import asyncio
import sys

name, url, *authorization = sys.argv[1:]


async def websockets_client():
    import websockets

    is_new = int(websockets.__version__.split(".")[0]) >= 14
    headers = {"Authorization": authorization[0]} if authorization else {}
    try:
        async with websockets.connect(url, **{"additional_headers" if is_new else "extra_headers": headers}) as socket:
            await socket.send("hello")
            return await socket.recv()
    except websockets.InvalidHandshake as error:
        answer = error.response if is_new else error
        return answer.status_code, answer.headers.get("Retry-After")


def websocket_client():
    import websocket

    try:
        socket = websocket.create_connection(url, header=[f"Authorization: {value}" for value in authorization])
    except websocket.WebSocketBadStatusException as error:
        return error.status_code, error.resp_headers.get("retry-after")
    except Exception:
        return "error"
    socket.send("hello")
    return socket.recv()


outcome = asyncio.run(websockets_client()) if name == "websockets" else websocket_client()
print(outcome if isinstance(outcome, str) else " ".join(str(part) for part in outcome if part))
