//! An I-CSCF or S-CSCF: Kamailio with a configuration of `fixtures/ims`.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::subscriber::HOME;
use crate::interop::Carrier;
use crate::interop::phone_process::PhoneProcess;

/// Kamailio is a dozen processes. All of them, and the shell, are one group, which ends when the first of them does, or when
/// nobody holds the shell's input any more: so also with the test, however that ends.
const IN_A_GROUP: &str = r#"("$@"; kill -KILL 0) & read -r _; kill -KILL 0"#;

/// Dropped, it is killed.
pub struct Kamailio {
    pub at: SocketAddr,
    process: PhoneProcess,
}

impl Kamailio {
    /// `role`: the configuration it plays. `hss`: whom it asks. `scscf`: the URI of who serves, known to both roles.
    pub fn start(role: &str, at: SocketAddr, hss: SocketAddr, scscf: &str, folder: &Path) -> Kamailio {
        let folder = folder.join(role);
        std::fs::create_dir(&folder).unwrap();
        let words = Words {
            at,
            hss,
            scscf,
            folder: &folder,
        };
        let file = words.put(&format!("{role}.cfg"));
        words.put("diameter.xml");
        for table in ["s_cscf", "s_cscf_capabilities", "nds_trusted_domains"] {
            words.put(table);
        }
        let mut command = Command::new("bash");
        command.args(["-c", IN_A_GROUP, "bash", "kamailio", "-DD", "-E", "-m", "64", "-M", "8"]);
        command.args(["-f", &file, "-Y"]).arg(&folder).arg("-w").arg(&folder);
        let packages = "kamailio kamailio-ims-modules kamailio-presence-modules";
        Kamailio {
            at,
            process: PhoneProcess::start(role, packages, command.process_group(0)),
        }
    }

    /// Waits until it can be asked.
    pub fn is_open(&mut self) {
        self.process.until_open(self.at, Carrier::Udp);
        self.process.until_open(self.at, Carrier::Tcp);
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        let kill = format!("kill -KILL -- -{}", self.process.id());
        let _ = Command::new("bash").args(["-c", &kill]).status();
    }
}

/// What stands between `@` in the fixtures.
struct Words<'a> {
    at: SocketAddr,
    hss: SocketAddr,
    scscf: &'a str,
    folder: &'a Path,
}

impl Words<'_> {
    /// Writes one file of the configuration, and says where.
    fn put(&self, file: &str) -> String {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ims").join(file);
        let mut text = std::fs::read_to_string(&from).unwrap();
        // In a table a colon ends a value.
        let in_table = self.scscf.replace(':', "\\:");
        for (word, meaning) in [
            ("HOME", HOME),
            ("IP", &self.at.ip().to_string()),
            ("PORT", &self.at.port().to_string()),
            ("HSS_IP", &self.hss.ip().to_string()),
            ("HSS_PORT", &self.hss.port().to_string()),
            ("SCSCF", self.scscf),
            ("SCSCF_IN_TABLE", &in_table),
            ("FOLDER", &self.folder.display().to_string()),
        ] {
            text = text.replace(&format!("@{word}@"), meaning);
        }
        let to = self.folder.join(file);
        std::fs::write(&to, text).unwrap();
        to.display().to_string()
    }
}
