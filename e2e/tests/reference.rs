//! The reference beside the bench, and the page in a folder of any server of files, installable.

use e2e::{Browser, FileServer, LOOKS, Page, Server};
use serde_json::{Value, json};
use thirtyfour::prelude::*;

/// Writes into the field as a user does, and waits for the count.
async fn search(page: &Page, words: &str) -> WebDriverResult<u64> {
    let field = page.element("search").await?;
    field.clear().await?;
    field.send_keys(words).await?;
    let found = page.until("found", "a count", |found| !found.is_empty()).await?;
    Ok(found.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("`{found}` is no count")))
}

/// The terms of the entries that are seen.
async fn terms(page: &Page) -> WebDriverResult<Vec<String>> {
    let script =
        "return [...document.querySelectorAll('.entry')].filter(it => it.offsetParent).map(it => it.dataset.name ?? '')";
    page.driver.execute(script, vec![]).await?.convert()
}

/// Follows a link within an entry, by script, as [`Page::press`] does.
async fn follow(page: &Page, selector: &str) -> WebDriverResult<()> {
    let link = page.driver.find(By::Css(selector)).await?;
    page.driver.execute("arguments[0].click()", vec![link.to_json()?]).await?;
    Ok(())
}

/// The cells of the result's rows.
async fn rows(page: &Page) -> WebDriverResult<Vec<String>> {
    let script = "const rows = [...document.querySelectorAll('[data-testid=row]')]; \
                  return rows.some(row => row.classList.contains('coming')) ? [] : rows.flatMap(row => [...row.children].map(cell => cell.title))";
    let found = e2e::until("rows in view", async || {
        let cells: Vec<String> = page.driver.execute(script, vec![]).await.ok()?.convert().ok()?;
        (!cells.is_empty()).then_some(cells)
    });
    Ok(found.await)
}

