//! Makes a machine of a kernel, this program and the proxy, boots it, and hears how it ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::guest;

/// The programs, and the packages of Debian that have them.
const PROGRAMS: [(&str, &str); 9] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("cpio", "cpio"),
    ("depmod", "kmod"),
    ("ip", "iproute2"),
    ("apt-get", "apt"),
    ("dpkg-deb", "dpkg"),
    ("strip", "binutils"),
    ("gzip", "gzip"),
];
const KERNEL: &str = "linux-image-cloud-amd64";
/// Folders and files below `kernel/` of the modules that are needed. Those of algorithms are loaded when they are asked for.
const MODULES: [&str; 12] = [
    "crypto",
    "lib",
    "lib/crypto",
    "arch/x86/crypto",
    "net/ipv4",
    "net/ipv6",
    "net/xfrm",
    "net/key",
    "net/packet",
    "net/core",
    "net/802",
    "drivers/net/veth.ko",
];
const SECONDS_MAX: &str = "1200";

/// The first program of the machine.
const INIT: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/sbin:/bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev; mount -t tmpfs none /run; mount -t tmpfs none /tmp
mkdir -p /run/netns /var; ln -sfn /run /var/run
for module in veth esp4 esp6 xfrm_user af_packet; do modprobe $module || echo \"no module $module\"; done
IP=/sbin/ip # and not the one of busybox
$IP link set lo up
$IP netns add edge; $IP -n edge link set lo up
$IP link add ue0 mtu 9000 type veth peer name access mtu 9000 netns edge
$IP link add home0 type veth peer name core netns edge
$IP addr add 10.30.0.2/24 dev ue0; $IP addr add 10.20.0.9/24 dev home0; $IP link set ue0 up; $IP link set home0 up
$IP -n edge addr add 10.30.0.1/24 dev access; $IP -n edge addr add 10.20.0.1/24 dev core
$IP -n edge link set access up; $IP -n edge link set core up
esp --guest $LEGACY
poweroff -f
";

pub fn main(legacy: &str) -> ExitCode {
    match boot(legacy) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            eprintln!("error: {fault}");
            ExitCode::from(2)
        }
    }
}

/// Whether everything held.
fn boot(legacy: &str) -> Result<bool, String> {
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(name, _)| !is_there(name))
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(" ");
        return Err(format!(
            "programs are missing\n  apt-get install --no-install-recommends {missing}"
        ));
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    // target/PROFILE/examples/esp
    let built = own
        .ancestors()
        .nth(2)
        .ok_or("this program is not where cargo builds examples")?;
    let folder = built.with_file_name("esp");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    build_proxy(built)?;
    let kernel = kernel(&folder)?;
    let root = root(&folder, &kernel, &[&own, &built.join("sipveil")])?;
    run(&folder, &kernel, &root, legacy)
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Cargo builds no binaries for an example.
fn build_proxy(built: &Path) -> Result<(), String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With this example beside it, so that what both are made of is built once.
    cargo.args(["build", "--locked", "--bin", "sipveil", "--example", "esp"]);
    if built.ends_with("release") {
        cargo.arg("--release");
    }
    done(&mut cargo)
}

struct Kernel {
    image: PathBuf,
    modules: PathBuf,
    version: String,
}

/// The newest kernel of that package, unpacked; fetched once.
fn kernel(folder: &Path) -> Result<Kernel, String> {
    let unpacked = folder.join("kernel");
    if !unpacked.join("boot").is_dir() {
        let fetched = folder.join("fetched");
        let _ = fs::remove_dir_all(&fetched);
        fs::create_dir_all(&fetched).map_err(|error| error.to_string())?;
        let listed = Command::new("apt-cache").args(["depends", KERNEL]).output();
        let listed = String::from_utf8(listed.map_err(|error| error.to_string())?.stdout).unwrap_or_default();
        let package = listed.split_whitespace().find(|word| word.starts_with("linux-image-"));
        let package = listed
            .split_whitespace()
            .find(|word| word.starts_with("linux-image-") && *word != KERNEL)
            .or(package)
            .ok_or("apt knows no kernel\n  apt-get update")?;
        done(
            Command::new("apt-get")
                .args(["download", package])
                .current_dir(&fetched),
        )?;
        let file = only_file(&fetched)?;
        done(Command::new("dpkg-deb").arg("-x").arg(file).arg(&unpacked))?;
    }
    let modules = only_file(&unpacked.join("lib/modules"))?;
    let version = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let image = unpacked.join(format!("boot/vmlinuz-{version}"));
    Ok(Kernel {
        image,
        modules,
        version,
    })
}

