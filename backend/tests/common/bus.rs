//! A client of a live bus, for tests.

use std::io;
use std::net::TcpStream;
use std::path::Path;

use shared::messaging::protocol::{BusCommand, BusEvent, Content, DeliverEvent, decode_event, encode_command};
use tungstenite::client::IntoClientRequest;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message, WebSocket};

use super::{PATIENCE, Server};

/// A file with a bus: what stands below `messaging`, each line indented.
pub fn bus_file(folder: &Path, middle: &str) -> String {
    let path = folder.join("bus.yaml");
    let middle: String = middle.lines().map(|line| format!("  {line}\n")).collect();
    std::fs::write(&path, format!("millrace: 1\nmessaging:\n  for: 1 s\n{middle}")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A server with one bus, `b`, whose experiment's clients do not run.
pub fn server(middle: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = bus_file(folder.path(), middle);
    Server::start(&["--bus", &format!("b={file}"), "--bus-only", "--client-slow", "2"])
}

pub struct BusClient {
    pub socket: WebSocket<TcpStream>,
    pub credit: u32,
    pub name: String,
}

impl BusClient {
    /// A client after its hello.
    pub fn open(server: &Server, confirms: bool) -> BusClient {
        BusClient::open_at(server.port, confirms)
    }

    pub fn open_at(port: u16, confirms: bool) -> BusClient {
        let mut client = BusClient::silent_at(port);
        client.say(&BusCommand::Hello { confirms });
        match client.next() {
            BusEvent::Opened { credit, client: name, .. } => (client.credit, client.name) = (credit, name),
            other => panic!("`opened` was expected, not {other:?}"),
        }
        client
    }

    /// One that has not said anything.
    pub fn silent(server: &Server) -> BusClient {
        BusClient::silent_at(server.port)
    }

    fn silent_at(port: u16) -> BusClient {
        let request = format!("ws://127.0.0.1:{port}/api/bus/b").into_client_request().unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (socket, _) = tungstenite::client::client_with_config(request, stream, Some(config)).unwrap();
        BusClient { socket, credit: 0, name: String::new() }
    }

    pub fn say(&mut self, command: &BusCommand) {
        self.socket.send(Message::text(encode_command(command))).unwrap();
    }

    /// Says something that the server may be too cross to hear.
    pub fn try_say(&mut self, text: &str) -> Result<(), Error> {
        self.socket.send(Message::text(text.to_owned()))
    }

    pub fn publish(&mut self, key: &str, body: &str) {
        let message = Content { key: key.to_owned(), body: Some(body.to_owned()), ..Content::default() };
        self.say(&BusCommand::Publish { message, mandatory: false });
    }

    pub fn consume(&mut self, queue: &str, prefetch: u32) {
        self.say(&BusCommand::Consume { tag: 1, queue: queue.to_owned(), prefetch, auto_ack: false });
    }

    pub fn ack(&mut self, delivery: u64) {
        self.say(&BusCommand::Ack { delivery, multiple: false });
    }

    /// The next word.
    pub fn next(&mut self) -> BusEvent {
        loop {
            match self.socket.read().unwrap() {
                Message::Text(text) => return decode_event(&text).unwrap(),
                Message::Close(reason) => panic!("closed: {reason:?}"),
                _ => {}
            }
        }
    }

    /// The next delivery, over credit and confirms.
    pub fn delivery(&mut self) -> DeliverEvent {
        loop {
            match self.next() {
                BusEvent::Deliver(delivery) => return *delivery,
                BusEvent::Credit { .. } | BusEvent::Confirm { .. } => {}
                other => panic!("a delivery was expected, not {other:?}"),
            }
        }
    }

    /// Everything that was said until now.
    pub fn until_pong(&mut self) -> Vec<BusEvent> {
        self.say(&BusCommand::Ping);
        let mut events = Vec::new();
        loop {
            match self.next() {
                BusEvent::Pong => return events,
                event => events.push(event),
            }
        }
    }

    /// How the connection ends: the code and the sentence that were said, and the code of the close frame.
    pub fn until_closed(&mut self) -> (Option<(u16, String)>, Option<u16>) {
        let mut said = None;
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    if let BusEvent::Closed { code, reason } = decode_event(&text).unwrap() {
                        said = Some((code, reason));
                    }
                }
                Ok(Message::Close(reason)) => return (said, reason.map(|reason| reason.code.into())),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => panic!("it is not closed"),
                Err(_) => return (said, None),
            }
        }
    }
}

/// What the bus has counted.
pub fn state(server: &Server) -> serde_json::Value {
    serde_json::from_str(&server.get("/api/bus/b").body).unwrap()
}
