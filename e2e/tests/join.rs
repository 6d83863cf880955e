//! The page as a client of a live bus: what one page publishes another takes, nothing is lost that was not acknowledged, and each end has a
//! sentence.

use e2e::{Browser, LOOKS, Page, Server};
use thirtyfour::prelude::*;

const WORK: &str = "\
millrace: 1
title: Work <for> pages
messaging:
  for: 1 s
  exchanges:
    events: { type: topic }
  queues:
    tasks: { bind: [{ exchange: events, key: 'task.#' }] }
    narrow: { max_messages: 10, overload: block }
";

#[tokio::test]
async fn what_a_page_had_and_did_not_acknowledge_another_gets_again() -> WebDriverResult<()> {
    let server = Server::start_with_bus("work", WORK);
    let (home, elsewhere) = (Browser::start().await, Browser::start().await);
    let page = Page::open_idle(&home, &server.url).await?;
    page.press("join-open").await?;
    let buses = page.until("buses", "the bus", |buses| buses.contains("work")).await?;
    assert!(buses.contains("Work <for> pages") && buses.contains("0 clients"), "{buses}");
    page.press("join-close").await?;
    page.attach("work").await?;
    page.until("bus-has", "what the bus has", |has| has.contains("tasks") && has.contains("events (topic)")).await?;
    assert!(page.driver.current_url().await?.as_str().ends_with("#bus=work"), "the link is in the address");
    page.publish("tasks", 3).await?;
    page.until_attribute("publish-told", "data-confirmed", |confirmed| confirmed == "3").await?;
    assert_eq!(page.text("publish-told").await?, "3 published, 3 confirmed.");

    // Another page comes by the link, and takes them by hand.
    let other = Page::open(&elsewhere, &format!("{}/#bus=work", server.url)).await?;
    other.until("bus-told", "an open connection", |told| told.starts_with("Attached to work as client-")).await?;
    other.subscribe("tasks", 2, "by-hand").await?;
    let texts = other.deliveries("two deliveries, as far as the prefetch goes", |texts| texts.len() == 2).await;
    assert!(texts[0].contains("message 1") && texts[1].contains("message 2"), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains("delivered again") && text.contains("Requeue")), "{texts:?}");
    other.until("deliveries-told", "a word", |told| told == "2 wait for your word.").await?;
    // The keyboard alone: what is pressed hands the focus on.
    let focused = "return document.activeElement.dataset.testid || document.activeElement.id";
    other.driver.execute("document.querySelector('[data-testid=ack-1]').focus()", vec![]).await?;
    other.driver.action_chain().send_keys(Key::Enter).perform().await?;
    other.deliveries("the third", |texts| texts.len() == 3 && texts[0].contains("acknowledged")).await;
    assert_eq!(other.driver.execute(focused, vec![]).await?.convert::<String>()?, "ack-2");
    page.until("bus-queue-tasks", "what the other has", |row| row == "tasks 0 2 1 1 0").await?;
    // It goes without a word.
    other.driver.quit().await?;

    page.subscribe("tasks", 10, "by-hand").await?;
    let texts = page.deliveries("what went back", |texts| texts.len() == 2).await;
    assert!(texts[0].contains("message 2") && texts[1].contains("message 3"), "{texts:?}");
    assert!(texts.iter().all(|text| text.contains("② delivered again")), "{texts:?}");
    page.press("requeue-1").await?;
    page.deliveries("it again", |texts| texts.len() == 3 && texts[2].contains("message 2") && texts[2].contains("came back"))
        .await;
    page.press("ack-all").await?;
    page.deliveries("their end", |texts| texts[1..].iter().all(|text| text.contains("acknowledged"))).await;
    page.until("bus-queue-tasks", "an empty queue", |row| row.starts_with("tasks 0 0 1 3")).await?;
    for look in LOOKS {
        page.look(look).await?;
        assert_eq!(page.violations().await?, Vec::<String>::new(), "{look:?}");
    }
    page.press("bus-detach").await?;
    page.until("buses", "the bus again", |buses| buses.contains("work")).await?;
    assert!(!page.driver.current_url().await?.as_str().contains('#'));
    page.driver.quit().await
}

