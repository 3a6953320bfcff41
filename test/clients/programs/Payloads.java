import java.io.FileInputStream;
import java.nio.ByteBuffer;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** What the clients in Java share: the checks on the command line, their payloads, and the authority. */
class Payloads {
  interface Attempt {
    List<String> run(String url, String sends, String subprotocol) throws Exception;
  }

  static Object get(String name) {
    return switch (name) {
      case "text" -> "hello";
      case "empty" -> "";
      case "binary" -> ByteBuffer.wrap(new byte[] {0, -1});
      case "long" -> "x".repeat(2000);
      case "large" -> "x".repeat(1 << 20);
      case "emoji" -> "🙂🙃🙂";
      default -> null;
    };
  }

  static TrustManagerFactory trustManagers() throws Exception {
    var store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (var file = new FileInputStream(System.getenv("SSL_CERT_FILE"))) {
      store.setCertificateEntry("echo", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    return factory;
  }

  static SSLContext trust() throws Exception {
    var context = SSLContext.getInstance("TLS");
    context.init(null, trustManagers().getTrustManagers(), null);
    return context;
  }

  static X509TrustManager trustManager() throws Exception {
    return (X509TrustManager) trustManagers().getTrustManagers()[0];
  }

  static void run(String[] words, String version, Attempt attempt) throws Exception {
    System.out.printf("{\"version\":\"%s\"}%n", version);
    for (int i = 0; i + 3 < words.length; i += 4) {
      var events = String.join(" ", attempt.run(words[i + 1], words[i + 2], words[i + 3]));
      System.out.printf("{\"check\":\"%s\",\"events\":\"%s\"}%n", words[i], events);
    }
  }
}
