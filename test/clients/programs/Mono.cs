using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

static class Mono {
  static KeyValuePair<WebSocketMessageType, byte[]>? PayloadOf(string sends) {
    Func<string, KeyValuePair<WebSocketMessageType, byte[]>?> text = value =>
      new KeyValuePair<WebSocketMessageType, byte[]>(WebSocketMessageType.Text, Encoding.UTF8.GetBytes(value));
    switch (sends) {
      case "text": return text("hello");
      case "empty": return text("");
      case "binary": return new KeyValuePair<WebSocketMessageType, byte[]>(WebSocketMessageType.Binary, new byte[] { 0, 255 });
      case "long": return text(new string('x', 2000));
      case "large": return text(new string('x', 1 << 20));
      case "emoji": return text("🙂🙃🙂");
      default: return null;
    }
  }

  static async Task Attempt(string url, string sends, string subprotocol, List<string> events) {
    var payload = PayloadOf(sends);
    var late = new CancellationTokenSource(5000).Token;
    try {
      using (var socket = new ClientWebSocket()) {
        if (subprotocol != "-") socket.Options.AddSubProtocol(subprotocol);
        await socket.ConnectAsync(new Uri(url), late);
        events.Add(string.IsNullOrEmpty(socket.SubProtocol) ? "open" : "open:" + socket.SubProtocol);
        if (payload != null) await socket.SendAsync(new ArraySegment<byte>(payload.Value.Value), payload.Value.Key, true, late);
        var buffer = new byte[1 << 16];
        var message = new MemoryStream();
        while (true) {
          var received = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), late);
          if (received.MessageType == WebSocketMessageType.Close) {
            events.Add("close:" + (int?)received.CloseStatus + ":" + received.CloseStatusDescription);
            if (socket.State == WebSocketState.CloseReceived)
              await socket.CloseOutputAsync(received.CloseStatus.Value, "", late);
            return;
          }
          message.Write(buffer, 0, received.Count);
          if (!received.EndOfMessage) continue;
          var isSame = payload != null && payload.Value.Key == received.MessageType &&
            Convert.ToBase64String(payload.Value.Value) == Convert.ToBase64String(message.ToArray());
          events.Add(isSame ? received.MessageType.ToString().ToLower() : "wrong");
          await socket.CloseOutputAsync((WebSocketCloseStatus)4001, "bye", late);
        }
      }
    } catch (OperationCanceledException) {
      events.Add("timeout");
    } catch (Exception) {
      events.Add("error");
    }
  }

  static void Main(string[] words) {
    // Mono has no option for an authority of its own: it trusts those of the machine.
    var version = Type.GetType("Mono.Runtime").GetMethod("GetDisplayName", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static).Invoke(null, null);
    Console.WriteLine("{\"version\":\"" + version.ToString().Split(' ')[0] + "\"}");
    for (var i = 0; i + 3 < words.Length; i += 4) {
      var events = new List<string>();
      Attempt(words[i + 1], words[i + 2], words[i + 3], events).Wait();
      Console.WriteLine("{\"check\":\"" + words[i] + "\",\"events\":\"" + string.Join(" ", events) + "\"}");
    }
  }
}
