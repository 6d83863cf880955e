//! Finding a run's input in the page. Whatever it is, it becomes a `Blob`, which workers share without a copy.

use js_sys::{Array, JsString, Uint8Array};
use shared::batch::recognise::recognise;
use shared::batch::{Format, Generator, Inferred, Look, Part, READS_PARQUET, infer, look, micro_batches};
use shared::experiment::{Input as ExperimentInput, dataset_file, dataset_names};
use shared::limits::SAMPLE_BYTES;
use shared::nearest::list;
use shared::session::{InputFrom, InputSpec, MicroBatch, Opened, OpenedPart};
use shared::wire::{Event, InputChoice, InputView};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Response};

use super::blob::BlobSource;
use super::unpack::unpacked;
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
pub async fn open(inputs: Vec<InputSpec>, micro_batch: Option<MicroBatch>, attached: Option<Blob>) -> Result<Inputs, String> {
    let (mut names, mut parts, mut inferred, blobs) = (Vec::new(), Vec::new(), Vec::new(), Array::new());
    for (index, InputSpec { from, infer }) in inputs.into_iter().enumerate() {
        let Found { name, blob } = find(from, attached.as_ref()).await?;
        let blob = unpacked(&name, blob, None).await?;
        let found = Found { name, blob };
        inferred.push(infer.map(|format| columns(&found, &format)).transpose()?);
        names.push(found.name);
        parts.push(OpenedPart { input: index as u32, bytes: found.blob.size() as u64 });
        blobs.push(&found.blob);
    }
    // A blob of blobs holds no bytes of its own; a single one stays what the user chose, which may be a file.
    let blob = match blobs.length() {
        1 => blobs.get(0).unchecked_into(),
        _ => blob_of(&blobs)?,
    };
    let mut opened = Opened { name: names.join(", "), parts, inferred, cuts: Vec::new() };
    if let Some(MicroBatch { rows, header }) = micro_batch {
        let source =
            BlobSource::new(blob.clone()).and_then(|mut source| micro_batches(&mut source, &opened.parts(), header, rows));
        opened.cuts = source.map_err(|error| error.to_string())?;
    }
    Ok(Inputs { opened, blob })
}

/// The columns of an input, by looking at it.
fn columns(found: &Found, format: &Format) -> Result<Inferred, String> {
    let part = Part { input: 0, start: 0, end: found.blob.size() as u64 };
    let mut source = BlobSource::new(found.blob.clone()).map_err(|error| error.to_string())?;
    infer(format, &mut source, part).map_err(|error| format!("`{}`: {error}", found.name))
}

/// What a file that was chosen seems to hold.
pub async fn look_at(id: u32, name: String, blob: Blob) -> Event {
    let looked = |format, look: Option<Look>, problem| {
        let input = look.as_ref().map(|look| InputView::new(&look.inferred.records, Some(&look.inferred)));
        let rows = look.map(|look| look.rows).unwrap_or_default();
        Event::Looked { id, format, input, rows, problem }
    };
    let whole = blob.size();
    let sample = match unpacked(&name, blob.clone(), Some(SAMPLE_BYTES as u64)).await {
        Ok(sample) => sample,
        Err(problem) => return looked(Format::Lines, None, Some(problem)),
    };
    let (format, is_packed) = (recognise(&name, &head(&sample).await), sample.size() != whole);
    if format == Format::Parquet && !READS_PARQUET {
        let problem = "A page reads no Parquet, for what that would weigh: run on the server.".to_owned();
        return looked(format, None, Some(problem));
    }
    // What a packed file of columns holds is seen when it has been unpacked whole.
    if is_packed && format.has_schema() {
        return looked(format, None, None);
    }
    let part = Part { input: 0, start: 0, end: sample.size() as u64 };
    let mut source = match BlobSource::new(sample) {
        Ok(source) => source,
        Err(error) => return looked(format, None, Some(error.to_string())),
    };
    match look(&format, &mut source, part) {
        Ok(look) => looked(format, Some(look), None),
        Err(error) => looked(format, None, Some(error.to_string())),
    }
}

