//! `millrace serve`: the page, its sessions, its uploads and its live buses, until Ctrl-C.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, REFERRER_POLICY, UPGRADE, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::DefaultHeaders;
use actix_web::rt::System;
use actix_web::web::{self, BytesMut, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use futures_util::StreamExt;
use shared::experiment::{Checked, check_any};
use shared::nearest::list;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep};

use crate::bus::live::{LiveBus, LiveBusError};
use crate::check::Unreadable;
use crate::config::{self, NamedBus};
use crate::data::{Files, Library};
use crate::limits::{BUS_MESSAGE_BYTES_MAX, CONTROL_MESSAGE_BYTES_MAX, SHUTDOWN_MAX, WEB_THREADS};
use crate::sessions::{Sessions, cores};
use crate::uploads::{UploadError, Uploads};
use crate::{assets, bus, check, frames, guard, socket};

/// Why the server could not start, or could not go on. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("`{0}` is not an address to listen on: give a host and a port, as in `--listen 127.0.0.1:8080`")]
    Address(String),
    #[error(
        "{0} is in use by another program: end that one, or listen elsewhere with `--listen 127.0.0.1:8081`, \
         or on any free port with `--listen 127.0.0.1:0`"
    )]
    Busy(SocketAddr),
    #[error("{0} cannot be listened on: {1}; choose another with `--listen`")]
    Listen(SocketAddr, io::Error),
    #[error("the folder `{0}` of `--data` cannot be read: {1}")]
    Folder(String, io::Error),
    #[error("the bus `{0}` is there twice: each `--bus` has a name of its own")]
    TwoBuses(String),
    #[error("the bus `{0}` needs an experiment with `messaging`, and `{1}` is a batch")]
    NoBus(String, String),
    #[error("the experiment of the bus `{0}` is invalid")]
    InvalidBus(String),
    #[error(transparent)]
    Bus(#[from] LiveBusError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("a folder for uploads could not be made: {0}")]
    Uploads(io::Error),
    #[error("the server failed: {0}")]
    Io(#[from] io::Error),
}

/// What every request can reach.
struct Shared {
    sessions: Arc<Sessions>,
    uploads: Arc<Uploads>,
    buses: BTreeMap<String, Arc<LiveBus>>,
    build: String,
    on_loopback: bool,
    client_slow: Duration,
}

/// Serves until Ctrl-C or SIGTERM. Exit status 0 then, 3 when it could not start.
pub fn main(arguments: &config::Serve) -> ExitCode {
    match System::new().block_on(serve(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

async fn serve(arguments: &config::Serve) -> Result<(), ServeError> {
    let files = match &arguments.data {
        None => Files::Forbidden,
        Some(folder) => {
            let unreadable = |error| ServeError::Folder(folder.display().to_string(), error);
            folder.read_dir().map_err(unreadable)?;
            Files::Inside(folder.canonicalize().map_err(unreadable)?)
        }
    };
    let uploads = Arc::new(Uploads::new().map_err(ServeError::Uploads)?);
    let library = Library { files, uploads: Some(uploads.clone()), instead: None };
    let build = assets::build_id();
    let sessions =
        Arc::new(Sessions::new(library, build.clone(), Duration::from_secs(arguments.session_keep), arguments.memory.0));
    let listener = listen(&arguments.listen)?;
    let buses = buses(arguments)?;
    let address = listener.local_addr()?;
    let shared = Data::new(Shared {
        sessions: sessions.clone(),
        uploads: uploads.clone(),
        buses: buses.clone(),
        build,
        on_loopback: address.ip().is_loopback(),
        client_slow: Duration::from_secs(arguments.client_slow),
    });
    let server = HttpServer::new(move || {
        let headers = DefaultHeaders::new().add((X_CONTENT_TYPE_OPTIONS, "nosniff")).add((REFERRER_POLICY, "no-referrer"));
        App::new()
            .app_data(shared.clone())
            .wrap(headers)
            .route("/api/health", web::get().to(health))
            .route("/api/uploads", web::put().to(upload))
            .route("/ws", web::get().to(open_socket))
            .route("/api/asyncapi.json", web::get().to(asyncapi))
            .route("/api/bus", web::get().to(list_buses))
            .route("/api/bus/{name}", web::get().to(open_bus))
            .default_service(web::to(assets::serve))
    });
    // Small messages are the rule here: none waits for the acknowledgement of the one before.
    let server = server
        .tcp_nodelay(true)
        .workers(WEB_THREADS)
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_MAX.as_secs())
        .listen(listener)?
        .run();
    let handle = server.handle();
    // Listened for before anybody is told that the server is there.
    let interrupted = interrupted()?;
    announce(address)?;

    let ended = actix_web::rt::spawn(server);
    tokio::select! {
        () = sweep(&sessions, &uploads) => {}
        () = interrupted => {}
    }
    // Sessions first: their runs fail, which their clients hear before their sockets close; then nothing keeps the server.
    sessions.end();
    buses.values().for_each(|bus| bus.end());
    let drained = async {
        handle.stop(true).await;
        let _ = ended.await;
    };
    tokio::select! {
        () = drained => {}
        () = sleep(SHUTDOWN_MAX.mul_f32(0.8)) => handle.stop(false).await,
    }
    // What consumers have acknowledged is written down before the end.
    buses.values().for_each(|bus| bus.join());
    Ok(())
}

/// The live buses, each running.
fn buses(arguments: &config::Serve) -> Result<BTreeMap<String, Arc<LiveBus>>, ServeError> {
    let mut buses = BTreeMap::new();
    for NamedBus { name, file } in &arguments.buses {
        let experiment = match check_any(&check::read(file)?, &[]) {
            Ok(Checked::Messaging(experiment)) => experiment,
            Ok(Checked::Batch(_)) => return Err(ServeError::NoBus(name.clone(), file.display().to_string())),
            Err(problems) => {
                check::tell(file, &problems);
                return Err(ServeError::InvalidBus(name.clone()));
            }
        };
        if buses.contains_key(name) {
            return Err(ServeError::TwoBuses(name.clone()));
        }
        if !experiment.bus.links.is_empty() {
            eprintln!(
                "the bus `{name}`: the latency and the loss of `links` are the simulator's; here frames go as fast as they do"
            );
        }
        buses.insert(
            name.clone(),
            LiveBus::start(name.clone(), &experiment, !arguments.bus_only, arguments.bus_store.as_deref())?,
        );
    }
    Ok(buses)
}

fn listen(address: &str) -> Result<TcpListener, ServeError> {
    let unknown = || ServeError::Address(address.to_owned());
    let socket = address.to_socket_addrs().map_err(|_| unknown())?.next().ok_or_else(unknown)?;
    TcpListener::bind(socket).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ServeError::Busy(socket),
        _ => ServeError::Listen(socket, error),
    })
}

/// Tells where the page is, for people and for programs that started this one.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let told = writeln!(stdout, "Millrace listens on http://{address}/").and_then(|()| stdout.flush());
    match told {
        // Nobody wants to know; that is no reason not to serve.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        told => told,
    }
}

fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends what nobody has used for too long, again and again.
async fn sweep(sessions: &Sessions, uploads: &Uploads) {
    const EVERY: Duration = Duration::from_secs(1);
    let mut ticks = interval(EVERY);
    loop {
        ticks.tick().await;
        sessions.sweep();
        uploads.sweep();
    }
}

async fn health(shared: Data<Shared>) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "build": shared.build,
        "cores": cores(),
        "sessions": shared.sessions.count(),
    }))
}

async fn open_socket(request: HttpRequest, body: web::Payload, shared: Data<Shared>) -> actix_web::Result<HttpResponse> {
    if let Err(refusal) = guard::check(&request, shared.on_loopback) {
        return Ok(sentence(StatusCode::FORBIDDEN, refusal.to_string()));
    }
    if let Err(reason) = shared.sessions.has_room() {
        return Ok(sentence(StatusCode::SERVICE_UNAVAILABLE, reason.to_string()));
    }
    let body = frames::bounded(&request, body, CONTROL_MESSAGE_BYTES_MAX).await?;
    let (response, socket, messages) = actix_ws::handle(&request, body)?;
    let messages = messages.max_frame_size(CONTROL_MESSAGE_BYTES_MAX).aggregate_continuations();
    socket::start(shared.sessions.clone(), socket, messages, shared.client_slow);
    Ok(response)
}

