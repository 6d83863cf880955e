//! What the page weighs. How soon it can be used is measured in the browser.

use super::{Figure, Promise};
use crate::failure::Done;
use crate::page::budget::{ENGINE_BYTES_MAX, UI_BYTES_MAX, Weight};
use crate::project::Project;
use crate::{page, setup};

/// Builds the page and weighs it.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    setup::for_page(project)?;
    page::build(project)?;
    let weight = Weight::of_page(project)?;
    Ok(vec![
        Figure::of("UI bundle, brotli", weight.ui as f64, "bytes").promised(Promise::AtMost(UI_BYTES_MAX as f64)),
        Figure::of("engine, brotli", weight.engine as f64, "bytes").promised(Promise::AtMost(ENGINE_BYTES_MAX as f64)),
    ])
}
