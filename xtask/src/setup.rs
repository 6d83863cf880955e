//! `cargo xtask tools`: gets what the other commands need, and only what isn't there yet in the right version.

use crate::digest;
use crate::failure::{Done, Failure};
use crate::process::{self, capture, missing};
use crate::project::Project;
use crate::stages::note;
use std::fs;
use std::path::PathBuf;

const WASM: &str = "wasm32-unknown-unknown";

/// Programs that cargo compiles, with the exact version of each. The version of wasm-bindgen is also the one that
/// `frontend/Cargo.toml` names; the two must be the same.
const CARGO_TOOLS: [CargoTool; 2] = [
    CargoTool {
        package: "trunk",
        version: "0.21.14",
        programs: &["trunk"],
        // Only what building needs, and not optimised: 3 minutes instead of 8 on two cores.
        options: &["--locked", "--debug", "--no-default-features", "--features", "rustls"],
    },
    CargoTool {
        package: "wasm-bindgen-cli",
        version: "0.2.130",
        programs: &["wasm-bindgen", "wasm-bindgen-test-runner"],
        options: &["--debug"],
    },
];

struct CargoTool {
    package: &'static str,
    version: &'static str,
    programs: &'static [&'static str],
    options: &'static [&'static str],
}

/// A browser and the driver that tests steer it with.
#[derive(Debug)]
pub struct Browser {
    /// The browser's own binary.
    pub chromium: PathBuf,
    /// Its WebDriver server.
    pub chromedriver: PathBuf,
}

/// What building the page needs: the wasm target, trunk, wasm-bindgen and the npm packages.
pub fn for_page(project: &Project) -> Done {
    wasm_target(project)?;
    CARGO_TOOLS.iter().try_for_each(|tool| cargo_tool(project, tool))?;
    npm_packages(project)
}

/// Downloads the crates of the workspace, so that all that follows works without the network.
pub fn crates(project: &Project, locked: bool) -> Done {
    let remedy = "Crates come from the network, or from what cargo downloaded before: check that it reaches its registry \
                  (a proxy is named in HTTPS_PROXY), then run this again";
    let host = host(project)?;
    let mut fetch = project.command("cargo");
    fetch.args(["fetch", "--target", WASM, "--target", &host]);
    if locked {
        fetch.arg("--locked");
    }
    capture(&mut fetch, remedy).map(|_| ())
}

fn wasm_target(project: &Project) -> Done {
    let remedy = "Install Rust by rustup, then run this again";
    let sysroot = capture(project.command("rustc").args(["--print", "sysroot"]), remedy)?;
    if PathBuf::from(sysroot.trim()).join("lib/rustlib").join(WASM).is_dir() {
        return Ok(());
    }
    note(format!("adding the target {WASM} to Rust"));
    let remedy = "Check that the network is reachable, then run this again; or install Rust's standard library for \
                  wasm32-unknown-unknown as you installed Rust";
    capture(project.command("rustup").args(["target", "add", WASM]), remedy).map(|_| ())
}

