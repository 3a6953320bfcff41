import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.nio.ByteBuffer;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import okhttp3.WebSocket;
import okhttp3.WebSocketListener;
import okio.ByteString;

class OkHttp {
  static class Attempt extends WebSocketListener {
    final List<String> events = new ArrayList<>();
    final CountDownLatch ended = new CountDownLatch(1);
    final Object payload;
    boolean isOpen;

    Attempt(Object payload) {
      this.payload = payload;
    }

    public void onOpen(WebSocket socket, Response response) {
      var subprotocol = response.header("Sec-WebSocket-Protocol");
      events.add(subprotocol == null ? "open" : "open:" + subprotocol);
      isOpen = true;
      if (payload instanceof String text) socket.send(text);
      if (payload instanceof ByteBuffer bytes) socket.send(ByteString.of(bytes.duplicate()));
    }

    public void onMessage(WebSocket socket, String text) {
      reply(socket, text.equals(payload) ? "text" : "wrong");
    }

    public void onMessage(WebSocket socket, ByteString bytes) {
      reply(socket, bytes.asByteBuffer().equals(payload) ? "binary" : "wrong");
    }

    public void onClosing(WebSocket socket, int code, String reason) {
      socket.close(code, null);
    }

    public void onClosed(WebSocket socket, int code, String reason) {
      events.add("close:" + code + ":" + reason);
      ended.countDown();
    }

    public void onFailure(WebSocket socket, Throwable error, Response response) {
      int status = response == null || isOpen ? 0 : response.code();
      events.add(status > 101 ? "refused:" + status : "error");
      ended.countDown();
    }

    void reply(WebSocket socket, String event) {
      events.add(event);
      socket.close(4001, "bye");
    }
  }

  public static void main(String[] words) throws Exception {
    var client = new OkHttpClient.Builder()
        .sslSocketFactory(Payloads.trust().getSocketFactory(), Payloads.trustManager())
        .build();
    Payloads.run(words, okhttp3.internal.Version.userAgent().split("/")[1], (url, sends, subprotocol) -> {
      var attempt = new Attempt(Payloads.get(sends));
      var request = new Request.Builder().url(url);
      if (!subprotocol.equals("-")) request.header("Sec-WebSocket-Protocol", subprotocol);
      client.newWebSocket(request.build(), attempt);
      if (!attempt.ended.await(5, TimeUnit.SECONDS)) attempt.events.add("timeout");
      return attempt.events;
    });
    System.exit(0);
  }
}
