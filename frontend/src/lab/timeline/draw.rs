//! The timeline's picture on a canvas: one lane a worker, one bar an attempt.
//!
//! What a bar tells without its colour: a map task's is solid, a reduce task's a frame with a light inside; one whose worker died
//! ends with a cross; a repeated one carries its number and a line below it.

use leptos::prelude::{document, window};
use shared::time::Time;
use shared::wire::{AttemptState, AttemptView, Phase, WorkerState};
use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use super::scale::{AXIS_PX, Scale};
use crate::lab::format::{circled, duration_ms};
use crate::lab::model::RunModel;

/// Least width of a bar, so that even the shortest attempt is seen. Pixels.
const BAR_PX_MIN: f64 = 1.5;
/// Least width of a bar with a name in it. Pixels.
const NAME_PX_MIN: f64 = 30.0;
/// Least height of a lane with names. Pixels.
const NAMED_LANE_PX_MIN: f64 = 13.0;

/// The page's colours, read from its style sheet.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    ground: String,
    raised: String,
    line: String,
    text: String,
    quiet: String,
    busy: String,
    down: String,
    done: String,
    again: String,
    dropped: String,
}

impl Palette {
    /// The colours as they are now.
    pub fn read() -> Palette {
        let style = document().document_element().and_then(|root| window().get_computed_style(&root).ok().flatten());
        let colour = |name: &str| {
            let value = style.as_ref().and_then(|style| style.get_property_value(name).ok());
            value.map(|value| value.trim().to_owned()).unwrap_or_default()
        };
        Palette {
            ground: colour("--ground"),
            raised: colour("--raised"),
            line: colour("--line"),
            text: colour("--text"),
            quiet: colour("--quiet"),
            busy: colour("--busy"),
            down: colour("--down"),
            done: colour("--done"),
            again: colour("--again"),
            dropped: colour("--dropped"),
        }
    }

    fn of(&self, state: AttemptState) -> &str {
        match state {
            AttemptState::Running => &self.busy,
            AttemptState::Done => &self.done,
            AttemptState::Killed | AttemptState::Lost | AttemptState::Failed => &self.down,
            AttemptState::Superseded => &self.dropped,
        }
    }
}

/// Paints the run. `now` is the run's clock at this moment.
pub fn draw(canvas: &HtmlCanvasElement, scale: Scale, run: &RunModel, now: Time, palette: &Palette) {
    let Some(context) = context(canvas, scale) else { return };
    lanes(&context, scale, run, palette);
    axis(&context, scale, palette);
    run.attempts.iter().for_each(|attempt| bar(&context, scale, attempt, now, palette));
    // Over the bars, or the next bar would hide the end of the one before.
    run.attempts.iter().filter(|attempt| is_gone(attempt)).for_each(|attempt| cross(&context, scale, attempt, now, palette));
    if run.is_active() {
        context.set_stroke_style_str(&palette.quiet);
        line(&context, scale.x(now), 0.0, scale.x(now), scale.height - AXIS_PX);
    }
}

