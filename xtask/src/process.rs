//! Running other programs: what they print is shown or kept, and a program that is missing or fails becomes a sentence.

use crate::failure::{Done, Failure};
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::process::{Command, ExitStatus, Stdio};

/// How much of a failed program's words is repeated in the sentence about it, in lines.
const TAIL_LINES: usize = 12;

/// Runs a command whose output goes straight to the terminal.
pub fn run(command: &mut Command) -> Done {
    let status = command.stdin(Stdio::null()).status().map_err(|error| cannot_start(command, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(command, status))
}

/// Runs a command whose output goes to the terminal, and shows each line of its standard output to `watch` too.
pub fn run_watched(command: &mut Command, mut watch: impl FnMut(&str)) -> Done {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let output = child.stdout.take().expect("standard output was asked for");
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        watch(&line);
    }
    let status = child.wait().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(failed(command, status)) }
}

/// Runs a command and returns what it printed on standard output. When it fails, `remedy` says what to do, after the
/// last lines of what it said.
pub fn capture(command: &mut Command, remedy: &str) -> Done<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = [output.stdout, output.stderr].concat();
    let what =
        format!("`{}` failed ({}). It said:\n{}\n", line(command), output.status, tail(&String::from_utf8_lossy(&words)));
    Err(Failure::new(what, remedy))
}

/// The command as one would type it: the program without its folder, then the arguments.
pub fn line(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy().into_owned());
    words.map(|word| if word.contains(' ') { format!("'{word}'") } else { word }).collect::<Vec<_>>().join(" ")
}

/// What to do when `program` isn't there.
pub fn how_to_get(program: &str) -> &'static str {
    match program {
        "node" | "npm" => "Install Node.js 20 or newer with npm (on Debian and Ubuntu: apt-get install nodejs npm)",
        "rustup" | "rustc" | "cargo" => "Install rustup, which also brings cargo: see rustup.rs",
        "git" => "Install git (on Debian and Ubuntu: apt-get install git)",
        "cc" => "Install a C compiler and linker (on Debian and Ubuntu: apt-get install build-essential)",
        "chromium" | "chromedriver" => {
            "Install Chromium and its driver (on Debian: apt-get install chromium chromium-driver), or name them in CHROMIUM and CHROMEDRIVER"
        }
        "rabbitmq-server" | "epmd" => "Install RabbitMQ (on Debian and Ubuntu: apt-get install rabbitmq-server)",
        "nats-server" => "Install NATS (on Debian and Ubuntu: apt-get install nats-server)",
        "redis-server" => "Install Redis (on Debian and Ubuntu: apt-get install redis-server)",
        "clippy-driver" => "Install clippy: rustup component add clippy",
        _ => "Run `cargo xtask tools`, which installs what is missing",
    }
}

/// The failure for a program that isn't there.
pub fn missing(program: &str) -> Failure {
    Failure::new(format!("`{program}` isn't installed, or isn't on the PATH"), how_to_get(program))
}

fn failed(command: &Command, status: ExitStatus) -> Failure {
    Failure::new(format!("`{}` failed ({status})", line(command)), "Its own words stand above")
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy().into_owned();
    match error.kind() {
        ErrorKind::NotFound => missing(&program),
        _ => Failure::new(format!("`{program}` can't be started: {error}"), how_to_get(&program)),
    }
}

fn tail(words: &str) -> String {
    // Lines of a stack trace say nothing to whoever reads this.
    let says_something = |line: &&str| !line.trim().is_empty() && !line.contains("    at ");
    let lines: Vec<&str> = words.lines().filter(says_something).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_a_sentence_that_says_how_to_get_it() {
        let failure = run(&mut Command::new("no-such-program-of-millrace")).unwrap_err().to_string();
        assert!(failure.contains("`no-such-program-of-millrace` isn't installed"), "{failure}");
        assert!(missing("npm").to_string().contains("Install Node.js"), "{}", missing("npm"));
    }

    #[test]
    fn a_failed_program_is_quoted_by_its_last_lines() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line $i; done; echo oh no >&2; exit 3"]);
        let failure = capture(&mut shell, "Try again").unwrap_err().to_string();
        assert!(failure.contains("oh no") && failure.contains("line 14"), "{failure}");
        assert!(!failure.contains("line 1\n"), "only the last lines are repeated: {failure}");
        assert!(failure.ends_with("Try again."), "{failure}");
    }

    #[test]
    fn a_watched_program_is_heard_line_by_line_and_still_fails() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one; echo two; exit 1"]);
        let mut heard = Vec::new();
        let failure = run_watched(&mut shell, |line| heard.push(line.to_owned())).unwrap_err().to_string();
        assert_eq!(heard, ["one", "two"]);
        assert!(failure.contains("`sh -c 'echo one; echo two; exit 1'` failed"), "{failure}");
    }

    #[test]
    fn a_command_reads_as_it_is_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["test", "-p", "a b"]);
        assert_eq!(line(&command), "cargo test -p 'a b'");
    }
}
