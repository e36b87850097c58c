//! The processes of the demo: each tells line by line what it does, and ends with its standard input. Dropped, it is killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long a process may be silent before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Process {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// `errors`: where what it complains of is written.
    pub fn start(name: &'static str, program: &Path, words: &[String], errors: &Path) -> Result<Process, String> {
        let failed = |error: std::io::Error| format!("cannot start {name} ({}): {error}", program.display());
        let errors = std::fs::File::create(errors).map_err(failed)?;
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(failed)?;
        let (teller, lines) = channel();
        let out = child
            .stdout
            .take()
            .ok_or_else(|| format!("{name} has no standard output"))?;
        std::thread::spawn(move || {
            let lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.for_each(|line| drop(teller.send(line)));
        });
        Ok(Process { name, child, lines })
    }

    /// By which the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line. `None`: it says no more.
    pub fn line(&self) -> Result<Option<String>, String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(format!("{} says nothing any more", self.name)),
        }
    }

    /// What it said meanwhile.
    pub fn said(&self) -> impl Iterator<Item = String> {
        self.lines.try_iter()
    }

    /// Lines up to the one that begins like this, each shown to `each`.
    pub fn until(&self, begin: &str, mut each: impl FnMut(&str)) -> Result<String, String> {
        while let Some(line) = self.line()? {
            each(&line);
            if line.starts_with(begin) {
                return Ok(line);
            }
        }
        Err(format!("{} ended before it said {begin:?}", self.name))
    }

    /// Whatever it still says, until it ends by itself.
    pub fn ends(mut self, mut each: impl FnMut(&str)) -> Result<ExitStatus, String> {
        while let Some(line) = self.line()? {
            each(&line);
        }
        self.child.wait().map_err(|error| format!("{}: {error}", self.name))
    }

    /// Ends it, and waits for that.
    pub fn stop(mut self, each: impl FnMut(&str)) -> Result<ExitStatus, String> {
        drop(self.child.stdin.take());
        self.ends(each)
    }

    /// Sends SIGTERM: the proxy goes by that.
    pub fn terminate(self) -> Result<ExitStatus, String> {
        let kill = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        kill.map_err(|error| format!("kill: {error}"))?;
        self.ends(|_| {})
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
