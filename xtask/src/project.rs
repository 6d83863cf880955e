//! Where things are: the checkout, what is built from it, and the programs that build it.

use crate::failure::{Done, Failure};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders that xtask works with. All paths are absolute.
#[derive(Clone, Debug)]
pub struct Project {
    /// The checkout: the folder of the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the checkout.
    pub target: PathBuf,
    /// The page as it is served. Fixed, because the server's code names it when it embeds the page.
    pub dist: PathBuf,
    /// The npm packages. Fixed for the same reason: the browser tests read axe-core there.
    pub npm: PathBuf,
    /// Programs that xtask installed for itself (`bin` in it).
    pub tools: PathBuf,
    /// What the page build keeps between runs: trunk's output, compressed files, stamps.
    pub page_cache: PathBuf,
}

impl Project {
    /// The project that this xtask was started in. Cargo says at run time where that is; what was true at compile
    /// time isn't asked, because several clones may share one target folder.
    pub fn here() -> Done<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| {
            Failure::new("xtask was not started by cargo", "Start it as `cargo xtask …` in the checkout of Millrace")
        })?;
        let root = PathBuf::from(manifest).parent().map(Path::to_path_buf).unwrap_or_default();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        Ok(Self::at(root, target))
    }

    /// The project in `root` which cargo builds into `target`.
    pub fn at(root: PathBuf, target: PathBuf) -> Self {
        Self {
            dist: root.join("target/dist"),
            npm: root.join("target/npm"),
            tools: target.join("tools"),
            page_cache: target.join("page"),
            root,
            target,
        }
    }

    /// A command that runs in the checkout and finds xtask's own tools before any others.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.find(program).unwrap_or_else(|| PathBuf::from(program)));
        command.current_dir(&self.root).env("PATH", self.search_path());
        command
    }

    /// Where `program` is: among xtask's own tools or on the `PATH`.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        let file = format!("{program}{}", env::consts::EXE_SUFFIX);
        env::split_paths(&self.search_path()).map(|dir| dir.join(&file)).find(|path| path.is_file())
    }

    /// A path as it is shown to people: relative to the checkout where it lies in it.
    pub fn show<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// Where programs are looked for: among xtask's own tools, then on the `PATH`.
    pub fn search_path(&self) -> std::ffi::OsString {
        let inherited = env::var_os("PATH").unwrap_or_default();
        let dirs = [self.tools.join("bin")].into_iter().chain(env::split_paths(&inherited));
        // A folder whose name holds the separator can't be joined; then the inherited path has to do.
        env::join_paths(dirs).unwrap_or(inherited)
    }
}
