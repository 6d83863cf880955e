//! A client of a live bus: publishes tasks as its credit allows, works on what it is given, and acknowledges it.
//!
//! `cargo run -p backend --example bus_client -- ws://127.0.0.1:8080/api/bus/work tasks 10`

use shared::messaging::protocol::{BusCommand, BusEvent, Content, decode_event, encode_command};
use tungstenite::{Message, connect};

/// Publishes so many messages to a queue and takes as many from it; how many were confirmed and done, and how the bus took leave.
pub fn converse(url: &str, queue: &str, count: u64) -> tungstenite::Result<(u64, u64, String)> {
    let (mut socket, _) = connect(url)?;
    let (mut credit, mut published, mut confirmed, mut done) = (0, 0, 0, 0);
    socket.send(Message::text(encode_command(&BusCommand::Hello { confirms: true })))?;
    loop {
        let mut words = Vec::new();
        match socket.read()? {
            Message::Text(text) => match decode_event(&text) {
                Ok(BusEvent::Opened { credit: first, .. }) => {
                    credit = first;
                    words.push(BusCommand::Consume { tag: 1, queue: queue.to_owned(), prefetch: 20, auto_ack: false });
                }
                Ok(BusEvent::Credit { more }) => credit += more,
                Ok(BusEvent::Confirm { ok, .. }) => confirmed += u64::from(ok),
                Ok(BusEvent::Deliver(delivery)) => {
                    done += 1;
                    words.push(BusCommand::Ack { delivery: delivery.delivery, multiple: false });
                }
                Ok(_) => {}
                Err(error) => eprintln!("{error}"),
            },
            Message::Close(reason) => return Ok((confirmed, done, reason.map(|it| it.to_string()).unwrap_or_default())),
            _ => {}
        }
        while credit > 0 && published < count {
            (credit, published) = (credit - 1, published + 1);
            let message = Content { key: queue.to_owned(), body: Some(format!("task {published}")), ..Content::default() };
            words.push(BusCommand::Publish { message, mandatory: true });
        }
        if confirmed >= count && done >= count {
            words.push(BusCommand::Close);
        }
        words.iter().try_for_each(|word| socket.send(Message::text(encode_command(word))))?;
    }
}

fn main() -> tungstenite::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, queue, count] = arguments.as_slice() else {
        eprintln!("usage: bus_client ws://127.0.0.1:8080/api/bus/NAME QUEUE COUNT");
        return Ok(());
    };
    let (confirmed, done, leave) = converse(url, queue, count.parse().unwrap_or(10))?;
    println!("{confirmed} confirmed, {done} done, {leave}");
    Ok(())
}
