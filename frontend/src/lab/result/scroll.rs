//! Where a row lies when there are more of them than a browser can make a page high.
//!
//! Up to [`CONTENT_PX_MAX`] a pixel of scrolling is a pixel of rows. Beyond it the scroll bar stands for the rows in proportion,
//! and the keyboard and the wheel move the position directly, so that no row is out of reach.

/// Height of a row.
pub const ROW_PX: f64 = 26.0;
/// Height of the scrolled area at most; browsers stop at 17 to 33 million.
const CONTENT_PX_MAX: f64 = 8_000_000.0;

/// A viewport over a number of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scroll {
    pub rows: u64,
    pub viewport_px: f64,
}

impl Scroll {
    /// Height of the scrolled area.
    pub fn content_px(self) -> f64 {
        self.natural_px().min(CONTENT_PX_MAX)
    }

    /// A pixel of the scroll bar stands for more than a pixel of rows.
    pub fn is_scaled(self) -> bool {
        self.natural_px() > CONTENT_PX_MAX
    }

    /// The row at the top, with its fraction, when the area is scrolled to `top_px`.
    pub fn position(self, top_px: f64) -> f64 {
        let range_px = self.content_px() - self.viewport_px;
        if range_px <= 0.0 {
            return 0.0;
        }
        (top_px / range_px).clamp(0.0, 1.0) * self.last_position()
    }

    /// The inverse of [`Scroll::position`].
    pub fn top_px(self, position: f64) -> f64 {
        let last = self.last_position();
        if last <= 0.0 {
            return 0.0;
        }
        (position / last).clamp(0.0, 1.0) * (self.content_px() - self.viewport_px).max(0.0)
    }

    /// The position at which the last row is wholly in view.
    pub fn last_position(self) -> f64 {
        (self.rows as f64 - self.viewport_px / ROW_PX).max(0.0)
    }

    /// Rows in view at `position`, as a half-open range.
    pub fn visible(self, position: f64) -> (u64, u64) {
        let from = position.max(0.0).floor() as u64;
        let to = (position + self.viewport_px / ROW_PX).ceil().max(0.0) as u64;
        (from.min(self.rows), to.min(self.rows))
    }

    fn natural_px(self) -> f64 {
        self.rows as f64 * ROW_PX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_scroll_pixel_by_pixel() {
        let scroll = Scroll { rows: 1000, viewport_px: 260.0 };
        assert!(!scroll.is_scaled());
        assert!((scroll.position(26.0) - 1.0).abs() < 1e-9);
        assert!((scroll.top_px(1.0) - 26.0).abs() < 1e-9);
        assert_eq!(scroll.visible(0.5), (0, 11));
    }

    #[test]
    fn a_million_rows_reach_their_last() {
        let scroll = Scroll { rows: 1_000_000, viewport_px: 260.0 };
        assert!(scroll.is_scaled());
        let bottom = scroll.content_px() - scroll.viewport_px;
        assert_eq!(scroll.visible(scroll.position(bottom)), (999_990, 1_000_000));
        for position in [0.0, 1.0, 17.25, 499_999.5, 999_990.0] {
            assert!((scroll.position(scroll.top_px(position)) - position).abs() < 1e-3);
        }
    }

    #[test]
    fn rows_that_fit_do_not_scroll() {
        let scroll = Scroll { rows: 3, viewport_px: 260.0 };
        assert_eq!(scroll.position(100.0), 0.0);
        assert_eq!(scroll.visible(0.0), (0, 3));
        let none = Scroll { rows: 0, viewport_px: 0.0 };
        assert_eq!(none.visible(none.position(0.0)), (0, 0));
    }
}
