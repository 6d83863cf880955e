//! How many persistent messages a live bus confirms a second: one publisher with a window of 192, one consumer that acknowledges each.
//!
//! `cargo run --release -p backend --example durable_speed -- ws://127.0.0.1:8080/api/bus/work tasks 1024 5`, where `tasks` is durable;
//! with `transient` behind it the messages are not persistent.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use shared::messaging::protocol::{BusCommand, BusEvent, Content, decode_event, encode_command};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, connect};

/// Messages without a confirm, and without an acknowledgement.
const WINDOW: usize = 192;
const PREFETCH: u32 = 200;

type Socket = tungstenite::WebSocket<MaybeTlsStream<std::net::TcpStream>>;

fn main() -> tungstenite::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ([url, queue, bytes, seconds], persistent) = match arguments.as_slice() {
        [url, queue, bytes, seconds] => ([url, queue, bytes, seconds], true),
        [url, queue, bytes, seconds, word] if word == "transient" => ([url, queue, bytes, seconds], false),
        _ => {
            eprintln!("usage: durable_speed ws://127.0.0.1:8080/api/bus/NAME QUEUE BYTES SECONDS [transient]");
            return Ok(());
        }
    };
    let (bytes, seconds) = (bytes.parse().unwrap_or(16), seconds.parse().unwrap_or(5));
    let consumer = consume(url, queue)?;
    let message = Content { key: queue.clone(), body: Some("x".repeat(bytes)), persistent, ..Content::default() };
    let publish = encode_command(&BusCommand::Publish { message, mandatory: false });
    let (confirmed, mut waits, took) = publisher(url, &publish, Duration::from_secs(seconds))?;
    waits.sort_unstable();
    let quantile = |share: f64| waits.get((waits.len() as f64 * share) as usize).map_or(0.0, |wait| wait.as_secs_f64() * 1e3);
    let rate = confirmed as f64 / took.as_secs_f64();
    let done = consumer.join().unwrap_or_default();
    println!(
        "{confirmed} confirmed in {took:.2?}: {rate:.0} a second; confirms after {:.1} ms, 99 % within {:.1} ms; {done} acknowledged",
        quantile(0.5),
        quantile(0.99)
    );
    Ok(())
}

fn say(socket: &mut Socket, command: &BusCommand) -> tungstenite::Result<()> {
    socket.send(Message::text(encode_command(command)))
}

/// The bus's next word.
fn hear(socket: &mut Socket) -> tungstenite::Result<Option<BusEvent>> {
    loop {
        match socket.read()? {
            Message::Text(text) => match decode_event(&text) {
                Ok(event) => return Ok(Some(event)),
                Err(error) => eprintln!("{error}"),
            },
            Message::Close(_) => return Ok(None),
            _ => {}
        }
    }
}

fn publisher(url: &str, publish: &str, time: Duration) -> tungstenite::Result<(u64, Vec<Duration>, Duration)> {
    let (mut socket, _) = connect(url)?;
    say(&mut socket, &BusCommand::Hello { confirms: true })?;
    let (mut credit, mut confirmed, mut sent, mut waits) = (0, 0, VecDeque::new(), Vec::new());
    let began = Instant::now();
    while let Some(event) = hear(&mut socket)? {
        match event {
            BusEvent::Opened { credit: first, .. } => credit = first,
            BusEvent::Credit { more } => credit += more,
            BusEvent::Confirm { .. } => {
                confirmed += 1;
                waits.extend(sent.pop_front().map(|at: Instant| at.elapsed()));
            }
            _ => {}
        }
        if began.elapsed() > time && sent.is_empty() {
            break;
        }
        while began.elapsed() <= time && credit > 0 && sent.len() < WINDOW {
            socket.write(Message::text(publish.to_owned()))?;
            sent.push_back(Instant::now());
            credit -= 1;
        }
        socket.flush()?;
    }
    Ok((confirmed, waits, began.elapsed()))
}

/// A consumer on a thread of its own, until nothing comes for a second; how many deliveries it acknowledged.
fn consume(url: &str, queue: &str) -> tungstenite::Result<thread::JoinHandle<u64>> {
    let (mut socket, _) = connect(url)?;
    say(&mut socket, &BusCommand::Hello { confirms: false })?;
    say(&mut socket, &BusCommand::Consume { tag: 1, queue: queue.to_owned(), prefetch: PREFETCH, auto_ack: false })?;
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(Duration::from_secs(1))).map_err(Error::Io)?;
    }
    Ok(thread::spawn(move || {
        let mut done = 0;
        while let Ok(Some(event)) = hear(&mut socket) {
            if let BusEvent::Deliver(delivery) = event {
                done += 1;
                if say(&mut socket, &BusCommand::Ack { delivery: delivery.delivery, multiple: false }).is_err() {
                    break;
                }
            }
        }
        done
    }))
}
