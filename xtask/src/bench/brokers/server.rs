//! Brokers as processes of their own: each listens on loopback alone, keeps what it writes below `target/bench/brokers-run`, and ends with
//! this program.

use super::{WAYS, scratch};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::play;
use crate::project::Project;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Within which a broker has to listen, and to end.
const START_MAX: Duration = Duration::from_secs(120);
const END_MAX: Duration = Duration::from_secs(20);
/// Between two looks whether it does.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where Debian has RabbitMQ's own script. The one on the PATH is for the user `rabbitmq` and the system's folders.
const RABBITMQ_SCRIPT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// Lines of a broker's words that are repeated when it does not start.
const TAIL_LINES: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Millrace,
    RabbitMq,
    Nats,
    Redis,
}

/// A broker that listens. It ends when it is dropped.
pub struct Server {
    pub kind: Kind,
    pub url: String,
    /// What the broker needs, and last the broker itself.
    processes: Vec<Child>,
}

impl Kind {
    /// The program that it needs and this machine has not.
    pub fn missing(self, project: &Project) -> Option<&'static str> {
        let programs: &[&'static str] = match self {
            Kind::Millrace => &[],
            Kind::RabbitMq => &["rabbitmq-server", "epmd"],
            Kind::Nats => &["nats-server"],
            Kind::Redis => &["redis-server"],
        };
        programs.iter().find(|program| project.find(program).is_none()).copied()
    }

    fn folder(self) -> &'static str {
        match self {
            Kind::Millrace => "millrace",
            Kind::RabbitMq => "rabbitmq",
            Kind::Nats => "nats",
            Kind::Redis => "redis",
        }
    }
}

