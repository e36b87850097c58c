//! A network of a test's own: two ends of a cable that nobody else is on.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Where arrives what is sent to 198.51.100.7.
pub const FAR: &str = "far";
/// Who sends.
pub const SENDER: &str = "10.20.0.9";

/// Dropped, it is gone.
pub struct Namespace(Child);

impl Namespace {
    pub fn new() -> Namespace {
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "--net", "sh", "-c", "echo there; read end"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "there\n", "a process may have no network of its own here");
        let namespace = Namespace(holder);
        // Without IPv6 the kernel says nothing of its own on a new interface.
        for kind in ["all", "default"] {
            namespace.runs(&[
                "sh",
                "-c",
                &format!("echo 1 > /proc/sys/net/ipv6/conf/{kind}/disable_ipv6"),
            ]);
        }
        for line in [
            "link add near type veth peer name far",
            "link set far address 02:00:00:00:00:02",
            "link set lo up",
            "link set near up",
            "link set far up",
            "address add 10.20.0.9/32 dev near",
            "route add 198.51.100.0/24 dev near src 10.20.0.9",
            "neighbour add 198.51.100.7 lladdr 02:00:00:00:00:02 dev near",
        ] {
            let words: Vec<&str> = ["ip"].into_iter().chain(line.split(' ')).collect();
            namespace.runs(&words);
        }
        namespace
    }

    /// A command that is to run inside.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--preserve-credentials", "--user", "--net", "--target"])
            .arg(self.0.id().to_string())
            .args(words);
        command
    }

    fn runs(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// One datagram.
    pub fn sends(&self, message: &[u8], to: &str, port: u16) {
        let mut sender = self
            .command(&["bash", "-c", &format!("cat > /dev/udp/{to}/{port}")])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        sender.stdin.take().unwrap().write_all(message).unwrap();
        assert!(sender.wait().unwrap().success());
    }

    /// Packets that left by an interface since it was made, and that came.
    pub fn packets(&self, interface: &str) -> [u64; 2] {
        let shown = self.runs(&["ip", "-json", "-statistics", "link", "show", interface]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        ["tx", "rx"].map(|way| shown[0]["stats64"][way]["packets"].as_u64().unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
