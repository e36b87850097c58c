//! The built binary as a child: its policy in a folder of its own, its ports read from the start text.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long anything in these tests may take before it counts as lost.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running proxy. Dropped, it is killed.
pub struct Node {
    child: Child,
    start_text: Vec<String>,
    screen: Lines,
    log: Lines,
    /// What was read of the log so far.
    pub logged: String,
}

impl Node {
    /// Writes the policy into `folder`, starts the proxy on it, and waits until it listens.
    pub fn start(folder: &Path, policy: &str) -> Node {
        Node::start_telling(folder, policy, "trace")
    }

    /// The same with another `RUST_LOG`.
    pub fn start_telling(folder: &Path, policy: &str, log_level: &str) -> Node {
        let file = folder.join("policy.toml");
        std::fs::write(&file, policy).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sipveil"))
            .arg("--config")
            .arg(&file)
            .env("RUST_LOG", log_level)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut screen = Lines::of(child.stdout.take().unwrap());
        let mut log = Lines::of(child.stderr.take().unwrap());
        let mut start_text = Vec::new();
        while start_text
            .last()
            .is_none_or(|line: &String| !line.starts_with("stop with"))
        {
            match screen.next() {
                Some(line) => start_text.push(line),
                None => panic!("it did not start: {}", log.rest()),
            }
        }
        Node {
            child,
            start_text,
            screen,
            log,
            logged: String::new(),
        }
    }

    /// Where a listener is reached.
    pub fn address(&self, listener: &str, transport: &str) -> SocketAddr {
        let line = self
            .start_text
            .iter()
            .find(|line| line.split_whitespace().next() == Some(listener))
            .unwrap_or_else(|| panic!("{listener} is not in {:#?}", self.start_text));
        let prefix = format!("{transport}://");
        let address = line.split_whitespace().find_map(|word| word.strip_prefix(&prefix));
        address.unwrap().parse().unwrap()
    }

    /// What it holds in memory and the most it ever held, in kilobytes, as the kernel counts.
    pub fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next());
            number.and_then(|number| number.parse().ok()).unwrap()
        };
        Memory {
            now: kilobytes("VmRSS:"),
            peak: kilobytes("VmHWM:"),
        }
    }

    /// Sends `TERM` or `HUP`.
    pub fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for a line of the log that holds these words.
    pub fn waits_for(&mut self, words: &str) {
        loop {
            let line = self.log.next();
            let line = line.unwrap_or_else(|| panic!("{words:?} is not in\n{}", self.logged));
            self.logged.push_str(&line);
            self.logged.push('\n');
            if line.contains(words) {
                return;
            }
        }
    }

    /// Waits for its end, which somebody else brings about.
    pub fn ends(&mut self) -> ExitStatus {
        let rest = self.log.rest();
        self.logged.push_str(&rest);
        self.child.wait().unwrap()
    }

    /// Ends it without waiting for the transactions that linger, and gives its whole log.
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        self.waits_for("draining");
        self.signal("TERM");
        let status = self.ends();
        assert!(status.success(), "{status}: {}", self.logged);
        std::mem::take(&mut self.logged)
    }

    /// The same with what it wrote on the screen.
    pub fn stop_with_screen(mut self) -> String {
        let mut screen = std::mem::replace(&mut self.screen, Lines::of(std::io::empty()));
        let start_text = self.start_text.join("\n");
        let log = self.stop();
        format!("{start_text}\n{}\n{log}", screen.rest())
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a pipe, with an end to waiting.
pub struct Lines(Receiver<String>);

impl Lines {
    pub fn of(pipe: impl Read + Send + 'static) -> Lines {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Lines(receiver)
    }

    /// The next line; `None` when the pipe is closed.
    pub fn next(&mut self) -> Option<String> {
        match self.0.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing was written for {PATIENCE:?}"),
        }
    }

    /// Everything until the pipe is closed.
    pub fn rest(&mut self) -> String {
        let until = Instant::now() + PATIENCE;
        let mut all = String::new();
        loop {
            match self.0.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => all = all + &line + "\n",
                Err(RecvTimeoutError::Disconnected) => return all,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; it wrote:\n{all}"),
            }
        }
    }
}
