//! One capture that all tests share: one smbclient after the other, each with settings of its own.

use lab::{Lab, LabOptions, TargetFiles};
use model::{Dialect, Encryption, Results, ServerPolicy, Target};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// One smbclient.
pub(crate) struct Session {
    /// What was set: dialect, and algorithm where there is a choice.
    pub(crate) dialect: &'static str,
    pub(crate) algorithm: &'static str,
    pub(crate) kind: &'static str,
    options: &'static [&'static str],
}

const SIGNED: &str = "client signing=required";

const fn session(
    dialect: &'static str,
    algorithm: &'static str,
    kind: &'static str,
    options: &'static [&'static str],
) -> Session {
    Session { dialect, algorithm, kind, options }
}

/// In the order in which they are in the file.
pub(crate) const SESSIONS: &[Session] = &[
    session("2.0.2", "hmac-sha256", "signed", &["client max protocol=SMB2_02", SIGNED]),
    session("2.1", "hmac-sha256", "signed", &["client max protocol=SMB2_10", SIGNED]),
    session("3.0", "aes-128-cmac", "signed", &["client max protocol=SMB3_00", SIGNED]),
    session("3.0.2", "aes-128-cmac", "signed", &["client max protocol=SMB3_02", SIGNED]),
    session("3.1.1", "aes-128-gmac", "signed", &["client smb3 signing algorithms=AES-128-GMAC", SIGNED]),
    session("3.1.1", "aes-128-cmac", "signed", &["client smb3 signing algorithms=AES-128-CMAC", SIGNED]),
    session("3.1.1", "hmac-sha256", "signed", &["client smb3 signing algorithms=HMAC-SHA256", SIGNED]),
    // With a multi-protocol NEGOTIATE in front.
    session("3.1.1", "aes-128-gmac", "signed", &["client min protocol=NT1", SIGNED]),
    session("nt1", "md5", "signed", &["client min protocol=NT1", "client max protocol=NT1", SIGNED]),
    session("3.1.1", "aes-128-gmac", "not-signed", &["client signing=disabled"]),
    session("3.1.1", "aes-128-gmac", "encrypted", &["client smb encrypt=required"]),
];

/// The shared capture.
pub(crate) struct Made {
    folder: PathBuf,
    pub(crate) password: String,
    pub(crate) user: String,
}

impl Made {
    pub(crate) fn pcapng(&self) -> PathBuf {
        self.folder.join("real.pcapng")
    }

    /// Judges a file with this password, or none, into a new folder; what it says, and the results where there are any.
    pub(crate) fn judge(&self, file: &Path, password: Option<&str>, more: &[&str]) -> Judged {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let out = self.folder.join(format!("out-{number}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("judge").arg(file).arg("--out").arg(&out).args(more).env_remove("COUNTERSIGN_PASSWORD");
        if let Some(password) = password {
            command.env("COUNTERSIGN_PASSWORD", password);
        }
        let output = command.stdin(Stdio::null()).current_dir(&self.folder).output().unwrap();
        let results = std::fs::read_to_string(out.join("results.json")).ok();
        let said = text(&output);
        for (name, text) in [("the output", Some(&said)), ("results.json", results.as_ref())] {
            assert!(!text.is_some_and(|text| text.contains(&self.password)), "the password is in {name}");
        }
        let status = output.status.code().unwrap();
        Judged { status, said, results: results.map(|text| serde_json::from_str(&text).unwrap()), out }
    }

    /// Judges bytes as a file of this name.
    pub(crate) fn judge_bytes(&self, name: &str, bytes: &[u8], password: Option<&str>) -> Judged {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        self.judge(&path, password, &[])
    }
}

pub(crate) struct Judged {
    pub(crate) status: i32,
    pub(crate) said: String,
    results: Option<Results>,
    pub(crate) out: PathBuf,
}

impl Judged {
    pub(crate) fn results(&self) -> &Results {
        self.results.as_ref().unwrap_or_else(|| panic!("no results: {}", self.said))
    }
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

pub(crate) fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(make())
    })
}