async fn asyncapi() -> HttpResponse {
    HttpResponse::Ok().json(bus::asyncapi::document())
}

/// What every live bus has counted.
async fn list_buses(request: HttpRequest, shared: Data<Shared>) -> HttpResponse {
    if let Err(refusal) = guard::check(&request, shared.on_loopback) {
        return sentence(StatusCode::FORBIDDEN, refusal.to_string());
    }
    let mut states = Vec::new();
    for bus in shared.buses.values() {
        states.extend(bus.state().await);
    }
    HttpResponse::Ok().json(states)
}

/// A socket to a live bus; who asks for none gets what the bus has counted.
async fn open_bus(
    request: HttpRequest,
    body: web::Payload,
    name: web::Path<String>,
    shared: Data<Shared>,
) -> actix_web::Result<HttpResponse> {
    if let Err(refusal) = guard::check(&request, shared.on_loopback) {
        return Ok(sentence(StatusCode::FORBIDDEN, refusal.to_string()));
    }
    let Some(bus) = shared.buses.get(name.as_str()) else {
        let known = list(shared.buses.keys().map(String::as_str));
        let hint =
            if shared.buses.is_empty() { "this server has none: see `--bus`".to_owned() } else { format!("there are {known}") };
        return Ok(sentence(StatusCode::NOT_FOUND, format!("there is no bus of that name; {hint}")));
    };
    if !request.headers().contains_key(UPGRADE) {
        return Ok(match bus.state().await {
            Some(state) => HttpResponse::Ok().json(state),
            None => sentence(StatusCode::SERVICE_UNAVAILABLE, "the bus has ended".to_owned()),
        });
    }
    if let Err(crowded) = bus.has_room() {
        return Ok(sentence(StatusCode::SERVICE_UNAVAILABLE, crowded.to_string()));
    }
    let body = frames::bounded(&request, body, BUS_MESSAGE_BYTES_MAX).await?;
    let (response, socket, messages) = actix_ws::handle(&request, body)?;
    let messages = messages.max_frame_size(BUS_MESSAGE_BYTES_MAX).aggregate_continuations();
    actix_web::rt::spawn(bus::socket::converse(bus.clone(), socket, messages, shared.client_slow));
    Ok(response)
}

#[derive(serde::Deserialize)]
struct UploadQuery {
    #[serde(default)]
    name: String,
}

/// Takes a file. Its bytes go to disk as they come, a mebibyte at a time.
async fn upload(
    request: HttpRequest,
    mut body: web::Payload,
    query: web::Query<UploadQuery>,
    shared: Data<Shared>,
) -> actix_web::Result<HttpResponse> {
    const PIECE_BYTES: usize = 1 << 20;
    if let Err(refusal) = guard::check(&request, shared.on_loopback) {
        return Ok(sentence(StatusCode::FORBIDDEN, refusal.to_string()));
    }
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let mut incoming = match shared.uploads.begin(&query.name, announced) {
        Ok(incoming) => incoming,
        Err(error) => return Ok(refused(&error)),
    };
    let mut piece = BytesMut::with_capacity(PIECE_BYTES);
    loop {
        let chunk = body.next().await.transpose()?;
        let at_end = chunk.is_none();
        piece.extend_from_slice(&chunk.unwrap_or_default());
        if piece.len() < PIECE_BYTES && !at_end {
            continue;
        }
        let full = std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE_BYTES));
        let written = web::block(move || incoming.write(&full).map(|()| incoming)).await?;
        incoming = match written {
            Ok(incoming) => incoming,
            Err(error) => return Ok(refused(&error)),
        };
        if at_end {
            break;
        }
    }
    Ok(match shared.uploads.keep(incoming) {
        Ok(id) => HttpResponse::Ok().json(serde_json::json!({ "id": id })),
        Err(error) => refused(&error),
    })
}

fn refused(error: &UploadError) -> HttpResponse {
    let status = match error {
        UploadError::TooLong | UploadError::Full => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::Disk(_) | UploadError::Lost(_) => StatusCode::INSUFFICIENT_STORAGE,
    };
    sentence(status, error.to_string())
}

fn sentence(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(text)
}
