//! What the tests of the lab have in common. They need a Docker engine and the `smbclient` binary, and fail without.

use countersign_lab::{Account, Lab, LabOptions, Server, TargetFiles, owner};
use model::Target;
use smb::nbss::{self, Splitter};
use smb::wire::{
    self, Body, Command, DialectRevision, Header, NegotiateRequest, NegotiateResponse, SecurityMode,
};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Output;
use testcontainers::bollard::Docker;
use testcontainers::bollard::models::ContainerSummary;
use testcontainers::bollard::query_parameters::ListContainersOptionsBuilder;
use testcontainers::core::client::docker_client_instance;

/// The container target the tests bring up.
pub(crate) const TARGET: &str = "samba-4.22";

/// A lab with an id of its own, whose engine must be there.
pub(crate) async fn lab(name: &str) -> Lab {
    let lab = lab_without_engine(name).await;
    lab.engine().expect("these tests need a Docker engine");
    lab
}

pub(crate) async fn lab_without_engine(name: &str) -> Lab {
    Lab::new(LabOptions { run_id: run_id(name), published: false }).await
}

pub(crate) fn run_id(name: &str) -> String {
    format!("test-{name}-{}", std::process::id())
}

/// A target of this repository.
pub(crate) fn target(id: &str) -> (Target, TargetFiles) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containers/servers").join(id);
    let files = TargetFiles::read(&folder).unwrap();
    let text = |name: &str| String::from_utf8(files.file(name).unwrap().to_vec()).unwrap();
    (Target::parse(id, &text("target.toml"), &text("expectations.toml")).unwrap(), files)
}

pub(crate) async fn docker() -> Docker {
    docker_client_instance().await.unwrap()
}

/// The containers with this label.
pub(crate) async fn containers(label: &str) -> Vec<ContainerSummary> {
    let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    docker().await.list_containers(Some(options)).await.unwrap()
}

pub(crate) async fn containers_of(name: &str) -> Vec<ContainerSummary> {
    containers(&format!("{}={}", owner::RUN, run_id(name))).await
}

/// The SecurityMode a server answers a NEGOTIATE with.
pub(crate) fn security_mode(address: SocketAddr) -> SecurityMode {
    let body = NegotiateRequest {
        security_mode: SecurityMode::SIGNING_ENABLED,
        client_guid: *b"a test of a lab.",
        dialects: vec![DialectRevision::SMB_3_0],
        ..NegotiateRequest::default()
    };
    let request = wire::message(&Header::request(Command::NEGOTIATE), &body).unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&nbss::wrap(&request).unwrap()).unwrap();
    let mut answers = Splitter::new(0x1_0000);
    loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "the connection was closed");
        answers.push(&buffer[..read]);
        if let Some(answer) = answers.next_message().unwrap() {
            return NegotiateResponse::parse(&answer.bytes).unwrap().security_mode;
        }
    }
}

/// Who logs on.
pub(crate) enum Login<'a> {
    User(&'a Account),
    WrongPassword(&'a Account),
    Unknown,
    Anonymous,
}

/// What smbclient says after it has written, listed, read back and deleted a file on a share.
pub(crate) async fn smbclient(
    server: &Server,
    share: &str,
    login: &Login<'_>,
    options: &[&str],
) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("local");
    std::fs::write(&local, "what was written").unwrap();
    // The password in a file, as everybody may see arguments.
    let auth = folder.path().join("auth");
    let write_auth = |user: &str, password: &str, domain: &str| {
        std::fs::write(&auth, format!("username={user}\npassword={password}\ndomain={domain}\n")).unwrap();
    };
    match login {
        Login::User(account) => write_auth(&account.user, account.password.expose(), &account.domain),
        Login::WrongPassword(account) => write_auth(&account.user, "not it", &account.domain),
        Login::Unknown => write_auth("nobody-has-this-name", "whatever", "WORKGROUP"),
        Login::Anonymous => {}
    }
    let name = hex::encode(folder.path().to_string_lossy().as_bytes());
    let back = folder.path().join("back");
    let commands = format!("put {} {name}; ls {name}; get {name} {}; del {name}", show(&local), show(&back));
    let mut process = tokio::process::Command::new("smbclient");
    process
        .arg(format!("//{}/{share}", server.address.ip()))
        .args(["-p", &server.address.port().to_string()]);
    if matches!(login, Login::Anonymous) {
        process.args(["-N", "-U", "%"]);
    } else {
        process.args(["-A", &show(&auth)]);
    }
    let output: Output = process
        .args(options)
        .args(["-c", &commands])
        .output()
        .await
        .expect("these tests need the smbclient package");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let whole = std::fs::read_to_string(&back).is_ok_and(|text| text == "what was written");
    (output.status.success() && whole && !said.contains("NT_STATUS"), said)
}

fn show(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
