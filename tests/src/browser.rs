//! A real browser, headless, driven as WebDriver has it (W3C), with Chromium's own protocol for what that has no command for.
//!
//! A client of ten commands, as the HTTP client is here already: the crates for this bring one of their own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::broker::free_port;
use crate::client::Client;
use crate::wait;

/// By which WebDriver's answers name an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A phone and a desktop, in CSS pixels.
pub const WIDTHS: [u32; 2] = [390, 1440];

/// Ends with the test, with all that it started.
#[derive(Debug)]
pub struct Browser {
    _driver: Child,
    _profile: TempDir,
    port: u16,
    session: String,
    client: Client,
    /// Of the server that it looks at.
    base: String,
}

impl Browser {
    /// A fresh one, which has never been anywhere.
    ///
    /// # Panics
    /// It does not start.
    pub async fn start(base: &str) -> Self {
        let port = free_port();
        let driver = Command::new(program("WATCHBELL_TEST_CHROMEDRIVER"))
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver cannot be started: {error}"));
        let client = Client::new(format!("http://127.0.0.1:{port}"), "");
        wait::until("chromedriver to be ready", async || {
            client.try_call(Method::GET, "/status", &[], None).await.is_some_and(|answer| answer.body["value"]["ready"] == true)
        })
        .await;
        let profile = TempDir::new().unwrap();
        let options = json!({
            "binary": program("WATCHBELL_TEST_CHROMIUM"),
            // Root runs these in containers, where Chromium's own sandbox does not start; it sees nothing but the test's server.
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en-GB", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
                format!("--user-data-dir={}", profile.path().display())],
        });
        let logs = json!({ "browser": "ALL", "performance": "ALL" });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options, "goog:loggingPrefs": logs } } });
        let made = client.post("/session", &wanted).await.expect(200);
        let session = made["value"]["sessionId"].as_str().unwrap().to_owned();
        let browser = Self { _driver: driver, _profile: profile, port, session, client, base: base.to_owned() };
        browser.look(WIDTHS[1], false).await;
        browser
    }

    async fn command(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.post(&format!("/session/{}/{path}", self.session), body).await;
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
        answer.body["value"].clone()
    }

    /// Chromium's own protocol.
    async fn chromium(&self, command: &str, parameters: Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    /// Opens a path of the server.
    pub async fn open(&self, path: &str) {
        self.command("url", &json!({ "url": format!("{}{path}", self.base) })).await;
    }

    /// The path that it is at.
    pub async fn path(&self) -> String {
        let value = self.value("location.pathname + location.search").await;
        value.as_str().unwrap_or_default().to_owned()
    }

    /// What a JavaScript expression comes to; a promise is awaited.
    pub async fn value(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.chromium("Runtime.evaluate", parameters).await;
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub async fn until(&self, expression: &str) {
        let what = format!("the page to have {expression}");
        wait::until(&what, async || {
            // While a page gives way to another one there is nothing to ask.
            let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
            self.chromium("Runtime.evaluate", parameters).await["result"]["value"] == true
        })
        .await;
    }

    /// Waits until the page shows a text.
    pub async fn until_shown(&self, text: &str) {
        self.until(&format!("document.body !== null && document.body.innerText.includes({})", json!(text))).await;
    }

    /// Presses the first element of an XPath that can be pressed, when it is there.
    pub async fn press(&self, xpath: &str) {
        let what = format!("{xpath} to be pressed");
        wait::until(&what, async || {
            // A page that is drawn anew meanwhile has another element in its place.
            let element = self.find(xpath).await;
            let path = format!("/session/{}/element/{element}/click", self.session);
            self.client.post(&path, &json!({})).await.status == 200
        })
        .await;
    }

    /// A button, or a link, by what it says.
    pub async fn press_named(&self, name: &str) {
        self.press(&format!("(//button|//a|//summary)[normalize-space()='{name}']")).await;
    }

    /// Types into the field with that label, in the place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = format!("//*[@id=//label[normalize-space()='{label}' and not(ancestor::*[@hidden])]/@for]");
        let element = self.find(&field).await;
        self.command(&format!("element/{element}/clear"), &json!({})).await;
        self.command(&format!("element/{element}/value"), &json!({ "text": text })).await;
    }

    /// Chooses an option by its name, inside of what an XPath finds.
    pub async fn choose(&self, within: &str, label: &str, option: &str) {
        self.press(&format!(
            "{within}//select[@id={within}//label[normalize-space()='{label}']/@for]/option[normalize-space()='{option}']"
        ))
        .await;
    }

    async fn find(&self, xpath: &str) -> String {
        let path = format!("/session/{}/element", self.session);
        let mut found = None;
        wait::until(&format!("the page to have {xpath}"), async || {
            let answer = self.client.post(&path, &json!({ "using": "xpath", "value": xpath })).await;
            found = answer.body["value"][ELEMENT].as_str().map(str::to_owned);
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Makes the page as wide as a device, light or dark.
    pub async fn look(&self, width: u32, is_dark: bool) {
        let height = if width < 800 { 844 } else { 900 };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800 });
        self.chromium("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = json!({ "name": "prefers-color-scheme", "value": if is_dark { "dark" } else { "light" } });
        self.chromium("Emulation.setEmulatedMedia", json!({ "features": [scheme] })).await;
    }

    /// Keeps a picture of the whole page in `target/page/`, for people to look at.
    pub async fn picture(&self, name: &str) {
        let taken = self.chromium("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true })).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/page");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// What axe-core finds that keeps people out, a line each.
    pub async fn barriers(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(program("WATCHBELL_TEST_AXE")).unwrap();
        self.chromium("Runtime.evaluate", json!({ "expression": axe })).await;
        let found = self
            .value("axe.run(document).then((found) => found.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' | ')))")
            .await;
        serde_json::from_value(found).unwrap()
    }

    /// What the console said that is an error, since it was last asked, and requests that went to another server.
    pub async fn complaints(&self) -> Vec<String> {
        let said = self.command("se/log", &json!({ "type": "browser" })).await;
        let errors = said.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE").map(|entry| entry["message"].to_string());
        let mut found: Vec<String> = errors.collect();
        let events = self.command("se/log", &json!({ "type": "performance" })).await;
        for event in events.as_array().unwrap() {
            let event: Value = serde_json::from_str(event["message"].as_str().unwrap()).unwrap();
            let url = event["message"]["params"]["request"]["url"].as_str().unwrap_or_default();
            let is_request = event["message"]["method"] == "Network.requestWillBeSent";
            // What begins otherwise is the browser's own, such as the page that it shows before any.
            let is_network = ["http", "ws"].iter().any(|scheme| url.starts_with(scheme));
            if is_request && is_network && !url.starts_with(&self.base) {
                found.push(format!("a request to {url}"));
            }
        }
        found
    }
}

impl Drop for Browser {
    /// The driver ends the browser, which would outlive it otherwise. A test that panicked has no runtime to do that in.
    fn drop(&mut self) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return };
        let request = format!("DELETE /session/{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.session, self.port);
        // Whatever goes wrong here, the test's own failure is what counts.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut String::new()));
    }
}

fn program(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).filter(|path| !path.is_empty()).unwrap_or_else(|| panic!("`make test` sets {variable}")))
}
