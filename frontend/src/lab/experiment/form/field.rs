//! One field: a value that is written or chosen, or a group of others.

use leptos::prelude::*;
use web_sys::{Event, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};

use super::add::{MENU, add};
use super::fields::{Action, Added, Field, Kind, Placed, Step, id};
use super::{FIRST, Form, ToText, element_id, target};
use crate::components::icon::Icon;

/// Lines of a text that are shown at least, and at most before it scrolls.
const LINES: (usize, usize) = (2, 16);

/// A field while it is there.
#[derive(Clone, Copy)]
struct Live {
    form: Form,
    placed: Memo<Option<Placed>>,
    id: StoredValue<String>,
}

impl Live {
    /// Something of the field; the default when it is gone.
    fn get<T: Default>(self, of: impl FnOnce(&Field) -> T) -> T {
        self.placed.with(|placed| placed.as_ref().map(|placed| of(&placed.field)).unwrap_or_default())
    }

    fn name(self) -> String {
        self.get(|field| field.name.clone())
    }

    fn test_id(self, what: &str) -> String {
        self.id.with_value(|id| format!("{what}-{id}"))
    }

    /// Does something with its path.
    fn act(self, action: impl FnOnce(Vec<Step>) -> Action) -> bool {
        let id = self.id.get_value();
        self.form.placed(&id).is_some_and(|placed| self.form.act(placed.field.line, &action(placed.field.path)))
    }

    fn set(self, value: String) {
        if self
            .placed
            .with_untracked(|placed| placed.as_ref().is_some_and(|placed| !placed.field.written || placed.field.value != value))
        {
            self.act(|path| Action::Set { path, value });
        }
    }
}

/// The field of this id, and all that lies in it.
pub fn part(form: Form, id: String) -> AnyView {
    let key = id.clone();
    let placed = Memo::new(move |_| form.fields.with(|fields| fields.placed.get(&key).cloned()));
    let live = Live { form, placed, id: StoredValue::new(id) };
    let kind = Memo::new(move |_| placed.with(|placed| placed.as_ref().map(|placed| placed.field.kind)));
    let inside = move || match kind.get() {
        None => ().into_any(),
        Some(Kind::Map | Kind::List) => group(live),
        Some(Kind::Other) => other(live),
        Some(kind) => scalar(live, kind),
    };
    (move || inside()).into_any()
}

fn group(live: Live) -> AnyView {
    let Live { form, placed, .. } = live;
    let is_root = live.id.with_value(String::is_empty);
    let title = live.test_id("title");
    let parts = move || placed.with(|placed| placed.as_ref().map(|placed| placed.parts.clone()).unwrap_or_default());
    let head = (!is_root).then(|| {
        view! {
            <div class="form-head">
                <span class="form-title" id=title.clone()>{naming(live, "")}</span>
                {tools(live)}
            </div>
        }
    });
    let labelled_by = (!is_root).then(|| title.clone());
    view! {
        <div
            class="form-group"
            class:form-root=is_root
            role="group"
            aria-labelledby=labelled_by
            id=live.id.with_value(|id| element_id(id))
            data-testid=live.test_id("field")
        >
            {head}
            {told(live)}
            <For each=parts key=String::clone children=move |id| part(form, id) />
            {adds(live)}
        </div>
    }
    .into_any()
}

/// What adds to a group.
fn adds(live: Live) -> impl IntoView {
    let Live { form, placed, id } = live;
    let has_choice = Memo::new(move |_| live.get(|field| !field.offers.is_empty() || !field.named.is_empty()));
    let has_items = Memo::new(move |_| live.get(|field| field.items));
    let to = move || match live.name() {
        name if name.is_empty() => "Add a key to the experiment".to_owned(),
        name => format!("Add to {name}"),
    };
    move || match (has_choice.get(), has_items.get()) {
        (true, _) => view! {
            <button
                class="quiet small form-adds"
                data-testid=live.test_id("add")
                popovertarget=MENU
                aria-label=to
                on:click=move |_| form.adding.set(id.get_value())
            >
                <Icon name="plus" />
                "Add …"
            </button>
        }
        .into_any(),
        (false, true) => view! {
            <button
                class="quiet small form-adds"
                data-testid=live.test_id("add")
                aria-label=to
                on:click=move |_| {
                    if let Some(to) = placed.get_untracked() {
                        add(form, &to, Added::Item, None);
                    }
                }
            >
                <Icon name="plus" />
                "Add an item"
            </button>
        }
        .into_any(),
        (false, false) => ().into_any(),
    }
}

