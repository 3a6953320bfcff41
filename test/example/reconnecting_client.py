"""Tests a client against the faults of an echo server that has its control port open. Usage:
docker run -d -p 7777:7777 -p 127.0.0.1:7778:7778 -e CONTROL_PORT=7778 -e CONTROL_HOST=0.0.0.0 IMAGE
python3 reconnecting_client.py ws://localhost:7777 http://localhost:7778
"""
import asyncio, json, re, sys, urllib.request
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
    return urllib.request.urlopen(urllib.request.Request(sys.argv[2] + path, data, headers, method=method)).read()

def refusals():  # How often the server has refused a handshake because of reject=503.
    return re.findall(rb'outcome="asked"} (\d+)', control("GET", "/metrics"))

async def test():
    control("PUT", "/faults", {"reject": 503})
    before, replies = refusals(), asyncio.create_task(client("hello"))
    while refusals() == before: await asyncio.sleep(0.1)
    control("PUT", "/faults", {"delay": "1m"})  # The client now gets in, and waits for its reply.
    while not json.loads(control("GET", "/connections"))["connections"]: await asyncio.sleep(0.1)
    control("PUT", "/faults", {"close": 1011, "after": 1})  # Every further connection gets one reply.
    control("DELETE", "/connections?code=1012")
    assert await replies == ["[RE]: hello"]
    assert await client("one", "two") == ["[RE]: one", "[RE]: two"]
    control("DELETE", "/faults")

asyncio.run(test())
