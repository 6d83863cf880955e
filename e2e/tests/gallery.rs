//! Every experiment of the gallery, in the page: the same rows in the browser's workers, in the simulator and on the server, and
//! every expectation holds. Those with messaging are simulated.

use std::path::Path;

use e2e::{Browser, Page, Server, simulated_natively};
use thirtyfour::prelude::*;

/// The gallery's experiments: their names and texts, by name.
fn gallery() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let paths = folder.read_dir().expect("the gallery is there").map(|entry| entry.expect("it can be read").path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let mut gallery: Vec<(String, String)> = yaml
        .map(|path| {
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("an experiment can be read"))
        })
        .collect();
    gallery.sort();
    gallery
}

fn is_batch(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("batch:"))
}

#[tokio::test]
async fn every_example_gives_the_same_rows_in_every_place() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let batches: Vec<_> = gallery().into_iter().filter(|(_, text)| is_batch(text)).collect();
    assert!(batches.len() >= 9, "{} experiments", batches.len());
    for (name, text) in batches {
        page.write_experiment(&text).await?;
        let mut hashes = Vec::new();
        for place in ["place-browser", "place-simulate", "place-server"] {
            page.press(place).await?;
            page.run().await?;
            hashes.push(page.text("output-hash").await?);
            assert_eq!(page.broken().await?, Vec::<String>::new(), "{name} in {place}");
        }
        assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {hashes:?}");
    }
    page.driver.quit().await
}

#[tokio::test]
async fn every_bus_has_the_trace_that_it_has_natively() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    page.press("place-simulate").await?;
    page.press("speed-max").await?;
    let buses: Vec<_> = gallery().into_iter().filter(|(_, text)| !is_batch(text)).collect();
    assert!(buses.len() >= 10, "{} experiments", buses.len());
    for (name, text) in buses {
        page.write_experiment(&text).await?;
        page.until("outline", "the bus", |outline| outline.contains("Queues")).await?;
        page.run().await?;
        assert_eq!(page.broken().await?, Vec::<String>::new(), "{name}");
        let report = simulated_natively(&text);
        assert_eq!(report["trace_hash"], page.text("trace-hash").await?.as_str(), "{name}");
        assert_eq!(report["output_hash"], page.text("output-hash").await?.as_str(), "{name}");
    }
    page.driver.quit().await
}