#[tokio::test]
async fn a_page_waits_for_credit_and_says_how_much_waits() -> WebDriverResult<()> {
    let (server, browser) = (Server::start_with_bus("work", WORK), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.attach("work").await?;
    page.publish("narrow", 1_000).await?;
    let flow = page.until("publish-flow", "no credit", |flow| flow.starts_with("The broker gives no credit: ")).await?;
    let waiting: u64 = flow.split_whitespace().rev().nth(2).and_then(|word| word.parse().ok()).unwrap_or_default();
    assert!((1..1_000).contains(&waiting), "{flow}");
    page.subscribe("narrow", 100, "at-once").await?;
    page.until_attribute("publish-told", "data-confirmed", |confirmed| confirmed == "1000").await?;
    page.until("publish-flow", "credit", |flow| flow.starts_with("Credit for ")).await?;
    let told = page.until("deliveries-told", "the bound", |told| told.contains("800 before them")).await?;
    assert!(told.contains("The last 200 are kept"), "{told}");
    // What has no queue comes back, and what cannot be is a sentence.
    page.publish("nowhere", 1).await?;
    page.until("publish-told", "its return", |told| told.ends_with("1 returned: no queue.")).await?;
    page.fill("publish-headers", "pdf").await?;
    page.press("publish").await?;
    page.until("join", "a sentence", |text| text.contains("`pdf` is no header")).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn a_bus_that_is_not_there_and_a_server_that_goes_are_sentences() -> WebDriverResult<()> {
    let (mut server, browser) = (Server::start_with_bus("work", WORK), Browser::start().await);
    let page = Page::open(&browser, &format!("{}/#bus=play", server.url)).await?;
    for _ in 0..2 {
        let told = page.until("bus-told", "a sentence", |told| told.contains("there is no bus of that name")).await?;
        assert!(told.contains("there are `work`"), "{told}");
        page.press("bus-again").await?;
    }
    page.press("attach-work").await?;
    page.until("bus-told", "an open connection", |told| told.starts_with("Attached to work")).await?;
    page.publish("tasks", 1).await?;
    page.subscribe("tasks", 1, "by-hand").await?;
    page.deliveries("a delivery", |texts| texts.len() == 1).await;
    let address = server.address();
    server.interrupt();
    let told = page.until("bus-told", "the bus's leave", |told| told.contains("the bus has ended")).await?;
    assert!(told.contains("close code 1001"), "{told}");
    page.deliveries("what became of it", |texts| texts[0].contains("it went back to its queue")).await;
    page.press("bus-again").await?;
    page.until("bus-told", "no server", |told| told.starts_with("No server answers")).await?;
    let _again = Server::start_at(&address);
    page.press("bus-again").await?;
    page.until("bus-told", "no bus", |told| told.contains("this server has none")).await?;
    page.driver.quit().await
}

/// Answers each request that comes to a queue, as any program would: by a socket, with the same correlation id. Runs in a page beside.
const ANSWERER: &str = "\
    const done = arguments[0]; \
    const socket = new WebSocket(`ws://${location.host}/api/bus/work`); \
    const say = (word) => socket.send(JSON.stringify({ v: 1, ...word })); \
    socket.onopen = () => say({ type: 'hello' }); \
    socket.onmessage = (heard) => { \
        const word = JSON.parse(heard.data); \
        if (word.type === 'opened') { say({ type: 'consume', tag: 1, queue: 'tasks' }); done(true); } \
        if (word.type === 'deliver') { \
            const { correlation, reply_to: key, body } = word.message; \
            say({ type: 'publish', message: { key, correlation, body: `about <${body}>: 42` } }); \
            say({ type: 'ack', delivery: word.delivery }); \
        } \
    };";

#[tokio::test]
async fn a_page_gets_one_message_and_asks_for_an_answer() -> WebDriverResult<()> {
    let (server, browser) = (Server::start_with_bus("work", WORK), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.attach("work").await?;
    page.choose("subscribe-queue", "tasks").await?;
    page.press("get-one").await?;
    page.until("get-told", "that there is none", |told| told == "tasks has no message ready.").await?;
    page.publish("tasks", 2).await?;
    page.until_attribute("publish-told", "data-confirmed", |confirmed| confirmed == "2").await?;
    page.press("get-one").await?;
    let texts = page.deliveries("one message", |texts| texts.len() == 1).await;
    assert!(texts[0].contains("message 1") && texts[0].contains("Requeue"), "{texts:?}");
    page.until("get-told", "that there is one", |told| told.starts_with("Got one message of tasks")).await?;
    page.press("ack-1").await?;
    page.press("get-one").await?;
    page.deliveries("the other", |texts| texts.len() == 2 && texts[1].contains("message 2")).await;
    page.press("ack-2").await?;

    // Nobody answers in time.
    page.choose("request-queue", "tasks").await?;
    page.fill("request-timeout", "300").await?;
    page.press("request").await?;
    page.until("request-1", "the timeout", |told| told.contains("Request 1 to tasks: no answer within 300 ms")).await?;
    // Somebody comes who answers all: the first one late, the next in time.
    let home = page.open_beside(&format!("{}/reference.html", server.url)).await?;
    page.driver.execute_async(ANSWERER, vec![]).await?;
    page.driver.switch_to_window(home).await?;
    page.until("request-1", "the late answer", |told| told.contains("when nobody waited any more: about <a question>: 42"))
        .await?;
    page.fill("request-timeout", "60000").await?;
    page.fill("request-body", "the mill").await?;
    page.press("request").await?;
    let told = page.until("request-2", "the answer", |told| told.contains("answered after")).await?;
    assert!(told.ends_with(": about <the mill>: 42") && !told.contains("nobody waited"), "{told}");
    assert!(page.text("deliveries-told").await?.is_empty(), "an answer is no delivery");
    page.fill("request-timeout", "0").await?;
    page.press("request").await?;
    page.until("join", "a sentence", |text| text.contains("Wait a whole number of milliseconds")).await?;
    for look in LOOKS {
        page.look(look).await?;
        assert_eq!(page.violations().await?, Vec::<String>::new(), "{look:?}");
    }
    page.driver.quit().await
}
