//! Fetching without a socket: a wire that loses, repeats and mixes up what it carries, and a peer that alters it.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::download::{Download, Ended, Taken};
use super::frame::Frame;
use super::published::Published;
use super::upload::Upload;

const STEP: Duration = Duration::from_millis(1);

/// Packets of a hundred that are lost, in either direction.
struct Wire {
    lost: u32,
    random: ChaCha8Rng,
}

impl Wire {
    fn new(lost: u32) -> Wire {
        Wire {
            lost,
            random: ChaCha8Rng::seed_from_u64(lost.into()),
        }
    }

    fn carries(&mut self, frames: Vec<Frame>) -> Vec<Frame> {
        let (lost, random) = (self.lost, &mut self.random);
        let mut carried: Vec<Frame> = Vec::new();
        for frame in frames {
            if random.next_u32() % 100 < lost {
                continue;
            }
            // Some come twice, some before those that were sent earlier.
            if lost > 0 && random.next_u32().is_multiple_of(20) {
                carried.push(frame.clone());
            }
            let place = match lost > 0 && random.next_u32().is_multiple_of(10) {
                true => random.next_u32() as usize % (carried.len() + 1),
                false => carried.len(),
            };
            carried.insert(place, frame);
        }
        carried
    }
}

/// What was written, in what state it ended, and how often something was asked.
struct Outcome {
    bytes: Vec<u8>,
    ended: Ended,
    asked: u32,
}

fn fetch(download: &mut Download, upload: &Upload, wire: &mut Wire, size: usize) -> Outcome {
    let (mut bytes, mut now, mut asked) = (vec![0; size], Duration::ZERO, 0);
    loop {
        let said: Vec<Frame> = std::iter::from_fn(|| download.poll(now)).collect();
        asked += said.len() as u32;
        if let Some(ended) = download.ended() {
            return Outcome { bytes, ended, asked };
        }
        let heard: Vec<Frame> = wire
            .carries(said)
            .iter()
            .flat_map(|frame| upload.answers(frame))
            .collect();
        now += STEP;
        for frame in wire.carries(heard) {
            if let Taken::Leaf { leaf, bytes: content } = download.take(now, frame) {
                let place = leaf as usize * 1024;
                bytes[place..place + content.len()].copy_from_slice(&content);
            }
        }
        assert!(now < Duration::from_secs(3600), "it goes on for ever");
    }
}

fn download(published: &Published) -> Download {
    Download::new(published.manifest.root, published.manifest.layout, published.runs())
}

//= P2P-121 type=test
#[test]
fn a_content_comes_whole_over_a_wire_that_loses() {
    let published = Published::new(700_003, false);
    for lost in [0, 5, 20] {
        let mut download = download(&published);
        let outcome = fetch(
            &mut download,
            &published.upload(None),
            &mut Wire::new(lost),
            published.plain.len(),
        );
        assert_eq!(outcome.ended, Ended::Done, "{lost} of 100 lost");
        assert!(outcome.bytes == published.plain, "{lost} of 100 lost");
        assert!(download.left().is_empty());
        if lost == 0 {
            // Nothing is asked twice that comes: the map and each run.
            assert_eq!(outcome.asked, 1 + published.runs().len() as u32);
        }
    }
}

/// The first bad leaf is the last thing that is taken of this peer; what was verified before stays, and another has the rest.
//= P2P-121 type=test
#[test]
fn a_tampering_peer_is_noticed_at_its_first_bad_leaf() {
    let published = Published::new(700_003, false);
    let mut download = download(&published);
    let outcome = fetch(
        &mut download,
        &published.upload(Some(100)),
        &mut Wire::new(0),
        published.plain.len(),
    );
    let Ended::Bad(bad) = outcome.ended else {
        panic!("{:?}", outcome.ended);
    };
    assert_eq!(bad.leaf, 99);
    let mut altered = published.plain[99 * 1024..100 * 1024].to_vec();
    altered[0] ^= 1;
    assert_eq!(bad.seen, sipveil::ppsp::tree::leaf_hash(&altered));
    let differs = |leaf: &u32| {
        let place = *leaf as usize * 1024;
        let end = (place + 1024).min(published.plain.len());
        outcome.bytes[place..end] != published.plain[place..end]
    };
    let leaves = published.manifest.layout.shape().leaves();
    // What is there is the content's, what is not is zero: nothing altered was used.
    for leaf in (0..leaves).filter(differs) {
        let place = leaf as usize * 1024;
        assert!(
            outcome.bytes[place..].iter().take(1024).all(|byte| *byte == 0),
            "leaf {leaf}"
        );
    }
    assert!(download.left().contains(&(99 / 16)));
    // Whatever it says from now on.
    let frame = Frame::Leaf {
        leaf: 0,
        bytes: published.plain[..1024].to_vec(),
    };
    assert_eq!(download.take(Duration::from_secs(9), frame), Taken::Nothing);
    let mut rest = Download::new(published.manifest.root, published.manifest.layout, download.left());
    let honest = fetch(
        &mut rest,
        &published.upload(None),
        &mut Wire::new(0),
        published.plain.len(),
    );
    assert_eq!((honest.ended, rest.left()), (Ended::Done, Vec::new()));
}

#[test]
fn forged_hashes_end_it_too() {
    let published = Published::new(700_003, false);
    let (mut download, upload) = (download(&published), published.upload(None));
    let (mut now, mut taken) = (Duration::ZERO, 0);
    while download.ended().is_none() {
        let said: Vec<Frame> = std::iter::from_fn(|| download.poll(now)).collect();
        now += STEP;
        for mut frame in said.iter().flat_map(|frame| upload.answers(frame)) {
            if let Frame::Hashes(hashes) = &mut frame {
                hashes.leaves[3] = [9; 32];
            }
            taken += u32::from(download.take(now, frame) != Taken::Nothing);
        }
    }
    assert!(matches!(download.ended(), Some(Ended::Bad(_))));
    assert_eq!(taken, 0);
}

#[test]
fn who_does_not_answer_is_given_up() {
    let published = Published::new(700_003, false);
    let mut silent = download(&published);
    let outcome = fetch(&mut silent, &published.upload(None), &mut Wire::new(100), 0);
    assert_eq!((outcome.ended, outcome.asked), (Ended::Lost, 8));
    assert_eq!(silent.left(), published.runs().collect::<Vec<_>>());
}

/// What a peer does not have is left for others.
#[test]
fn pieces_that_a_peer_lacks_are_not_asked_for() {
    let published = Published::new(700_003, false);
    let mut download = download(&published);
    let map = sipveil::ppsp::ChunkMap::of_ranges(3, &[(1, 1)]).unwrap();
    assert_eq!(download.poll(Duration::ZERO), Some(Frame::AskMap));
    // A map of another content is none.
    download.take(STEP, Frame::Map(sipveil::ppsp::ChunkMap::full(4)));
    assert_eq!(download.poll(STEP), None);
    download.take(STEP, Frame::Map(map));
    let (upload, mut now) = (published.upload(None), STEP);
    while download.ended().is_none() {
        let said: Vec<Frame> = std::iter::from_fn(|| download.poll(now)).collect();
        now += STEP;
        for frame in said.iter().flat_map(|frame| upload.answers(frame)) {
            download.take(now, frame);
        }
    }
    assert_eq!(download.ended(), Some(Ended::Done));
    let others: Vec<u32> = published.runs().filter(|run| !(16..32).contains(run)).collect();
    assert_eq!(download.left(), others);
}
