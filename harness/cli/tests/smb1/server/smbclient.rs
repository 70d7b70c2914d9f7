//! A client of somebody else's against the server: what both implementations here might misread together, it would not.

use super::{Conduct, DOMAIN, PASSWORD, Policy, SHARE, Smb1, USER, start};
use model::{GuestMapping, Signing};
use rstest::rstest;
use std::fs;
use tokio::process::Command;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn smbclient_writes_and_reads(
    #[values(Signing::Disabled, Signing::Enabled, Signing::Required)] signing: Signing,
    #[values("disabled", "auto", "required")] client: &str,
    #[values(true, false)] extended: bool,
) {
    let server =
        start(Policy { signing, guest: GuestMapping::Never, extended, smb1: Smb1::Spoken }, Conduct::RIGHT)
            .await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(path("local"), "what was written").unwrap();
    // The password in a file, as everybody may see arguments.
    let account = format!("username={USER}\npassword={PASSWORD}\ndomain={DOMAIN}\n");
    fs::write(path("account"), account).unwrap();
    let output = Command::new("smbclient")
        .arg(format!("//127.0.0.1/{SHARE}"))
        .args(["-p", &server.address.port().to_string(), "-A", &path("account")])
        .args(["--option=client min protocol=NT1", "--option=client max protocol=NT1"])
        .arg(format!("--option=client signing={client}"))
        // Without them it refuses to answer a challenge that is not in SPNEGO.
        .args(if extended {
            &[][..]
        } else {
            &["--option=client use spnego=no", "--option=client ntlmv2 auth=yes"]
        })
        .args(["-c", &format!("put {} file; get file {}", path("local"), path("back"))])
        .output()
        .await
        .expect("these tests need the smbclient package");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let whole = fs::read_to_string(path("back")).is_ok_and(|text| text == "what was written");
    // One that is told not to sign does not stay where it would have to.
    let expected = (signing, client) != (Signing::Required, "disabled");
    assert_eq!(whole, expected, "{said}");
}
