//! Puts a load on a message broker and measures what it does: messages a second, its CPU seconds, how long messages are on their way.
//!
//! `broker-load load BROKER URL PUBLISHERS CONSUMERS shared|copied BYTES SECONDS [pid=PID] [bus=NAME] [persistent]` where BROKER is
//! `millrace`, `rabbitmq`, `jetstream`, `nats` or `redis`; `broker-load overload URL QUEUE BYTES RATE SECONDS pid=PID` (Millrace alone).
//! It prints one line of JSON.
//!
//! - `load`: the load, which is the same for each broker. `drivers`: how each is spoken to, and what each promises. `overload`: a
//!   publisher that is faster than the consumer. `watch`: what a broker's processes take.

mod drivers;
mod load;
mod overload;
mod watch;

use std::process::ExitCode;

use drivers::jetstream::JetStream;
use drivers::millrace::Millrace;
use drivers::nats::Nats;
use drivers::rabbitmq::RabbitMq;
use drivers::redis::Redis;
use load::Load;

/// A result, or a sentence about what went wrong.
pub type Done<T> = Result<T, String>;

/// Threads of this program: brokers are measured on the same cores.
const THREADS: usize = 2;

const USAGE: &str = "usage: broker-load load millrace|rabbitmq|jetstream|nats|redis URL PUBLISHERS CONSUMERS shared|copied BYTES SECONDS [pid=PID] [bus=NAME] [persistent]
       broker-load overload URL QUEUE BYTES RATE SECONDS pid=PID";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let printed = match runtime {
        Ok(runtime) => runtime.block_on(obey(&words)),
        Err(error) => Err(format!("no threads: {error}")),
    };
    match printed {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

async fn obey(words: &[&str]) -> Done<String> {
    let pid = words.iter().find_map(|word| word.strip_prefix("pid=")).map(number).transpose()?;
    match words {
        ["load", broker, url, publishers, consumers, how, bytes, seconds, options @ ..] => {
            let load = Load {
                publishers: number(publishers)?,
                consumers: number(consumers)?,
                copied: match *how {
                    "shared" => false,
                    "copied" => true,
                    other => return Err(format!("`{other}` is neither `shared` nor `copied`\n{USAGE}")),
                },
                bytes: number(bytes)?,
                seconds: number(seconds)?,
                persistent: options.contains(&"persistent"),
                bus: options.iter().find_map(|word| word.strip_prefix("bus=")).unwrap_or("load").to_owned(),
                pid,
            };
            load.check()?;
            let report = match *broker {
                "millrace" => load::run::<Millrace>(url, &load).await,
                "rabbitmq" => load::run::<RabbitMq>(url, &load).await,
                "jetstream" => load::run::<JetStream>(url, &load).await,
                "nats" => load::run::<Nats>(url, &load).await,
                "redis" => load::run::<Redis>(url, &load).await,
                other => Err(format!("`{other}` is no broker that is known here\n{USAGE}")),
            };
            report.map(|report| report.to_string())
        }
        ["overload", url, queue, bytes, rate, seconds, ..] => {
            let pid = pid.ok_or(USAGE)?;
            let overload =
                overload::Overload { url, queue, bytes: number(bytes)?, rate: number(rate)?, seconds: number(seconds)?, pid };
            overload::run(&overload).await.map(|report| report.to_string())
        }
        _ => Err(USAGE.to_owned()),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Done<T> {
    word.parse().map_err(|_| format!("`{word}` is no number that fits here\n{USAGE}"))
}
