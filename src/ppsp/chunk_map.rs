//! Which pieces of a content a peer holds.

use data_encoding::BASE64URL_NOPAD;

use super::json::{Json, object};

/// Pieces of a content at most.
pub const PIECES_MAX: u32 = 8192;
/// Ranges of a map at most.
pub const RANGES_MAX: usize = 256;
/// Parts that a map is told in to others.
pub const EIGHTHS: u8 = 8;

/// Pieces held, as ranges: ordered, apart from each other, first and last included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkMap {
    pieces: u32,
    ranges: Vec<(u32, u32)>,
}

/// What is wrong with a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a map of pieces has n, enc and what enc asks for")]
    Shape,
    #[error("a content has 1 to {PIECES_MAX} pieces")]
    Pieces,
    #[error("ranges are ordered, apart, within the content, and {RANGES_MAX} at most")]
    Ranges,
    #[error("a bitmap has a bit for each piece, and none for another")]
    Bitmap,
}

impl ChunkMap {
    pub fn full(pieces: u32) -> ChunkMap {
        let ranges = pieces.checked_sub(1).map(|last| (0, last)).into_iter().collect();
        ChunkMap { pieces, ranges }
    }

    /// Ranges that follow each other become one.
    //= P2P-022
    pub fn of_ranges(pieces: u32, ranges: &[(u32, u32)]) -> Result<ChunkMap, Unfit> {
        if !(1..=PIECES_MAX).contains(&pieces) {
            return Err(Unfit::Pieces);
        }
        if ranges.len() > RANGES_MAX {
            return Err(Unfit::Ranges);
        }
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for &(first, last) in ranges {
            if first > last || last >= pieces || joined.last().is_some_and(|before| before.1 >= first) {
                return Err(Unfit::Ranges);
            }
            match joined.last_mut() {
                Some(before) if before.1 + 1 == first => before.1 = last,
                _ => joined.push((first, last)),
            }
        }
        Ok(ChunkMap { pieces, ranges: joined })
    }

    /// Most significant bit first, as many bytes as are needed, and nothing in the spare bits.
    fn of_bitmap(pieces: u32, bitmap: &[u8]) -> Result<ChunkMap, Unfit> {
        if !(1..=PIECES_MAX).contains(&pieces) {
            return Err(Unfit::Pieces);
        }
        let is_set = |piece: u32| bitmap[piece as usize / 8] & (0x80 >> (piece % 8)) != 0;
        let padded = bitmap.len() as u32 * 8;
        if bitmap.len() != pieces.div_ceil(8) as usize || (pieces..padded).any(is_set) {
            return Err(Unfit::Bitmap);
        }
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for piece in (0..pieces).filter(|piece| is_set(*piece)) {
            match ranges.last_mut() {
                Some(before) if before.1 + 1 == piece => before.1 = piece,
                _ => ranges.push((piece, piece)),
            }
        }
        Ok(ChunkMap { pieces, ranges })
    }

    /// Reads `ims_chunk_map`.
    //= P2P-022
    pub fn read(json: &Json<'_>) -> Result<ChunkMap, Unfit> {
        let pieces = json.get("n").and_then(Json::number).ok_or(Unfit::Shape)?;
        let pieces = u32::try_from(pieces).map_err(|_| Unfit::Pieces)?;
        let encoding = json.get("enc").and_then(Json::text).ok_or(Unfit::Shape)?;
        let (ranges, bitmap) = (json.get("r"), json.get("b"));
        match (encoding, ranges, bitmap) {
            ("full", None, None) if !(1..=PIECES_MAX).contains(&pieces) => Err(Unfit::Pieces),
            ("full", None, None) => Ok(ChunkMap::full(pieces)),
            ("none", None, None) => ChunkMap::of_ranges(pieces, &[]),
            ("ranges", Some(ranges), None) => {
                let ranges = ranges.list().ok_or(Unfit::Shape)?.iter().map(read_range);
                ChunkMap::of_ranges(pieces, &ranges.collect::<Option<Vec<_>>>().ok_or(Unfit::Shape)?)
            }
            ("bitmap", None, Some(bitmap)) => {
                let text = bitmap.text().ok_or(Unfit::Shape)?;
                let bitmap = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Unfit::Bitmap)?;
                ChunkMap::of_bitmap(pieces, &bitmap)
            }
            _ => Err(Unfit::Shape),
        }
    }

    /// In one form: `full`, `none` or `ranges`; where there are too many of those, `bitmap`.
    pub fn to_json(&self) -> Json<'static> {
        let full = ChunkMap::full(self.pieces);
        let ranges = || self.ranges.iter().map(|range| write_range(*range)).collect();
        let (encoding, ranges, bitmap) = match self.ranges.len() {
            0 => ("none", None, None),
            _ if *self == full => ("full", None, None),
            1..=RANGES_MAX => ("ranges", Some(Json::List(ranges())), None),
            _ => ("bitmap", None, Some(BASE64URL_NOPAD.encode(&self.to_bitmap()).into())),
        };
        object([
            ("n", Some(u64::from(self.pieces).into())),
            ("enc", Some(encoding.into())),
            ("r", ranges),
            ("b", bitmap),
        ])
    }

    fn to_bitmap(&self) -> Vec<u8> {
        let mut bitmap = vec![0; self.pieces.div_ceil(8) as usize];
        for piece in self.ranges.iter().flat_map(|(first, last)| *first..=*last) {
            bitmap[piece as usize / 8] |= 0x80 >> (piece % 8);
        }
        bitmap
    }

    /// Pieces of the content.
    pub fn pieces(&self) -> u32 {
        self.pieces
    }

    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Pieces that are held.
    pub fn held(&self) -> u32 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    pub fn is_full(&self) -> bool {
        self.held() == self.pieces
    }

    /// How many eighths of the content are held whole: all that others are told of a map that is not full.
    //= P2P-052
    pub fn eighths(&self) -> u8 {
        let held = u64::from(self.held()) * u64::from(EIGHTHS) / u64::from(self.pieces.max(1));
        held as u8
    }
}

