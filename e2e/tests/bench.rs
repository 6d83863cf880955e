//! The bench: any moment of a simulated run, faults that become lines of the text, links that carry all of it.

use e2e::{Browser, LOOKS, Moment, Page, Server, judged_natively, simulated_natively};
use thirtyfour::prelude::*;

/// Half a second of virtual time and more.
const WORDS: &str = "\
millrace: 1
title: Words # of a river
seed: 7
workers: 3
respawn: 100 ms
compute: 1 KB/s
batch:
  input: { text: 'the mill turns and the river turns the mill and no river runs back to where it came from the mill turns and the river turns the mill and no river runs back to where it came from the mill turns and the river turns the mill and no river runs back to where it came from \
    a wheel in a race grinds what the farmers bring and the miller takes his part of the flour a wheel in a race grinds what the farmers bring and the miller takes his part of the flour a wheel in a race grinds what the farmers bring and the miller takes his part of the flour a wheel in a race grinds what the farmers bring and the miller takes his part of the flour a wheel in a race grinds what the farmers bring and the miller takes his part of the flour a wheel in a race grinds what the farmers bring and the miller takes his part of the flour' }
  split: 40 B
  partitions: 3
  steps:
    - flat_map: { word: words(line) }
    - reduce: { key: word, values: { count: count(*) } }
# What must hold.
expect:
  - equals_sequential: true
";

async fn opened(browser: &Browser, server: &Server) -> WebDriverResult<Page> {
    let page = Page::open_idle(browser, &server.url).await?;
    page.write_experiment(WORDS).await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    page.run().await?;
    Ok(page)
}

#[tokio::test]
async fn the_trace_is_downloaded_event_by_event_as_it_is_natively() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.press("downloads").await?;
    page.press("download-trace.jsonl").await?;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("trace.jsonl");
    judged_natively(WORDS, &["--trace", &path.to_string_lossy()]);
    let natively = std::fs::read_to_string(&path).expect("there is a trace");
    assert!(natively.lines().count() > 200, "{natively}");
    assert!(page.downloaded(&browser, "jsonl").await? == natively, "the same events, to the byte");
    page.driver.quit().await
}

#[tokio::test]
async fn any_moment_is_gone_to_and_is_what_it_was() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let end = page.at().await?;
    assert_eq!(end as f64, simulated_natively(WORDS)["virtual_ms"].as_f64().unwrap_or_default() * 1e3);
    // Back, a tenth at a time: every moment is remembered.
    let mut seen: Vec<Moment> = Vec::new();
    for _ in 0..9 {
        seen.push(page.slide("PageDown").await?);
    }
    assert!(seen.windows(2).all(|pair| pair[1].at < pair[0].at && pair[1].state != pair[0].state), "{seen:?}");
    assert!(page.text("status").await?.contains("gone back to"), "{}", page.text("status").await?);
    let beginning = page.slide("Home").await?;
    assert_eq!(beginning.at, 0);
    assert_eq!(page.attribute("progress", "aria-valuenow").await?, "0");
    page.until("news", "no news", str::is_empty).await?;
    page.press("timeline-as-table").await?;
    assert_eq!(page.driver.find_all(By::Css("[data-testid=timeline-table] tbody tr")).await?.len(), 0, "nothing has begun");
    page.press("timeline-as-table").await?;
    // And ahead again: the same moments.
    for moment in seen.iter().rev() {
        let there = page.slide("PageUp").await?;
        assert!(there.at.abs_diff(moment.at) <= 10, "{there:?} {moment:?}");
        if there.at == moment.at {
            assert_eq!(there.state, moment.state);
        }
    }
    let last = page.slide("End").await?;
    assert_eq!(last.at, end);
    page.rows_in_view().await?;

    // It goes on from anywhere, to the same end and the same result.
    let trace = page.text("trace-hash").await?;
    page.slide("PageDown").await?;
    page.press("pause").await?;
    page.until_attribute("time-at", "data-exact", |at| at == end.to_string()).await?;
    assert_eq!((page.attribute("status", "data-stage").await?, page.text("trace-hash").await?), ("finished".into(), trace));
    page.driver.quit().await
}

