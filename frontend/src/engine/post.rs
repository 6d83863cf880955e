//! Messages between workers: plain objects of a few fields, with buffers transferred beside them.

use js_sys::{Array, Object, Reflect, Uint8Array};
use shared::batch::Payload;
use shared::batch::message::Envelope;
use wasm_bindgen::prelude::*;

use super::scope;

/// Says a string to whoever made this worker.
pub fn string(text: &str) {
    // It can fail only for values that cannot be cloned, and a string can.
    let _ = scope().post_message(&text.into());
}

/// Says an object to whoever made this worker, and gives away the buffers.
pub fn object(message: &Object, buffers: &Array) {
    let _ = scope().post_message_with_transfer(message, buffers);
}

/// An object of these fields.
pub fn fields(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // A plain object takes any property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}

pub fn field(message: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(message, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

pub fn text(message: &JsValue, name: &str) -> Option<String> {
    field(message, name)?.as_string()
}

pub fn number(message: &JsValue, name: &str) -> Option<f64> {
    field(message, name)?.as_f64()
}

/// An envelope as an object `{ to, life, envelope, rows? }` and the buffers to transfer: who it is for can be read without
/// reading what it says.
pub fn envelope(mut envelope: Envelope) -> (Object, Array) {
    let buffers = Array::new();
    let payload = envelope.message.take_payload();
    let json = serde_json::to_string(&envelope).expect("an envelope has string keys and no failing serializers");
    let object = fields(&[("to", envelope.to.to_string().into()), ("envelope", json.into())]);
    if let Some(life) = envelope.to_incarnation {
        let _ = Reflect::set(&object, &"life".into(), &life.into());
    }
    if let Some(rows) = payload {
        let rows = Uint8Array::from(&*rows.bytes().expect("a page has all rows in memory")).buffer();
        let _ = Reflect::set(&object, &"rows".into(), &rows);
        buffers.push(&rows);
    }
    (object, buffers)
}

/// The envelope in an object of [`envelope`]; `None` for anything else.
pub fn read_envelope(message: &JsValue) -> Option<Envelope> {
    let mut envelope: Envelope = serde_json::from_str(&text(message, "envelope")?).ok()?;
    if let Some(rows) = field(message, "rows") {
        envelope.message.set_payload(Payload::new(Uint8Array::new(&rows).to_vec()));
    }
    Some(envelope)
}

/// The buffers that such an object carries, to be transferred once more.
pub fn buffers(message: &JsValue) -> Array {
    field(message, "rows").map(|rows| Array::of1(&rows)).unwrap_or_default()
}