/// The canvas' pen, at the screen's own resolution, on a clean sheet.
fn context(canvas: &HtmlCanvasElement, scale: Scale) -> Option<CanvasRenderingContext2d> {
    let density = window().device_pixel_ratio();
    let (width, height) = ((scale.width * density).round() as u32, (scale.height * density).round() as u32);
    if (canvas.width(), canvas.height()) != (width, height) {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    context.set_transform(density, 0.0, 0.0, density, 0.0, 0.0).ok()?;
    context.clear_rect(0.0, 0.0, scale.width, scale.height);
    context.set_line_width(1.0);
    context.set_font("11px \"JetBrains Mono\", ui-monospace, monospace");
    context.set_text_baseline("middle");
    Some(context)
}

fn lanes(context: &CanvasRenderingContext2d, scale: Scale, run: &RunModel, palette: &Palette) {
    let height = scale.lane_height();
    for worker in 1..=scale.lanes as u32 {
        let top = scale.lane_top(worker);
        context.set_stroke_style_str(&palette.line);
        line(context, scale.gutter(), top + height - 0.5, scale.width, top + height - 0.5);
        if height < NAMED_LANE_PX_MIN {
            continue;
        }
        let down = run.workers.get(worker as usize - 1).is_some_and(|worker| worker.view.state == WorkerState::Down);
        context.set_fill_style_str(if down { &palette.down } else { &palette.quiet });
        let name = if scale.is_narrow() { format!("w{worker}") } else { format!("worker-{worker}") };
        text(context, &name, 2.0, top + height / 2.0);
    }
}

fn axis(context: &CanvasRenderingContext2d, scale: Scale, palette: &Palette) {
    context.set_fill_style_str(&palette.quiet);
    context.set_stroke_style_str(&palette.line);
    for at in scale.ticks() {
        let x = scale.x(at).round() + 0.5;
        line(context, x, 0.0, x, scale.height - AXIS_PX + 3.0);
        let label = duration_ms(at.0 as f64 / 1e3);
        let label = if at.0 == 0 { "0".to_owned() } else { format!("{} {}", label.value, label.unit) };
        context.set_text_align(if at.0 == 0 { "left" } else { "center" });
        if x + 20.0 < scale.width || at.0 == 0 {
            text(context, &label, x, scale.height - AXIS_PX / 2.0 + 1.0);
        }
    }
    context.set_text_align("left");
}

fn bar(context: &CanvasRenderingContext2d, scale: Scale, attempt: &AttemptView, now: Time, palette: &Palette) {
    let height = scale.lane_height();
    let inset = if height >= 10.0 { 2.5 } else { 0.5 };
    let (left, right) = (scale.x(attempt.start), scale.x(attempt.end.unwrap_or(now).max(attempt.start)));
    let (width, thick) = ((right - left).max(BAR_PX_MIN), (height - 2.0 * inset).max(1.0));
    let top = scale.lane_top(attempt.worker) + inset;
    let colour = palette.of(attempt.state);
    let gap = if width > 4.0 { 1.0 } else { 0.0 };

    context.set_fill_style_str(colour);
    context.set_stroke_style_str(colour);
    match attempt.phase {
        Phase::Map => {
            // Work that came to nothing steps back behind the work that counts.
            context.set_global_alpha(if is_gone(attempt) { 0.5 } else { 1.0 });
            context.fill_rect(left, top, width - gap, thick);
            context.set_global_alpha(1.0);
        }
        Phase::Reduce => {
            context.set_global_alpha(0.28);
            context.fill_rect(left, top, width - gap, thick);
            context.set_global_alpha(1.0);
            context.stroke_rect(left + 0.5, top + 0.5, (width - gap - 1.0).max(0.5), (thick - 1.0).max(0.5));
        }
    }
    if attempt.number > 1 {
        context.set_fill_style_str(&palette.again);
        context.fill_rect(left, top + thick - 2.0, width - gap, 2.0);
    }
    if width >= NAME_PX_MIN && height >= NAMED_LANE_PX_MIN {
        name(context, attempt, left, top + thick / 2.0, width, palette);
    }
}

/// The task's name inside its bar, shortened to what fits.
fn name(context: &CanvasRenderingContext2d, attempt: &AttemptView, left: f64, middle: f64, width: f64, palette: &Palette) {
    const CHARACTER_PX: f64 = 6.7;
    let kind = if attempt.phase == Phase::Map { 'm' } else { 'r' };
    let again = if attempt.number > 1 { circled(attempt.number) } else { String::new() };
    let label = format!("{kind}{}{again}", attempt.task);
    if label.chars().count() as f64 * CHARACTER_PX + 8.0 <= width {
        let solid = attempt.phase == Phase::Map && !is_gone(attempt);
        context.set_fill_style_str(if solid { &palette.ground } else { &palette.text });
        text(context, &label, left + 4.0, middle + 0.5);
    }
}

fn is_gone(attempt: &AttemptView) -> bool {
    matches!(attempt.state, AttemptState::Killed | AttemptState::Lost | AttemptState::Failed)
}

/// At the end of an attempt that came to nothing.
fn cross(context: &CanvasRenderingContext2d, scale: Scale, attempt: &AttemptView, now: Time, palette: &Palette) {
    let height = scale.lane_height();
    let (x, y) = (scale.x(attempt.end.unwrap_or(now)), scale.lane_top(attempt.worker) + height / 2.0);
    let reach = (height / 2.0 - 2.0).clamp(1.5, 4.5);
    // A rim in the ground's colour keeps the cross apart from the bar that it ends.
    for (colour, width) in [(&palette.raised, 4.0), (&palette.down, 1.75)] {
        context.set_stroke_style_str(colour);
        context.set_line_width(width);
        line(context, x - reach, y - reach, x + reach, y + reach);
        line(context, x + reach, y - reach, x - reach, y + reach);
    }
    context.set_line_width(1.0);
}

fn line(context: &CanvasRenderingContext2d, x0: f64, y0: f64, x1: f64, y1: f64) {
    context.begin_path();
    context.move_to(x0, y0);
    context.line_to(x1, y1);
    context.stroke();
}

fn text(context: &CanvasRenderingContext2d, text: &str, x: f64, y: f64) {
    // Fails for a canvas that is gone, and then nobody sees it.
    let _ = context.fill_text(text, x, y);
}