fn scalar(live: Live, kind: Kind) -> AnyView {
    let name = live.test_id("value");
    let control = match kind {
        Kind::Choice => choice(live, name.clone()),
        Kind::Lines => lines(live, name.clone()),
        _ => text(live, name.clone()),
    };
    view! {
        <div class="form-field" class:tall=kind == Kind::Lines id=live.id.with_value(|id| element_id(id)) data-testid=live.test_id("field")>
            <div class="form-line">
                {naming(live, &name)}
                {control}
                {tools(live)}
            </div>
            {told(live)}
        </div>
    }
    .into_any()
}

/// What the field is called; a name of the user's own can be changed. `control` is what a value is written into.
fn naming(live: Live, control: &str) -> AnyView {
    let control = control.to_owned();
    let own = Memo::new(move |_| live.get(|field| field.own));
    let rename = move |event: Event| {
        let Some(input) = target::<HtmlInputElement>(&event) else { return };
        let name = input.value().trim().to_owned();
        let now = live.placed.with_untracked(|placed| placed.as_ref().map(|placed| placed.field.clone()));
        let Some(Field { path, name: before, .. }) = now else { return };
        if name.is_empty() || !live.act(|path| Action::Rename { path, name: name.clone() }) {
            input.set_value(&before);
            return;
        }
        // Whoever went on to a part of it, which now is one of another name, is not thrown out.
        let id = id(&[path[..path.len() - 1].to_vec(), vec![Step::Name(name)]].concat());
        let form = live.form;
        request_animation_frame(move || {
            if document().active_element().is_none_or(|element| element.tag_name() == "BODY") {
                form.focus(&id, FIRST);
            }
        });
    };
    (move || match (own.get(), control.is_empty()) {
        (true, _) => view! {
            <input
                class="form-own"
                data-testid=live.test_id("name")
                aria-label=move || format!("Name of {}", live.name())
                autocomplete="off"
                spellcheck="false"
                prop:value=move || live.name()
                on:change=rename
            />
        }
        .into_any(),
        (false, true) => view! { <code>{move || live.name()}</code> }.into_any(),
        (false, false) => view! { <label for=control.clone()><code>{move || live.name()}</code></label> }.into_any(),
    })
    .into_any()
}

/// What a control is called where no label names it, what describes it, and whether what it says is wrong.
fn described(live: Live) -> (impl Fn() -> Option<String>, String, impl Fn() -> &'static str) {
    let label = move || live.get(|field| field.own.then(|| field.name.clone()));
    let invalid = move || if live.get(|field| field.problems.is_empty()) { "false" } else { "true" };
    (label, live.test_id("about"), invalid)
}

fn text(live: Live, name: String) -> AnyView {
    let (label, about, invalid) = described(live);
    let words = live.test_id("words");
    let list = words.clone();
    let has_words = Memo::new(move |_| live.get(|field| !field.words.is_empty()));
    view! {
        <input
            id=name.clone()
            data-testid=name
            class="form-value"
            aria-label=label
            aria-describedby=about
            aria-invalid=invalid
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            list=move || has_words.get().then(|| list.clone())
            placeholder=move || live.get(|field| field.example.clone())
            prop:value=move || live.get(|field| field.value.clone())
            on:change=move |event| live.set(event_target_value(&event))
        />
        {move || has_words.get().then(|| view! {
            <datalist id=words.clone()>
                {move || live.get(|field| field.words.clone()).into_iter().map(|word| view! { <option value=word.name>{word.about}</option> }).collect_view()}
            </datalist>
        })}
    }
    .into_any()
}

fn lines(live: Live, name: String) -> AnyView {
    let (label, about, invalid) = described(live);
    let rows = move || live.get(|field| field.value.lines().count()).clamp(LINES.0, LINES.1).to_string();
    view! {
        <textarea
            id=name.clone()
            data-testid=name
            class="form-value"
            aria-label=label
            aria-describedby=about
            aria-invalid=invalid
            spellcheck="false"
            rows=rows
            prop:value=move || live.get(|field| field.value.clone())
            on:change=move |event| {
                if let Some(area) = target::<HtmlTextAreaElement>(&event) {
                    live.set(area.value());
                }
            }
        ></textarea>
    }
    .into_any()
}

fn choice(live: Live, name: String) -> AnyView {
    let (label, about, invalid) = described(live);
    // What stands there is shown, also where it is no word that is known.
    let words = Memo::new(move |_| {
        live.get(|field| {
            let mut words: Vec<_> = field.words.iter().map(|word| word.name.clone()).collect();
            if !words.contains(&field.value) {
                words.insert(0, field.value.clone());
            }
            words
        })
    });
    let option = move |word: String| {
        let here = word.clone();
        view! { <option value=word.clone() selected=move || live.get(|field| field.value == here)>{word.clone()}</option> }
    };
    view! {
        <select
            id=name.clone()
            data-testid=name
            class="form-value"
            aria-label=label
            aria-describedby=about
            aria-invalid=invalid
            on:change=move |event| {
                if let Some(select) = target::<HtmlSelectElement>(&event) {
                    live.set(select.value());
                }
            }
        >
            {move || words.get().into_iter().map(option).collect_view()}
        </select>
    }
    .into_any()
}

