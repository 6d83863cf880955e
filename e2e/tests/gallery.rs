//! Every experiment of the gallery, in the page: the same rows in the browser's workers, in the simulator and on the server, and
//! every expectation holds.

use std::path::Path;

use e2e::{Browser, Page, Server};
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
        // The page shows no others yet.
        .filter(|(_, text)| text.lines().any(|line| line.starts_with("batch:")))
        .collect();
    gallery.sort();
    gallery
}

/// Whether each expectation of the run that is looked at held, with its words.
async fn broken(page: &Page) -> WebDriverResult<Vec<String>> {
    let mut broken = Vec::new();
    for expectation in page.driver.find_all(By::Css("[data-testid='expectation']")).await? {
        if expectation.attr("data-held").await?.as_deref() != Some("true") {
            broken.push(expectation.text().await?);
        }
    }
    Ok(broken)
}

#[tokio::test]
async fn every_example_gives_the_same_rows_in_every_place() -> WebDriverResult<()> {
    let (server, browser) = (Server::start(), Browser::start().await);
    let page = Page::open_idle(&browser, &server.url).await?;
    let gallery = gallery();
    assert!(gallery.len() >= 9, "{} experiments", gallery.len());
    for (name, text) in gallery {
        page.write_experiment(&text).await?;
        let mut hashes = Vec::new();
        for place in ["place-browser", "place-simulate", "place-server"] {
            page.press(place).await?;
            page.run().await?;
            hashes.push(page.text("output-hash").await?);
            assert_eq!(broken(&page).await?, Vec::<String>::new(), "{name} in {place}");
        }
        assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {hashes:?}");
    }
    page.driver.quit().await
}
