"""A server as tutorials for WebSockets have it: it prints what arrives, replies, and knows nothing of our endpoints."""

import asyncio
import sys

import websockets


async def reply(socket):
    print("Connected!", flush=True)
    while True:
        message = await socket.recv()
        print("Message received :", message, flush=True)
        await socket.send(f"[RE]: {message}")
        print("Just replied", flush=True)


async def main():
    async with websockets.serve(reply, "127.0.0.1", int(sys.argv[1])) as server:
        print("Port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
