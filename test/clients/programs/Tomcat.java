import jakarta.websocket.ClientEndpointConfig;
import jakarta.websocket.CloseReason;
import jakarta.websocket.ContainerProvider;
import jakarta.websocket.DeploymentException;
import jakarta.websocket.Endpoint;
import jakarta.websocket.EndpointConfig;
import jakarta.websocket.Extension;
import jakarta.websocket.MessageHandler;
import jakarta.websocket.Session;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** The client of Tomcat, by the standard interface of Jakarta WebSocket. */
class Tomcat {
  static class Attempt extends Endpoint {
    final List<String> events = new ArrayList<>();
    final CountDownLatch ended = new CountDownLatch(1);
    final Object payload;

    Attempt(Object payload) {
      this.payload = payload;
    }

    public void onOpen(Session session, EndpointConfig config) {
      var subprotocol = session.getNegotiatedSubprotocol();
      events.add(subprotocol.isEmpty() ? "open" : "open:" + subprotocol);
      session.addMessageHandler(String.class, (MessageHandler.Whole<String>) text -> reply(session, text.equals(payload) ? "text" : "wrong"));
      session.addMessageHandler(ByteBuffer.class, (MessageHandler.Whole<ByteBuffer>) bytes -> reply(session, bytes.equals(payload) ? "binary" : "wrong"));
      if (payload instanceof String text) session.getAsyncRemote().sendText(text);
      if (payload instanceof ByteBuffer bytes) session.getAsyncRemote().sendBinary(bytes.duplicate());
    }

    public void onClose(Session session, CloseReason reason) {
      events.add("close:" + reason.getCloseCode().getCode() + ":" + reason.getReasonPhrase());
      ended.countDown();
    }

    public void onError(Session session, Throwable error) {
      events.add("error");
    }

    void reply(Session session, String event) {
      events.add(event);
      try {
        session.close(new CloseReason(CloseReason.CloseCodes.getCloseCode(4001), "bye"));
      } catch (IOException error) {
        events.add("error");
      }
    }
  }

  public static void main(String[] words) throws Exception {
    java.util.logging.LogManager.getLogManager().reset();
    var container = ContainerProvider.getWebSocketContainer();
    container.setDefaultMaxTextMessageBufferSize(1 << 21);
    List<Extension> extensions = container.getInstalledExtensions().stream().toList();
    var version = System.getenv("CLIENT_VERSION");
    Payloads.run(words, version, (url, sends, subprotocol) -> {
      var attempt = new Attempt(Payloads.get(sends));
      var config = ClientEndpointConfig.Builder.create().sslContext(Payloads.trust()).extensions(extensions);
      if (!subprotocol.equals("-")) config.preferredSubprotocols(List.of(subprotocol));
      try {
        container.connectToServer(attempt, config.build(), URI.create(url));
        if (!attempt.ended.await(5, TimeUnit.SECONDS)) attempt.events.add("timeout");
      } catch (DeploymentException error) {
        var status = Pattern.compile("\\[(\\d{3})\\]").matcher(String.valueOf(error.getMessage()));
        attempt.events.add(status.find() && !status.group(1).equals("101") ? "refused:" + status.group(1) : "error");
      }
      return attempt.events;
    });
    System.exit(0);
  }
}