fn host(project: &Project) -> Done<String> {
    let about = capture(project.command("rustc").arg("-vV"), "Install Rust by rustup, then run this again")?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` names no host", "Install Rust by rustup"))
}

fn cargo_tool(project: &Project, tool: &CargoTool) -> Done {
    if tool.programs.iter().all(|program| has_version(project, program, tool.version)) {
        return Ok(());
    }
    if project.find("cc").is_none() {
        return Err(missing("cc"));
    }
    note(format!("compiling {} {}: some minutes, once", tool.package, tool.version));
    let mut install = project.command("cargo");
    install.arg("install").args(tool.options).arg("--root").arg(&project.tools);
    install.arg(format!("{}@{}", tool.package, tool.version));
    // Beside the workspace's own build products, never among them, and kept for when the compilation is interrupted.
    install.env("CARGO_TARGET_DIR", project.tools.join("build"));
    // Nobody debugs them, and without debug information they compile and link sooner.
    install.env("CARGO_PROFILE_DEV_DEBUG", "false");
    process::run(&mut install).map_err(|_| {
        Failure::new(
            format!("{} {} could not be compiled", tool.package, tool.version),
            "Cargo's own words stand above; when they speak of the network, check that cargo reaches its registry, then run this again",
        )
    })?;
    if let Err(error) = fs::remove_dir_all(project.tools.join("build")) {
        note(format!("{} could not be removed ({error}); it is no longer needed", project.tools.join("build").display()));
    }
    Ok(())
}

/// Whether a program can be found and says that it has this version, as in `trunk 0.21.14`.
fn has_version(project: &Project, program: &str, version: &str) -> bool {
    project.find(program).is_some()
        && capture(project.command(program).arg("--version"), "").is_ok_and(|words| says_version(&words, version))
}

fn says_version(words: &str, version: &str) -> bool {
    words.split_whitespace().any(|word| word == version)
}

/// `npm ci` into `target/npm`, unless what is there was made by the same lock file.
pub fn npm_packages(project: &Project) -> Done {
    let manifests = ["package.json", "package-lock.json"];
    let mut wanted = digest::Digest::default();
    manifests.iter().try_for_each(|file| wanted.tree(&project.root, file))?;
    let wanted = wanted.finish();
    let stamp = project.npm.join("stamp");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    for program in ["node", "npm"] {
        if project.find(program).is_none() {
            return Err(missing(program));
        }
    }
    note("npm packages: fonts, icons, a text, a reader of YAML");
    for file in manifests {
        digest::write(&project.npm.join(file), &digest::read(&project.root.join(file))?)?;
    }
    let remedy = "npm packages come from the network: check that npm reaches its registry (`npm ping`; a proxy is named in \
                  HTTPS_PROXY), then run this again";
    let mut npm = project.command("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&project.npm);
    // npm tries three times; by itself it waits more than a minute between the tries.
    npm.args(["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]);
    capture(&mut npm, remedy)?;
    digest::write(&stamp, wanted.as_bytes())
}

/// Finds Chromium and its driver: as `CHROMIUM` and `CHROMEDRIVER` say, else on the `PATH`, else by Debian's packages.
pub fn browser(project: &Project) -> Done<Browser> {
    if let Some(browser) = find_browser(project)? {
        return Ok(browser);
    }
    let may_install = project.find("apt-get").is_some()
        && capture(std::process::Command::new("id").arg("-u"), "").is_ok_and(|id| id.trim() == "0");
    if may_install {
        note("installing Chromium and its driver by apt-get");
        let remedy = "Check that apt-get reaches its sources, or install Chromium and its driver by hand and name them in \
                      CHROMIUM and CHROMEDRIVER";
        capture(apt(project).arg("update"), remedy)?;
        capture(apt(project).args(["install", "--yes", "--no-install-recommends", "chromium", "chromium-driver"]), remedy)?;
    }
    find_browser(project)?.ok_or_else(|| missing("chromium"))
}

fn apt(project: &Project) -> std::process::Command {
    let mut apt = project.command("apt-get");
    apt.arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

fn find_browser(project: &Project) -> Done<Option<Browser>> {
    let chromium = named_or_found(project, "CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])?;
    let chromedriver = named_or_found(project, "CHROMEDRIVER", &["chromedriver"])?;
    Ok(chromium.zip(chromedriver).map(|(chromium, chromedriver)| Browser { chromium, chromedriver }))
}

fn named_or_found(project: &Project, variable: &str, programs: &[&str]) -> Done<Option<PathBuf>> {
    let Some(named) = std::env::var_os(variable).map(PathBuf::from) else {
        return Ok(programs.iter().find_map(|program| project.find(program)));
    };
    if named.is_file() {
        return Ok(Some(named));
    }
    let what = format!("{variable} names {}, which isn't a file", named.display());
    Err(Failure::new(what, format!("Correct {variable}, or unset it so that the program is looked for")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_version_will_do() {
        assert!(says_version("trunk 0.21.14\n", "0.21.14"));
        assert!(!says_version("trunk 0.21.140\n", "0.21.14"));
        assert!(!says_version("wasm-bindgen 0.2.126", "0.2.130"));
    }

    #[test]
    fn the_lock_file_of_the_page_pins_each_package_and_names_no_host() {
        let lock = include_str!("../../package-lock.json");
        assert!(!lock.contains("\"resolved\""), "npm must fetch from whichever registry is configured");
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../../package.json")).unwrap();
        for (name, version) in manifest["dependencies"].as_object().unwrap() {
            let version = version.as_str().unwrap();
            assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{name}: {version} is not an exact version");
        }
    }
}
