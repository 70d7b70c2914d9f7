//! How fast each signing algorithm is, as a ratio against aws-lc-rs in the same run:
//! `cargo bench -p countersign-smb`.
//!
//! A figure above 1 means that this crate takes that many times as long. Each round times both sides in turn, so that a
//! machine whose speed drifts slows both; the median round is what counts.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and fails by panicking")]

use aws_lc_rs::{aead, cmac, hmac};
use countersign_smb::signing::SigningKey;
use model::Algorithm;
use std::hint::black_box;
use std::time::{Duration, Instant};

const KEY: [u8; 16] = [0x42; 16];
const ROUNDS: usize = 31;

/// Computes a signature.
type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// The peer's signature over the same bytes.
fn peer(algorithm: Algorithm) -> Sign {
    match algorithm {
        Algorithm::HmacSha256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &KEY);
            Box::new(move |message| hmac::sign(&key, message).as_ref().to_vec())
        }
        Algorithm::Aes128Cmac => {
            let key = cmac::Key::new(cmac::AES_128, &KEY).unwrap();
            Box::new(move |message| cmac::sign(&key, message).unwrap().as_ref().to_vec())
        }
        _ => {
            let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &KEY).unwrap());
            Box::new(move |message| {
                let nonce = aead::Nonce::assume_unique_for_key([0; 12]);
                let mut empty = [];
                let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::from(message), &mut empty);
                tag.unwrap().as_ref().to_vec()
            })
        }
    }
}

fn time(mut work: impl FnMut(), times: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed() / times
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn main() {
    println!("{:<14}{:>10}{:>14}{:>22}", "algorithm", "bytes", "GB/s", "time / aws-lc-rs");
    for algorithm in [Algorithm::HmacSha256, Algorithm::Aes128Cmac, Algorithm::Aes128Gmac] {
        let key = SigningKey::new(algorithm, KEY).unwrap();
        let peer = peer(algorithm);
        for size in [128_usize, 4 << 10, 1 << 20] {
            let mut message = vec![0x5a; size];
            let times = u32::try_from((4 << 20) / size).unwrap().clamp(4, 4096);
            let (mut ratios, mut speeds) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let own = time(|| key.sign(black_box(&mut message)).unwrap(), times);
                let theirs = time(|| drop(black_box(peer(black_box(&message)))), times);
                ratios.push(own.as_secs_f64() / theirs.as_secs_f64());
                speeds.push(size as f64 / own.as_secs_f64() / 1e9);
            }
            println!("{algorithm:<14}{size:>10}{:>14.2}{:>22.2}", median(speeds), median(ratios));
        }
    }
}
