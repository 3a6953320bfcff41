import asyncio
import logging

import tornado
from common import checks, closed, opened, received
from tornado.httpclient import HTTPClientError
from tornado.websocket import websocket_connect

logging.disable()


async def attempt(url, payload, subprotocols, events):
    try:
        socket = await websocket_connect(url, subprotocols=subprotocols or None, compression_options={})
        events.append(opened(socket.selected_subprotocol))
        if payload is not None:
            await socket.write_message(payload, binary=isinstance(payload, bytes))
        message = await asyncio.wait_for(socket.read_message(), 5)
        if message is not None:
            events.append(received(message, payload))
            socket.close(4001, "bye")
            await asyncio.wait_for(socket.read_message(), 5)
        events.append(closed(socket.close_code, socket.close_reason))
    except HTTPClientError as error:
        events.append(f"refused:{error.code}")
    except Exception:
        events.append("error")


async def main():
    for check in checks(tornado.version):
        await attempt(*check)


asyncio.run(main())
