//! Whether an answer is announced depends on how fast a server is, so what is wrong with the announcement decides nothing.

use crate::clean::{Clean, conforms, rules};
use crate::faulty::{echo, interim};
use crate::support::Bench;
use model::{CheckLevel, Verdict};
use smb::wire::Command;
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_interim_response_that_need_not_come_is_a_note() {
    let bench = Bench::new().await;
    let clean = Clean::Required311.record(&bench).await;
    conforms("clean", &clean.judged());
    let mut flagged = Clean::Required311.exchange(&bench).await;
    let at = echo(&flagged);
    let at = interim(&mut flagged, at, |_| {});
    flagged.sign(at);
    let mut filled = Clean::Required311.exchange(&bench).await;
    let at = echo(&filled);
    interim(&mut filled, at, |bytes| bytes[48..64].fill(0x5a));
    for (exchange, rule) in [(flagged, "signing/unsigned-response"), (filled, "signing/interim-zero")] {
        let judged = exchange.write(&bench).judged();
        assert_eq!(judged.verdict, Verdict::Conforms, "{rule}");
        assert_eq!(rules(&judged), BTreeSet::from([rule]));
        assert!(judged.findings.iter().all(|finding| finding.level == CheckLevel::Info), "{rule}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_that_always_comes_is_a_deviation() {
    let bench = Bench::new().await;
    let mut exchange = Clean::Commands202.exchange(&bench).await;
    let at = exchange.first_response(Command::CHANGE_NOTIFY);
    exchange.spoil(at, |bytes| bytes[48..64].fill(0x5a));
    assert_eq!(exchange.write(&bench).judged().verdict, Verdict::Deviates);
}