#[tokio::test]
async fn axe_finds_nothing_in_the_reference_in_any_look() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open(&browser, &format!("{}/reference.html", server.url)).await?;
    let mut found = Vec::new();
    for look in LOOKS {
        page.look(look).await?;
        page.driver.refresh().await?;
        page.element("search").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?}: {line}")));
        let wide: bool =
            page.driver.execute("return document.documentElement.scrollWidth > innerWidth", vec![]).await?.convert()?;
        assert!(!wide, "{look:?}: it is wider than its window");
        search(&page, "lower").await?;
        found.extend(page.violations().await?.into_iter().map(|line| format!("{look:?} in a search: {line}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    page.driver.quit().await
}

#[tokio::test]
async fn the_reference_is_searched_and_its_examples_open_in_the_bench() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.press("reference").await?;
    page.element("search").await?;
    let all = terms(&page).await?;
    assert!(all.len() > 500, "{} entries", all.len());

    // The key of the search, then the words, then the entry that is called so.
    page.driver.action_chain().send_keys("/").perform().await?;
    assert_eq!(page.driver.active_element().await?.attr("data-testid").await?.as_deref(), Some("search"));
    let count = search(&page, "lower").await?;
    let found = terms(&page).await?;
    assert_eq!(found.len() as u64, count, "the count is that of the entries that are seen");
    assert!(found.contains(&"lower".to_owned()) && found.len() < 30, "{found:?}");
    page.driver.action_chain().send_keys(Key::Enter).perform().await?;
    assert_eq!(page.driver.active_element().await?.attr("data-name").await?.as_deref(), Some("lower"));
    assert_eq!(search(&page, "lower zzz").await?, 0);
    assert!(page.driver.find(By::Id("nothing")).await?.is_displayed().await?, "an empty search says what to do");
    page.element("search").await?.send_keys(Key::Escape).await?;
    assert_eq!(terms(&page).await?.len(), all.len(), "Escape shows everything again");

    follow(&page, ".entry[data-name=lower] .example a").await?;
    page.finished().await?;
    assert_eq!(rows(&page).await?, ["äb"]);

    // An experiment of the gallery, an error.
    page.driver.back().await?;
    page.element("search").await?;
    follow(&page, "#example-hello dt a").await?;
    page.press("speed-max").await?;
    page.finished().await?;
    assert_eq!(page.attribute("expectation", "data-held").await?, "true");
    page.driver.goto(&format!("{}/reference.html", server.url)).await?;
    page.element("search").await?;
    let script = "[...document.querySelectorAll('.entry')].find(it => it.textContent.startsWith('… has no key … (did you mean')) \
                  .querySelector('.example a').click()";
    page.driver.execute(script, vec![]).await?;
    page.until("problem", "the error of the example", |text| text.contains("has no key")).await?;
    page.driver.quit().await
}

/// The manifest with its content type, and the size that each of its icons really has.
const MANIFEST: &str = "\
const [done] = arguments;
(async () => {
    const address = document.querySelector('link[rel=manifest]').href;
    const response = await fetch(address);
    const manifest = await response.json();
    const sizes = await Promise.all(manifest.icons.map(async icon => {
        const image = new Image();
        image.src = new URL(icon.src, address);
        await image.decode();
        return `${image.naturalWidth}x${image.naturalHeight}`;
    }));
    done([response.headers.get('content-type'), manifest, sizes]);
})().catch(error => done([String(error)]));";

#[tokio::test]
async fn the_page_can_be_installed() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let found: Value = page.driver.execute_async(MANIFEST, vec![]).await?.json().clone();
    assert_eq!(found[0], "application/manifest+json", "{found}");
    let manifest = &found[1];
    assert_eq!((&manifest["name"], &manifest["display"]), (&json!("Millrace"), &json!("standalone")));
    let icons = manifest["icons"].as_array().expect("there are icons");
    for (icon, size) in icons.iter().zip(found[2].as_array().expect("each was loaded")) {
        assert!(icon["sizes"] == *size || icon["sizes"] == "any", "{icon} is {size}");
    }
    // What the browser itself says against installing; a page that is not offered to be installed for another reason has no entry.
    let errors = page.devtools("Page.getInstallabilityErrors", json!({})).await?;
    let named = |id: &str| errors["installabilityErrors"].as_array().into_iter().flatten().any(|error| error["errorId"] == id);
    for id in [
        "no-manifest",
        "manifest-empty",
        "start-url-not-valid",
        "manifest-missing-name-or-short-name",
        "manifest-missing-suitable-icon",
    ] {
        assert!(!named(id), "{errors}");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn the_page_runs_in_a_folder_of_a_server_of_files_and_without_it() -> WebDriverResult<()> {
    let (mut server, browser) = (FileServer::start(), Browser::start().await);
    let page = Page::open(&browser, &server.url).await?;
    page.until_attribute("worker-1", "data-state", |state| state == "busy").await?;
    page.press("speed-max").await?;
    page.finished().await?;
    let hash = page.text("output-hash").await?;
    page.until_attribute("place-server", "data-link", |link| link == "down").await?;
    // The editor's script, and a worker's data.
    page.editor().await?;
    page.press("place-browser").await?;
    page.run().await?;
    assert_eq!(page.text("output-hash").await?, hash);
    page.cached().await?;
    assert_eq!(server.strays(), Vec::<String>::new(), "nothing is asked for outside the folder");

    let url = server.url.clone();
    server.stop();
    page.driver.goto(&url).await?;
    // It goes on with this browser as its place, and runs nothing real unasked.
    page.run().await?;
    assert_eq!(page.element("place-browser").await?.prop("checked").await?, Some("true".into()));
    assert_eq!(page.text("output-hash").await?, hash);
    page.press("reference").await?;
    assert!(search(&page, "lower").await? > 0);
    follow(&page, ".entry[data-name=lower] .example a").await?;
    page.finished().await?;
    assert_eq!(rows(&page).await?, ["äb"]);
    page.driver.quit().await
}
