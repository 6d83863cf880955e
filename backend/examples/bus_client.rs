//! A client of a live bus: `cargo run -p backend --example bus_client -- ws://127.0.0.1:8080/api/bus/work tasks`
use shared::messaging::protocol::{BusCommand, BusEvent, Content, decode_event, encode_command};

/// Publishes so many tasks as its credit allows, and works on as many; how many were confirmed and done.
pub fn converse(url: &str, queue: &str, count: u64) -> tungstenite::Result<(u64, u64)> {
    let (mut socket, _) = tungstenite::connect(url)?;
    let (mut credit, mut published, mut confirmed, mut done) = (0, 0, 0, 0);
    let consume = BusCommand::Consume { tag: 1, queue: queue.to_owned(), prefetch: 20, auto_ack: false };
    let mut words = vec![BusCommand::Hello { confirms: true }, consume];
    while confirmed < count || done < count {
        words.drain(..).try_for_each(|word| socket.send(encode_command(&word).into()))?;
        match decode_event(socket.read()?.to_text()?) {
            Ok(BusEvent::Opened { credit: more, .. } | BusEvent::Credit { more }) => credit += more,
            Ok(BusEvent::Confirm { ok, .. }) => confirmed += u64::from(ok),
            Ok(BusEvent::Deliver(it)) => words.push(BusCommand::Ack { delivery: it.delivery, multiple: false }),
            _ => {} // A ping, say; when the connection has ended, the next read fails.
        }
        done += words.len() as u64;
        while credit > 0 && published < count {
            (credit, published) = (credit - 1, published + 1);
            let message = Content { key: queue.to_owned(), body: Some(format!("task {published}")), ..Content::default() };
            words.push(BusCommand::Publish { message, mandatory: true });
        }
    }
    words.into_iter().chain([BusCommand::Close]).try_for_each(|word| socket.send(encode_command(&word).into()))?;
    while socket.read().is_ok() {} // The bus takes leave once it has heard everything.
    Ok((confirmed, done))
}

fn main() -> tungstenite::Result<()> {
    let [_, url, queue] = &std::env::args().collect::<Vec<_>>()[..] else { panic!("usage: bus_client URL QUEUE") };
    println!("confirmed and done: {:?}", converse(url, queue, 10)?);
    Ok(())
}
