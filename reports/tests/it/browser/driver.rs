//! chromedriver and one page in headless Chromium, started by a test and ended with it.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use thirtyfour::LoggingPrefsLogLevel;
use thirtyfour::prelude::*;

/// chromedriver, on a free port of this machine alone.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is there: the package chromium-driver");
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "chromedriver ended before it listened");
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end().trim_end_matches('.').parse().unwrap();
            }
        };
        Self { process, port }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Either may fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A page that is ready.
pub(super) struct Page {
    driver: WebDriver,
    url: String,
}

impl Page {
    /// What a script returns.
    pub(super) async fn ask(&self, script: &str) -> Value {
        self.ask_with(script, vec![]).await
    }

    pub(super) async fn ask_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.driver.execute(script, arguments).await.unwrap().json().clone()
    }

    /// Goes to a place in the page.
    pub(super) async fn go(&self, hash: &str) {
        self.driver.goto(format!("{}{hash}", self.url)).await.unwrap();
    }

    /// Fills in a field of the filter, and waits until the list has followed.
    pub(super) async fn fill(&self, name: &str, value: &str) {
        let script = "const it = document.getElementById('filter').elements[arguments[0]];
            it.value = arguments[1]; it.dispatchEvent(new Event('input', { bubbles: true }))";
        self.ask_with(script, vec![name.into(), value.into()]).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }

    /// What the browser itself knows and does, by the protocol of its developer tools.
    pub(super) async fn tell(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.unwrap()
    }

    /// Lets the reader prefer light pages, or dark ones.
    pub(super) async fn prefer(&self, scheme: &str) {
        let feature = serde_json::json!({ "name": "prefers-color-scheme", "value": scheme });
        self.tell("Emulation.setEmulatedMedia", serde_json::json!({ "features": [feature] })).await;
    }

    pub(super) async fn press_escape(&self) {
        self.driver.action_chain().send_keys(Key::Escape).perform().await.unwrap();
    }

    pub(super) async fn press_enter(&self) {
        self.driver.action_chain().send_keys(Key::Enter).perform().await.unwrap();
    }

    /// What the browser says in its console that is no more than a note.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let log = self.driver.get_log("browser").await.unwrap();
        log.into_iter().map(|entry| entry.message).collect()
    }
}

/// Opens a page from a file, as from a mail, in a window of a width.
pub(super) fn browse(html: &str, width: u32, look: impl AsyncFnOnce(Page)) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, html).unwrap();
    let driver = Driver::start();
    let work = async {
        let mut wanted = DesiredCapabilities::chrome();
        for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--user-data-dir={}", folder.path().join("profile").display())).unwrap();
        let screen =
            serde_json::json!({ "deviceMetrics": { "width": width, "height": 900, "pixelRatio": 1 } });
        wanted.add_experimental_option("mobileEmulation", screen).unwrap();
        wanted.set_logging_prefs("browser", LoggingPrefsLogLevel::All).unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{}", driver.port), wanted).await.unwrap();
        let url = format!("file://{}", file.display());
        driver.goto(&url).await.unwrap();
        let page = Page { driver: driver.clone(), url };
        look(page).await;
        driver.quit().await.unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}
