"""Tests a client against the faults of an echo server that has its control port and journal on. Usage:
docker run -d -p 7777:7777 -p 127.0.0.1:7778:7778 -e CONTROL_PORT=7778 -e CONTROL_HOST=0.0.0.0 -e JOURNAL_SIZE=1MiB IMAGE
python3 reconnecting_client.py ws://localhost:7777 http://localhost:7778
"""
import asyncio, json, sys, urllib.request
import websockets

async def client(*messages):  # The code under test: it reconnects until every message has a reply.
    replies = []
    async for socket in websockets.connect(sys.argv[1]):
        try:
            for message in messages[len(replies):]:
                await socket.send(message)
                replies.append(await socket.recv())
            await socket.close()
            return replies
        except websockets.ConnectionClosed:
            pass

def control(method, path, body=None):
    data, headers = json.dumps(body).encode() if body else None, {"Content-Type": "application/json"}
    return json.load(urllib.request.urlopen(urllib.request.Request(sys.argv[2] + path, data, headers, method=method)))

async def test():
    control("DELETE", "/messages")
    # The first handshake is refused, the next connection is closed after one reply, all others work.
    control("PUT", "/faults", [{"reject": 503}, {"close": 1011, "after": 1}, {}])
    assert await client("one", "two") == ["[RE]: one", "[RE]: two"]
    journal = control("GET", "/messages")
    assert [entry["fault"] for entry in journal["faults"]] == ["reject=503", "close=1011"]
    control("DELETE", "/faults")

asyncio.run(test())
