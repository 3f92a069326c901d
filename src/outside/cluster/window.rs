//! How many requests may be under way at once: more while answers come quickly,
//! half when the server says that it is too many.
//!
//! Additive increase, multiplicative decrease (RFC 5681 section 3.1, with a
//! latency signal beside the loss).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

const LEAST: usize = 2;
const START: usize = 16;
const MOST: usize = 64;
/// Answers that take this many times the usual make the window grow no further.
const SLOW: u32 = 3;
/// One refusal may be answered to many requests: the window is halved once.
const PAUSE: Duration = Duration::from_millis(500);

/// The window of one server.
pub(super) struct Window {
    state: Mutex<State>,
    free: Notify,
}

struct State {
    limit: usize,
    used: usize,
    /// Answers since the window last grew.
    since: usize,
    /// The usual time of an answer, smoothed.
    usual: Option<Duration>,
    halved: Option<Instant>,
}

/// The right to have one request under way.
pub(super) struct Place<'w> {
    window: &'w Window,
    started: Instant,
}

impl Window {
    pub(super) fn new() -> Self {
        let state = State { limit: START, used: 0, since: 0, usual: None, halved: None };
        Self { state: Mutex::new(state), free: Notify::new() }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Place<'_> {
        loop {
            let free = self.free.notified();
            tokio::pin!(free);
            // Heard from now on: a place freed after the look below is not missed.
            free.as_mut().enable();
            if self.state().take() {
                return Place { window: self, started: Instant::now() };
            }
            free.await;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> bool {
        let free = self.used < self.limit;
        if free {
            self.used += 1;
        }
        free
    }

    fn answered(&mut self, took: Duration) {
        let usual = self.usual.map_or(took, |usual| (usual * 7 + took) / 8);
        if took <= usual * SLOW {
            self.since += 1;
            if self.since >= self.limit && self.limit < MOST {
                (self.limit, self.since) = (self.limit + 1, 0);
            }
        }
        self.usual = Some(usual);
    }

    fn too_many(&mut self, now: Instant) {
        if self.halved.is_none_or(|at| now.duration_since(at) >= PAUSE) {
            (self.limit, self.since, self.halved) = ((self.limit / 2).max(LEAST), 0, Some(now));
        }
    }
}

impl Place<'_> {
    /// The server answered.
    pub(super) fn answered(self) {
        self.window.state().answered(self.started.elapsed());
    }

    /// The server said 429.
    pub(super) fn too_many(self) {
        self.window.state().too_many(Instant::now());
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.window.state().used -= 1;
        self.window.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_by_one_a_round_and_is_halved_once() {
        let mut state = Window::new().state.into_inner().unwrap();
        for _ in 0..START {
            state.answered(Duration::from_millis(10));
        }
        assert_eq!(state.limit, START + 1);
        let now = Instant::now();
        state.too_many(now);
        state.too_many(now);
        assert_eq!(state.limit, usize::midpoint(START, 1));
        for _ in 0..20 {
            state.too_many(now + PAUSE * 100);
            state.halved = None;
        }
        assert_eq!(state.limit, LEAST);
    }

    #[test]
    fn slow_answers_hold_it() {
        let mut state = Window::new().state.into_inner().unwrap();
        state.answered(Duration::from_millis(1));
        for _ in 0..1000 {
            let before = state.usual.unwrap();
            state.answered(before * 10);
            state.usual = Some(Duration::from_millis(1));
        }
        assert_eq!(state.limit, START);
    }
}