/// The first bytes of a file; none if it cannot be read, which is told when it is looked into.
async fn head(blob: &Blob) -> Vec<u8> {
    const BYTES: f64 = 65_536.0;
    let Ok(slice) = blob.slice_with_f64_and_f64(0.0, BYTES) else { return Vec::new() };
    let read = JsFuture::from(slice.array_buffer()).await;
    read.map_or_else(|_| Vec::new(), |buffer| Uint8Array::new(&buffer).to_vec())
}

async fn find(input: InputFrom, attached: Option<&Blob>) -> Result<Found, String> {
    match input {
        InputFrom::Chosen(InputChoice::Attached { name, .. }) => match attached {
            Some(blob) => Ok(Found { name, blob: blob.clone() }),
            None => Err(format!("`{name}` did not come with the command: choose the file again")),
        },
        InputFrom::Chosen(InputChoice::Upload { name, .. }) => {
            Err(format!("`{name}` was uploaded to the server, and this run is in the browser: choose the file again"))
        }
        InputFrom::Experiment(ExperimentInput::Text(text)) => {
            Ok(Found { name: "text".to_owned(), blob: blob_of(&Array::of1(&JsString::from(text)))? })
        }
        InputFrom::Experiment(ExperimentInput::Dataset(name)) => dataset(&name).await,
        InputFrom::Experiment(ExperimentInput::File(path)) => Err(format!(
            "the experiment reads the file `{path}`, which a page may not open by itself: choose the file as the input, or run on the server"
        )),
        InputFrom::Experiment(ExperimentInput::Generated(generator)) => generate(&generator),
    }
}

async fn dataset(name: &str) -> Result<Found, String> {
    let failed = |reason: String| format!("the bundled dataset `{name}` could not be loaded: {reason}");
    let known = || list(dataset_names());
    let Some(file) = dataset_file(name) else { return Err(format!("there is no dataset `{name}`: there are {}", known())) };
    // Relative to this worker's script, which lies beside the page.
    let response =
        JsFuture::from(scope().fetch_with_str(&format!("./data/{file}"))).await.map_err(|error| failed(describe(&error)))?;
    let response: Response = response.unchecked_into();
    if response.status() == 404 {
        return Err(format!("the dataset `{name}` is not beside this page: there are {}", known()));
    }
    if !response.ok() {
        return Err(failed(format!("the server answered {}", response.status())));
    }
    let blob = response.blob().map_err(|error| failed(describe(&error)))?;
    let blob: Blob = JsFuture::from(blob).await.map_err(|error| failed(describe(&error)))?.unchecked_into();
    Ok(Found { name: name.to_owned(), blob })
}

fn generate(generator: &Generator) -> Result<Found, String> {
    let mut text = generator.text();
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let (mut blobs, mut bytes, mut more) = (Array::new(), 0, true);
    while more {
        chunk.clear();
        more = text.fill(&mut chunk, CHUNK_BYTES);
        bytes += chunk.len() as u64;
        if bytes > GENERATED_BYTES_MAX {
            let most = GENERATED_BYTES_MAX >> 20;
            return Err(format!("more than {most} MiB are to be generated, the most that a page does: run on the server"));
        }
        // A blob of a blob and a chunk lets the browser move what came before out of memory.
        blobs.push(&blob_of(&Array::of1(&Uint8Array::from(&chunk[..])))?.into());
        if blobs.length() == 16 {
            blobs = Array::of1(&blob_of(&blobs)?.into());
        }
    }
    Ok(Found { name: generator.name(), blob: blob_of(&blobs)? })
}

pub(super) fn blob_of(parts: &Array) -> Result<Blob, String> {
    Blob::new_with_blob_sequence(parts).map_err(|error| format!("the input does not fit: {}", describe(&error)))
}
