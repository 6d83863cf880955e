//! A download that the browser compresses on its way to the file.

use js_sys::{Array, Function, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableWritablePair, Response};

use crate::lab::commands::save;
use crate::lab::hear::file_name;
use crate::lab::state::{Inner, Lab};
use crate::session::local::describe;

/// What browsers call what compresses.
const PACKER: &str = "CompressionStream";

/// Whether this browser can.
pub fn can_pack() -> bool {
    Reflect::has(&window(), &PACKER.into()).unwrap_or(false)
}

/// A result that is to be compressed: its parts, its title, and what its file would end with without that.
pub type Parcel = (Array, String, &'static str);

/// Whoever compresses what waits for it: as much of the page's state as that takes.
#[derive(Clone, Copy)]
pub struct Packer {
    inner: StoredValue<Inner, LocalStorage>,
    notice: RwSignal<Option<String>>,
    spoken: RwSignal<String>,
}

impl Packer {
    pub fn of(lab: Lab) -> Packer {
        Packer { inner: lab.inner, notice: lab.notice, spoken: lab.spoken }
    }

    /// Gives the user what waits, as a file.
    pub fn give(self) {
        let Some((parts, title, extension)) = self.inner.try_update_value(|inner| inner.parcel.take()).flatten() else {
            return;
        };
        leptos::task::spawn_local(async move {
            let name = file_name(&title, &format!("{extension}.gz"));
            let saved = match packed(&parts).await {
                Ok(blob) => save(&Array::of1(&blob), &name),
                Err(error) => Err(describe(&error)),
            };
            match saved {
                Ok(()) => self.spoken.set(format!("{name} is ready.")),
                Err(reason) => self.notice.set(Some(format!("The file could not be compressed: {reason}."))),
            }
        });
    }
}

/// Gzip (RFC 1952) of these parts. The browser reads and compresses them piece by piece.
async fn packed(parts: &Array) -> Result<Blob, JsValue> {
    let constructor: Function = Reflect::get(&window(), &PACKER.into())?.dyn_into()?;
    let packer: ReadableWritablePair = Reflect::construct(&constructor, &Array::of1(&"gzip".into()))?.unchecked_into();
    let stream = Blob::new_with_blob_sequence(parts)?.stream().pipe_through(&packer);
    let blob = Response::new_with_opt_readable_stream(Some(&stream))?.blob()?;
    Ok(JsFuture::from(blob).await?.unchecked_into())
}
