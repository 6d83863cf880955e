//! Faults at leisure: what, where and when is chosen in a dialog, becomes a line of the text and happens in the run.
//!
//! [`form`] is what is chosen as plain data, `choose` the dialog (it is loaded when it is wanted), [`again`] how a run is simulated again
//! with other faults. The flags of the text's faults are the timeline's.

pub mod again;
pub mod choose;
pub mod form;

use leptos::prelude::*;
use shared::id::NodeId;
use web_sys::MouseEvent;

use self::form::Kind;
use super::later::{Later, Part};
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, Sheet};

/// What is chosen when the dialog opens.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Preset {
    pub kind: Kind,
    pub node: Option<NodeId>,
    /// The ends of an edge.
    pub from: Option<NodeId>,
    pub to: Option<NodeId>,
}

impl Preset {
    /// Something for a node.
    pub fn node(node: NodeId) -> Preset {
        Preset { node: Some(node), ..Preset::default() }
    }

    /// Something for the messages from one node to another; `None` is any.
    pub fn edge(from: Option<NodeId>, to: Option<NodeId>) -> Preset {
        Preset { kind: Kind::Drop, from, to, ..Preset::default() }
    }
}

/// The dialog's handle, for whatever in the page has faults.
#[derive(Clone, Copy)]
pub struct Chooser {
    dialog: Dialog,
    pub(super) preset: RwSignal<Preset>,
}

impl Chooser {
    pub fn new() -> Chooser {
        Chooser { dialog: Dialog::new(), preset: RwSignal::new(Preset::default()) }
    }

    pub fn open(self, preset: Preset) {
        self.preset.set(preset);
        self.dialog.open();
    }

    /// Takes the place of the browser's own menu: over a picture, at a long press or by its key.
    pub fn open_at(self, event: &MouseEvent, preset: Preset) {
        event.prevent_default();
        self.open(preset);
    }
}

impl Default for Chooser {
    fn default() -> Chooser {
        Chooser::new()
    }
}

/// The button.
#[component]
pub fn FaultsButton(id: &'static str) -> impl IntoView {
    let chooser = expect_context::<Chooser>();
    view! {
        <button
            class="quiet small"
            data-testid=id
            title="Choose what goes wrong, where and when"
            on:click=move |_| chooser.open(Preset::default())
        >
            <Icon name="zap" />
            "Faults"
        </button>
    }
}

/// The dialog.
#[component]
pub fn FaultsDialog() -> impl IntoView {
    let dialog = expect_context::<Chooser>().dialog;
    view! {
        <Sheet dialog=dialog name="faults" title="A fault">
            <Later part=Part::Faults(dialog) wanted=move || dialog.was_opened() />
        </Sheet>
    }
}
