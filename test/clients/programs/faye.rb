require 'eventmachine'
require 'faye/websocket'
require 'json'

PAYLOADS = {
  'text' => 'hello',
  'empty' => '',
  'binary' => [0, 255],
  'long' => 'x' * 2000,
  'large' => 'x' * 2**20,
  'emoji' => '🙂🙃🙂'
}.freeze

def attempt(url, sends, subprotocol)
  events = []
  payload = PAYLOADS[sends]
  EM.run do
    tls = { root_cert_file: ENV['SSL_CERT_FILE'] }
    socket = Faye::WebSocket::Client.new(url, subprotocol == '-' ? [] : [subprotocol], tls: tls)
    socket.on(:open) do
      events << (socket.protocol.to_s.empty? ? 'open' : "open:#{socket.protocol}")
      socket.send(payload) if payload
    end
    socket.on(:message) do |event|
      kind = event.data.is_a?(String) ? 'text' : 'binary'
      events << (event.data == payload ? kind : 'wrong')
      socket.close(4001, 'bye')
    end
    socket.on(:error) do |event|
      status = event.message[/Unexpected response code: (\d+)/, 1]
      events << (status ? "refused:#{status}" : 'error')
    end
    socket.on(:close) do |event|
      events << "close:#{event.code}:#{event.reason}"
      EM.stop
    end
    EM.add_timer(5) do
      events << 'timeout'
      EM.stop
    end
  end
  events
end

$stdout.sync = true
puts JSON.generate(version: Gem::Specification.find_by_name('faye-websocket').version)
ARGV.each_slice(4) do |check, *wanted|
  puts JSON.generate(check: check, events: attempt(*wanted).join(' '))
end
