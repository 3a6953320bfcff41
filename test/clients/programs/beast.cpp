#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/version.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/version.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <regex>
#include <string>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::asio::ip::tcp;

struct message {
  bool is_text;
  std::string data;
};

static const std::map<std::string, message> payloads = {
  { "text", { true, "hello" } },
  { "empty", { true, "" } },
  { "binary", { false, std::string("\x00\xff", 2) } },
  { "long", { true, std::string(2000, 'x') } },
  { "large", { true, std::string(1 << 20, 'x') } },
  { "emoji", { true, "🙂🙃🙂" } },
};

template <class Socket>
void converse(Socket &socket, const std::string &host, const std::string &target, const std::string &sends,
              const std::string &subprotocol, std::string &events) {
  auto report = [&](const std::string &event) { events += (events.empty() ? "" : " ") + event; };
  beast::error_code error;
  websocket::permessage_deflate compression;
  compression.client_enable = true;
  socket.set_option(compression);
  socket.set_option(websocket::stream_base::decorator([&](websocket::request_type &request) {
    if (subprotocol != "-") request.set(beast::http::field::sec_websocket_protocol, subprotocol);
  }));
  websocket::response_type response;
  socket.handshake(response, host, target, error);
  if (error) {
    auto status = response.result_int();
    return report(status > 101 ? "refused:" + std::to_string(status) : "error");
  }
  std::string chosen(response[beast::http::field::sec_websocket_protocol]);
  report(chosen.empty() ? "open" : "open:" + chosen);
  auto payload = payloads.find(sends);
  if (payload != payloads.end()) {
    socket.text(payload->second.is_text);
    socket.write(asio::buffer(payload->second.data), error);
  }
  for (;;) {
    beast::flat_buffer buffer;
    socket.read(buffer, error);
    if (error == websocket::error::closed)
      return report("close:" + std::to_string(socket.reason().code) + ":" + std::string(socket.reason().reason.c_str()));
    if (error) return report("error");
    bool is_same = payload != payloads.end() && payload->second.is_text == socket.got_text() &&
                   payload->second.data == beast::buffers_to_string(buffer.data());
    report(is_same ? socket.got_text() ? "text" : "binary" : "wrong");
    return socket.close(websocket::close_reason(websocket::close_code(4001), "bye"), error);
  }
}

static void attempt(const std::string &url, const std::string &sends, const std::string &subprotocol, std::string &events) {
  std::smatch part;
  std::regex_match(url, part, std::regex("(wss?)://([^:]+):(\\d+)(.*)"));
  asio::io_context context;
  auto addresses = tcp::resolver(context).resolve(part.str(2), part.str(3));
  if (part.str(1) == "ws") {
    websocket::stream<tcp::socket> socket(context);
    asio::connect(socket.next_layer(), addresses);
    return converse(socket, part.str(2) + ":" + part.str(3), part.str(4), sends, subprotocol, events);
  }
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.load_verify_file(std::getenv("SSL_CERT_FILE"));
  tls.set_verify_mode(asio::ssl::verify_peer);
  websocket::stream<asio::ssl::stream<tcp::socket>> socket(context, tls);
  socket.next_layer().set_verify_callback(asio::ssl::host_name_verification(part.str(2)));
  asio::connect(socket.next_layer().next_layer(), addresses);
  socket.next_layer().handshake(asio::ssl::stream_base::client);
  converse(socket, part.str(2) + ":" + part.str(3), part.str(4), sends, subprotocol, events);
}

int main(int count, char **words) {
  std::cout << "{\"version\":\"" << BOOST_LIB_VERSION << "\"}" << std::endl;
  for (int i = 1; i + 3 < count; i += 4) {
    std::string events;
    try {
      attempt(words[i + 1], words[i + 2], words[i + 3], events);
    } catch (const std::exception &) {
      events += " error";
    }
    std::cout << "{\"check\":\"" << words[i] << "\",\"events\":\"" << events << "\"}" << std::endl;
  }
}
