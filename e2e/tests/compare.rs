//! Runs beside each other, and many seeds: what the page says of them is what the command line finds.

use e2e::{Browser, FRAMES, LOOKS, Page, Server, WORDS, judged_natively, simulated_natively};
use serde_json::Value;
use thirtyfour::prelude::*;

/// At most once: whoever is killed takes what it had with it.
const FORGETFUL: &str = "\
millrace: 1
title: A receiver that <i>forgets</i>
seed: 3 # of many
respawn: 200 ms
messaging:
  for: 2 s
  queues:
    jobs: {}
  publishers:
    office: { key: jobs, rate: 50/s }
  consumers:
    clerk: { count: 2, queue: jobs, prefetch: 5, service: 30 ms, ack: auto }
faults:
  - random: 4
expect:
  - no_loss: true
";

async fn opened(browser: &Browser, server: &Server, text: &str) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, &server.url).await?;
    page.write_experiment(text).await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    Ok(page)
}

/// Chooses what the experiment is put beside, by what it is called, and waits for the sentences.
async fn compared(page: &Page, with: &str) -> WebDriverResult<String> {
    page.press("compare-open").await?;
    let choose = "const [select, label] = arguments; \
        select.value = [...select.options].find(option => option.label === label).value; \
        select.dispatchEvent(new Event('change', { bubbles: true }));";
    let select = page.element("compare-with").await?.to_json()?;
    page.driver.execute(choose, vec![select, with.into()]).await?;
    page.press("compare-run").await?;
    page.until("verdict", "a sentence", |verdict| !verdict.is_empty()).await
}

/// The table's cells, line by line; a line's first cell is its name.
async fn table(page: &Page) -> WebDriverResult<Vec<Vec<String>>> {
    let read = "return [...document.querySelectorAll('[data-testid=comparison] tr')].map(row => [...row.children].map(cell => cell.innerText))";
    page.driver.execute(read, vec![]).await?.convert()
}

fn line<'t>(table: &'t [Vec<String>], name: &str) -> &'t [String] {
    let line = table.iter().find(|line| line[0] == name);
    &line.unwrap_or_else(|| panic!("no line {name}: {table:?}"))[1..]
}

fn number(report: &Value, path: &str) -> u64 {
    report.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {path} in {report}"))
}

#[tokio::test]
async fn a_batch_is_put_beside_itself_without_its_faults() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, WORDS).await?;
    let verdict = compared(&page, "without its faults").await?;
    let (with, without) = (simulated_natively(WORDS), judged_natively(WORDS, &["--set", "faults=[]"]).0);
    let table = table(&page).await?;
    assert_eq!(table[0][1..], ["as written", "without its faults"]);
    for (name, path) in [
        ("Tasks run", "/counters/tasks_run"),
        ("Repeated", "/counters/tasks_repeated"),
        ("Workers lost", "/counters/workers_lost"),
    ] {
        let found = [&with, &without].map(|report| number(report, path).to_string());
        assert_eq!(line(&table, name), found, "{name}");
    }
    assert_eq!(with["output_hash"], without["output_hash"]);
    assert!(verdict.contains("The rows are the same."), "{verdict}");
    assert!(verdict.contains("Workers lost: 1 as written, 0 without its faults, 100 % less."), "{verdict}");

    // The same in this browser's workers and on the server: other times, the same rows.
    page.press("compare-close").await?;
    let verdict = compared(&page, "in this browser and on the server").await?;
    assert!(verdict.contains("The rows are the same."), "{verdict}");

    // And with what somebody writes; what cannot be is a sentence.
    page.press("compare-close").await?;
    page.press("compare-open").await?;
    let last = "const select = arguments[0]; select.value = select.options[select.options.length - 1].value; \
        select.dispatchEvent(new Event('change', { bubbles: true }));";
    page.driver.execute(last, vec![page.element("compare-with").await?.to_json()?]).await?;
    page.element("compare-set").await?.send_keys("batch.partitions=0").await?;
    page.press("compare-run").await?;
    page.until("comparison", "a reason", |table| table.contains("partitions")).await?;
    assert!(!page.has("notice").await?, "{}", page.text("notice").await?);
    page.driver.quit().await
}

