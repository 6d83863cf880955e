//! A run on the server that other pages watch, by a link that the page of whoever started it gives out.
//!
//! A page that watches hears the run as if it were its own, under a number of its own, and may look at its rows; it steers nothing. The
//! id is behind the `#` of the link. It stays in the address, so that a page that is loaded again watches again.

use leptos::prelude::*;
use shared::wire::{Command, Place};

use super::model::RunModel;
use super::share::{address, set_fragment};
use super::state::{Lab, Which, use_lab};
use crate::components::copy::CopyLine;
use crate::components::sheet::Dialog;

/// How the fragment of a link begins that lets a run be watched.
const PREFIX: &str = "watch=";

/// What the controls of a run say to those who watch it.
pub const STEERED_ELSEWHERE: &str = "You are watching; whoever started the run steers it";

/// The id that stands behind a `#`; `None` if nothing there claims to be one.
fn read(fragment: &str) -> Option<&str> {
    fragment.trim_start_matches('#').strip_prefix(PREFIX)
}

impl Lab {
    /// Watches what the link in the page's address names, if that is such a link. Whether it was.
    pub(super) fn open_watch(self) -> bool {
        let fragment = window().location().hash().unwrap_or_default();
        let Some(id) = read(&fragment) else { return false };
        let is_watched = self.run.with_untracked(|run| run.watch.as_deref() == Some(id));
        if !is_watched {
            self.watch(id.to_owned());
        }
        true
    }

    /// Looks at the run that has this id on the server.
    pub(crate) fn watch(self, id: String) {
        self.choose(Place::Server);
        let run = self.next_run();
        self.look_at(RunModel::watched(run, id.clone()));
        set_fragment(&format!("#{PREFIX}{id}"));
        self.send(Which::Server, &Command::Watch { run, watch: id });
    }

    /// The session is another one, which knows nothing of the watched run; whether that is still there is for the server to say.
    pub(super) fn watch_anew(self, id: String) {
        self.run.update_untracked(|run| *run = RunModel::watched(run.run, id.clone()));
        // Not before the session has been greeted.
        leptos::task::spawn_local(async move { self.watch(id) });
    }

    /// Whether the run that is looked at is somebody else's.
    pub fn is_watching(self) -> bool {
        self.run.with_untracked(RunModel::is_watched)
    }

    /// Lets go of a run that was watched.
    pub(super) fn leave_watched(self) {
        let (run, was_heard) = self.run.with_untracked(|run| (run.run, run.started.is_some()));
        if was_heard {
            self.send(Which::Server, &Command::Forget { run });
        }
        set_fragment("");
    }

    /// Asks for the id under which others can watch the run that is looked at.
    fn invite(self) {
        let run = self.run.with_untracked(|run| can_be_watched(run).then_some(run.run));
        if let Some(run) = run {
            self.send(Which::Server, &Command::Invite { run });
        }
    }
}

/// Whether others can watch it.
fn can_be_watched(run: &RunModel) -> bool {
    run.place == Some(Place::Server) && run.started.is_some()
}

/// The part of the share dialog that is about the run on the server.
#[component]
pub fn WatchLink(dialog: Dialog) -> impl IntoView {
    let lab = use_lab();
    let there = Memo::new(move |_| lab.run.with(can_be_watched) && lab.server.with(|link| link.is_up()));
    // A link is asked for when somebody looks for one: a run that nobody shares has none.
    Effect::new(move |_| {
        if dialog.was_opened() && there.get() {
            lab.invite();
        }
    });
    let link = Memo::new(move |_| {
        let run = lab.run.with(|run| run.run);
        let of_run = move |(of, id): &(u32, String)| (*of == run).then(|| format!("{}#{PREFIX}{id}", address()));
        lab.invitation.with(|invitation| invitation.as_ref().and_then(of_run)).unwrap_or_default()
    });
    view! {
        <div class="watch-link" class:hidden=move || !there.get()>
            <h3>"Watch this run"</h3>
            <p>
                "Whoever reaches this server and has this link sees the run as it goes, and its rows when it has ended. They cannot steer it. "
                "The link works until whoever started the run runs something else or leaves the page."
            </p>
            <CopyLine dialog=dialog name="watch-link" copy="watch-copy" label="The link to watch this run" text=link />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_link_to_watch_is_told_from_one_with_an_experiment() {
        assert_eq!(read("#watch=0123"), Some("0123"));
        assert_eq!(read("#watch="), Some(""));
        assert_eq!(read("#x=1.abc"), None);
        assert_eq!(read(""), None);
    }
}
