//! t
use countersign_lab::*;
use model::{Dialect, ServerPolicy, Target};
use std::time::Instant;
#[tokio::main]
async fn main() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../containers/servers/samba-4.22");
    let files = TargetFiles::read(&folder).unwrap();
    let t = |n: &str| String::from_utf8(files.file(n).unwrap().to_vec()).unwrap();
    let target = Target::parse("samba-4.22", &t("target.toml"), "").unwrap();
    let b = Instant::now();
    let lab = Lab::new(LabOptions { run_id: "timing".into() }).await;
    println!("new {:?}", b.elapsed());
    let b = Instant::now();
    let p = lab.prepare(&target, &files, &|l| println!("{:?} {l}", b.elapsed())).await.unwrap();
    println!("prepare {:?}", b.elapsed());
    for _ in 0..4 {
        let e = lab.effective(&target, &files, &ServerPolicy::default()).unwrap();
        let b = Instant::now();
        let s = lab.start(&p, &e).await.unwrap();
        print!("single {:?}", b.elapsed());
        let b = Instant::now();
        s.stop().await;
        println!(" stop {:?}", b.elapsed());
    }
    for n in [4usize, 6] {
        let all: Vec<_> = (0..n)
            .map(|i| {
                lab.effective(
                    &target,
                    &files,
                    &ServerPolicy {
                        dialects: (Dialect::SMB2[i % 4], Dialect::Smb311),
                        signing: if i < 4 { model::Signing::Required } else { model::Signing::NotRequired },
                        ..ServerPolicy::default()
                    },
                )
                .unwrap()
            })
            .collect();
        let b = Instant::now();
        let s = futures_util::future::join_all(all.iter().map(|e| lab.start(&p, e))).await;
        print!("{n} parallel {:?}", b.elapsed());
        let b = Instant::now();
        lab.down().await;
        println!(" down {:?}", b.elapsed());
        drop(s);
    }
}
