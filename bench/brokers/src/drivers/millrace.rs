//! A live bus of Millrace over its WebSocket, by its protocol as `docs/asyncapi.json` has it: confirms, credit, and an acknowledgement for
//! each delivery. Its queues are those of the experiment: `work`, and `copies-0` and on behind a fanout exchange `copies`.

use std::borrow::Cow;

use bytes::Bytes;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{COPIES, Consumer, Driver, Publisher, WORK, said};
use crate::Done;
use crate::load::{Load, PREFETCH, WINDOW};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Millrace {
    url: String,
    load: Load,
}

pub struct MillracePublisher {
    socket: Socket,
    /// What stands before a body.
    head: String,
    credit: u32,
    unconfirmed: usize,
    pub sent: u64,
    pub confirmed: u64,
    refused: u64,
    /// Why the bus has closed the connection: the code and its sentence.
    pub closed: Option<(u16, String)>,
}

pub struct MillraceConsumer {
    socket: Socket,
}

/// The bus's words, as far as a client has to know them: one structure for all, because that is read in one pass.
#[derive(Deserialize)]
struct Word<'w> {
    #[serde(rename = "type")]
    kind: &'w str,
    credit: Option<u32>,
    more: Option<u32>,
    ok: Option<bool>,
    delivery: Option<&'w str>,
    #[serde(borrow)]
    message: Option<Content<'w>>,
    code: Option<u16>,
    #[serde(borrow)]
    reason: Option<Cow<'w, str>>,
}

#[derive(Deserialize)]
struct Content<'w> {
    #[serde(borrow, default)]
    body: Cow<'w, str>,
}

impl Driver for Millrace {
    type Publisher = MillracePublisher;
    type Consumer = MillraceConsumer;

    async fn connect(url: &str, load: &Load) -> Done<Millrace> {
        Ok(Millrace { url: format!("{url}/api/bus/{}", load.bus), load: load.clone() })
    }

    async fn publisher(&self, _: usize) -> Done<MillracePublisher> {
        let (exchange, key) = if self.load.copied { (COPIES, "") } else { ("", WORK) };
        MillracePublisher::open(&self.url, exchange, key, self.load.persistent).await
    }

    async fn consumer(&self, number: usize) -> Done<MillraceConsumer> {
        let queue = if self.load.copied { format!("{COPIES}-{number}") } else { WORK.to_owned() };
        MillraceConsumer::open(&self.url, &queue).await
    }
}

impl MillracePublisher {
    pub async fn open(url: &str, exchange: &str, key: &str, persistent: bool) -> Done<MillracePublisher> {
        let mut socket = greet(url, true).await?;
        let credit = read(&listen(&mut socket).await?)?.credit.ok_or("the bus opens no connection")?;
        let head = format!(
            r#"{{"v":1,"type":"publish","message":{{"exchange":"{exchange}","key":"{key}","persistent":{persistent},"body":""#
        );
        Ok(MillracePublisher { socket, head, credit, unconfirmed: 0, sent: 0, confirmed: 0, refused: 0, closed: None })
    }

    fn hear(&mut self, text: &str) -> Done<()> {
        let word = read(text)?;
        match word.kind {
            "credit" => self.credit += word.more.unwrap_or(0),
            "confirm" => {
                self.unconfirmed -= 1;
                if word.ok == Some(true) { self.confirmed += 1 } else { self.refused += 1 }
            }
            "closed" => {
                self.closed = word.code.zip(word.reason.map(Cow::into_owned));
                return Err(format!("the bus has closed the connection: {text}"));
            }
            _ => {}
        }
        Ok(())
    }

    /// After a failure: whether the bus has closed the connection, and said so.
    pub async fn was_closed(&mut self) -> bool {
        while self.closed.is_none() {
            match listen(&mut self.socket).await {
                // A failure is what it has closed it for.
                Ok(text) => drop(self.hear(&text)),
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes what the bus has said.
    fn catch_up(&mut self) -> Done<()> {
        while let Some(text) = listen(&mut self.socket).now_or_never() {
            self.hear(&text?)?;
        }
        Ok(())
    }
}

impl MillraceConsumer {
    pub async fn open(url: &str, queue: &str) -> Done<MillraceConsumer> {
        let mut socket = greet(url, false).await?;
        let consume = format!(r#"{{"v":1,"type":"consume","tag":1,"queue":"{queue}","prefetch":{PREFETCH}}}"#);
        socket.send(Message::text(consume)).await.map_err(said("the bus does not listen"))?;
        Ok(MillraceConsumer { socket })
    }
}

async fn greet(url: &str, confirms: bool) -> Done<Socket> {
    let (mut socket, _) = connect_async(url).await.map_err(said("Millrace is not reached"))?;
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_nodelay(true).map_err(said("the socket delays"))?;
    }
    let hello = format!(r#"{{"v":1,"type":"hello","confirms":{confirms}}}"#);
    socket.send(Message::text(hello)).await.map_err(said("the bus does not listen"))?;
    Ok(socket)
}

/// The bus's next word.
async fn listen(socket: &mut Socket) -> Done<String> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Close(reason))) => {
                let reason = reason.map(|reason| reason.to_string()).unwrap_or_default();
                return Err(format!("the bus has closed the socket: {reason}"));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(said("the bus says nothing")(error)),
            None => return Err("the bus has closed the socket".to_owned()),
        }
    }
}

fn read(text: &str) -> Done<Word<'_>> {
    serde_json::from_str(text).map_err(|error| format!("the bus says {text}, which is not understood: {error}"))
}

fn unheard(error: Error) -> String {
    said("the bus takes nothing")(error)
}

impl Publisher for MillracePublisher {
    async fn publish(&mut self, body: Bytes) -> Done<()> {
        self.catch_up()?;
        while self.unconfirmed >= WINDOW || self.credit == 0 {
            self.flush().await?;
            let text = listen(&mut self.socket).await?;
            self.hear(&text)?;
            self.catch_up()?;
        }
        let body = std::str::from_utf8(&body).map_err(said("a body is no text"))?;
        let text = [&self.head, body, "\"}}"].concat();
        let sent = self.socket.feed(Message::text(text)).await;
        self.sent += 1;
        (self.credit, self.unconfirmed) = (self.credit - 1, self.unconfirmed + 1);
        sent.map_err(unheard)
    }

    async fn flush(&mut self) -> Done<()> {
        self.socket.flush().await.map_err(unheard)
    }

    async fn settle(&mut self) -> Done<()> {
        self.flush().await?;
        while self.unconfirmed > 0 {
            let text = listen(&mut self.socket).await?;
            self.hear(&text)?;
        }
        Ok(())
    }

    fn refused(&self) -> u64 {
        self.refused
    }
}

impl Consumer for MillraceConsumer {
    async fn next(&mut self, most: usize, mut each: impl FnMut(&[u8]) + Send) -> Done<()> {
        let mut next = listen(&mut self.socket).await?;
        for taken in 1.. {
            let word = read(&next)?;
            match (word.kind, word.delivery, word.message) {
                ("deliver", Some(delivery), Some(message)) => {
                    each(message.body.as_bytes());
                    let ack = format!(r#"{{"v":1,"type":"ack","delivery":"{delivery}"}}"#);
                    self.socket.feed(Message::text(ack)).await.map_err(unheard)?;
                }
                ("closed", ..) => return Err(format!("the bus has closed the connection: {next}")),
                _ => {}
            }
            if taken == most {
                break;
            }
            let Some(more) = listen(&mut self.socket).now_or_never() else { break };
            next = more?;
        }
        self.socket.flush().await.map_err(unheard)
    }
}
