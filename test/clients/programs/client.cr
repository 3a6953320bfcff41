require "http/web_socket"
require "json"
require "openssl"

PAYLOADS = {
  "text"   => "hello",
  "empty"  => "",
  "binary" => Bytes[0, 255],
  "long"   => "x" * 2000,
  "large"  => "x" * 2**20,
  "emoji"  => "🙂🙃🙂",
}

def attempt(url, sends, subprotocol)
  events = [] of String
  done = Channel(Nil).new(2)
  payload = PAYLOADS[sends]?
  headers = subprotocol == "-" ? HTTP::Headers.new : HTTP::Headers{"Sec-WebSocket-Protocol" => subprotocol}
  begin
    socket = HTTP::WebSocket.new(URI.parse(url), headers)
  rescue error
    status = error.message.try(&.[/status: (\d+)|got (\d+)|(\d{3})/]?)
    return [status && status != "101" ? "refused:#{status[/\d+/]}" : "error"]
  end
  # It does not tell which subprotocol the server has chosen.
  events << "open"
  reply = ->(event : String) do
    events << event
    socket.close(HTTP::WebSocket::CloseCode.new(4001), "bye")
  end
  socket.on_message { |data| reply.call(data == payload ? "text" : "wrong") }
  socket.on_binary { |data| reply.call(data == payload ? "binary" : "wrong") }
  socket.on_close { |code, reason| events << "close:#{code.value}:#{reason}" }
  spawn do
    begin
      socket.run
    rescue
      events << "error"
    end
    done.send(nil)
  end
  case payload
  when String, Bytes then socket.send(payload)
  end
  select
  when done.receive
  when timeout(5.seconds)
    events << "timeout"
  end
  events
end

puts({version: Crystal::VERSION}.to_json)
ARGV.each_slice(4) do |wanted|
  next if wanted.size < 4
  puts({check: wanted[0], events: attempt(wanted[1], wanted[2], wanted[3]).join(' ')}.to_json)
  STDOUT.flush
end