/// Empty, and the same for every run: nobody would remove another one, since what all tests share is never dropped.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("capture");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn make() -> Made {
    let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containers/servers/samba-4.22");
    let files = TargetFiles::read(&servers).unwrap();
    let description = String::from_utf8(files.file("target.toml").unwrap().to_vec()).unwrap();
    let target = Target::parse("samba-4.22", &description, "").unwrap();
    let lab =
        Lab::new(LabOptions { run_id: format!("test-capture-{}", std::process::id()), published: true })
            .await;
    lab.engine().expect("these tests need a Docker engine");
    let prepared = lab.prepare(&target, &files, &|_| {}).await.unwrap();
    let policy = ServerPolicy { dialects: (Dialect::Nt1, Dialect::Smb311), ..ServerPolicy::default() };
    let server = lab.start(&prepared, &lab.effective(&target, &files, &policy).unwrap()).await.unwrap();
    let encrypting = ServerPolicy { encryption: Encryption::Desired, ..ServerPolicy::default() };
    let encrypting = lab.effective(&target, &files, &encrypting).unwrap();
    let encrypting = lab.start(&prepared, &encrypting).await.unwrap();
    let made = Made {
        folder: folder(),
        password: server.account.password.expose().to_owned(),
        user: server.account.user.clone(),
    };
    let auth = made.folder.join("auth");
    let credentials =
        format!("username={}\npassword={}\ndomain={}\n", made.user, made.password, server.account.domain);
    std::fs::write(&auth, credentials).unwrap();
    std::fs::write(made.folder.join("local"), "what was written").unwrap();
    let (port, other) = (server.address.port(), encrypting.address.port());
    let mut dumpcap = start_capture(&format!("tcp port {port} or tcp port {other}"), &made.pcapng());
    for session in SESSIONS {
        let port = if session.kind == "encrypted" { other } else { port };
        smbclient(&made.folder, &auth, port, session);
    }
    std::fs::remove_file(&auth).unwrap();
    end_capture(&mut dumpcap, port, &made.pcapng());
    lab.down().await;
    made
}

fn start_capture(filter: &str, file: &Path) -> Child {
    let mut dumpcap = Command::new("dumpcap")
        .args(["-q", "-i", "lo", "-f", filter, "-w"])
        .arg(file)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("these tests need dumpcap (Debian: wireshark-common)");
    // It says so once it captures.
    let mut said = BufReader::new(dumpcap.stderr.take().unwrap());
    let mut all = String::new();
    loop {
        let mut line = String::new();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "dumpcap does not capture: {all}");
        all += &line;
        if line.starts_with("File:") {
            break;
        }
    }
    std::thread::spawn(move || said.read_to_string(&mut String::new()));
    dumpcap
}

/// Ends it when it has written everything: a last connection is in the file.
fn end_capture(dumpcap: &mut Child, port: u16, file: &Path) {
    const LAST: &[u8] = b"the last connection of this capture";
    let mut fence = TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::io::Write::write_all(&mut fence, LAST).unwrap();
    let begin = Instant::now();
    let is_written = || std::fs::read(file).is_ok_and(|bytes| bytes.windows(LAST.len()).any(|it| it == LAST));
    while !is_written() {
        assert!(begin.elapsed() < Duration::from_secs(30), "dumpcap writes nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    let ended = Command::new("kill").args(["-INT", &dumpcap.id().to_string()]).status().unwrap();
    assert!(ended.success());
    dumpcap.wait().unwrap();
}

fn smbclient(folder: &Path, auth: &Path, port: u16, session: &Session) {
    let mut client = Command::new("smbclient");
    client.args(["//127.0.0.1/share", "-p", &port.to_string(), "-A"]).arg(auth);
    for option in session.options {
        client.arg(format!("--option={option}"));
    }
    let output = client
        .args(["-c", "put local remote; ls; get remote back; del remote"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("these tests need smbclient");
    let said = text(&output);
    assert!(output.status.success() && !said.contains("NT_STATUS"), "{}: {said}", session.dialect);
    assert_eq!(std::fs::read_to_string(folder.join("back")).unwrap(), "what was written");
}
