//! A telephone that is somebody else's program: started, spoken to, listened to, and killed by its handle.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Carrier;

/// How long anything may take before it counts as lost. Two busy cores are slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Dropped, it is killed; what it had written is printed when that is part of a failure.
pub struct PhoneProcess {
    name: String,
    child: Child,
    heard: Arc<(Mutex<Heard>, Condvar)>,
    /// Up to here its words were waited for.
    passed: usize,
}

#[derive(Default)]
struct Heard {
    text: String,
    open_pipes: usize,
}

impl PhoneProcess {
    /// `package` is what to install where the program is missing.
    pub fn start(name: &str, package: &str, command: &mut Command) -> PhoneProcess {
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{name}: {error}; run: apt-get install {package}"));
        let heard = Arc::new((Mutex::new(Heard::default()), Condvar::new()));
        listen(child.stdout.take().unwrap(), &heard);
        listen(child.stderr.take().unwrap(), &heard);
        PhoneProcess {
            name: name.to_owned(),
            child,
            heard,
            passed: 0,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types a line.
    pub fn type_line(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("stdin is a pipe");
        let typed = stdin
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| stdin.flush());
        typed.unwrap_or_else(|error| panic!("{} does not listen: {error}", self.name));
    }

    /// Waits until it has written these words, after those waited for before.
    pub fn waits_for(&mut self, words: &str) {
        let until = Instant::now() + PATIENCE;
        let (heard, changed) = &*self.heard;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(place) = heard.text[self.passed..].find(words) {
                self.passed += place + words.len();
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            let over = heard.open_pipes == 0 || left.is_zero();
            assert!(!over, "{} did not write {words:?}", self.name);
            heard = changed.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Everything it wrote so far.
    pub fn text(&self) -> String {
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner).text.clone()
    }

    /// Waits until it ends by itself, well. Otherwise panics with what `more` tells.
    pub fn ends_well(mut self, more: impl FnOnce() -> String) {
        let until = Instant::now() + PATIENCE;
        let (heard, changed) = &*self.heard;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        while heard.open_pipes > 0 {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} does not end\n{}", self.name, more());
            heard = changed.wait_timeout(heard, left).unwrap().0;
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{} ended with {status}\n{}", self.name, more());
    }

    /// Waits until somebody listens at this address, as the kernel tells it: a probe would be a call.
    pub fn until_open(&mut self, address: SocketAddr, carrier: Carrier) {
        let (table, state) = match carrier {
            Carrier::Udp => ("/proc/net/udp", "07"),
            Carrier::Tcp | Carrier::Tls => ("/proc/net/tcp", "0A"),
        };
        let IpAddr::V4(ip) = address.ip() else {
            panic!("{address} is no IPv4 address");
        };
        let own = format!("{:08X}:{:04X}", u32::from(ip).swap_bytes(), address.port());
        let until = Instant::now() + PATIENCE;
        loop {
            let rows = std::fs::read_to_string(table).unwrap();
            let is_own = |row: &str| {
                let columns: Vec<&str> = row.split_whitespace().collect();
                columns.get(1) == Some(&own.as_str()) && columns.get(3) == Some(&state)
            };
            if rows.lines().any(is_own) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{} ended before it listened", self.name);
            assert!(Instant::now() < until, "{} does not listen", self.name);
            std::thread::yield_now();
        }
    }
}

impl Drop for PhoneProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} had written:\n{}", self.name, self.text());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(mut pipe: impl Read + Send + 'static, to: &Arc<(Mutex<Heard>, Condvar)>) {
    let to = Arc::clone(to);
    to.0.lock().unwrap_or_else(PoisonError::into_inner).open_pipes += 1;
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let length = pipe.read(&mut buffer).unwrap_or(0);
            let mut heard = to.0.lock().unwrap_or_else(PoisonError::into_inner);
            if length == 0 {
                heard.open_pipes -= 1;
            }
            heard.text.push_str(&String::from_utf8_lossy(&buffer[..length]));
            to.1.notify_all();
            if length == 0 {
                return;
            }
        }
    });
}
