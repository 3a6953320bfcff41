#include <QCoreApplication>
#include <QFile>
#include <QMap>
#include <QNetworkRequest>
#include <QSslCertificate>
#include <QSslConfiguration>
#include <QTextStream>
#include <QTimer>
#include <QWebSocket>
#include <QWebSocketHandshakeOptions>

static const QMap<QString, QString> texts = {
  { "text", "hello" },
  { "empty", "" },
  { "long", QString(2000, 'x') },
  { "large", QString(1 << 20, 'x') },
  { "emoji", "🙂🙃🙂" },
};
static const QByteArray bytes("\x00\xff", 2);

static QStringList attempt(const QString &url, const QString &sends, const QString &subprotocol) {
  QStringList events;
  QWebSocket socket;
  QEventLoop loop;
  auto reply = [&](const QString &event) {
    events << event;
    socket.close(static_cast<QWebSocketProtocol::CloseCode>(4001), "bye");
  };
  QObject::connect(&socket, &QWebSocket::connected, [&] {
    events << (socket.subprotocol().isEmpty() ? "open" : "open:" + socket.subprotocol());
    if (texts.contains(sends)) socket.sendTextMessage(texts[sends]);
    if (sends == "binary") socket.sendBinaryMessage(bytes);
  });
  QObject::connect(&socket, &QWebSocket::textMessageReceived, [&](const QString &data) {
    reply(texts.contains(sends) && texts[sends] == data ? "text" : "wrong");
  });
  QObject::connect(&socket, &QWebSocket::binaryMessageReceived, [&](const QByteArray &data) {
    reply(sends == "binary" && data == bytes ? "binary" : "wrong");
  });
  QObject::connect(&socket, &QWebSocket::errorOccurred, [&] {
    events << "error";
    if (socket.state() == QAbstractSocket::UnconnectedState) loop.quit();
  });
  QObject::connect(&socket, &QWebSocket::disconnected, [&] {
    events << QString("close:%1:%2").arg(socket.closeCode()).arg(socket.closeReason());
    loop.quit();
  });
  QTimer::singleShot(5000, &loop, [&] {
    events << "timeout";
    loop.quit();
  });
  QWebSocketHandshakeOptions options;
  if (subprotocol != "-") options.setSubprotocols({ subprotocol });
  socket.open(QUrl(url), options);
  loop.exec();
  return events;
}

int main(int count, char **words) {
  QCoreApplication application(count, words);
  auto configuration = QSslConfiguration::defaultConfiguration();
  configuration.setCaCertificates(QSslCertificate::fromPath(qEnvironmentVariable("SSL_CERT_FILE")));
  QSslConfiguration::setDefaultConfiguration(configuration);
  QTextStream output(stdout);
  output << "{\"version\":\"" << qVersion() << "\"}" << Qt::endl;
  for (int i = 1; i + 3 < count; i += 4) {
    auto events = attempt(words[i + 1], words[i + 2], words[i + 3]).join(' ');
    output << "{\"check\":\"" << words[i] << "\",\"events\":\"" << events << "\"}" << Qt::endl;
  }
}
