//! Finding a run's input in the page. Whatever it is, it becomes a `Blob`, which workers share without a copy.

use js_sys::{Array, JsString, Uint8Array};
use shared::batch::micro_batches;
use shared::batch::zipf::ZipfText;
use shared::experiment::Input as ExperimentInput;
use shared::session::{InputSpec, MicroBatch, Opened, OpenedPart};
use shared::wire::InputChoice;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Response};

use super::blob::BlobSource;
use super::{describe, scope};

/// Bytes of text that a page generates at most: a blob of that size is still kept outside the page's memory.
const GENERATED_BYTES_MAX: u64 = 1 << 30;

/// Bytes generated at a time.
const CHUNK_BYTES: usize = 16 << 20;

/// A run's inputs, found: what its session is told of them, and their bytes, one after the other.
pub struct Inputs {
    pub opened: Opened,
    pub blob: Blob,
}

/// A found input: its name for people, and its bytes.
struct Found {
    name: String,
    blob: Blob,
}

/// Finds them, or says why not.
pub async fn open(
    inputs: Vec<InputSpec>,
    micro_batch: Option<MicroBatch>,
    mut attached: Option<Blob>,
) -> Result<Inputs, String> {
    let (mut names, mut parts, blobs) = (Vec::new(), Vec::new(), Array::new());
    for (index, input) in inputs.into_iter().enumerate() {
        let found = find(input, &mut attached).await?;
        names.push(found.name);
        parts.push(OpenedPart { input: index as u32, bytes: found.blob.size() as u64 });
        blobs.push(&found.blob);
    }
    // A blob of blobs holds no bytes of its own; a single one stays what the user chose, which may be a file.
    let blob = match blobs.length() {
        1 => blobs.get(0).unchecked_into(),
        _ => blob_of(&blobs)?,
    };
    let mut opened = Opened { name: names.join(", "), parts, cuts: Vec::new() };
    if let Some(MicroBatch { rows, header }) = micro_batch {
        let source =
            BlobSource::new(blob.clone()).and_then(|mut source| micro_batches(&mut source, &opened.parts(), header, rows));
        opened.cuts = source.map_err(|error| error.to_string())?;
    }
    Ok(Inputs { opened, blob })
}

async fn find(input: InputSpec, attached: &mut Option<Blob>) -> Result<Found, String> {
    match input {
        InputSpec::Chosen(InputChoice::Attached { name, .. }) => match attached.take() {
            Some(blob) => Ok(Found { name, blob }),
            None => Err(format!("`{name}` did not come with the command: choose the file again")),
        },
        InputSpec::Chosen(InputChoice::Upload { name, .. }) => {
            Err(format!("`{name}` was uploaded to the server, and this run is in the browser: choose the file again"))
        }
        InputSpec::Experiment(ExperimentInput::Text(text)) => {
            Ok(Found { name: "text".to_owned(), blob: blob_of(&Array::of1(&JsString::from(text)))? })
        }
        InputSpec::Experiment(ExperimentInput::Dataset(name)) => dataset(&name).await,
        InputSpec::Experiment(ExperimentInput::File(path)) => Err(format!(
            "the experiment reads the file `{path}`, which a page may not open by itself: choose the file as the input, or run on the server"
        )),
        InputSpec::Experiment(ExperimentInput::Zipf { bytes, seed, distinct }) => generate(bytes, seed, distinct),
    }
}

async fn dataset(name: &str) -> Result<Found, String> {
    let failed = |reason: String| format!("the bundled text `{name}` could not be loaded: {reason}");
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !plain {
        return Err(format!("there is no dataset `{name}`: there is `glosses`"));
    }
    let url = format!("{}/data/{name}.txt", scope().location().origin());
    let response = JsFuture::from(scope().fetch_with_str(&url)).await.map_err(|error| failed(describe(&error)))?;
    let response: Response = response.unchecked_into();
    if response.status() == 404 {
        return Err(format!("there is no dataset `{name}` beside this page: there is `glosses`"));
    }
    if !response.ok() {
        return Err(failed(format!("the server answered {}", response.status())));
    }
    let blob = response.blob().map_err(|error| failed(describe(&error)))?;
    let blob: Blob = JsFuture::from(blob).await.map_err(|error| failed(describe(&error)))?.unchecked_into();
    Ok(Found { name: name.to_owned(), blob })
}

fn generate(bytes: u64, seed: u64, distinct: u32) -> Result<Found, String> {
    if bytes > GENERATED_BYTES_MAX {
        let most = GENERATED_BYTES_MAX >> 20;
        return Err(format!(
            "{} MiB are to be generated, and a page generates at most {most} MiB: run on the server",
            bytes >> 20
        ));
    }
    let mut text = ZipfText::new(seed, distinct);
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let mut blobs = Array::new();
    let mut left = bytes;
    while left > 0 {
        chunk.clear();
        text.fill(&mut chunk, left.min(CHUNK_BYTES as u64) as usize);
        left = left.saturating_sub(chunk.len() as u64);
        // A blob of a blob and a chunk lets the browser move what came before out of memory.
        blobs.push(&blob_of(&Array::of1(&Uint8Array::from(&chunk[..])))?.into());
        if blobs.length() == 16 {
            blobs = Array::of1(&blob_of(&blobs)?.into());
        }
    }
    Ok(Found { name: format!("generated text, {distinct} distinct words"), blob: blob_of(&blobs)? })
}

fn blob_of(parts: &Array) -> Result<Blob, String> {
    Blob::new_with_blob_sequence(parts).map_err(|error| format!("the input does not fit: {}", describe(&error)))
}
