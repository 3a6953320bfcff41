local tls = require 'http.tls'
local websocket = require 'http.websocket'
local version = require 'http.version'
local x509 = require 'openssl.x509'
local store = require 'openssl.x509.store'

local payloads = {
  text = { 'text', 'hello' },
  empty = { 'text', '' },
  binary = { 'binary', '\0\xff' },
  long = { 'text', ('x'):rep(2000) },
  large = { 'text', ('x'):rep(2 ^ 20) },
  emoji = { 'text', '🙂🙃🙂' },
}

local context = tls.new_client_context()
local trusted = store.new()
trusted:add(x509.new(io.open(os.getenv 'SSL_CERT_FILE'):read '*a'))
context:setStore(trusted)

local function attempt(url, sends, subprotocol)
  local events = {}
  local function report(event) events[#events + 1] = event end
  local socket = websocket.new_from_uri(url, subprotocol ~= '-' and { subprotocol } or nil)
  socket.request.ctx = context
  local connected = socket:connect(5)
  if not connected then
    -- The message does not say which status came instead of 101.
    report 'error'
    return events
  end
  report(socket.protocol and 'open:' .. socket.protocol or 'open')
  local payload = payloads[sends]
  if payload then socket:send(payload[2], payload[1], 5) end
  local data, kind = socket:receive(5)
  if data then
    report(payload and data == payload[2] and kind == payload[1] and kind or 'wrong')
    socket:close(4001, 'bye', 5)
  end
  report(socket.got_close_code and ('close:%s:%s'):format(socket.got_close_code, socket.got_close_message or '') or 'error')
  return events
end

print(('{"version":"%s"}'):format(version.version))
for i = 1, #arg - 3, 4 do
  local succeeded, events = pcall(attempt, arg[i + 1], arg[i + 2], arg[i + 3])
  print(('{"check":"%s","events":"%s"}'):format(arg[i], succeeded and table.concat(events, ' ') or 'error'))
  io.flush()
end
