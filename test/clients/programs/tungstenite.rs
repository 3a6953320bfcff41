use std::net::TcpStream;
use std::time::Duration;
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::CloseFrame;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message};

fn payload(name: &str) -> Option<Message> {
    match name {
        "text" => Some(Message::text("hello")),
        "empty" => Some(Message::text("")),
        "binary" => Some(Message::binary(vec![0, 255])),
        "long" => Some(Message::text("x".repeat(2000))),
        "large" => Some(Message::text("x".repeat(1 << 20))),
        "emoji" => Some(Message::text("🙂🙃🙂")),
        _ => None,
    }
}

fn set_timeout(stream: &MaybeTlsStream<TcpStream>) {
    let limit = Some(Duration::from_secs(5));
    match stream {
        MaybeTlsStream::Plain(stream) => stream.set_read_timeout(limit).unwrap(),
        MaybeTlsStream::NativeTls(stream) => stream.get_ref().set_read_timeout(limit).unwrap(),
        _ => {}
    }
}

fn attempt(url: &str, sends: &str, subprotocol: &str) -> Vec<String> {
    let mut events = vec![];
    let mut request = url.into_client_request().unwrap();
    if subprotocol != "-" {
        request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol.parse().unwrap());
    }
    let (mut socket, response) = match tungstenite::connect(request) {
        Ok(connected) => connected,
        Err(Error::Http(response)) => return vec![format!("refused:{}", response.status().as_u16())],
        Err(_) => return vec!["error".to_string()],
    };
    set_timeout(socket.get_ref());
    events.push(match response.headers().get("Sec-WebSocket-Protocol") {
        Some(name) => format!("open:{}", name.to_str().unwrap()),
        None => "open".to_string(),
    });
    let payload = payload(sends);
    if let Some(message) = payload.clone() {
        socket.send(message).unwrap();
    }
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                let (code, reason) = frame.map_or((1005, String::new()), |frame| (frame.code.into(), frame.reason.to_string()));
                events.push(format!("close:{}:{}", code, reason));
            }
            Ok(message) if message.is_text() || message.is_binary() => {
                let kind = if message.is_text() { "text" } else { "binary" };
                events.push(if Some(message) == payload { kind } else { "wrong" }.to_string());
                let _ = socket.close(Some(CloseFrame { code: CloseCode::from(4001), reason: "bye".into() }));
            }
            Ok(_) => {}
            Err(Error::ConnectionClosed) => return events,
            Err(_) => {
                events.push("error".to_string());
                return events;
            }
        }
    }
}

fn main() {
    println!("{{\"version\":\"{}\"}}", std::env::var("CLIENT_VERSION").unwrap_or_default());
    let words: Vec<String> = std::env::args().skip(1).collect();
    for wanted in words.chunks_exact(4) {
        let events = attempt(&wanted[1], &wanted[2], &wanted[3]).join(" ");
        println!("{{\"check\":\"{}\",\"events\":\"{}\"}}", wanted[0], events);
    }
}
