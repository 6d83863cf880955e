//! The sessions that live here, found by name. A session outlives its client's socket for a while, so that a client whose
//! connection broke goes on where it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use shared::session::{Session, SessionSpec};
use shared::wire::{Command, Event, Place};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::audience::{Audience, Hub, Speaking, Watching};
use crate::data::Library;
use crate::engine::{Engine, EngineInput, Post};
use crate::limits::{COMMANDS_WAITING_MAX, SESSIONS_MAX};
use crate::outbox::{Attached, Outbox, Speaker};
use crate::secret;

/// Why there is no session to be had. Each is a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("{SESSIONS_MAX} sessions are open here, which is the bound: try again later")]
    Full,
    #[error("the server is ending")]
    Ending,
    #[error("no thread could be had for the session: {0}")]
    Thread(std::io::Error),
}

/// See the module.
#[derive(Debug)]
pub struct Sessions {
    library: Library,
    build: String,
    keep: Duration,
    /// Bytes of memory of one run.
    memory: u64,
    hub: Arc<Hub>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: BTreeMap<String, Arc<Handle>>,
    ending: bool,
}

/// The way to a session.
#[derive(Debug)]
pub struct Handle {
    name: String,
    build: String,
    pub outbox: Arc<Outbox>,
    engine: Post,
    /// Who watches its runs, and whose runs it watches.
    audience: Arc<Audience>,
    watching: Watching,
    /// How many more commands may wait for the engine.
    pub commands: Arc<Semaphore>,
    /// Since when it has no socket.
    alone: Mutex<Option<Instant>>,
}

impl Handle {
    /// The event that greets a client. It is about the connection, so it has no number of the session's.
    pub fn welcome(&self, resumed: bool) -> Event {
        Session::new(spec(&self.name, &self.build)).welcome(resumed)
    }

    /// A client's word. The permit is given back when it has been heard.
    pub fn hear(&self, command: Command, permit: Option<OwnedSemaphorePermit>) {
        let session = Speaking { outbox: &self.outbox, engine: &self.engine, audience: &self.audience };
        if let Some((command, permit)) = self.watching.hear(&session, command, permit) {
            self.engine.send(EngineInput::Command(command, permit));
        }
    }

    fn set_alone(&self, alone: Option<Instant>) {
        *self.alone.lock().unwrap_or_else(PoisonError::into_inner) = alone;
    }

    fn alone_for(&self) -> Duration {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner).map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn end(&self) {
        self.engine.send(EngineInput::End);
    }
}

/// How many workers can run at once on this machine.
pub fn cores() -> u32 {
    thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

fn spec(name: &str, build: &str) -> SessionSpec {
    SessionSpec { id: name.to_owned(), build: build.to_owned(), place: Place::Server, cores: cores() }
}

impl Sessions {
    /// None yet. `keep`: how long one lives without a socket.
    pub fn new(library: Library, build: String, keep: Duration, memory: u64) -> Sessions {
        Sessions { library, build, keep, memory, hub: Arc::default(), known: Mutex::default() }
    }

    pub fn count(&self) -> usize {
        self.known().sessions.len()
    }

    /// Whether a new one could be had; what is said before a connection is made.
    pub fn has_room(&self) -> Result<(), SessionError> {
        let known = self.known();
        match known.sessions.len() {
            _ if known.ending => Err(SessionError::Ending),
            count if count >= SESSIONS_MAX => Err(SessionError::Full),
            _ => Ok(()),
        }
    }

    /// A new session with a thread of its own.
    pub fn open(&self) -> Result<(Arc<Handle>, Attached), SessionError> {
        let outbox = Arc::new(Outbox::default());
        let name = secret::name();
        let audience = Arc::new(Audience::new(self.hub.clone()));
        let speaker = Speaker { outbox: outbox.clone(), audience: audience.clone() };
        let engine = Engine::new(spec(&name, &self.build), self.library.clone(), self.memory, None, speaker);
        let handle = Arc::new(Handle {
            name: name.clone(),
            build: self.build.clone(),
            outbox: outbox.clone(),
            engine: engine.post(),
            audience: audience.clone(),
            watching: Watching::default(),
            commands: Arc::new(Semaphore::new(COMMANDS_WAITING_MAX)),
            alone: Mutex::default(),
        });
        let mut known = self.known();
        if known.ending {
            return Err(SessionError::Ending);
        }
        if known.sessions.len() >= SESSIONS_MAX {
            return Err(SessionError::Full);
        }
        let run = move || {
            engine.run();
            audience.end();
            outbox.end();
        };
        thread::Builder::new().name("session".to_owned()).spawn(run).map_err(SessionError::Thread)?;
        known.sessions.insert(name, handle.clone());
        let attached = handle.outbox.attach();
        Ok((handle, attached))
    }

    /// A session that a client knows, if it is still there with everything that the client has not seen.
    pub fn resume(&self, name: &str, seen: u64) -> Option<(Arc<Handle>, Attached)> {
        let known = self.known();
        let handle = known.sessions.get(name)?;
        let attached = handle.outbox.reattach(seen)?;
        handle.set_alone(None);
        Some((handle.clone(), attached))
    }

    /// A socket is gone. The session waits for another, unless one has taken over already.
    pub fn left(&self, handle: &Handle, socket: u64) {
        if handle.outbox.is_held_by(socket) {
            handle.set_alone(Some(Instant::now()));
        }
    }

    /// Ends sessions whose clients have been away too long.
    pub fn sweep(&self) {
        self.known().sessions.retain(|_, handle| {
            let stays = handle.alone_for() < self.keep;
            if !stays {
                handle.end();
            }
            stays
        });
    }

    /// Ends all, and lets none begin. Their runs fail, their sockets are told, their workers are killed.
    pub fn end(&self) {
        let mut known = self.known();
        known.ending = true;
        std::mem::take(&mut known.sessions).into_values().for_each(|handle| handle.end());
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
