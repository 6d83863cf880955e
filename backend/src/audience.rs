//! Who watches the runs of a session besides its client: other sessions, which know a run by an id that the client passed on.
//!
//! ```text
//! engine ──▶ Audience (of its session) ──▶ outbox of its client
//!               │ numbered anew
//!               └──▶ outbox of each watcher's session ──▶ its socket
//! ```
//!
//! The engine's thread tells an event here before it tells its client. What has happened in a run is kept, so that who comes late
//! hears all of it. A watcher's outbox takes an event without waiting and merges frames when its client is slow, as it does with those
//! of runs of its own: so a slow watcher hinders neither the run nor other watchers. What watchers ask for, rows and files, goes to the
//! engine as the client's own questions do ([`Question`]); all else is refused.
//!
//! Absent on purpose: a list of the runs that can be watched. Who does not know an id finds none.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use shared::batch::table::ViewQuery;
use shared::session::Session;
use shared::wire::{Command, DataHeader, Event, ExportFormat, Frame, Started};
use tokio::sync::OwnedSemaphorePermit;

use crate::engine::{EngineInput, Post};
use crate::limits::{WATCHED_MAX, WATCHERS_MAX};
use crate::outbox::Outbox;
use crate::secret;

/// What a watcher hears when the run that it watches is no more.
const GONE: &str = "whoever started this run has let go of it, and its rows are gone with it";

/// Why a run cannot be watched. Each is a sentence for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    #[error("the link has no id of a run in it: that has 32 hexadecimal digits, so copy the whole of the link again")]
    Malformed,
    #[error("no run can be watched by this link: whoever started it has let go of it, or the server was started anew since")]
    Unknown,
    #[error("{WATCHERS_MAX} others watch this run, which is the bound: try again when one of them has left")]
    Full,
    #[error("{WATCHED_MAX} runs are watched in this session, which is its bound: let go of one of them first")]
    TooMany,
}

/// The runs that can be watched on this server, by their ids.
#[derive(Debug, Default)]
pub struct Hub(Mutex<BTreeMap<String, Invited>>);

#[derive(Clone, Debug)]
struct Invited {
    audience: Weak<Audience>,
    run: u32,
    engine: Post,
}

/// See the module: one for each session.
#[derive(Debug)]
pub struct Audience {
    hub: Arc<Hub>,
    runs: Mutex<BTreeMap<u32, Shown>>,
}

/// What has happened in a run so far, and who watches it.
#[derive(Debug)]
struct Shown {
    started: Box<Started>,
    /// All of its frames as one.
    frame: Option<Box<Frame>>,
    ended: Option<Event>,
    /// There is one as soon as the client has asked for it.
    id: Option<String>,
    watchers: Vec<Watcher>,
}

/// A session that watches, and the number that the run has in it.
#[derive(Clone, Debug)]
struct Watcher {
    outbox: Weak<Outbox>,
    run: u32,
}

impl Watcher {
    fn is(&self, outbox: &Arc<Outbox>, run: u32) -> bool {
        self.run == run && std::ptr::eq(self.outbox.as_ptr(), Arc::as_ptr(outbox))
    }

    /// Whether its session is still there.
    fn tell(&self, event: Event) -> bool {
        self.outbox.upgrade().map(|outbox| outbox.push(numbered(event, self.run))).is_some()
    }
}

impl Hub {
    fn find(&self, id: &str) -> Result<Invited, WatchError> {
        if !secret::is_name(id) {
            return Err(WatchError::Malformed);
        }
        self.invited().get(id).cloned().ok_or(WatchError::Unknown)
    }

    fn invited(&self) -> MutexGuard<'_, BTreeMap<String, Invited>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience {
    pub fn new(hub: Arc<Hub>) -> Audience {
        Audience { hub, runs: Mutex::default() }
    }

    /// The engine's client is about to hear this.
    pub fn hear(&self, event: &Event) {
        let mut runs = self.runs();
        match event {
            // A run that is told again, to a client that asks for it again, is known here.
            Event::Started(started) => {
                let shown = || Shown { started: started.clone(), frame: None, ended: None, id: None, watchers: Vec::new() };
                runs.entry(started.run).or_insert_with(shown);
            }
            Event::Frame(frame) => {
                if let Some(shown) = runs.get_mut(&frame.run) {
                    shown.take(frame);
                    shown.tell(event);
                }
            }
            Event::Finished { run, .. } | Event::Failed { run, .. } => {
                if let Some(shown) = runs.get_mut(run).filter(|shown| shown.ended.is_none()) {
                    shown.ended = Some(event.clone());
                    shown.tell(event);
                }
            }
            _ => {}
        }
    }

