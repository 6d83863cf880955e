//! What cargo can't do by itself: `cargo xtask` lists it.
//!
//! Reading order: `project` (where things are), `process` (running programs), `setup` (getting them), `page` (building
//! the page), then the commands. xtask is compiled first on every machine, so it has few dependencies and parses its
//! few arguments itself.

mod bench;
mod digest;
mod failure;
mod gate;
mod page;
mod planted;
mod play;
mod process;
mod project;
mod setup;
mod stages;

use failure::{Done, Failure};
use project::Project;
use stages::Stages;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask play [--listen ADDRESS] [--no-open] [-- ARGUMENTS OF millrace serve]
                    builds the page and the server, and starts them; gets what is missing
cargo xtask test [STAGE…]    the whole gate, or the stages named
cargo xtask page    builds the page alone, into target/dist
cargo xtask shots   pictures of the page in target/shots
cargo xtask tools   only gets what is missing
cargo xtask planted [NN…]    plants the bugs of shared/planted, or those numbered, and shows that a test catches each
cargo xtask bench [NAME…]    measures what is named, or lists what can be
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = if page::split::is_called() { page::split::bind(&arguments) } else { start(&arguments) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &[String]) -> Done {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "play" => play::play(&Project::here()?, rest),
        "test" => gate::run(&Project::here()?, rest),
        "page" => page(&Project::here()?, rest),
        "planted" => planted::run(&Project::here()?, rest),
        "bench" => bench::run(&Project::here()?, rest),
        "shots" => shots(&Project::here()?, rest),
        "tools" => tools(&Project::here()?, rest),
        play::OPEN_COMMAND => play::open_when_up(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        unknown => Err(Failure::new(format!("There is no command `{unknown}`"), format!("The commands are:\n\n{HELP}"))),
    }
}

fn page(project: &Project, rest: &[String]) -> Done {
    no_arguments("page", rest)?;
    let mut stages = Stages::new(3);
    stages.run("Tools and packages", || setup::for_page(project))?;
    stages.run("Crates", || setup::crates(project, false))?;
    stages.run("Page", || page::build(project))
}

fn shots(project: &Project, rest: &[String]) -> Done {
    no_arguments("shots", rest)?;
    let mut stages = Stages::new(4);
    stages.run("Tools, packages, Chromium", || gate::tools(project))?;
    stages.run("Page", || page::build(project))?;
    stages.run("Server", || play::build_server(project))?;
    stages.run("Pictures", || gate::shots(project))
}

fn tools(project: &Project, rest: &[String]) -> Done {
    no_arguments("tools", rest)?;
    Stages::new(1).run("Tools, packages, Chromium", || gate::tools(project))
}

fn no_arguments(command: &str, rest: &[String]) -> Done {
    match rest.first() {
        None => Ok(()),
        Some(first) => {
            Err(Failure::new(format!("`cargo xtask {command}` takes no arguments, so not `{first}`"), "Leave it out"))
        }
    }
}
