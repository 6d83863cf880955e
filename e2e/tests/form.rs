//! The experiment as a form: two views of one text, of which the form changes nothing that it need not.

use e2e::{Browser, LOOKS, Page, Server, until};
use thirtyfour::prelude::*;

const BATCH: &str = "\
# What the mill turns
millrace: 1
title: 'It''s mine'   # of all of us
about: |
  Two lines
    of which one is further in.

seed: 7

batch:
  input: { text: a b a }    # short
  partitions: 2
  steps:
    # first the words
    - flat_map: { word: \"words(lower(line))\" }

    # then their number
    # by word
    - reduce:
        key: word     # one
        values: { count: \"count(*)\" }
    - sort: word

# what goes wrong
faults:
  - { at: 40%, kill: worker-1 }   # early
  - { at: 2 s, kill: worker-2 }
expect:
  - rows: 2
";

const BUS: &str = "\
millrace: 1
title: Frames
messaging:
  for: 2 s
  queues:
    # runs over
    frames: { max_messages: 20, overload: drop_oldest }
  publishers:
    camera:
      key: frames
      rate: 100/s   # steady
  consumers:
    viewer: { queue: frames, service: 25 ms }
";

/// What is done in the form.
enum Edit {
    Write(&'static str, &'static str),
    Choose(&'static str, &'static str),
    Add(&'static str, &'static str),
    Press(&'static str),
}

/// Does one thing after the other and looks each time that the text differs in that alone; then undoes all of them.
async fn only_these_change(page: &Page, text: &str, edits: &[(Edit, &str, &str)]) -> WebDriverResult<()> {
    page.write_experiment(text).await?;
    page.as_form().await?;
    let mut wanted = vec![text.to_owned()];
    for (edit, before, after) in edits {
        match edit {
            Edit::Write(path, value) => page.write_field(path, value).await?,
            Edit::Choose(path, word) => page.choose_in(path, word).await?,
            Edit::Add(path, offer) => page.add_to(path, offer).await?,
            Edit::Press(button) => page.press(button).await?,
        }
        let last = wanted.last().cloned().unwrap_or_default();
        assert!(last.contains(before), "`{before}` is not in {last}");
        wanted.push(last.replacen(before, after, 1));
        assert_eq!(page.text_of_form().await?, *wanted.last().unwrap_or(&last));
    }
    while wanted.pop().is_some() {
        let Some(before) = wanted.last() else { break };
        page.press("form-undo").await?;
        assert_eq!(page.text_of_form().await?, *before, "each is one step to undo");
    }
    Ok(())
}

#[tokio::test]
async fn text_survives_form_edits_byte_for_byte_outside_the_edit() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let batch = [
        (Edit::Write("seed", "8"), "seed: 7", "seed: 8"),
        (Edit::Write("title", "It's yours"), "'It''s mine'", "'It''s yours'"),
        (Edit::Write("batch/steps/0/flat_map/word", "words(line)"), "words(lower(line))", "words(line)"),
        (Edit::Write("faults/0/kill", "worker-3"), "kill: worker-1", "kill: worker-3"),
        (Edit::Add("batch", "split"), "    - sort: word\n", "    - sort: word\n  split: 256 KiB\n"),
        (Edit::Add("batch/steps", "limit"), "    - sort: word\n", "    - sort: word\n    - limit: 100\n"),
        (Edit::Add("faults", "slow"), "worker-2 }\n", "worker-2 }\n  - { at: 40%, slow: { node: worker-1, factor: 4 } }\n"),
        (Edit::Press("remove-faults/0"), "  - { at: 40%, kill: worker-3 }   # early\n", ""),
        (
            Edit::Press("down-batch/steps/1"),
            "    # then their number\n    # by word\n    - reduce:\n        key: word     # one\n        values: { count: \"count(*)\" }\n    - sort: word\n",
            "    - sort: word\n    # then their number\n    # by word\n    - reduce:\n        key: word     # one\n        values: { count: \"count(*)\" }\n",
        ),
    ];
    only_these_change(&page, BATCH, &batch).await?;
    page.press("view-text").await?;
    let bus = [
        (Edit::Write("messaging/queues/frames/max_messages", "30"), "max_messages: 20", "max_messages: 30"),
        (Edit::Choose("messaging/queues/frames/overload", "reject"), "overload: drop_oldest", "overload: reject"),
        (Edit::Add("messaging/queues/frames", "message_ttl"), "reject }", "reject, message_ttl: 5 s }"),
        (Edit::Add("messaging/publishers/camera", "size"), "# steady\n", "# steady\n      size: 1 KiB\n"),
        (Edit::Press("remove-messaging/consumers/viewer/service"), ", service: 25 ms", ""),
    ];
    only_these_change(&page, BUS, &bus).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn names_of_ones_own_are_added_and_changed() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(BUS).await?;
    page.as_form().await?;
    page.press("add-messaging/queues").await?;
    page.element("offer-name").await?.send_keys("late").await?;
    page.press("offer-own").await?;
    page.element("field-messaging/queues/late").await?;
    let wanted = BUS.replace("drop_oldest }\n", "drop_oldest }\n    late: { max_messages: 100 }\n");
    assert_eq!(page.text_of_form().await?, wanted);
    let name = page.element("name-messaging/publishers/camera").await?;
    page.driver.execute("arguments[0].focus(); arguments[0].select()", vec![name.to_json()?]).await?;
    name.send_keys("eye").await?;
    page.driver.action_chain().send_keys(Key::Tab).perform().await?;
    page.element("field-messaging/publishers/eye").await?;
    assert_eq!(page.text_of_form().await?, wanted.replace("    camera:\n", "    eye:\n"));
    page.driver.quit().await
}

#[tokio::test]
async fn what_is_changed_is_undone_by_the_keyboard_and_the_view_stays_chosen() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(BATCH).await?;
    page.as_form().await?;
    page.write_field("seed", "8").await?;
    page.until_field("seed", "8").await;
    page.driver.action_chain().key_down(Key::Control).send_keys("z").key_up(Key::Control).perform().await?;
    page.until_field("seed", "7").await;
    page.driver.action_chain().key_down(Key::Control).send_keys("y").key_up(Key::Control).perform().await?;
    page.until_field("seed", "8").await;
    let changed = BATCH.replace("seed: 7", "seed: 8");
    assert_eq!(page.text_of_form().await?, changed);
    page.driver.goto(&format!("{}/?autorun=no", server.url)).await?;
    page.until_field("seed", "8").await;
    // What is opened in the meantime is shown, too.
    page.press("gallery-open").await?;
    page.press("open-url-count").await?;
    page.until_field("title", "URL access frequency").await;
    page.driver.quit().await
}

#[tokio::test]
async fn a_problem_is_told_at_its_field_and_what_cannot_be_shown_leads_to_the_text() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(BATCH).await?;
    page.as_form().await?;
    page.write_field("batch/partitions", "many").await?;
    let told = page.until("problem-batch/partitions", "a sentence", |text| text.contains("many")).await?;
    assert!(told.contains("number"), "the form says: {told}");
    assert_eq!(page.attribute("value-batch/partitions", "aria-invalid").await?, "true");
    // The line below leads to the field.
    page.driver.execute("document.querySelector('[data-testid=problem] button').click()", vec![]).await?;
    until("the focus to be in the field", async || {
        let focused = page.driver.active_element().await.ok()?;
        (focused.attr("data-testid").await.ok()?? == "value-batch/partitions").then_some(())
    })
    .await;

    page.press("view-text").await?;
    page.write_experiment(&BATCH.replace("seed: 7", "seed: a: b")).await?;
    page.as_form().await?;
    let told = page.until("field-seed", "a sentence", |text| text.contains("line 8")).await?;
    assert!(told.contains("cannot be shown"), "the form says: {told}");
    page.until_field("batch/partitions", "2").await;
    page.press("to-text-seed").await?;
    page.until_attribute("editor", "class", |class| !class.contains("hidden")).await?;
    page.driver.quit().await
}

#[tokio::test]
async fn axe_finds_nothing_in_the_form_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.write_experiment(&BATCH.replace("partitions: 2", "partitions: many")).await?;
    page.as_form().await?;
    page.element("problem-batch/partitions").await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?}: {line}")));
        page.press("add-batch").await?;
        page.element("offer-split").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} with the menu: {line}")));
        page.driver.action_chain().send_keys(Key::Escape).perform().await?;
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}