#[tokio::test]
async fn the_timeline_is_dragged_and_steps_go_on_from_there() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let end = page.at().await?;
    let timeline = page.element("timeline").await?;
    timeline.scroll_into_view().await?;
    let area = timeline.rect().await?;
    let at = |part: f64| ((area.x + area.width * part) as i64, (area.y + area.height / 2.0) as i64);
    let [(x1, y), (x2, _)] = [at(0.8), at(0.5)];
    page.driver.action_chain().move_to(x1, y).click_and_hold().move_to(x2, y).release().perform().await?;
    let there = page.arrived("the middle of the timeline", |at| at > end / 4 && at < end * 3 / 4).await?;
    page.press("step-task").await?;
    page.arrived("the next task", |at| at > there.at).await?;
    assert_eq!(page.attribute("status", "data-paused").await?, "true");
    page.driver.quit().await
}

#[tokio::test]
async fn what_is_done_to_a_worker_is_a_line_of_the_text_that_tells_the_same_run() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let calm = page.text("trace-hash").await?;
    for _ in 0..5 {
        page.slide("PageDown").await?;
    }
    page.press("kill-worker-2").await?;
    page.until_attribute("worker-2", "data-state", |state| state == "down").await?;
    page.until_attribute("status", "data-stage", |stage| stage == "running").await?;
    page.press("pause-worker-1-200").await?;
    page.until("news", "the pause", |news| news.contains("worker-1 is paused for 200 ms")).await?;
    page.press("pause").await?;
    page.finished().await?;
    let touched = page.text("trace-hash").await?;
    assert_ne!(touched, calm);
    let change = page.text("change").await?;
    assert!(change.contains("Workers lost") && change.contains("the same") && !change.contains("not known"), "{change}");
    let again = page.text("ran-again").await?;
    assert!(again.contains("with worker-2") || again.contains("worker-2 was lost"), "{again}");

    let text = page.experiment().await?;
    let added: Vec<&str> = text.lines().filter(|line| !WORDS.lines().any(|known| known == *line)).collect();
    assert!(added.len() == 3 && added[0] == "faults:", "{added:?}");
    assert!(added[1].contains("kill: worker-2 }") && added[2].contains("pause: { node: worker-1, for: 200 ms }"), "{added:?}");
    let others: Vec<&str> = text.lines().filter(|line| !added.contains(line)).collect();
    assert_eq!(others, WORDS.lines().collect::<Vec<_>>(), "nothing else is touched");
    assert_eq!(simulated_natively(&text)["trace_hash"], touched.as_str());
    page.run().await?;
    assert_eq!(page.text("trace-hash").await?, touched, "the text tells the same run");

    // A text that is not the one that runs stays as it is.
    page.type_at_the_end("# mine\n").await?;
    for _ in 0..5 {
        page.slide("PageDown").await?;
    }
    page.press("kill-worker-3").await?;
    let notice = page.until("notice", "why there is no line", |notice| notice.contains("kill: worker-3")).await?;
    assert!(
        notice.contains("not the one that runs any more") && !page.experiment().await?.contains("kill: worker-3"),
        "{notice}"
    );
    page.driver.quit().await
}

#[tokio::test]
async fn a_link_carries_the_run_to_another_browser() -> WebDriverResult<()> {
    let (server, browser, other) = (Server::start(), Browser::start().await, Browser::start().await);
    let page = opened(&browser, &server).await?;
    for _ in 0..3 {
        page.slide("PageDown").await?;
    }
    page.press("kill-worker-1").await?;
    page.until_attribute("worker-1", "data-state", |state| state == "down").await?;
    let (text, killed) = (page.experiment().await?, page.at().await?);
    page.press("step-event").await?;
    let seen = page.arrived("a step", |at| at > killed).await?;
    page.press("share-open").await?;
    let link = page.until_link().await?;
    assert!(link.starts_with(&server.url) && link.contains("#x=1."), "{link}");

    // Somebody has a text of his own there.
    let there = Page::open_idle(&other, &server.url).await?;
    there.write_experiment("millrace: 1\ntitle: Mine\n").await?;
    there.until_kept("Mine").await?;
    there.driver.goto(&link).await?;
    let landed = there.arrived("the moment of the link", |at| at == seen.at).await?;
    assert_eq!((landed.state, there.experiment().await?), (seen.state, text));
    assert!(!there.driver.current_url().await?.as_str().contains('#'), "from now on the page counts");
    assert!(there.text("notice").await?.contains("Your own text is kept"));
    there.press("pause").await?;
    there.finished().await?;
    page.press("share-close").await?;
    page.press("pause").await?;
    page.finished().await?;
    assert_eq!(there.text("trace-hash").await?, page.text("trace-hash").await?);
    there.press("bring-back").await?;
    assert_eq!(there.experiment().await?, "millrace: 1\ntitle: Mine\n");
    assert!(!there.has("notice").await?);
    there.driver.quit().await?;
    page.driver.quit().await
}

