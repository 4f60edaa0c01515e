//! A real browser, Chromium without a window, that does what a person does: it goes to a page, clicks and types.
//!
//! It is told by its debugging protocol over pipes: JSON, each message ended by a zero byte. Clicks and keys come in as from
//! mouse and keyboard, so what is covered by something else cannot be clicked.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Debian's; its window is not even built in.
const PROGRAM: &str = "chromium-headless-shell";
/// Whatever is waited for.
const LIMIT: Duration = Duration::from_mins(1);

/// A browser with one page. Dropping it ends it.
pub struct Browser {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    sent: u64,
    /// What happened on the page: requests, errors.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its children end when its pipe does.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Browser {
    pub fn start() -> Self {
        let profile = TempDir::new().unwrap();
        // As root it has no sandbox; its pipes are the descriptors 3 and 4.
        let mut process = Command::new("/bin/sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, "sh", PROGRAM])
            .args(["--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--no-proxy-server", "--window-size=1200,1000"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, mut output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let (to, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|count| count > 0) {
                message.pop();
                if to.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let events = Vec::new();
        let mut browser = Self { process, input, messages, session: None, sent: 0, events, _profile: profile };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": page["targetId"], "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for part in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{part}.enable"), &json!({}));
        }
        browser
    }

    /// Calls the protocol's `method`, and keeps what happened meanwhile.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input
            .write_all(format!("{message}\0").as_bytes())
            .unwrap_or_else(|e| panic!("{PROGRAM} does not run: {e}"));
        loop {
            let mut said = self.messages.recv_timeout(LIMIT).unwrap_or_else(|e| panic!("{PROGRAM} and {method}: {e}"));
            if said["id"] == self.sent {
                assert_eq!(said["error"], Value::Null, "{method} {params}");
                return said["result"].take();
            }
            self.events.push(said);
        }
    }

    /// What an expression in the page has as its value.
    fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let mut result = self.call("Runtime.evaluate", &asked);
        assert_eq!(result["exceptionDetails"], Value::Null, "{expression}");
        result["result"]["value"].take()
    }

    /// Waits until the expression has a value that is neither null nor false.
    fn awaited(&mut self, expression: &str) -> Value {
        let began = Instant::now();
        loop {
            let value = self.value(expression);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return value;
            }
            assert!(began.elapsed() < LIMIT, "{expression} on this page:\n{}", self.visible());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn open(&mut self, url: &str) {
        let went = self.call("Page.navigate", &json!({ "url": url }));
        assert_eq!(went["errorText"], Value::Null, "{url}");
    }

    /// Waits for what the selector names and answers its visible text.
    pub fn text(&mut self, selector: &str) -> String {
        let found = self.awaited(&format!("document.querySelector({})?.innerText", json!(selector)));
        found.as_str().unwrap().to_owned()
    }

    /// Waits until what the selector names shows this text.
    pub fn shows(&mut self, selector: &str, text: &str) {
        let trimmed = format!("document.querySelector({})?.innerText.trim()", json!(selector));
        self.awaited(&format!("{trimmed} === {}", json!(text)));
    }

    /// What a field has as its value, its type.
    pub fn field(&mut self, selector: &str, member: &str) -> String {
        let found = self.awaited(&format!("document.querySelector({})?.{member}", json!(selector)));
        found.as_str().unwrap().to_owned()
    }

    /// Clicks what the selector names, once it is there, does not move and nothing lies over it.
    pub fn click(&mut self, selector: &str) {
        let place = format!(
            "(() => {{
                const found = document.querySelector({});
                if (!found) return null;
                found.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const box = found.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                return !found.disabled && found.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
            }})()",
            json!(selector)
        );
        let mut at = self.awaited(&place);
        loop {
            let again = self.awaited(&place);
            if again == at {
                break;
            }
            at = again;
        }
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// Clicks into a field and types `text` in place of what is in it.
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        let focused = format!("document.activeElement === document.querySelector({})", json!(selector));
        self.awaited(&focused);
        self.value("document.activeElement.select()");
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// What a person sees, and what stands in the fields that show what stands in them.
    pub fn visible(&mut self) -> String {
        let seen = "document.body.innerText + '\\n' + [...document.querySelectorAll('input, textarea')]
            .filter(field => field.type !== 'password').map(field => field.value).join('\\n')";
        self.value(seen).as_str().unwrap_or_default().to_owned()
    }

    /// All that the page is made of, and all that it keeps for later.
    pub fn kept(&mut self) -> String {
        let kept = "document.documentElement.outerHTML + JSON.stringify([localStorage, sessionStorage])
            + document.cookie + location.href";
        self.value(kept).as_str().unwrap().to_owned()
    }

    /// Where the page has sent requests to.
    pub fn requests(&self) -> Vec<&str> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| event["params"]["request"]["url"].as_str().unwrap()).collect()
    }

    /// What the browser has complained of: exceptions, refusals by the page's policy, files that are not there.
    pub fn complaints(&self) -> Vec<&Value> {
        let wrong = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        };
        self.events.iter().filter(wrong).map(|event| &event["params"]).collect()
    }
}
