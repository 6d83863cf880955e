//! Small parts that know nothing of runs.

pub mod copy;
pub mod figure;
pub mod heard;
pub mod html;
pub mod icon;
pub mod palette;
pub mod panel;
pub mod panic;
pub mod pen;
pub mod script;
pub mod sheet;
pub mod size;
pub mod splitter;
pub mod store;
pub mod svg;
pub mod theme;
pub mod tip;
