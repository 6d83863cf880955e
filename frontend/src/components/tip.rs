//! The one floating note that tells about what the pointer is on.

use leptos::prelude::*;

/// A note at a point of the window; the first line is its heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub x: f64,
    pub y: f64,
    pub lines: Vec<String>,
}

/// Where views put their note.
#[derive(Clone, Copy)]
pub struct Tip(pub RwSignal<Option<Note>>);

impl Tip {
    pub fn show(self, note: Note) {
        if self.0.with_untracked(|now| now.as_ref() != Some(&note)) {
            self.0.set(Some(note));
        }
    }

    pub fn hide(self) {
        if self.0.with_untracked(Option::is_some) {
            self.0.set(None);
        }
    }
}

/// Shows the note, if there is one, on the side of the pointer where there is room.
#[component]
pub fn TipView() -> impl IntoView {
    let Tip(note) = expect_context::<Tip>();
    let place = move |note: &Note| {
        let width = window().inner_width().ok().and_then(|width| width.as_f64()).unwrap_or(0.0);
        let height = window().inner_height().ok().and_then(|height| height.as_f64()).unwrap_or(0.0);
        let across = if note.x > width - 260.0 {
            format!("right:{}px", width - note.x + 12.0)
        } else {
            format!("left:{}px", note.x + 12.0)
        };
        let down = if note.y > height - 160.0 {
            format!("bottom:{}px", height - note.y + 12.0)
        } else {
            format!("top:{}px", note.y + 12.0)
        };
        format!("{across};{down}")
    };
    move || {
        note.get().map(|note| {
            let lines = note.lines.iter().cloned().map(|line| view! { <div>{line}</div> }).collect_view();
            view! { <div class="tip" role="tooltip" data-testid="tip" style=place(&note)>{lines}</div> }
        })
    }
}
