import asyncio

import websockets
from common import checks, closed, opened, received

if int(websockets.__version__.split(".")[0]) < 14:
    InvalidStatus, status_of = websockets.InvalidStatusCode, lambda error: error.status_code
else:
    InvalidStatus, status_of = websockets.InvalidStatus, lambda error: error.response.status_code


async def attempt(url, payload, subprotocols, events):
    socket = None
    try:
        async with websockets.connect(url, subprotocols=subprotocols or None) as socket:
            events.append(opened(socket.subprotocol))
            if payload is not None:
                await socket.send(payload)
            events.append(received(await asyncio.wait_for(socket.recv(), 5), payload))
            await socket.close(4001, "bye")
    except InvalidStatus as error:
        events.append(f"refused:{status_of(error)}")
    except websockets.ConnectionClosed:
        pass
    except Exception:
        events.append("error")
    if socket:
        events.append(closed(socket.close_code, socket.close_reason))


async def main():
    for check in checks(websockets.__version__):
        await attempt(*check)


asyncio.run(main())
