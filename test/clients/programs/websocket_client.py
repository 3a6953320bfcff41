import ssl

import websocket
from common import checks, closed, opened, received


def attempt(url, payload, subprotocols, events):
    try:
        context = {"context": ssl.create_default_context()}
        socket = websocket.create_connection(url, timeout=5, subprotocols=subprotocols, sslopt=context)
        events.append(opened(socket.subprotocol))
        if payload is not None:
            socket.send(payload, websocket.ABNF.OPCODE_TEXT if isinstance(payload, str) else websocket.ABNF.OPCODE_BINARY)
        opcode, data = socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            events.append(closed(int.from_bytes(data[:2], "big"), data[2:].decode()))
        else:
            events.append(received(data.decode() if opcode == websocket.ABNF.OPCODE_TEXT else data, payload))
            socket.close(4001, b"bye")
    except websocket.WebSocketBadStatusException as error:
        events.append(f"refused:{error.status_code}")
    except Exception:
        events.append("error")


for check in checks(websocket.__version__):
    attempt(*check)
