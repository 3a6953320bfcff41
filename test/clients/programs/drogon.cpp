#include <cstdlib>
#include <drogon/WebSocketClient.h>
#include <drogon/drogon.h>
#include <future>
#include <iostream>
#include <map>
#include <string>
#include <trantor/net/EventLoopThread.h>
#include <vector>

using namespace drogon;

static const std::map<std::string, std::pair<WebSocketMessageType, std::string>> payloads = {
  { "text", { WebSocketMessageType::Text, "hello" } },
  { "empty", { WebSocketMessageType::Text, "" } },
  { "binary", { WebSocketMessageType::Binary, std::string("\x00\xff", 2) } },
  { "long", { WebSocketMessageType::Text, std::string(2000, 'x') } },
  { "large", { WebSocketMessageType::Text, std::string(1 << 20, 'x') } },
  { "emoji", { WebSocketMessageType::Text, "🙂🙃🙂" } },
};

// Only the thread of the loop may use and destroy a client, and it still does when an attempt is over.
static std::vector<WebSocketClientPtr> clients;

static std::string attempt(trantor::EventLoop *loop, const std::string &url, const std::string &sends, const std::string &subprotocol) {
  auto events = std::make_shared<std::string>();
  auto done = std::make_shared<std::promise<void>>();
  auto isDone = std::make_shared<bool>(false);
  auto report = [events](const std::string &event) { *events += (events->empty() ? "" : " ") + event; };
  auto end = [done, isDone] {
    if (!*isDone) done->set_value();
    *isDone = true;
  };
  auto path = url.find('/', 6);
  auto client = WebSocketClient::newWebSocketClient(url.substr(0, path), loop);
  clients.push_back(client);
  auto request = HttpRequest::newHttpRequest();
  auto query = url.find('?');
  request->setPath(url.substr(path, query == std::string::npos ? query : query - path));
  if (query != std::string::npos) {
    auto parameters = url.substr(query + 1) + "&";
    for (size_t start = 0, next; (next = parameters.find('&', start)) != std::string::npos; start = next + 1) {
      auto parameter = parameters.substr(start, next - start);
      auto at = parameter.find('=');
      request->setParameter(parameter.substr(0, at), parameter.substr(at + 1));
    }
  }
  if (subprotocol != "-") request->addHeader("Sec-WebSocket-Protocol", subprotocol);
  client->setMessageHandler([=](std::string &&data, const WebSocketClientPtr &client, const WebSocketMessageType &type) {
    if (type == WebSocketMessageType::Close) {
      unsigned char first = data.size() > 1 ? data[0] : 0, second = data.size() > 1 ? data[1] : 0;
      return report("close:" + std::to_string(first << 8 | second) + ":" + (data.size() > 2 ? data.substr(2) : ""));
    }
    if (type != WebSocketMessageType::Text && type != WebSocketMessageType::Binary) return;
    auto payload = payloads.find(sends);
    bool isSame = payload != payloads.end() && payload->second == std::make_pair(type, data);
    report(isSame ? type == WebSocketMessageType::Text ? "text" : "binary" : "wrong");
    client->getConnection()->shutdown(static_cast<CloseCode>(4001), "bye");
  });
  client->setConnectionClosedHandler([=](const WebSocketClientPtr &) {
    report("close:");
    end();
  });
  client->connectToServer(request, [=](ReqResult result, const HttpResponsePtr &response, const WebSocketClientPtr &client) {
    if (result != ReqResult::Ok) {
      int status = response ? response->getStatusCode() : 0;
      report(status > 101 ? "refused:" + std::to_string(status) : "error");
      return end();
    }
    auto chosen = response->getHeader("Sec-WebSocket-Protocol");
    report(chosen.empty() ? "open" : "open:" + chosen);
    auto payload = payloads.find(sends);
    if (payload != payloads.end()) client->getConnection()->send(payload->second.second, payload->second.first);
  });
  if (done->get_future().wait_for(std::chrono::seconds(5)) == std::future_status::timeout) report("timeout");
  std::promise<std::string> result;
  loop->queueInLoop([&] {
    client->stop();
    result.set_value(*events);
  });
  return result.get_future().get();
}

int main(int count, char **words) {
  trantor::Logger::setLogLevel(trantor::Logger::kFatal);
  trantor::EventLoopThread thread;
  thread.run();
  std::cout << "{\"version\":\"" << getVersion() << "\"}" << std::endl;
  for (int i = 1; i + 3 < count; i += 4) {
    std::string events;
    try {
      events = attempt(thread.getLoop(), words[i + 1], words[i + 2], words[i + 3]);
    } catch (const std::exception &) {
      events = "error";
    }
    std::cout << "{\"check\":\"" << words[i] << "\",\"events\":\"" << events << "\"}" << std::endl;
  }
  std::quick_exit(0);
}