    /// Lets go of the runs that the session has let go of, and tells their watchers.
    pub fn keep(&self, has: impl Fn(u32) -> bool) {
        let mut gone = Vec::new();
        self.runs().retain(|run, shown| {
            let stays = has(*run);
            if !stays {
                gone.extend(shown.id.take());
                shown.let_go(*run);
            }
            stays
        });
        let mut invited = self.hub.invited();
        gone.iter().for_each(|id| drop(invited.remove(id)));
    }

    /// The session is over.
    pub fn end(&self) {
        self.keep(|_| false);
    }

    /// The id under which a run can be watched from now on, or a sentence that says why there is none.
    fn invite(self: &Arc<Self>, run: u32, engine: &Post) -> Result<String, String> {
        let mut runs = self.runs();
        let Some(shown) = runs.get_mut(&run) else {
            return Err(format!("run {run} cannot be watched: it has not begun in this session, or was let go of"));
        };
        if shown.started.place != shared::wire::Place::Server {
            return Err(format!("run {run} is simulated: whoever runs it again sees the same, so share the experiment"));
        }
        if let Some(id) = &shown.id {
            return Ok(id.clone());
        }
        let id = secret::name();
        shown.id = Some(id.clone());
        drop(runs);
        let invited = Invited { audience: Arc::downgrade(self), run, engine: engine.clone() };
        self.hub.invited().insert(id.clone(), invited);
        Ok(id)
    }

    /// Tells a watcher what has happened, and from now on what happens.
    fn join(&self, run: u32, watcher: Watcher) -> Result<(), WatchError> {
        let mut runs = self.runs();
        let shown = runs.get_mut(&run).ok_or(WatchError::Unknown)?;
        shown.watchers.retain(|watcher| watcher.outbox.strong_count() > 0);
        if shown.watchers.len() >= WATCHERS_MAX {
            return Err(WatchError::Full);
        }
        watcher.tell(Event::Started(shown.started.clone()));
        if let Some(frame) = &shown.frame {
            watcher.tell(Event::Frame(Box::new(Frame { whole: true, ..(**frame).clone() })));
        }
        if let Some(ended) = &shown.ended {
            watcher.tell(ended.clone());
        }
        shown.watchers.push(watcher);
        Ok(())
    }

    fn leave(&self, run: u32, outbox: &Arc<Outbox>, as_run: u32) {
        if let Some(shown) = self.runs().get_mut(&run) {
            shown.watchers.retain(|watcher| !watcher.is(outbox, as_run));
        }
    }

    fn is_watched_by(&self, run: u32, outbox: &Arc<Outbox>, as_run: u32) -> bool {
        self.runs().get(&run).is_some_and(|shown| shown.watchers.iter().any(|watcher| watcher.is(outbox, as_run)))
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<u32, Shown>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    fn take(&mut self, later: &Frame) {
        let Some(frame) = self.frame.as_deref_mut().filter(|_| !later.whole) else {
            self.frame = Some(Box::new(later.clone()));
            return;
        };
        // `Frame::merge` sorts all that is known. Here a run's executions come one after the other, each with its place.
        let mut attempts = std::mem::take(&mut frame.attempts);
        for attempt in &later.attempts {
            match attempts.get_mut(attempt.index as usize) {
                Some(known) => *known = attempt.clone(),
                None => attempts.push(attempt.clone()),
            }
        }
        frame.merge(Frame { attempts: Vec::new(), ..later.clone() });
        frame.attempts = attempts;
    }

    fn tell(&mut self, event: &Event) {
        self.watchers.retain(|watcher| watcher.tell(event.clone()));
    }

    /// Who has heard that the run failed has nothing more to lose.
    fn let_go(&mut self, run: u32) {
        if !matches!(self.ended, Some(Event::Failed { .. })) {
            self.tell(&Event::Failed { run, message: GONE.to_owned(), problems: Vec::new() });
        }
    }
}

/// An event of a run as one of the run that has this number.
fn numbered(mut event: Event, number: u32) -> Event {
    match &mut event {
        Event::Started(started) => started.run = number,
        Event::Frame(frame) => frame.run = number,
        Event::Finished { run, .. } | Event::Failed { run, .. } | Event::Rows { run, .. } => *run = number,
        _ => {}
    }
    event
}

/// The runs of other sessions that a session watches, by their numbers in it.
#[derive(Debug, Default)]
pub struct Watching(Mutex<BTreeMap<u32, Watched>>);

#[derive(Clone, Debug)]
struct Watched {
    id: String,
    invited: Invited,
}

/// The session whose client speaks.
pub struct Speaking<'a> {
    pub outbox: &'a Arc<Outbox>,
    pub engine: &'a Post,
    pub audience: &'a Arc<Audience>,
}

