import asyncio

import aiohttp
from common import checks, closed, opened, received


async def attempt(url, payload, subprotocols, events):
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url, protocols=subprotocols, compress=15) as socket:
                events.append(opened(socket.protocol))
                if isinstance(payload, str):
                    await socket.send_str(payload)
                elif payload is not None:
                    await socket.send_bytes(payload)
                message = await socket.receive(5)
                if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    events.append(received(message.data, payload))
                    await socket.close(code=4001, message=b"bye")
                elif message.type == aiohttp.WSMsgType.CLOSE:
                    events.append(closed(message.data, message.extra))
                    return
                elif message.type == aiohttp.WSMsgType.ERROR:
                    events.append("error")
                events.append(closed(socket.close_code, ""))
        except aiohttp.WSServerHandshakeError as error:
            events.append("error" if error.status == 101 else f"refused:{error.status}")
        except Exception:
            events.append("error")


async def main():
    for check in checks(aiohttp.__version__):
        await attempt(*check)


asyncio.run(main())
