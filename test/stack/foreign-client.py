import asyncio
import sys

import websockets


async def main(address):
    async with websockets.connect(address) as websocket:
        for message in ("hello", b"\x00\xff"):
            await websocket.send(message)
            print(repr(await websocket.recv()))
        await websocket.ping()
    print("closed", websocket.close_code)


asyncio.run(main(sys.argv[1]))
