//! `millrace serve` over HTTP: health, files, uploads, who is let in, ports, and how it ends.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{BINARY, Server, children, eventually, run_command, word_count};
use rustix::process::Signal;
use shared::wire::{Command as Word, Event, InputChoice};
use tungstenite::protocol::frame::coding::CloseCode;

#[test]
fn health_and_headers() {
    let server = Server::start(&[]);
    let health = server.get("/api/health");
    let body: serde_json::Value = serde_json::from_str(&health.body).unwrap();
    assert_eq!((health.status, &body["status"], &body["sessions"]), (200, &"ok".into(), &0.into()));
    assert!(body["cores"].as_u64() >= Some(1) && body["version"].is_string() && body["build"].is_string());
    assert!(health.head.contains("x-content-type-options: nosniff") && health.head.contains("referrer-policy:"));
    let page = server.get("/");
    if page.status == 200 {
        assert!(page.head.contains("content-type: text/html; charset=utf-8") && page.head.contains("cache-control: no-cache"));
        assert!(page.head.contains("content-security-policy:") && page.head.contains("wasm-unsafe-eval"));
        let tag = page.head.split("etag: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        assert_eq!(server.request("GET", "/", &[("If-None-Match", &tag)], b"").status, 304);
    } else {
        assert!(page.status == 404 && page.body.contains("cargo xtask play"), "{}", page.body);
    }
    assert_eq!(server.get("/nothing.js").status, 404);
    assert_eq!(server.get("/some/place").status, 404, "the page's addresses are relative to its folder");
    assert_eq!(server.get("/../Cargo.toml").status, 404);
    assert_eq!(server.get("/%2e%2e/Cargo.toml").status, 404);
    assert_eq!(server.get("/api/nothing").status, 404);
    assert_eq!(server.request("POST", "/", &[], b"").status, 405);
}

#[test]
fn foreign_origins_and_names_are_refused() {
    let server = Server::start(&[]);
    let own = format!("http://127.0.0.1:{}", server.port);
    let upgrade =
        [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")];
    for (headers, reason) in [
        ([("Origin", "http://evil.example"), ("X", "")], "may not use the server"),
        ([("Origin", "null"), ("X", "")], "may not use the server"),
        ([("Origin", "http://evil.example"), ("Host", "evil.example")], "its own machine only"),
        ([("X", ""), ("Host", "rebound.example:80")], "its own machine only"),
    ] {
        for (method, path) in [("GET", "/ws"), ("PUT", "/api/uploads?name=x")] {
            let answer = server.request(method, path, &[&headers[..], &upgrade[..]].concat(), b"");
            assert_eq!(answer.status, 403, "{headers:?}");
            assert!(answer.body.contains(reason), "{}", answer.body);
        }
    }
    assert_eq!(server.request("PUT", "/api/uploads?name=x", &[("Origin", &own)], b"x").status, 200);
}

#[test]
fn an_upload_is_counted_and_one_that_is_too_long_is_refused() {
    let server = Server::start(&[]);
    let text = "to be or not to be\n".repeat(200_000);
    let answer = server.request("PUT", "/api/uploads?name=..%2Fhamlet.txt", &[], text.as_bytes());
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let id = body["id"].as_str().unwrap().to_owned();
    assert!(answer.status == 200 && id.len() == 32);
    let mut client = server.client(None);
    for (run, id, isolation) in [(1, id.clone(), "thread"), (2, id, "process"), (3, "0".repeat(32), "thread")] {
        let mut command = run_command(run, &word_count(1, &format!("isolation: {isolation}\n")));
        command.input = Some(InputChoice::Upload { id, name: "hamlet.txt".to_owned(), format: None });
        client.say(&Word::Run(command));
        let events = client.until_over();
        match (run, &events[0], events.last().unwrap()) {
            (3, _, Event::Failed { message, .. }) => assert!(message.contains("choose the file again"), "{message}"),
            (_, Event::Started(started), Event::Finished { report, .. }) => {
                assert_eq!((started.input.as_str(), started.input_bytes), ("hamlet.txt", text.len() as u64));
                assert_eq!((report.rows, report.counters.map_output_records), (4, 1_200_000));
                assert!(report.expectations[0].held);
            }
            other => panic!("{other:?}"),
        }
    }
    let answer = server.request("PUT", "/api/uploads?name=big", &[("Content-Length", "2147483649")], b"");
    assert!(answer.status == 413 && answer.body.contains("2 GiB"), "{}", answer.body);
}

#[test]
fn only_files_inside_the_data_folder_can_be_read() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(outside.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(folder.join("open.txt"), "a b a").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.txt"), folder.join("link.txt")).unwrap();
    let server = Server::start(&["--data", folder.to_str().unwrap()]);
    let mut client = server.client(None);
    let secret = outside.path().join("secret.txt").to_str().unwrap().to_owned();
    let cases = [
        ("open.txt", ""),
        ("./open.txt", ""),
        ("../secret.txt", "not inside"),
        ("../nothing.txt", "not inside"),
        (secret.as_str(), "not inside"),
        ("link.txt", "not inside"),
        ("missing.txt", "cannot be read"),
        (".", "is not a file"),
    ];
    for (run, (path, refusal)) in (1..).zip(cases) {
        let text =
            word_count(1, "").replace("{ generate: zipf, bytes: 1 MiB, distinct: 20000 }", &format!("{{ file: \"{path}\" }}"));
        client.say(&Word::Run(run_command(run, &text)));
        match client.until_over().last().unwrap() {
            Event::Finished { report, .. } => assert_eq!((report.rows, refusal), (2, ""), "{path}"),
            Event::Failed { message, .. } => assert!(!refusal.is_empty() && message.contains(refusal), "{path}: {message}"),
            other => panic!("{other:?}"),
        }
    }
    let server = Server::start(&[]);
    let mut client = server.client(None);
    let text = word_count(1, "").replace("{ generate: zipf, bytes: 1 MiB, distinct: 20000 }", "{ file: open.txt }");
    client.say(&Word::Run(run_command(1, &text)));
    match client.until_over().last().unwrap() {
        Event::Failed { message, .. } => assert!(message.contains("--data DIR"), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_busy_port_is_told_with_what_to_do() {
    let server = Server::start(&[]);
    let address = format!("127.0.0.1:{}", server.port);
    let output = Command::new(BINARY).args(["serve", "--listen", &address]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr.contains("in use") && stderr.contains("--listen 127.0.0.1:0"), "{stderr}");
}

#[test]
fn help_names_the_limits() {
    let output = Command::new(BINARY).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Limits:") && help.contains("1 MiB") && help.contains("closes the socket with 1009"), "{help}");
}

#[test]
fn ctrl_c_ends_an_idle_server_and_one_with_a_running_job_in_time() {
    for (isolation, signal) in [("", Signal::INT), ("thread", Signal::INT), ("process", Signal::TERM)] {
        let mut server = Server::start(&[]);
        if isolation.is_empty() {
            server.signal(signal);
            let (status, took) = server.wait();
            assert!(status == 0 && took < Duration::from_secs(5), "{status} {took:?}");
            continue;
        }
        let mut client = server.client(None);
        let slow = format!("isolation: {isolation}\nfaults: [ {{ at: 0 %, slow: {{ node: worker-1, factor: 100 }} }} ]\n");
        client.say(&Word::Run(run_command(1, &word_count(60, &slow))));
        assert!(matches!(client.next().1, Event::Started(_)));
        if isolation == "process" {
            eventually("three children", || children(server.pid()).len() == 3);
        }
        let orphans = children(server.pid());
        server.signal(signal);
        let (events, code) = client.until_closed();
        assert!(
            matches!(events.last(), Some(Event::Failed { message, .. }) if message.contains("stopped")),
            "{:?}",
            events.last()
        );
        assert_eq!(code, Some(CloseCode::Away));
        let (status, took) = server.wait();
        assert!(status == 0 && took < Duration::from_secs(5), "{status} {took:?}");
        eventually("the end of all children", || orphans.iter().all(|pid| !common::is_alive(*pid)));
    }
}

#[test]
fn a_server_that_is_killed_leaves_no_worker_behind() {
    let mut server = Server::start(&[]);
    let mut client = server.client(None);
    let slow = "isolation: process\nfaults: [ { at: 0 %, slow: { node: worker-1, factor: 100 } } ]\n";
    client.say(&Word::Run(run_command(1, &word_count(30, slow))));
    eventually("three children", || children(server.pid()).len() == 3);
    let orphans = children(server.pid());
    server.signal(Signal::KILL);
    server.wait();
    eventually("the end of all children", || orphans.iter().all(|pid| !common::is_alive(*pid)));
}