/// What stands in the text and cannot be shown.
fn other(live: Live) -> AnyView {
    let told = move || {
        live.get(|field| match field.value.starts_with('*') {
            true => format!("Line {}: `{}` stands for what is written elsewhere.", field.line, field.value),
            false => format!("What is in line {} cannot be shown as fields.", field.line),
        })
    };
    let line = Signal::derive(move || live.get(|field| field.line));
    view! {
        <div class="form-field" id=live.id.with_value(|id| element_id(id)) data-testid=live.test_id("field")>
            <div class="form-line">
                <code>{move || live.name()}</code>
                <span class="form-other">{told}</span>
                <ToText form=live.form line=line name=live.id.get_value() />
            </div>
            {problems(live)}
        </div>
    }
    .into_any()
}

/// What removes a field, and moves an item.
fn tools(live: Live) -> impl IntoView {
    let Live { form, placed, .. } = live;
    let remove = move |_| {
        let Some(path) = placed.with_untracked(|placed| placed.as_ref().map(|placed| placed.field.path.clone())) else {
            return;
        };
        let (own, above) = (id(&path), id(&path[..path.len() - 1]));
        let beside = form.placed(&above).and_then(|above| above.beside(&own));
        if live.act(|path| Action::Remove { path }) {
            match beside {
                Some(beside) => form.focus(&beside, &[".form-remove"]),
                None => form.focus(&above, FIRST),
            }
        }
    };
    let item = Memo::new(move |_| placed.with(|placed| placed.as_ref().and_then(|placed| placed.item)));
    let shift = move |by: isize| {
        let Some(Placed { field: Field { mut path, .. }, .. }) = placed.get_untracked() else { return };
        let Some(Step::At(at)) = path.pop() else { return };
        if live.act(|path| Action::Move { path, by }) {
            path.push(Step::At(at.saturating_add_signed(by)));
            form.focus(&id(&path), if by < 0 { &[".form-up"] } else { &[".form-down"] });
        }
    };
    let button = move |(word, icon, class, by): (&'static str, &'static str, &'static str, isize)| {
        let ends = move || item.get().is_none_or(|(at, count)| if by < 0 { at == 0 } else { at + 1 == count });
        view! {
            <button
                class=format!("quiet icon-only {class}")
                data-testid=live.test_id(word)
                aria-label=move || format!("Move {} {word}", live.name())
                title=format!("Move {word}")
                aria-disabled=move || if ends() { "true" } else { "false" }
                on:click=move |_| {
                    if !ends() {
                        shift(by);
                    }
                }
            >
                <Icon name=icon />
            </button>
        }
    };
    let is_item = Memo::new(move |_| item.get().is_some_and(|(_, count)| count > 1));
    view! {
        <span class="form-buttons">
            {move || is_item.get().then(|| [("up", "arrow-up", "form-up", -1), ("down", "arrow-down", "form-down", 1)].map(button).collect_view())}
            <button
                class="quiet icon-only form-remove"
                data-testid=live.test_id("remove")
                aria-label=move || format!("Remove {}", live.name())
                title="Remove"
                on:click=remove
            >
                <Icon name="x" />
            </button>
        </span>
    }
}

/// The hint, what the chosen word means, and the problems.
fn told(live: Live) -> impl IntoView {
    // Names of the user's own have no hint each: that of what they lie in says what they are.
    let about = move || live.get(|field| if field.own { String::new() } else { field.about.clone() });
    let word =
        move || live.get(|field| field.words.iter().find(|word| word.name == field.value).map(|word| word.about.clone()));
    view! {
        <div class="form-about" id=live.test_id("about")>
            <span class="hint">{about}</span>
            {move || word().filter(|about| !about.is_empty()).map(|about| view! { <span class="hint form-word">{live.get(|field| field.value.clone())} ": " {about}</span> })}
            {problems(live)}
        </div>
    }
}

fn problems(live: Live) -> impl IntoView {
    move || {
        let one = |problem: String| {
            view! {
                <p class="form-problem" data-testid=live.test_id("problem")>
                    <Icon name="circle-alert" />
                    <span>{problem}</span>
                </p>
            }
        };
        live.get(|field| field.problems.clone()).into_iter().map(one).collect_view()
    }
}
