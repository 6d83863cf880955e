//! A worker as a child process (`isolation: process`): the same life as in a thread, with pipes for an inbox and a mouth. A kill
//! is SIGKILL. The end of its standard input ends it, so none outlives its server, whatever ends that.

use std::io::{self, BufReader, BufWriter};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, process, thread};

use serde::{Deserialize, Serialize};
use shared::id::{Incarnation, NodeId};

use super::crew::Fall;
use super::pipe;
use super::worker::{self, Word, live};
use crate::inputs::InputFiles;

/// The first thing that a child hears.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Birth {
    pub node: NodeId,
    pub incarnation: Incarnation,
    pub input: InputFiles,
    /// Bytes of memory that it may take.
    pub memory: u64,
}

/// A child that can be killed.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Mutex<Child>>);

impl Handle {
    /// SIGKILL. Harmless if it is dead already; its reader buries it.
    pub fn kill(&self) {
        // An error says that it has been buried.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    fn bury(&self) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It has closed its output, so it is dead or as good as.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Starts a child. It stays dumb until [`attend`] gives it ears.
pub(super) fn start() -> io::Result<(Handle, ChildStdin, ChildStdout)> {
    let mut child = Command::new(own_path()?)
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Ctrl-C is for the server, which ends its children itself.
        .process_group(0)
        .spawn()?;
    let pipes = child.stdin.take().zip(child.stdout.take());
    let (stdin, stdout) = pipes.expect("both were asked for");
    Ok((Handle(Arc::new(Mutex::new(child))), stdin, stdout))
}

/// A thread for each pipe of a child. `fall` is dropped when its output ends.
pub(super) fn attend(
    birth: Birth,
    pipes: (ChildStdin, ChildStdout),
    words: Receiver<Word>,
    handle: Handle,
    fall: Fall,
) -> io::Result<()> {
    let node = birth.node;
    let (stdin, stdout) = pipes;
    thread::Builder::new().name(format!("to {node}")).spawn(move || tell(stdin, &birth, &words))?;
    thread::Builder::new().name(format!("from {node}")).spawn(move || hear(stdout, &handle, fall))?;
    Ok(())
}

/// This binary, even if it was replaced on disk since it started.
fn own_path() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { env::current_exe() }
}

/// Writes words to a child until there are no more, or it is dead, which its reader notices.
fn tell(stdin: ChildStdin, birth: &Birth, words: &Receiver<Word>) {
    let mut pipe = BufWriter::new(stdin);
    let mut written = pipe::write(&mut pipe, birth);
    while let (Ok(()), Ok(word)) = (&written, words.recv()) {
        written = pipe::write_word(&mut pipe, word);
    }
}

/// Carries what a child says until its end, and buries it.
fn hear(stdout: ChildStdout, handle: &Handle, fall: Fall) {
    let mut pipe = BufReader::new(stdout);
    // Half a message is what a killed child leaves; like the end of the pipe it means that the child is gone.
    while let Ok(Some(Word::Envelope(envelope))) = pipe::read_word(&mut pipe) {
        fall.crew.carry(envelope);
    }
    handle.bury();
    drop(fall);
}

/// The child: lives until its standard input ends.
pub fn main() -> ExitCode {
    let mut stdin = BufReader::new(io::stdin());
    let birth = match pipe::read::<Birth>(&mut stdin) {
        Ok(Some(birth)) => birth,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("`millrace worker` is started by the engine, which speaks to it through a pipe: {error}");
            return ExitCode::from(3);
        }
    };
    let (inbox, words) = channel();
    let listen = move || {
        while let Ok(Some(word)) = pipe::read_word(&mut stdin) {
            if inbox.send(word).is_err() {
                break;
            }
        }
        // The server is gone or has closed the pipe: so ends a worker, in the middle of a step too.
        process::exit(0);
    };
    if let Err(error) = thread::Builder::new().name("inbox".to_owned()).spawn(listen) {
        eprintln!("{} could not start: {error}", birth.node);
        return ExitCode::from(3);
    }
    let mut stdout = BufWriter::new(io::stdout().lock());
    let Birth { node, incarnation, input, memory } = birth;
    let birth = worker::Birth { node, incarnation, input: input.into(), memory };
    live(birth, &words, &AtomicBool::new(false), |envelope| {
        if pipe::write_word(&mut stdout, Word::Envelope(envelope)).is_err() {
            // Nobody listens any more.
            process::exit(0);
        }
    });
    ExitCode::SUCCESS
}
