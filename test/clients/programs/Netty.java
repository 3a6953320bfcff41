import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketClientHandshakerFactory;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler;
import io.netty.handler.codec.http.websocketx.WebSocketClientProtocolHandler.ClientHandshakeStateEvent;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketFrameAggregator;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import io.netty.handler.codec.http.websocketx.extensions.WebSocketClientExtensionHandler;
import io.netty.handler.codec.http.websocketx.extensions.compression.PerMessageDeflateClientExtensionHandshaker;
import io.netty.handler.ssl.SslContextBuilder;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

class Netty {
  static class Attempt extends SimpleChannelInboundHandler<WebSocketFrame> {
    final List<String> events = new ArrayList<>();
    final CountDownLatch ended = new CountDownLatch(1);
    final WebSocketClientProtocolHandler protocol;
    final Object payload;

    Attempt(Object payload, WebSocketClientProtocolHandler protocol) {
      this.payload = payload;
      this.protocol = protocol;
    }

    public void userEventTriggered(ChannelHandlerContext context, Object event) {
      if (event != ClientHandshakeStateEvent.HANDSHAKE_COMPLETE) return;
      var subprotocol = protocol.handshaker().actualSubprotocol();
      events.add(subprotocol == null ? "open" : "open:" + subprotocol);
      if (payload instanceof String text) context.writeAndFlush(new TextWebSocketFrame(text));
      if (payload instanceof ByteBuffer bytes) context.writeAndFlush(new BinaryWebSocketFrame(Unpooled.copiedBuffer(bytes)));
    }

    protected void channelRead0(ChannelHandlerContext context, WebSocketFrame frame) {
      if (frame instanceof CloseWebSocketFrame close) {
        events.add("close:" + close.statusCode() + ":" + close.reasonText());
        context.writeAndFlush(close.retain());
        return;
      }
      if (frame instanceof TextWebSocketFrame text) events.add(text.text().equals(payload) ? "text" : "wrong");
      else events.add(frame.content().nioBuffer().equals(payload) ? "binary" : "wrong");
      context.writeAndFlush(new CloseWebSocketFrame(4001, "bye"));
    }

    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
      var status = Pattern.compile("getStatus: (\\d{3})").matcher(String.valueOf(error.getMessage()));
      events.add(status.find() && !status.group(1).equals("101") ? "refused:" + status.group(1) : "error");
      context.close();
    }

    public void channelInactive(ChannelHandlerContext context) {
      if (events.size() < 2) events.add("error");
      ended.countDown();
    }
  }

  static List<String> attempt(NioEventLoopGroup group, String url, String sends, String subprotocol) throws Exception {
    var uri = URI.create(url);
    var handshaker = WebSocketClientHandshakerFactory.newHandshaker(
        uri, WebSocketVersion.V13, subprotocol.equals("-") ? null : subprotocol, true, new DefaultHttpHeaders(), 1 << 21);
    var protocol = new WebSocketClientProtocolHandler(handshaker, false);
    var attempt = new Attempt(Payloads.get(sends), protocol);
    var tls = SslContextBuilder.forClient().trustManager(Payloads.trustManagers()).build();
    var channel = new Bootstrap().group(group).channel(NioSocketChannel.class).handler(new ChannelInitializer<SocketChannel>() {
      protected void initChannel(SocketChannel channel) {
        var pipeline = channel.pipeline();
        if (uri.getScheme().equals("wss")) pipeline.addLast(tls.newHandler(channel.alloc(), uri.getHost(), uri.getPort()));
        // Netty's own WebSocketClientCompressionHandler refuses the parameters for which it did not ask.
        var compression = new PerMessageDeflateClientExtensionHandshaker(6, true, 15, true, true);
        pipeline.addLast(new HttpClientCodec(), new HttpObjectAggregator(8192), new WebSocketClientExtensionHandler(compression));
        pipeline.addLast(protocol, new WebSocketFrameAggregator(1 << 21), attempt);
      }
    }).connect(uri.getHost(), uri.getPort()).sync().channel();
    if (!attempt.ended.await(5, TimeUnit.SECONDS)) attempt.events.add("timeout");
    channel.close().sync();
    return attempt.events;
  }

  public static void main(String[] words) throws Exception {
    var group = new NioEventLoopGroup(1);
    var version = io.netty.util.Version.identify().get("netty-codec-http").artifactVersion();
    Payloads.run(words, version, (url, sends, subprotocol) -> attempt(group, url, sends, subprotocol));
    System.exit(0);
  }
}
