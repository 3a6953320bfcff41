#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct message {
  const char *name;
  unsigned int kind;
  size_t length;
  char *data;
};

static struct message payloads[] = {
  { "text", CURLWS_TEXT, 5, "hello" },
  { "empty", CURLWS_TEXT, 0, "" },
  { "binary", CURLWS_BINARY, 2, "\x00\xff" },
  { "emoji", CURLWS_TEXT, 12, "\xf0\x9f\x99\x82\xf0\x9f\x99\x83\xf0\x9f\x99\x82" },
  { "long", CURLWS_TEXT, 2000, NULL },
  { "large", CURLWS_TEXT, 1 << 20, NULL },
};

static char events[1000];

static void report(const char *event) {
  if (events[0]) strcat(events, " ");
  strcat(events, event);
}

static size_t find_subprotocol(char *line, size_t size, size_t count, void *found) {
  char value[100];
  if (sscanf(line, "Sec-WebSocket-Protocol: %99s", value) == 1) strcpy(found, value);
  return size * count;
}

static void wait_for(curl_socket_t socket, short what) {
  struct pollfd event = { .fd = socket, .events = what };
  poll(&event, 1, 1000);
}

static int send_all(CURL *curl, curl_socket_t socket, const char *data, size_t length, unsigned int kind) {
  size_t sent = 0;
  do {
    size_t count = 0;
    CURLcode code = curl_ws_send(curl, data + sent, length - sent, &count, 0, kind);
    sent += count;
    if (code == CURLE_AGAIN) wait_for(socket, POLLOUT);
    else if (code) return 0;
  } while (sent < length);
  return 1;
}

static void attempt(const char *url, const char *sends, const char *subprotocol) {
  struct message *payload = NULL;
  for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
    if (!strcmp(payloads[i].name, sends)) payload = &payloads[i];
  static char received[1 << 21];
  char text[300], chosen[100] = "";
  size_t length = 0;
  struct curl_slist *headers = NULL;
  CURL *curl = curl_easy_init();
  events[0] = 0;

  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 2L);
  curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, find_subprotocol);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, chosen);
  if (strcmp(subprotocol, "-")) {
    snprintf(text, sizeof text, "Sec-WebSocket-Protocol: %s", subprotocol);
    headers = curl_slist_append(headers, text);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  }
  if (curl_easy_perform(curl)) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    snprintf(text, sizeof text, "refused:%ld", status);
    report(status > 101 ? text : "error");
    curl_easy_cleanup(curl);
    return;
  }
  snprintf(text, sizeof text, chosen[0] ? "open:%s" : "open", chosen);
  report(text);
  curl_socket_t socket;
  curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &socket);
  if (payload) send_all(curl, socket, payload->data, payload->length, payload->kind);

  for (time_t end = time(NULL) + 5;;) {
    const struct curl_ws_frame *frame;
    size_t count = 0;
    CURLcode code = curl_ws_recv(curl, received + length, sizeof received - length, &count, &frame);
    if (time(NULL) > end) {
      report("timeout");
      break;
    }
    if (code == CURLE_AGAIN) {
      wait_for(socket, POLLIN);
      continue;
    }
    if (code) {
      report("error");
      break;
    }
    if (frame->flags & CURLWS_CLOSE) {
      unsigned char *close = (unsigned char *)received;
      snprintf(text, sizeof text, "close:%d:%.*s", close[0] << 8 | close[1], (int)count - 2, received + 2);
      report(text);
      send_all(curl, socket, received, count, CURLWS_CLOSE);
      break;
    }
    if (!(frame->flags & (CURLWS_TEXT | CURLWS_BINARY))) continue;
    length += count;
    if (frame->bytesleft || frame->flags & CURLWS_CONT) continue;
    int is_same = payload && frame->flags & payload->kind && length == payload->length && !memcmp(received, payload->data, length);
    report(is_same ? frame->flags & CURLWS_TEXT ? "text" : "binary" : "wrong");
    length = 0;
    send_all(curl, socket, "\x0f\xa1" "bye", 5, CURLWS_CLOSE);
  }
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
}

int main(int count, char **words) {
  for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
    if (!payloads[i].data) payloads[i].data = memset(malloc(payloads[i].length), 'x', payloads[i].length);
  printf("{\"version\":\"%s\"}\n", curl_version_info(CURLVERSION_NOW)->version);
  for (int i = 1; i + 3 < count; i += 4) {
    attempt(words[i + 1], words[i + 2], words[i + 3]);
    printf("{\"check\":\"%s\",\"events\":\"%s\"}\n", words[i], events);
    fflush(stdout);
  }
}
