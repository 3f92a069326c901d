//! Waiting by asking: until the answer is there or the time is up.
//!
//! Nobody guesses here how long something takes: the pause lies between two
//! questions, and the time limit is what the test promises.

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until the answer is `Ok`; panics with the last `Err` when the time is up.
pub fn until<T>(within: Duration, what: &str, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        let asked = start.elapsed();
        match ask() {
            Ok(answer) => return answer,
            Err(last) if asked >= within => panic!("{what}: not within {within:?}; last: {last}"),
            Err(_) => pause(),
        }
    }
}

/// `Ok` for `true`, for `until`.
pub fn so(yes: bool, otherwise: impl Into<String>) -> Result<(), String> {
    if yes { Ok(()) } else { Err(otherwise.into()) }
}

/// Lets the others work before the next question.
pub fn pause() {
    let (_open, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(PAUSE);
}
