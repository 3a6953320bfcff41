import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

class JavaHttp {
  static class Attempt implements WebSocket.Listener {
    final List<String> events = new ArrayList<>();
    final CountDownLatch ended = new CountDownLatch(1);
    final StringBuilder text = new StringBuilder();
    final Object payload;

    Attempt(Object payload) {
      this.payload = payload;
    }

    public void onOpen(WebSocket socket) {
      events.add(socket.getSubprotocol().isEmpty() ? "open" : "open:" + socket.getSubprotocol());
      socket.request(1);
      if (payload instanceof String string) socket.sendText(string, true);
      if (payload instanceof ByteBuffer bytes) socket.sendBinary(bytes.duplicate(), true);
    }

    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean isLast) {
      text.append(data);
      if (isLast) reply(socket, text.toString().equals(payload) ? "text" : "wrong");
      socket.request(1);
      return null;
    }

    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean isLast) {
      reply(socket, data.equals(payload) ? "binary" : "wrong");
      socket.request(1);
      return null;
    }

    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      events.add("close:" + code + ":" + reason);
      ended.countDown();
      return null;
    }

    public void onError(WebSocket socket, Throwable error) {
      events.add("error");
      ended.countDown();
    }

    void reply(WebSocket socket, String event) {
      events.add(event);
      socket.sendClose(4001, "bye");
    }
  }

  static List<String> attempt(HttpClient client, String url, String sends, String subprotocol) throws Exception {
    var attempt = new Attempt(Payloads.get(sends));
    var builder = client.newWebSocketBuilder();
    if (!subprotocol.equals("-")) builder.subprotocols(subprotocol);
    try {
      builder.buildAsync(URI.create(url), attempt).join();
      if (!attempt.ended.await(5, TimeUnit.SECONDS)) attempt.events.add("timeout");
    } catch (CompletionException error) {
      int status = error.getCause() instanceof WebSocketHandshakeException refusal ? refusal.getResponse().statusCode() : 0;
      attempt.events.add(status > 101 ? "refused:" + status : "error");
    }
    return attempt.events;
  }

  public static void main(String[] words) throws Exception {
    var client = HttpClient.newBuilder().sslContext(Payloads.trust()).build();
    Payloads.run(words, System.getProperty("java.version"), (url, sends, subprotocol) -> attempt(client, url, sends, subprotocol));
    System.exit(0);
  }
}
