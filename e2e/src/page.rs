//! The page as a user sees it: what can be pressed, what can be read.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use thirtyfour::prelude::*;

/// How long a sign on the page may take, whatever the machine is doing.
const SIGN_WITHIN: Duration = Duration::from_secs(60);

/// How often the page is looked at while waiting for one.
const LOOK_EVERY: Duration = Duration::from_millis(50);

const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
];

/// A chromedriver of this test's own; it ends with this value, and Chromium with it.
pub struct Browser {
    driver: Child,
    url: String,
    _profile: tempfile::TempDir,
    profile: String,
}

impl Browser {
    /// Starts the chromedriver that `CHROMEDRIVER` names.
    pub async fn start() -> Browser {
        let port = free_port();
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let driver = Command::new(program)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver can be started");
        let address = format!("127.0.0.1:{port}");
        for _ in 0..SIGN_WITHIN.as_millis() / LOOK_EVERY.as_millis() {
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let profile = tempfile::tempdir().expect("a temporary folder can be made");
        let path = profile.path().to_string_lossy().into_owned();
        Browser { driver, url: format!("http://{address}"), _profile: profile, profile: path }
    }
}

impl Browser {
    /// The folder of its profile, which the command lines of its processes name.
    pub fn profile(&self) -> &str {
        &self.profile
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    listener.local_addr().expect("it is bound").port()
}

/// The open page.
pub struct Page {
    pub driver: WebDriver,
}

impl Page {
    /// Opens the page in a window of its own.
    pub async fn open(browser: &Browser, url: &str) -> WebDriverResult<Page> {
        let mut capabilities = DesiredCapabilities::chrome();
        for flag in FLAGS {
            capabilities.add_arg(flag)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", browser.profile))?;
        if let Ok(chromium) = std::env::var("CHROMIUM") {
            capabilities.set_binary(&chromium)?;
        }
        let driver = WebDriver::new(&browser.url, capabilities).await?;
        driver.goto(url).await?;
        Ok(Page { driver })
    }

    /// The text of an element, once it is there.
    pub async fn text(&self, id: &str) -> WebDriverResult<String> {
        self.element(id).await?.text().await
    }

    /// An element by its test id, once it is there.
    pub async fn element(&self, id: &str) -> WebDriverResult<WebElement> {
        self.driver.query(By::Css(format!("[data-testid='{id}']"))).wait(SIGN_WITHIN, LOOK_EVERY).first().await
    }

    /// Whether it is there now.
    pub async fn has(&self, id: &str) -> WebDriverResult<bool> {
        Ok(!self.driver.find_all(By::Css(format!("[data-testid='{id}']"))).await?.is_empty())
    }

    /// Presses a button, by script: what is under test is what it does, not where it is scrolled to.
    pub async fn press(&self, id: &str) -> WebDriverResult<()> {
        let element = self.element(id).await?;
        self.driver.execute("arguments[0].click()", vec![element.to_json()?]).await?;
        Ok(())
    }

    /// Waits until the text of an element fits, and gives it.
    pub async fn until(&self, id: &str, what: &str, fits: impl Fn(&str) -> bool) -> WebDriverResult<String> {
        let mut last = String::new();
        for _ in 0..SIGN_WITHIN.as_millis() / LOOK_EVERY.as_millis() {
            if self.has(id).await? {
                // It may be replaced between the look and the word.
                last = self.driver.find(By::Css(format!("[data-testid='{id}']"))).await?.text().await.unwrap_or_default();
                if fits(&last) {
                    return Ok(last);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        panic!("`{id}` did not come to {what} within {SIGN_WITHIN:?}; it says {last:?}");
    }

    /// Chooses a file by the picker.
    pub async fn choose_file(&self, path: &str) -> WebDriverResult<()> {
        self.element("file-input").await?.send_keys(path).await
    }
}