fn only_file(folder: &Path) -> Result<PathBuf, String> {
    let mut files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let first = files.next().ok_or_else(|| format!("{} is empty", folder.display()))?;
    Ok(first.map_err(|error| error.to_string())?.path())
}

/// The file system of the machine, packed.
fn root(folder: &Path, kernel: &Kernel, programs: &[&Path]) -> Result<PathBuf, String> {
    let root = folder.join("root");
    let _ = fs::remove_dir_all(&root);
    let fail = |error: std::io::Error| format!("{}: {error}", root.display());
    for name in ["bin", "sbin", "proc", "sys", "dev", "run", "tmp", "etc"] {
        fs::create_dir_all(root.join(name)).map_err(fail)?;
    }
    fs::copy(found("busybox"), root.join("bin/busybox")).map_err(fail)?;
    fs::copy(found("ip"), root.join("sbin/ip")).map_err(fail)?;
    libraries(&found("ip"), &root)?;
    for program in programs {
        let name = program.file_name().unwrap_or_default();
        let inside = root.join("bin").join(name);
        done(Command::new("strip").arg("-o").arg(&inside).arg(program))?;
        libraries(program, &root)?;
    }
    let modules = root.join("lib/modules").join(&kernel.version);
    for name in MODULES {
        let (from, to) = (
            kernel.modules.join("kernel").join(name),
            modules.join("kernel").join(name),
        );
        if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(&to)).map_err(fail)?;
            fs::copy(&from, &to).map_err(fail)?;
        } else if from.is_dir() {
            fs::create_dir_all(&to).map_err(fail)?;
            for file in fs::read_dir(&from)
                .map_err(fail)?
                .flatten()
                .filter(|file| file.path().is_file())
            {
                fs::copy(file.path(), to.join(file.file_name())).map_err(fail)?;
            }
        }
    }
    for list in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
        fs::copy(kernel.modules.join(list), modules.join(list)).map_err(fail)?;
    }
    done(Command::new("depmod").arg("-b").arg(&root).arg(&kernel.version))?;
    std::os::unix::fs::symlink("/bin/busybox", root.join("sbin/modprobe")).map_err(fail)?;
    fs::write(root.join("init"), INIT).map_err(fail)?;
    done(Command::new("chmod").arg("755").arg(root.join("init")))?;
    let packed = folder.join("root.cpio.gz");
    let pack = format!("find . | cpio -o -H newc --quiet | gzip -1 > '{}'", packed.display());
    done(Command::new("sh").arg("-c").arg(pack).current_dir(&root))?;
    Ok(packed)
}

fn found(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
    let place = places.find(|place| place.is_file()).unwrap_or_else(|| program.into());
    fs::canonicalize(&place).unwrap_or(place)
}

/// What a program is linked with, at the same places.
fn libraries(program: &Path, root: &Path) -> Result<(), String> {
    let listed = Command::new("ldd")
        .arg(program)
        .output()
        .map_err(|error| error.to_string())?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    for library in listed.split_whitespace().filter(|word| word.starts_with('/')) {
        let inside = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(inside.parent().unwrap_or(root)).map_err(|error| error.to_string())?;
        fs::copy(library, &inside).map_err(|error| format!("{library}: {error}"))?;
    }
    Ok(())
}

/// Shows what the machine says, and whether its last word is that everything held.
fn run(folder: &Path, kernel: &Kernel, root: &Path, legacy: &str) -> Result<bool, String> {
    println!("Linux {} under qemu", kernel.version);
    let begin = Instant::now();
    let mut qemu = Command::new("timeout")
        .args([SECONDS_MAX, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max"])
        .args(["-m", "1024", "-smp", "1", "-nographic", "-no-reboot", "-net", "none"])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(root)
        .arg("-append")
        .arg(format!("console=ttyS0 quiet panic=-1 LEGACY={legacy}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("qemu: {error}"))?;
    let said = qemu.stdout.take().ok_or("qemu says nothing")?;
    let (mut kept, mut has_held) = (String::new(), false);
    for line in BufReader::new(said).split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        let line = plain(&String::from_utf8_lossy(&line));
        has_held |= line == guest::HELD;
        println!("{line}");
        kept += &(line + "\n");
    }
    let _ = qemu.wait();
    let _ = fs::write(folder.join("console.log"), kept);
    println!("{} s with the boot", begin.elapsed().as_secs());
    Ok(has_held)
}

/// A line of the console without what it asks of a terminal.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let parameters = |byte: char| !byte.is_ascii_alphabetic();
        plain += part.trim_start_matches(parameters).get(1..).unwrap_or_default();
    }
    plain.trim_end().to_owned()
}

fn done(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
