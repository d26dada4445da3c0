//! The mass-change guard: how much may be taken away within a window before someone must look.

use std::collections::VecDeque;

use super::spec::Limits;
use crate::domain::time::Timestamp;

/// Below so many linked accounts a percentage says nothing.
const FEW: i64 = 20;

/// Calls that take something away, as attempts name them.
pub const DESTRUCTIVE: [&str; 3] = ["delete", "disable", "unlink"];

/// Calls that make again what is missing at the target.
pub const RECREATING: [&str; 1] = ["recreate"];

/// What was carried out within the window.
#[derive(Debug, Default)]
pub struct Window {
    at: VecDeque<Timestamp>,
}

impl Window {
    /// With what was carried out before, in order.
    pub fn with(at: impl IntoIterator<Item = Timestamp>) -> Self {
        Self { at: at.into_iter().collect() }
    }

    /// Counts one more in, if the limits allow it.
    pub fn admit(&mut self, limits: &Limits, linked: i64, now: Timestamp) -> bool {
        let since = now.plus_seconds(-i64::from(limits.window_seconds));
        while self.at.front().is_some_and(|at| *at < since) {
            self.at.pop_front();
        }
        let planned = i64::try_from(self.at.len()).unwrap_or(i64::MAX).saturating_add(1);
        let share = linked >= FEW && planned * 100 > linked * i64::from(limits.percent);
        if planned > i64::from(limits.deletes) || share {
            return false;
        }
        self.at.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_hold_within_the_window() {
        let at = |seconds: i64| Timestamp::from_micros(0).plus_seconds(seconds);
        let limits = Limits { deletes: 3, percent: 20, window_seconds: 10 };
        let mut window = Window::with([at(0)]);
        assert!(window.admit(&limits, 5, at(1)) && window.admit(&limits, 5, at(2)));
        assert!(!window.admit(&limits, 5, at(3)), "a fourth is too many");
        assert!(window.admit(&limits, 5, at(11)), "the first has left the window");
        let mut window = Window::default();
        let limits = Limits { deletes: 50, ..limits };
        assert!((0..4).all(|_| window.admit(&limits, 20, at(0))));
        assert!(!window.admit(&limits, 20, at(0)), "a fifth of twenty is the limit");
        assert!(Window::default().admit(&limits, 19, at(0)));
        assert!(!Window::default().admit(&Limits { deletes: 0, ..limits }, 1, at(0)));
    }
}
