//! Files among somebody else's: a container action runs as root, and what stays
//! root's, the runner's own git and its cleaning cannot write or remove later.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Clocks of file systems run behind by a tick.
const TICK: Duration = Duration::from_secs(1);

/// Gives `path`, all below it and the folders that lead there, as far as they
/// were made as root since then, to whom the nearest folder above belongs.
/// Where that is root all the way up, or this is not root, nothing is done.
pub fn give_back(path: &Path, since: SystemTime) -> std::io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_sub(TICK);
    let since = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let ours = |meta: &Metadata| meta.uid() == 0 && meta.ctime() >= since;
    let mut made: Vec<PathBuf> = Vec::new();
    for above in path.ancestors().filter(|above| above.is_absolute()) {
        let meta = above.symlink_metadata()?;
        if meta.uid() != 0 {
            let owner = (meta.uid(), meta.gid());
            made.iter().try_for_each(|path| give(path, owner))?;
            return below(path, owner, &ours);
        }
        if ours(&meta) {
            made.push(above.to_owned());
        }
    }
    Ok(())
}

fn below(path: &Path, owner: (u32, u32), ours: &dyn Fn(&Metadata) -> bool) -> std::io::Result<()> {
    if !path.symlink_metadata()?.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        below(&path, owner, ours)?;
        if ours(&path.symlink_metadata()?) {
            give(&path, owner)?;
        }
    }
    Ok(())
}

fn give(path: &Path, (uid, gid): (u32, u32)) -> std::io::Result<()> {
    lchown(path, Some(uid), Some(gid))
}
