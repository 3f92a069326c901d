//! Many things of one kind done on all processors.
//!
//! Results come in the order of the things, whichever was done first.

use crate::files::ReadError;

/// With fewer things a thread costs more than it saves.
const WORTH_A_THREAD: usize = 32;

/// What `f` makes of each item; the first error, by the order of the items.
pub fn parallel<I: Sync, O: Send>(
    items: &[I],
    f: impl Fn(&I) -> Result<O, ReadError> + Sync,
) -> Result<Vec<O>, ReadError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let size = items.len().div_ceil(threads).max(WORTH_A_THREAD);
    if items.len() <= size {
        return items.iter().map(f).collect();
    }
    let part = |items: &[I]| items.iter().map(&f).collect::<Result<Vec<O>, ReadError>>();
    let part = &part;
    std::thread::scope(|scope| {
        let threads: Vec<_> = items.chunks(size).map(|items| scope.spawn(move || part(items))).collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in threads {
            all.extend(
                thread.join().unwrap_or_else(|_| Err(ReadError::new("definitions", "a reader stopped")))?,
            );
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_errors_keep_their_order() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(parallel(&items, |n| Ok(n * 2)), Ok(items.iter().map(|n| n * 2).collect()));
        let odd = |n: &usize| if *n > 500 { Err(ReadError::new(n, "odd")) } else { Ok(()) };
        assert_eq!(parallel(&items, odd), Err(ReadError::new(501, "odd")));
        assert_eq!(parallel(&[] as &[usize], |_| Ok(())), Ok(vec![]));
    }
}
