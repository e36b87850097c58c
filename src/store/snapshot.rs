//! What peers announced, in a file beside the store: written whole under another name and then put in its place.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use super::Done;
use crate::engine::storing::Piece;

const BEGINNING: &[u8; 16] = b"sipveil peers 1\n";
/// Bytes of a piece that is read, at most.
const PIECE_BYTES_MAX: u32 = 1 << 30;

/// Writes snapshots. Dropping it ends with what it took.
pub struct Snapshots {
    queue: Option<Sender<(Piece, Done)>>,
    writer: Option<JoinHandle<()>>,
}

impl Snapshots {
    /// Starts the writer of this file.
    pub fn start(path: PathBuf) -> io::Result<Snapshots> {
        let (queue, pieces) = channel();
        let writer = thread::Builder::new().name("snapshot".to_owned());
        let writer = writer.spawn(move || write(&pieces, &path))?;
        Ok(Snapshots {
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    /// Takes a piece, to be written behind the one before; the first of a snapshot begins the file anew. Whoever gives the next
    /// only when `done` has heard of the last has one waiting at most.
    pub fn take(&self, piece: Piece, done: Done) {
        let Some(queue) = &self.queue else { return done(false) };
        if let Err(refused) = queue.send((piece, done)) {
            (refused.0.1)(false);
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn write(pieces: &Receiver<(Piece, Done)>, path: &Path) {
    let (mut file, mut is_failing) = (None, false);
    while let Ok((piece, done)) = pieces.recv() {
        let result = written(&piece, &mut file, path);
        if let Err(error) = &result
            && !is_failing
        {
            let path = path.display();
            tracing::error!("{path} cannot be written: {error}; what peers announce does not outlive the process");
        }
        is_failing = result.is_err();
        if is_failing {
            file = None;
        }
        done(!is_failing);
    }
}

/// What is being written, until it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    beside.into()
}

fn written(piece: &Piece, file: &mut Option<BufWriter<File>>, path: &Path) -> io::Result<()> {
    if piece.number == 0 {
        let mut options = File::options();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut begun = BufWriter::new(options.open(beside(path))?);
        begun.write_all(BEGINNING)?;
        *file = Some(begun);
    }
    // Of a snapshot whose beginning is lost nothing is written.
    let to = file.as_mut().ok_or(ErrorKind::NotFound)?;
    to.write_all(&piece.of.to_be_bytes())?;
    to.write_all(&piece.number.to_be_bytes())?;
    to.write_all(&[piece.is_last.into()])?;
    to.write_all(&(piece.sealed.len() as u32).to_be_bytes())?;
    to.write_all(&piece.sealed)?;
    if let Some(whole) = file.take_if(|_| piece.is_last) {
        whole.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(beside(path), path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Gives the pieces of the last snapshot one by one. Whether it was whole; there need not be any.
pub fn each_piece(path: &Path, mut take: impl FnMut(Piece) -> bool) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if read::<16>(&mut file)?.as_ref() != Some(BEGINNING) {
        return Ok(false);
    }
    while let Some(of) = read(&mut file)? {
        let (Some(number), Some([is_last]), Some(length)) = (read(&mut file)?, read::<1>(&mut file)?, read(&mut file)?)
        else {
            return Ok(false);
        };
        let length = u32::from_be_bytes(length);
        if length > PIECE_BYTES_MAX {
            return Ok(false);
        }
        let mut sealed = Vec::new();
        file.by_ref().take(length.into()).read_to_end(&mut sealed)?;
        let is_last = is_last == 1;
        let piece = Piece {
            of: u64::from_be_bytes(of),
            number: u32::from_be_bytes(number),
            is_last,
            sealed,
        };
        if piece.sealed.len() < length as usize || !take(piece) {
            return Ok(false);
        }
        if is_last {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `None`: the file ends before.
fn read<const N: usize>(file: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;

    use tempfile::TempDir;

    use super::*;

    fn piece(number: u32, is_last: bool) -> Piece {
        Piece {
            of: 7,
            number,
            is_last,
            sealed: vec![number as u8; 3000],
        }
    }

    fn made(snapshots: &Snapshots, pieces: impl IntoIterator<Item = Piece>) -> Vec<bool> {
        let (told, heard) = mpsc::channel();
        let mut count = 0;
        for piece in pieces {
            let told = told.clone();
            snapshots.take(piece, Box::new(move |is_kept| told.send(is_kept).unwrap()));
            count += 1;
        }
        heard.iter().take(count).collect()
    }

    fn read_all(path: &Path) -> (Vec<Piece>, bool) {
        let mut pieces = Vec::new();
        let is_whole = each_piece(path, |piece| {
            pieces.push(piece);
            true
        });
        (pieces, is_whole.unwrap())
    }

    //= P2P-142 type=test
    #[test]
    fn a_snapshot_takes_the_place_of_the_last_when_it_is_whole() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.peers");
        let snapshots = Snapshots::start(path.clone()).unwrap();
        assert_eq!(read_all(&path), (Vec::new(), true), "there is none");
        let first = [piece(0, false), piece(1, false), piece(2, true)];
        assert_eq!(made(&snapshots, first.clone()), [true; 3]);
        assert_eq!(read_all(&path), (first.to_vec(), true));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        made(&snapshots, [piece(0, false), piece(1, false)]);
        assert_eq!(read_all(&path), (first.to_vec(), true));
        made(&snapshots, [piece(0, true)]);
        assert_eq!(read_all(&path), (vec![piece(0, true)], true));
    }

    #[test]
    fn what_is_cut_short_or_somebody_elses_is_read_as_far_as_it_goes() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("store.peers");
        let snapshots = Snapshots::start(path.clone()).unwrap();
        made(&snapshots, [piece(0, false), piece(1, true)]);
        let whole = std::fs::read(&path).unwrap();
        for (length, pieces) in [
            (0, 0),
            (15, 0),
            (16, 0),
            (30, 0),
            (3000, 0),
            (3100, 1),
            (whole.len() - 1, 1),
        ] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (read, is_whole) = read_all(&path);
            assert_eq!((read.len(), is_whole), (pieces, false), "{length}");
        }
        std::fs::write(&path, "this is somebody's letter").unwrap();
        assert_eq!(read_all(&path), (Vec::new(), false));
    }

    #[test]
    fn where_nothing_can_be_written_it_says_so_and_goes_on() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("later/store.peers");
        let snapshots = Snapshots::start(path.clone()).unwrap();
        assert_eq!(made(&snapshots, [piece(0, false), piece(1, true)]), [false; 2]);
        std::fs::create_dir(folder.path().join("later")).unwrap();
        assert_eq!(made(&snapshots, [piece(0, false), piece(1, true)]), [true; 2]);
    }
}
