//! One long computation in a worker of its own, so that the session's worker goes on answering.

use js_sys::{Array, Uint8Array};
use shared::batch::{Job, Payload, kernel};
use shared::experiment::BusExperiment;
use shared::session::run::RunSpec;
use shared::session::{BusText, Simulated, read_bus, simulate, simulate_bus};
use wasm_bindgen::prelude::*;
use web_sys::Blob;

use super::blob::BlobSource;
use super::post;

/// From `{ role: "twin", job, input }`: the job's plan in one pass over the input. Says `{ hash }` or `{ failed }`.
pub fn twin(message: &JsValue) {
    answer(twin_hash(message).map(|hash| (post::fields(&[("hash", format!("{hash:x}").into())]), Array::new())));
}

fn twin_hash(message: &JsValue) -> Result<u64, String> {
    let job: Job = parse(message, "job")?;
    let table = kernel::sequential(&job, &mut input(message)?);
    table.and_then(|table| table.output_hash()).map_err(|error| error.to_string())
}

/// From `{ role: "simulation", spec, seed, input }`, or of a bus `{ role: "simulation", run, bus, seed }`: the run under the virtual clock. Says `{ simulated, rows }` or `{ failed }`.
pub fn simulation(message: &JsValue) {
    answer_simulated(asked_bus(message).and_then(|bus| match bus {
        Some((run, experiment, seed)) => simulate_bus(run, &experiment, seed, || false),
        None => asked(message).and_then(|(spec, seed, source)| simulate(spec, seed, Box::new(source))),
    }));
}

/// Says `{ simulated, rows }` or `{ failed }`.
pub(super) fn answer_simulated(simulated: Result<Simulated, String>) {
    answer(simulated.map(|simulated| {
        let json = serde_json::to_string(&simulated).expect("a result has string keys and no failing serializers");
        let buffers: Array = simulated
            .partitions
            .iter()
            .map(|rows| Uint8Array::from(&*rows.bytes().expect("a page has all rows in memory")).buffer())
            .collect();
        (post::fields(&[("simulated", json.into()), ("rows", buffers.clone().into())]), buffers)
    }));
}

/// What is to be simulated, under which seed, over what.
pub(super) fn asked(message: &JsValue) -> Result<(RunSpec, u64, BlobSource), String> {
    let spec: RunSpec = parse(message, "spec")?;
    Ok((spec, seed(message)?, input(message)?))
}

/// The same of a bus; nothing if it is none.
pub(super) fn asked_bus(message: &JsValue) -> Result<Option<(u32, Box<BusExperiment>, u64)>, String> {
    if post::text(message, "bus").is_none() {
        return Ok(None);
    }
    let text: BusText = parse(message, "bus")?;
    let run = post::number(message, "run").ok_or("the run's number is missing")? as u32;
    Ok(Some((run, read_bus(&text)?, seed(message)?)))
}

fn seed(message: &JsValue) -> Result<u64, String> {
    Ok(post::text(message, "seed").and_then(|seed| seed.parse().ok()).ok_or("the seed is missing")?)
}

/// The result of [`simulation`] in its message.
pub fn read_simulated(message: &JsValue) -> Option<Simulated> {
    let mut simulated: Simulated = serde_json::from_str(&post::text(message, "simulated")?).ok()?;
    let rows: Array = post::field(message, "rows")?.dyn_into().ok()?;
    simulated.partitions = rows.iter().map(|rows| Payload::new(Uint8Array::new(&rows).to_vec())).collect();
    Some(simulated)
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(message: &JsValue, name: &str) -> Result<T, String> {
    let text = post::text(message, name).ok_or_else(|| format!("`{name}` is missing"))?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn input(message: &JsValue) -> Result<BlobSource, String> {
    let blob = post::field(message, "input").and_then(|blob| blob.dyn_into::<Blob>().ok()).ok_or("the input is missing")?;
    BlobSource::new(blob).map_err(|error| error.to_string())
}

fn answer(result: Result<(js_sys::Object, Array), String>) {
    match result {
        Ok((object, buffers)) => post::object(&object, &buffers),
        Err(reason) => post::object(&post::fields(&[("failed", reason.into())]), &Array::new()),
    }
}
