"""A WebSocket server with the library websockets. Prints its port, and echoes or broadcasts until it is killed."""

import asyncio
import sys

import websockets

clients = set()


async def echo(socket, *_):
    async for message in socket:
        await socket.send(message)


async def broadcast(socket, *_):
    clients.add(socket)
    try:
        async for message in socket:
            await asyncio.gather(*(client.send(message) for client in clients))
    finally:
        clients.remove(socket)


async def main():
    handler = {"echo": echo, "broadcast": broadcast}[sys.argv[1]]
    server = await websockets.serve(handler, "127.0.0.1", 0)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
