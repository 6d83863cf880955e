//! `millrace examples`: the gallery, embedded, so that there is something to run before anything is written.

use std::io::{self, Write};
use std::process::ExitCode;

use rust_embed::RustEmbed;
use shared::nearest::{list, nearest};

#[derive(RustEmbed)]
#[folder = "../examples"]
struct Gallery;

const EXTENSION: &str = ".yaml";

/// Exit status 2 if there is no example of that name, 3 if standard output cannot be written.
pub fn main(arguments: &crate::config::Examples) -> ExitCode {
    let text = match &arguments.name {
        None => listed(),
        Some(name) => match text(name.strip_suffix(EXTENSION).unwrap_or(name)) {
            Some(text) => text,
            None => {
                eprintln!("{}", missing(name));
                return ExitCode::from(2);
            }
        },
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("standard output cannot be written: {error}");
            ExitCode::from(3)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = Gallery::iter().filter_map(|file| Some(file.strip_suffix(EXTENSION)?.to_owned())).collect();
    names.sort();
    names
}

fn text(name: &str) -> Option<String> {
    Gallery::get(&format!("{name}{EXTENSION}")).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}

/// A line for each: its name and its title.
fn listed() -> String {
    let names = names();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    names.iter().map(|name| format!("{name:width$}  {}\n", title(&text(name).unwrap_or_default()))).collect()
}

/// Taken from its line alone: an example whose input is not here has a title too.
fn title(text: &str) -> &str {
    let title = text.lines().find_map(|line| line.strip_prefix("title:")).unwrap_or_default().trim();
    title.trim_matches(['"', '\''])
}

fn missing(name: &str) -> String {
    let names = names();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("there is no example `{name}` (did you mean `{near}`?)"),
        None => format!("there is no example `{name}`; there are {}", list(names.iter().map(String::as_str))),
    }
}