#[tokio::test]
async fn what_is_no_link_is_a_sentence_and_never_a_dead_page() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let long = "A".repeat(1 << 20);
    for (fragment, sentence) in [
        ("x=1.%3Cscript%3Ealert(1)%3C/script%3E", "changed or cut off on its way"),
        ("x=9.AAAA", "of another version than this page"),
        (&format!("x=1.{long}"), "and one with an experiment has 393216 at most"),
        ("x=1.eJwDAAAAAAE", "changed or cut off on its way"),
    ] {
        page.driver.goto("about:blank").await?;
        page.driver.goto(&format!("{}/?autorun=no", server.url)).await?;
        let script = "location.hash = arguments[0]";
        page.driver.execute(script, vec![fragment.into()]).await?;
        page.until("notice", sentence, |said| said.contains(sentence)).await?;
        assert!(page.experiment().await?.contains("Word count"), "the text stays");
    }
    // Nor do the first run that the page opens on, or what it goes on with, take the sentence away.
    page.driver.goto("about:blank").await?;
    page.driver.goto(&format!("{}/#x=1.eJwDAAAAAAE", server.url)).await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    assert!(page.text("notice").await?.contains("cannot be opened"));
    // A sound link whose every text is a script: it is shown, and nothing of it is run.
    let evil = WORDS
        .replace("Words # of a river", "\"<script>document.title = 'run'</script><img src=x onerror=document.title='run'>\"");
    page.write_experiment(&evil).await?;
    page.press("place-simulate").await?;
    page.press("share-open").await?;
    let link = page.until_link().await?;
    page.driver.goto("about:blank").await?;
    page.driver.goto(&link).await?;
    page.finished().await?;
    assert!(page.text("status").await?.contains("<script>"));
    assert!(page.driver.title().await?.contains("Millrace"));
    page.driver.quit().await
}

#[tokio::test]
async fn keys_are_listed_and_do_what_they_say_where_nobody_types() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    page.slide("Home").await?;
    let press = async |key: TypingData| page.driver.action_chain().send_keys(key).perform().await;
    press("?".into()).await?;
    page.until("shortcuts", "the list", |list| list.contains("Hold virtual time")).await?;
    press(Key::Escape.into()).await?;
    press(".".into()).await?;
    let stepped = page.arrived("a step", |at| at > 0).await?;
    press(",".into()).await?;
    page.arrived("an event", |at| at > stepped.at).await?;
    // In the editor they are letters.
    let at = page.at().await?;
    page.type_at_the_end("#.,?").await?;
    assert!(page.experiment().await?.ends_with("#.,?"));
    assert_eq!(page.at().await?, at);
    page.driver.quit().await
}

#[tokio::test]
async fn axe_finds_nothing_in_what_the_bench_opens_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = opened(&browser, &server).await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.refresh().await?;
        page.element("run").await?;
        page.press("place-simulate").await?;
        page.press("speed-max").await?;
        page.run().await?;
        page.slide("PageDown").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} gone back: {line}")));
        page.press("hinder-worker-1").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} with a menu: {line}")));
        page.press("hinder-worker-1").await?;
        for dialog in ["share", "shortcuts"] {
            page.press(&format!("{dialog}-open")).await?;
            found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} with {dialog}: {line}")));
            page.press(&format!("{dialog}-close")).await?;
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}
