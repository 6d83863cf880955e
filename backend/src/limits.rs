//! Every bound of the server and the command line: a constant, its unit, and what it protects. `millrace serve --help` shows them.

use std::time::Duration;

/// Declares each bound once: its name and value, and the sentence that documents it and is shown to users.
macro_rules! limits {
    ($($name:ident: $type:ty = $value:expr, $shown:literal, $sentence:literal;)*) => {
        $(#[doc = $sentence] pub const $name: $type = $value;)*

        /// Every bound as it is shown: its value with a unit, and its sentence.
        const TABLE: &[(&str, &str)] = &[$(($shown, $sentence)),*];
    };
}

limits! {
    SESSIONS_MAX: usize = 256, "256", "Sessions at a time; another client is answered 503.";
    SESSION_KEEP: Duration = Duration::from_secs(60), "60 s", "A session without a socket waits so long for its client to come back.";
    HELLO_WAIT: Duration = Duration::from_secs(10), "10 s", "A new socket says hello within this time or is closed.";
    CONTROL_MESSAGE_BYTES_MAX: usize = 1 << 20, "1 MiB", "Bytes of a control message; a longer one closes the socket with 1009.";
    COMMANDS_WAITING_MAX: usize = 64, "64", "Commands of a client that wait for its session; past this its socket is not read.";
    EVENTS_WAITING_MAX: usize = 1024, "1,024", "Events that wait for a client; past this a run's frames are merged into one.";
    EVENTS_KEPT_MAX: usize = 1024, "1,024", "Sent events kept for a client that comes back.";
    WATCHERS_MAX: usize = 64, "64", "Sessions that watch one run at a time; another one is told so.";
    WATCHED_MAX: usize = 4, "4", "Runs of others that one session watches at a time.";
    CLIENT_SLOW_MAX: Duration = Duration::from_secs(30), "30 s", "A client that stays behind so long is closed with 1013.";
    HEARTBEAT: Duration = Duration::from_secs(15), "15 s", "A socket is pinged this often.";
    PINGS_UNANSWERED_MAX: u32 = 2, "2", "A socket that leaves so many pings unanswered is closed.";
    UPLOAD_BYTES_MAX: u64 = 2 << 30, "2 GiB", "Bytes of an upload; a longer one is answered 413.";
    UPLOADS_BYTES_MAX: u64 = 16 << 30, "16 GiB", "Bytes of all uploads together; one that does not fit is answered 413.";
    UPLOAD_KEEP: Duration = Duration::from_secs(3600), "1 h", "An upload that no run has used for so long is deleted.";
    UPLOAD_NAME_CHARS_MAX: usize = 255, "255", "Characters of an upload's name; the rest is cut off.";
    MEMORY_INPUT_BYTES_MAX: u64 = 64 << 20, "64 MiB", "Bytes of a generated text held in memory; a longer one goes to a temporary file.";
    UNPACKED_BYTES_MAX: u64 = 64 << 30, "64 GiB", "Bytes that the compressed inputs of one run unpack to, in temporary files.";
    INPUT_FILES_MAX: usize = 10_000, "10,000", "Files that fit one pattern of an input.";
    MEMORY_BYTES_MIN: u64 = 16 << 20, "16 MiB", "Memory of a run, at least.";
    SHUTDOWN_MAX: Duration = Duration::from_secs(5), "5 s", "From Ctrl-C to the server's end, whatever runs.";
    PIPE_MESSAGE_BYTES_MAX: usize = 1 << 30, "1 GiB", "Bytes of a message, or of its bulk data, between the server and a worker process.";
    BUS_SOCKETS_MAX: usize = 10_000, "10,000", "Sockets of a live bus at a time; another client is answered 503.";
    BUS_MESSAGE_BYTES_MAX: usize = 16 << 20, "16 MiB", "Bytes of what a client of a live bus says at once; more closes its socket with 1009.";
    BUS_COMMANDS_BYTES_MAX: usize = 32 << 20, "32 MiB", "Bytes that a client of a live bus has said and its broker has not taken; past this its socket is not read.";
    BUS_PREFETCH_MAX: u32 = 10_000, "10,000", "Deliveries ahead of their acknowledgements, of all consumers of one socket together.";
    BUS_CONSUMERS_MAX: usize = 1_000, "1,000", "Consumers of one socket, cancelled ones included.";
    BUS_BYTES_MAX: u64 = 1 << 30, "1 GiB", "Bytes of the messages that a live bus holds; who publishes past this is closed with 1013.";
    BUS_FRAMES_WAITING_MAX: usize = 1 << 20, "1,048,576", "Frames that wait for one client of a bus; past this its connection is reset.";
    STORE_CACHE_BYTES: usize = 64 << 20, "64 MiB", "Memory in which a bus's store holds pages of its file.";
    WEB_THREADS: usize = 2, "2", "Threads that answer requests; runs have threads of their own.";
}

/// The table as text for `--help`.
pub fn table() -> String {
    let mut text = String::from("Limits:\n");
    for (shown, sentence) in TABLE {
        text.push_str(&format!("  {shown:>9}  {sentence}\n"));
    }
    text
}