impl Watching {
    /// Takes in what a client says about watching and about runs that it watches; gives back what is for its engine.
    pub fn hear(
        &self,
        session: &Speaking<'_>,
        command: Command,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Option<(Command, Option<OwnedSemaphorePermit>)> {
        let watched = command.run().and_then(|run| self.known().get(&run).cloned());
        let Some(Watched { id: watch, invited }) = watched else {
            match command {
                Command::Invite { run } => session.outbox.push(match session.audience.invite(run, session.engine) {
                    Ok(watch) => Event::Invitation { run, watch },
                    Err(message) => Event::Error { message },
                }),
                Command::Watch { run, watch } => {
                    if let Err(error) = self.begin(session, run, watch) {
                        session.outbox.push(Event::Failed { run, message: error.to_string(), problems: Vec::new() });
                    }
                }
                command => return Some((command, permit)),
            }
            return None;
        };
        let ask = |as_run, asked| {
            let question = Question { run: invited.run, as_run, asked, outbox: session.outbox.clone() };
            invited.engine.send(EngineInput::Asked(question, permit));
        };
        match command {
            Command::View { run, id, query } => ask(run, Asked::Rows { id, query }),
            Command::Export { run, id, format } => ask(run, Asked::File { id, format }),
            Command::Invite { run } => session.outbox.push(Event::Invitation { run, watch }),
            Command::Forget { run } => {
                self.known().remove(&run);
                if let Some(audience) = invited.audience.upgrade() {
                    audience.leave(invited.run, session.outbox, run);
                }
            }
            command => {
                let run = command.run().unwrap_or_default();
                let message = format!("run {run} is only watched in this session: whoever started it steers it");
                session.outbox.push(Event::Error { message });
            }
        }
        None
    }

    fn begin(&self, session: &Speaking<'_>, run: u32, id: String) -> Result<(), WatchError> {
        let invited = session.audience.hub.find(&id)?;
        let audience = invited.audience.upgrade().ok_or(WatchError::Unknown)?;
        let mut known = self.known();
        known.retain(|run, watched| {
            let audience = watched.invited.audience.upgrade();
            audience.is_some_and(|audience| audience.is_watched_by(watched.invited.run, session.outbox, *run))
        });
        if known.len() >= WATCHED_MAX {
            return Err(WatchError::TooMany);
        }
        audience.join(invited.run, Watcher { outbox: Arc::downgrade(session.outbox), run })?;
        known.insert(run, Watched { id, invited });
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<u32, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a watcher asks the engine of the run that it watches.
#[derive(Debug)]
pub struct Question {
    run: u32,
    /// Its number in the session that asks.
    as_run: u32,
    asked: Asked,
    outbox: Arc<Outbox>,
}

#[derive(Debug)]
enum Asked {
    Rows { id: u32, query: ViewQuery },
    File { id: u32, format: ExportFormat },
}

impl Question {
    /// Answers to who has asked, and to nobody else.
    pub fn answer(self, session: &mut Session) {
        let Question { run, as_run, asked, outbox } = self;
        if session.table(run).is_none() {
            return outbox.push(Event::Error { message: format!("run {as_run} has no result to look at") });
        }
        match asked {
            Asked::Rows { id, query } => outbox.push(numbered(session.rows(run, id, &query), as_run)),
            Asked::File { id, format } => {
                let first = DataHeader { run: as_run, id, index: 0, last: false };
                // One file at a time waits for a watcher, so that those who read slowly do not fill the memory.
                let frames = match format.rows() {
                    Some(_) if outbox.has_data() => Err("a file is on its way already: ask again when it is there".to_owned()),
                    Some(format) => session.file(run, first, format),
                    None => Err("a run on a server has no trace to export".to_owned()),
                };
                match frames {
                    Ok(frames) => frames.into_iter().for_each(|frame| outbox.push_data(frame)),
                    Err(message) => outbox.push(Event::Error { message }),
                }
            }
        }
    }
}
