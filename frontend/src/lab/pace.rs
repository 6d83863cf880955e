//! The hand on virtual time: pause, step, speed, and the slider. It is there when the next run is simulated, or the one that is looked at.

use leptos::prelude::*;
use shared::wire::{Place, Speed, Stride};

use super::breaks::stopped;
use super::faults::FaultsButton;
use super::model::RunModel;
use super::seek::TimeSlider;
use super::state::use_lab;
use crate::components::icon::Icon;

/// The speeds to choose from, slowest first.
const SPEEDS: [Speed; 5] = [Speed::Times(0.1), Speed::Times(0.5), Speed::Times(1.0), Speed::Times(10.0), Speed::Max];

#[component]
pub fn PaceBar() -> impl IntoView {
    let lab = use_lab();
    let there = Memo::new(move |_| {
        lab.place.get() == Place::Simulate
            || lab.run.with(|run| (run.is_active() || run.can_be_sought()) && run.place == Some(Place::Simulate))
    });
    let can = Memo::new(move |_| lab.run.with(RunModel::can_be_steered));
    let paused = Memo::new(move |_| lab.run.with(RunModel::is_paused));
    let asleep = move || !can.get();
    let over = Memo::new(move |_| lab.run.with(|run| run.can_be_sought() && !run.can_be_steered()));
    let pause_title = move || match (can.get(), paused.get()) {
        (false, _) if over.get() => "The run is at its end: go back first",
        (false, _) => "No simulation is running",
        (true, true) => "Let virtual time go on",
        (true, false) => "Hold virtual time: nothing moves",
    };
    let held = Memo::new(move |_| lab.run.with(stopped));
    let note = move || match (can.get(), paused.get()) {
        (true, true) if held.with(Option::is_some) => held.get().unwrap_or_default(),
        (true, true) => "Paused: nothing moves.".to_owned(),
        (true, false) => in_words(lab.speed.get()),
        (false, _) if over.get() => "The end. Go back to any moment of the run.".to_owned(),
        (false, _) => format!("{} For the next run.", in_words(lab.speed.get())),
    };
    view! {
        <div class="pace" class:hidden=move || !there.get() data-testid="pace" role="group" aria-label="Virtual time">
            <button class="pause" data-testid="pause" disabled=asleep title=pause_title on:click=move |_| lab.pause_or_resume()>
                {move || if paused.get() { view! { <Icon name="play" /> } } else { view! { <Icon name="pause" /> } }}
                {move || if paused.get() { "Resume" } else { "Pause" }}
            </button>
            <button
                data-testid="step-task"
                disabled=asleep
                title="Let virtual time go on until a task is done or lost, and pause"
                on:click=move |_| lab.step(Stride::Task)
            >
                <Icon name="step-forward" />
                "Step"
            </button>
            <button
                class="quiet"
                data-testid="step-event"
                disabled=asleep
                title="Let only the next event happen, a message that arrives or a computation that ends, and pause"
                on:click=move |_| lab.step(Stride::Event)
            >
                "One event"
            </button>
            <button
                class="quiet"
                data-testid="step-fault"
                disabled=asleep
                title="Go on to the next fault, or to the end if there is none, and pause"
                on:click=move |_| lab.step(Stride::Fault)
            >
                "Next fault"
            </button>
            <FaultsButton id="faults-open" />
            <fieldset class="ways speeds" role="radiogroup" aria-label="Speed of virtual time">
                {SPEEDS.map(speed_choice).collect_view()}
            </fieldset>
            <p class="hint" data-testid="pace-note" title=note>{note}</p>
            <TimeSlider />
        </div>
    }
}

fn speed_choice(speed: Speed) -> impl IntoView {
    let lab = use_lab();
    let testid = match speed {
        Speed::Times(times) => format!("speed-{times}"),
        Speed::Max => "speed-max".to_owned(),
    };
    view! {
        <label class="way-choice" title=in_words(speed)>
            <input
                type="radio"
                name="speed"
                data-testid=testid
                prop:checked=move || lab.speed.get() == speed
                on:change=move |_| lab.choose_speed(speed)
            />
            <span>{times(speed)}</span>
        </label>
    }
}

/// A speed as it stands on its button.
pub fn times(speed: Speed) -> String {
    match speed {
        Speed::Times(times) => format!("{times}×"),
        Speed::Max => "max".to_owned(),
    }
}

/// A speed as a sentence.
pub fn in_words(speed: Speed) -> String {
    match speed {
        Speed::Times(1.0) => "Virtual time goes as fast as yours.".to_owned(),
        Speed::Times(0.5) => "Virtual time goes half as fast as yours.".to_owned(),
        Speed::Times(times) if times < 1.0 => format!("Virtual time goes {:.0} times slower than yours.", 1.0 / times),
        Speed::Times(times) => format!("Virtual time goes {times} times as fast as yours."),
        Speed::Max => "Virtual time goes as fast as it can.".to_owned(),
    }
}