#[tokio::test]
async fn every_policy_of_a_queue_meets_the_same_traffic() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, FRAMES).await?;
    let verdict = compared(&page, "every policy of the queue frames").await?;
    let table = table(&page).await?;
    let policies =
        ["as written: drop_oldest", "with drop_newest", "with reject", "with sample: 30%", "with block", "with buffer"];
    assert_eq!(table[0][1..], policies);
    let set = |policy: &str| format!("messaging.queues.frames.overload={policy}");
    let unbounded = "messaging.queues.frames.max_messages=null";
    let overloads = ["drop_oldest", "drop_newest", "reject", "{ sample: 30% }", "block", "buffer"];
    let natively = overloads.map(|policy| {
        let set = set(policy);
        let flags = if policy == "buffer" { vec!["--set", &set, "--set", unbounded] } else { vec!["--set", &set] };
        judged_natively(FRAMES, &flags).0
    });
    let total = |report: &Value, names: &[&str]| {
        names.iter().map(|name| number(report, &format!("/counters/total~1{name}"))).sum::<u64>().to_string()
    };
    assert_eq!(line(&table, "Worked on"), natively.each_ref().map(|report| total(report, &["processed"])));
    let gone = ["dropped", "rejected", "expired", "lost", "unroutable"];
    assert_eq!(line(&table, "Lost or dropped"), natively.each_ref().map(|report| total(report, &gone)));
    // Only who waits and who keeps everything loses nothing.
    assert!(verdict.contains("Lost or dropped: best 0 (with block and with buffer), worst "), "{verdict}");
    page.driver.quit().await
}

#[tokio::test]
async fn failing_seeds_are_found_opened_and_made_small() -> WebDriverResult<()> {
    const SEEDS: std::ops::RangeInclusive<u64> = 1..=12;
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, FORGETFUL).await?;
    page.press("seeds-open").await?;
    let count = page.element("seeds-count").await?;
    count.clear().await?;
    count.send_keys("12").await?;
    page.press("seeds-run").await?;
    let told = page.until("seeds-told", "all of them", |told| told.starts_with("12 of 12")).await?;
    let fails = |seed: u64| !judged_natively(FORGETFUL, &["--seed", &seed.to_string()]).1;
    let failing: Vec<u64> = SEEDS.filter(|seed| fails(*seed)).collect();
    assert!(failing.len() > 1 && failing.len() < 12, "{failing:?}");
    assert!(told.contains(&format!("{} fail.", failing.len())), "{told}");
    for seed in SEEDS {
        assert_eq!(page.has(&format!("failing-{seed}")).await?, failing.contains(&seed), "seed {seed}");
    }

    // The fewest faults with which the first one fails: with each of them alone left out it holds.
    let seed = failing[0];
    page.press(&format!("shrink-{seed}")).await?;
    page.element(&format!("shrunk-{seed}")).await?;
    let read = "return [...arguments[0].querySelectorAll('code')].map(item => item.innerText)";
    let shrunk = page.element(&format!("shrunk-{seed}")).await?.to_json()?;
    let left: Vec<String> = page.driver.execute(read, vec![shrunk]).await?.convert()?;
    assert!(left.len() < 4, "{left:?}");
    let holds_with = |faults: &[String]| {
        let set = format!("faults=[{}]", faults.join(", "));
        judged_natively(FORGETFUL, &["--seed", &seed.to_string(), "--set", &set]).1
    };
    assert!(!holds_with(&left), "{left:?}");
    for out in 0..left.len() {
        let rest: Vec<String> =
            left.iter().enumerate().filter(|(index, _)| *index != out).map(|(_, item)| item.clone()).collect();
        assert!(holds_with(&rest), "{left:?} without {out}");
    }

    // It is opened: seed and faults stand in the text, nothing else is changed, and the run fails before one's eyes.
    page.press(&format!("open-shrunk-{seed}")).await?;
    page.finished().await?;
    let faults: String = left.iter().map(|item| format!("\n  - {item}")).collect();
    let expected = FORGETFUL.replace("seed: 3", &format!("seed: {seed}")).replace("\n  - random: 4", &faults);
    assert_eq!(page.experiment().await?.trim_end(), expected.trim_end());
    assert_eq!(page.attribute("expectation", "data-held").await?, "false");
    page.driver.quit().await
}

#[tokio::test]
async fn the_dialogs_are_for_everyone() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server, FORGETFUL).await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.refresh().await?;
        page.element("run").await?;
        page.until("outline", "the bus", |outline| outline.contains("jobs")).await?;
        compared(&page, "every policy of the queue jobs").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} compared: {line}")));
        page.press("compare-close").await?;
        page.press("seeds-open").await?;
        page.press("seeds-run").await?;
        page.until("seeds-told", "all of them", |told| told.starts_with("100 of 100")).await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} with seeds: {line}")));
        page.press("seeds-close").await?;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}
