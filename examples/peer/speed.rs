//! What the two ways to protect a content cost: SRTP around what is sent, or a content that was encrypted before, whose leaves are
//! looked at alone.

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use sipveil::ppsp::content_key::{ContentMaster, Version};
use sipveil::ppsp::tree::LEAF_BYTES;

use super::random;
use super::srtp::{MASTER_BYTES, Master, Opening, Sealing};

const PIECE_BYTES: usize = 256 << 10;

/// MB/s on one core.
pub struct Rates {
    pub sealed: f64,
    pub sealed_and_opened: f64,
    pub decrypted: f64,
    pub looked_at: f64,
}

/// One line each.
pub fn show() {
    let rates = measured(Duration::from_secs(1));
    println!(
        "SRTP, AES_CM_128_HMAC_SHA1_80, a leaf a packet: {:.0} MB/s sealed",
        rates.sealed
    );
    println!("  sealed and opened again: {:.0} MB/s", rates.sealed_and_opened);
    println!(
        "content encrypted before, AES-128-CTR, a piece of 256 KiB: {:.0} MB/s opened",
        rates.decrypted
    );
    println!(
        "each leaf looked at in either case, SHA-256: {:.0} MB/s",
        rates.looked_at
    );
}

/// Each is tried for so long.
//= P2P-092
pub fn measured(lasts: Duration) -> Rates {
    let leaf = vec![7; LEAF_BYTES];
    let master = Master::new(random::bytes::<MASTER_BYTES>());
    let mut sealing = Sealing::new(&master, 1, 0);
    let sealed = rate(lasts, LEAF_BYTES, || drop(black_box(sealing.seal(&leaf))));
    let (mut sealing, mut opening) = (Sealing::new(&master, 1, 0), Opening::new(&master));
    let sealed_and_opened = rate(lasts, LEAF_BYTES, || {
        let packet = sealing.seal(&leaf).unwrap_or_default();
        drop(black_box(opening.open(&packet)));
    });
    let key = ContentMaster::new(random::bytes()).group(&Version::of_title("film", 1), 0);
    let mut piece = vec![7; PIECE_BYTES];
    let mut place = 0;
    let decrypted = rate(lasts, PIECE_BYTES, || {
        let _ = black_box(key.apply(place % 16, 0, &mut piece));
        place += 1;
    });
    let looked_at = rate(lasts, LEAF_BYTES, || {
        black_box(digest(&SHA256, &leaf));
    });
    Rates {
        sealed,
        sealed_and_opened,
        decrypted,
        looked_at,
    }
}

fn rate(lasts: Duration, bytes: usize, mut each: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut done = 0u64;
    while begin.elapsed() < lasts {
        (0..64).for_each(|_| each());
        done += 64;
    }
    done as f64 * bytes as f64 / begin.elapsed().as_secs_f64() / 1e6
}