impl Server {
    /// Starts a broker in an empty folder, and waits until it listens.
    pub fn start(project: &Project, kind: Kind) -> Done<Server> {
        let (folder, port) = (emptied(project, kind)?, free_port()?);
        let mut programs = Vec::new();
        let url = match kind {
            Kind::Millrace => {
                let buses = [("load", experiment(false)), ("durable", experiment(true))];
                return Server::millrace(project, &buses.map(|(name, text)| (name.to_owned(), text)));
            }
            Kind::RabbitMq => {
                programs.extend(rabbitmq(project, &folder, port)?);
                format!("amqp://guest:guest@127.0.0.1:{port}/%2f")
            }
            Kind::Nats => {
                let mut nats = project.command("nats-server");
                nats.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]).arg(&folder);
                programs.push((nats, port));
                format!("nats://127.0.0.1:{port}")
            }
            Kind::Redis => {
                let mut redis = project.command("redis-server");
                redis.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no", "--dir"]);
                redis.arg(&folder);
                programs.push((redis, port));
                format!("redis://127.0.0.1:{port}")
            }
        };
        Server::of(kind, url, programs, &folder)
    }

    /// Millrace's own server, with these buses and none of their clients.
    pub fn millrace(project: &Project, buses: &[(String, String)]) -> Done<Server> {
        let (folder, port) = (emptied(project, Kind::Millrace)?, free_port()?);
        let mut millrace = project.command(&play::server_binary(project).to_string_lossy());
        millrace.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--bus-only", "--bus-store"]).arg(&folder);
        for (name, text) in buses {
            let file = folder.join(format!("{name}.yaml"));
            digest::write(&file, text.as_bytes())?;
            millrace.arg("--bus").arg(format!("{name}={}", file.display()));
        }
        Server::of(Kind::Millrace, format!("ws://127.0.0.1:{port}"), vec![(millrace, port)], &folder)
    }

    /// Starts programs, each when the one before listens at its port. The last is the broker.
    fn of(kind: Kind, url: String, programs: Vec<(Command, u16)>, folder: &Path) -> Done<Server> {
        let log = folder.join("log");
        let mut server = Server { kind, url, processes: Vec::new() };
        for (mut command, port) in programs {
            let open =
                || File::options().create(true).append(true).open(&log).map_err(|error| Failure::file("write", &log, &error));
            command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
            let program = command.get_program().to_string_lossy().into_owned();
            let cannot_start = |error| Failure::new(format!("`{program}` can't be started: {error}"), "Check that it is whole");
            let process = command.spawn().map_err(cannot_start)?;
            server.processes.push(process);
            server.wait(port, &program, &log)?;
        }
        Ok(server)
    }

    /// Waits until the program that was started last listens.
    fn wait(&mut self, port: u16, program: &str, log: &Path) -> Done {
        let (address, began) = (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Instant::now());
        while TcpStream::connect_timeout(&address, LOOK_EVERY).is_err() {
            let last = self.processes.last_mut();
            let ended = last.is_some_and(|process| process.try_wait().is_ok_and(|status| status.is_some()));
            if ended || began.elapsed() > START_MAX {
                let words = fs::read_to_string(log).unwrap_or_default();
                let lines: Vec<&str> = words.lines().collect();
                let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n  ");
                let how =
                    if ended { "has ended as it began".to_owned() } else { format!("does not listen after {START_MAX:?}") };
                let what = format!("`{program}` {how}. It said:\n  {tail}\n");
                return Err(Failure::new(what, "Mend what it says, then run this again"));
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// The broker's process; it may have others below it.
    pub fn pid(&self) -> u32 {
        self.processes.last().map_or(0, Child::id)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            // A script that has started the broker proper does not hand on what it is told.
            let family: Vec<String> = family(process.id()).iter().map(u32::to_string).collect();
            // Who does not end is killed below.
            let _ = Command::new("kill").arg("-TERM").args(family).stderr(Stdio::null()).status();
            let began = Instant::now();
            while process.try_wait().is_ok_and(|status| status.is_none()) && began.elapsed() < END_MAX {
                thread::sleep(LOOK_EVERY);
            }
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A process and all that descend from it.
fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid).chain(children.flat_map(family)).collect()
}

/// RabbitMQ with everything of its own: files, cookie, name, and `epmd`, in which nodes find one another.
fn rabbitmq(project: &Project, folder: &Path, port: u16) -> Done<[(Command, u16); 2]> {
    let (names, distribution) = (free_port()?, free_port()?);
    let in_folder = |name: &str| folder.join(name);
    digest::write(&in_folder("plugins"), b"[].\n")?;
    digest::write(&in_folder("environment"), b"")?;
    let script = PathBuf::from(RABBITMQ_SCRIPT);
    let script = if script.is_file() { RABBITMQ_SCRIPT } else { "rabbitmq-server" };
    let mut rabbitmq = project.command(script);
    rabbitmq
        .env("HOME", folder)
        .env("RABBITMQ_NODENAME", "millrace-bench@localhost")
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", distribution.to_string())
        .env("RABBITMQ_MNESIA_BASE", in_folder("mnesia"))
        .env("RABBITMQ_LOG_BASE", in_folder("logs"))
        .env("RABBITMQ_PID_FILE", in_folder("pid"))
        .env("RABBITMQ_CONFIG_FILE", in_folder("rabbitmq"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", in_folder("advanced"))
        .env("RABBITMQ_CONF_ENV_FILE", in_folder("environment"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", in_folder("plugins"))
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("ERL_EPMD_PORT", names.to_string());
    let mut epmd = project.command("epmd");
    epmd.args(["-address", "127.0.0.1", "-port", &names.to_string()]);
    Ok([(epmd, names), (rabbitmq, port)])
}

/// The bus that is measured: a queue for work that is shared, and queues for copies.
fn experiment(durable: bool) -> String {
    let consumers = WAYS.iter().filter(|(_, _, copied)| *copied).map(|(_, consumers, _)| *consumers).max().unwrap_or(0);
    let copies = (0..consumers)
        .map(|number| {
            format!("    copies-{number}: {{ overload: buffer, durable: {durable}, bind: [ {{ exchange: copies }} ] }}\n")
        })
        .collect::<String>();
    format!(
        "millrace: 1\ntitle: A bus under load\nmessaging:\n  for: 1 s\n  exchanges:\n    copies: {{ type: fanout }}\n  queues:\n    \
         work: {{ overload: buffer, durable: {durable} }}\n{copies}  publishers:\n    source: {{ key: work, rate: 1/s }}\n"
    )
}

fn emptied(project: &Project, kind: Kind) -> Done<PathBuf> {
    let folder = scratch(project, kind.folder());
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| Failure::file("empty", &folder, &error))?;
    }
    fs::create_dir_all(&folder).map_err(|error| Failure::file("make", &folder, &error))?;
    Ok(folder)
}

fn free_port() -> Done<u16> {
    let port =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).map(|address| address.port());
    port.map_err(|error| Failure::new(format!("No port is free: {error}"), "End some programs, then run this again"))
}