pub(super) fn read_range(json: &Json<'_>) -> Option<(u32, u32)> {
    match json.list()? {
        [first, last] => Some((
            u32::try_from(first.number()?).ok()?,
            u32::try_from(last.number()?).ok()?,
        )),
        _ => None,
    }
}

pub(super) fn write_range((first, last): (u32, u32)) -> Json<'static> {
    Json::List(vec![u64::from(first).into(), u64::from(last).into()])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::json::Limits;
    use super::*;

    fn read(text: &str) -> Result<ChunkMap, Unfit> {
        ChunkMap::read(&Json::read(text.as_bytes(), Limits::PPSP).unwrap())
    }

    #[test]
    fn each_form_tells_the_same() {
        assert_eq!(read(r#"{"n":4096,"enc":"full"}"#), Ok(ChunkMap::full(4096)));
        let some = ChunkMap::of_ranges(10, &[(0, 1), (3, 9)]).unwrap();
        assert_eq!(
            read(r#"{"n":10,"enc":"ranges","r":[[0,1],[3,5],[6,9]]}"#),
            Ok(some.clone())
        );
        assert_eq!(read(r#"{"n":"10","enc":"bitmap","b":"38A"}"#), Ok(some.clone()));
        assert_eq!((some.held(), some.eighths(), some.is_full()), (9, 7, false));
        let none = read(r#"{"n":10,"enc":"none"}"#).unwrap();
        assert_eq!((none.held(), none.eighths()), (0, 0));
        assert!(read(r#"{"n":8,"enc":"bitmap","b":"_w"}"#).unwrap().is_full());
    }

    //= P2P-022 type=test
    #[test]
    fn maps_that_do_not_fit_are_refused() {
        for (text, why) in [
            (r#"{"enc":"full"}"#, Unfit::Shape),
            (r#"{"n":8}"#, Unfit::Shape),
            (r#"{"n":8,"enc":"most"}"#, Unfit::Shape),
            (r#"{"n":8,"enc":"full","r":[]}"#, Unfit::Shape),
            (r#"{"n":8,"enc":"ranges","r":[[1]]}"#, Unfit::Shape),
            (r#"{"n":8,"enc":"ranges","r":[[1,2,3]]}"#, Unfit::Shape),
            (r#"{"n":0,"enc":"full"}"#, Unfit::Pieces),
            (r#"{"n":8193,"enc":"full"}"#, Unfit::Pieces),
            (r#"{"n":8,"enc":"ranges","r":[[2,1]]}"#, Unfit::Ranges),
            (r#"{"n":8,"enc":"ranges","r":[[0,8]]}"#, Unfit::Ranges),
            (r#"{"n":8,"enc":"ranges","r":[[4,5],[1,2]]}"#, Unfit::Ranges),
            (r#"{"n":8,"enc":"ranges","r":[[1,4],[4,5]]}"#, Unfit::Ranges),
            (r#"{"n":8,"enc":"bitmap","b":"__8"}"#, Unfit::Bitmap),
            (r#"{"n":9,"enc":"bitmap","b":"_w"}"#, Unfit::Bitmap),
            (r#"{"n":7,"enc":"bitmap","b":"_w"}"#, Unfit::Bitmap),
            (r#"{"n":8,"enc":"bitmap","b":"_w=="}"#, Unfit::Bitmap),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }

    #[test]
    fn ranges_are_counted() {
        let odd: Vec<(u32, u32)> = (0..257).map(|place| (place * 2, place * 2)).collect();
        assert!(ChunkMap::of_ranges(1000, &odd[..256]).is_ok());
        assert_eq!(ChunkMap::of_ranges(1000, &odd), Err(Unfit::Ranges));
    }

    proptest! {
        #[test]
        fn a_map_is_read_as_it_was_written(bits in proptest::collection::vec(any::<bool>(), 1..700)) {
            let mut bitmap = vec![0u8; bits.len().div_ceil(8)];
            bits.iter().enumerate().filter(|(_, bit)| **bit).for_each(|(at, _)| bitmap[at / 8] |= 0x80 >> (at % 8));
            let map = ChunkMap::of_bitmap(bits.len() as u32, &bitmap).unwrap();
            prop_assert_eq!(map.held() as usize, bits.iter().filter(|bit| **bit).count());
            prop_assert_eq!(ChunkMap::read(&map.to_json()), Ok(map));
        }
    }
}
