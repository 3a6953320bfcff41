#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct message {
  const char *name;
  enum lws_write_protocol kind;
  size_t length;
  char *data;
};

static struct message payloads[] = {
  { "text", LWS_WRITE_TEXT, 5, "hello" },
  { "empty", LWS_WRITE_TEXT, 0, "" },
  { "binary", LWS_WRITE_BINARY, 2, "\x00\xff" },
  { "emoji", LWS_WRITE_TEXT, 12, "\xf0\x9f\x99\x82\xf0\x9f\x99\x83\xf0\x9f\x99\x82" },
  { "long", LWS_WRITE_TEXT, 2000, NULL },
  { "large", LWS_WRITE_TEXT, 1 << 20, NULL },
};

static struct message *payload;
static char events[1000], received[1 << 21];
static size_t length;
static int done, sent, closing;

static void report(const char *event) {
  if (events[0]) strcat(events, " ");
  strcat(events, event);
}

static int callback(struct lws *socket, enum lws_callback_reasons reason, void *user, void *in, size_t size) {
  char text[200];
  switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: {
      unsigned int status = lws_http_client_http_response(socket);
      snprintf(text, sizeof text, "refused:%u", status);
      report(status > 101 ? text : "error");
      done = 1;
      break;
    }
    case LWS_CALLBACK_CLIENT_ESTABLISHED: {
      const char *name = lws_get_protocol(socket)->name;
      snprintf(text, sizeof text, strcmp(name, "-") ? "open:%s" : "open", name);
      report(text);
      if (payload) lws_callback_on_writable(socket);
      break;
    }
    case LWS_CALLBACK_CLIENT_WRITEABLE: {
      if (closing) {
        lws_close_reason(socket, 4001, (unsigned char *)"bye", 3);
        return -1;
      }
      // It is also called for the library's own frames.
      if (sent || !payload) break;
      sent = 1;
      unsigned char *buffer = malloc(LWS_PRE + payload->length + 1);
      memcpy(buffer + LWS_PRE, payload->data, payload->length);
      lws_write(socket, buffer + LWS_PRE, payload->length, payload->kind);
      free(buffer);
      break;
    }
    case LWS_CALLBACK_CLIENT_RECEIVE: {
      if (length + size > sizeof received) return -1;
      memcpy(received + length, in, size);
      length += size;
      if (!lws_is_final_fragment(socket) || lws_remaining_packet_payload(socket)) break;
      int is_binary = lws_frame_is_binary(socket);
      int is_same = payload && is_binary == (payload->kind == LWS_WRITE_BINARY) && length == payload->length &&
                    !memcmp(received, payload->data, length);
      report(is_same ? is_binary ? "binary" : "text" : "wrong");
      closing = 1;
      lws_callback_on_writable(socket);
      break;
    }
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: {
      unsigned char *close = in;
      if (size < 2) report("close:1005:");
      else {
        snprintf(text, sizeof text, "close:%d:%.*s", close[0] << 8 | close[1], (int)size - 2, (char *)in + 2);
        report(text);
      }
      break;
    }
    case LWS_CALLBACK_CLIENT_CLOSED:
      if (!strstr(events, "close:")) report(closing ? "closed" : "error");
      done = 1;
      break;
    default:
      break;
  }
  return 0;
}

static void attempt(char *url, const char *sends, const char *subprotocol) {
  struct lws_protocols protocols[] = { { subprotocol, callback, 0, 1 << 16 }, { NULL, NULL, 0, 0 } };
  struct lws_context_creation_info info = { .port = CONTEXT_PORT_NO_LISTEN, .protocols = protocols,
    .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT, .client_ssl_ca_filepath = getenv("SSL_CERT_FILE") };
  // No compression: version 4.1 would deliver an uncompressed message again and again.
  struct lws_context *context = lws_create_context(&info);
  const char *scheme, *address, *path;
  char target[500];
  struct lws_client_connect_info connection = { .context = context };
  payload = NULL;
  for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
    if (!strcmp(payloads[i].name, sends)) payload = &payloads[i];
  events[0] = 0;
  length = done = sent = closing = 0;

  if (lws_parse_uri(url, &scheme, &address, &connection.port, &path)) return;
  snprintf(target, sizeof target, "/%s", path);
  connection.address = connection.host = address;
  connection.path = target;
  connection.ssl_connection = strcmp(scheme, "wss") ? 0 : LCCSCF_USE_SSL;
  connection.protocol = strcmp(subprotocol, "-") ? subprotocol : NULL;
  connection.local_protocol_name = subprotocol;
  if (!lws_client_connect_via_info(&connection)) done = 1;
  time_t end = time(NULL) + 5;
  while (!done && time(NULL) < end) lws_service(context, 0);
  if (!done) report("timeout");
  lws_context_destroy(context);
}

int main(int count, char **words) {
  for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
    if (!payloads[i].data) payloads[i].data = memset(malloc(payloads[i].length), 'x', payloads[i].length);
  lws_set_log_level(0, NULL);
  printf("{\"version\":\"%d.%d.%d\"}\n", LWS_LIBRARY_VERSION_MAJOR, LWS_LIBRARY_VERSION_MINOR, LWS_LIBRARY_VERSION_PATCH);
  for (int i = 1; i + 3 < count; i += 4) {
    attempt(words[i + 1], words[i + 2], words[i + 3]);
    printf("{\"check\":\"%s\",\"events\":\"%s\"}\n", words[i], events);
    fflush(stdout);
  }
}
