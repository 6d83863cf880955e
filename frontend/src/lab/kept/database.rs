//! Where it is kept: a database of the browser's own (IndexedDB), one for each folder that a page lies in.
//!
//! Two stores: `runs`, by when they ended, and `experiments`, by their names; each value is a text of JSON. The database is open only
//! while something is read or written, so that no page is in another's way. What is written together is written wholly or not at all.
//!
//! This is a thin use of the browser's own interface. Nothing here but promises that it resolves, so no closure is left behind.

use js_sys::{Array, Function, Promise, Reflect};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomException, Event, IdbDatabase, IdbObjectStore, IdbRequest, IdbTransaction, IdbTransactionMode};

use super::record::{Named, PastRun, RUNS_MAX};

/// The shape of the database. A page of an earlier version cannot open a later one's.
const VERSION: u32 = 1;
const RUNS: &str = "runs";
const EXPERIMENTS: &str = "experiments";

/// Everything that is kept, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    pub runs: Vec<PastRun>,
    pub experiments: Vec<Named>,
    /// Entries that another version wrote in another way.
    pub unreadable: usize,
}

/// A change of what is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<'a> {
    /// The oldest go when there are too many.
    PutRun(&'a PastRun),
    /// By when it ended.
    DeleteRun(f64),
    DeleteAllRuns,
    /// In the place of one with the same name.
    PutExperiment(&'a Named),
    DeleteExperiment(&'a str),
}

/// Reads it all.
pub async fn read() -> Result<Kept, String> {
    let database = open().await.map_err(|error| sentence(&error))?;
    let kept = read_from(&database).await.map_err(|error| sentence(&error));
    database.close();
    kept
}

/// Makes these changes: all of them, or none.
pub async fn write(changes: &[Change<'_>]) -> Result<(), String> {
    let database = open().await.map_err(|error| sentence(&error))?;
    let written = write_to(&database, changes).await.map_err(|error| sentence(&error));
    database.close();
    written
}

async fn read_from(database: &IdbDatabase) -> Result<Kept, JsValue> {
    let transaction = database.transaction_with_str_sequence(&stores())?;
    let (runs, experiments) = (transaction.object_store(RUNS)?, transaction.object_store(EXPERIMENTS)?);
    // All are asked before any is waited for: what has nothing more to answer is closed.
    let (runs, experiments) = (list(&runs.get_all()?), list(&experiments.get_all()?));
    let (runs, experiments) = (runs.await?, experiments.await?);
    let mut kept = Kept { runs: parse(&runs), experiments: parse(&experiments), unreadable: 0 };
    kept.unreadable = (runs.length() + experiments.length()) as usize - kept.runs.len() - kept.experiments.len();
    kept.runs.reverse();
    kept.experiments.sort_by(|one, other| other.kept_ms.total_cmp(&one.kept_ms));
    Ok(kept)
}

/// Those that can be read.
fn parse<T: serde::de::DeserializeOwned>(values: &Array) -> Vec<T> {
    values.iter().filter_map(|value| serde_json::from_str(&value.as_string()?).ok()).collect()
}

async fn write_to(database: &IdbDatabase, changes: &[Change<'_>]) -> Result<(), JsValue> {
    let transaction = database.transaction_with_str_sequence_and_mode(&stores(), IdbTransactionMode::Readwrite)?;
    let end = end_of(&transaction);
    if let Err(error) = ask(&transaction, changes).await {
        // What was asked before it must not be written alone. Refused only where the browser has taken it back already.
        let _ = transaction.abort();
        let _ = JsFuture::from(end).await;
        return Err(error);
    }
    JsFuture::from(end).await.map(drop)
}

async fn ask(transaction: &IdbTransaction, changes: &[Change<'_>]) -> Result<(), JsValue> {
    let (runs, experiments) = (transaction.object_store(RUNS)?, transaction.object_store(EXPERIMENTS)?);
    for change in changes {
        match change {
            Change::PutRun(run) => runs.put_with_key(&json(run)?, &run.ended_ms.into())?,
            Change::DeleteRun(ended_ms) => runs.delete(&(*ended_ms).into())?,
            Change::DeleteAllRuns => runs.clear()?,
            Change::PutExperiment(named) => experiments.put_with_key(&json(named)?, &named.name.as_str().into())?,
            Change::DeleteExperiment(name) => experiments.delete(&(*name).into())?,
        };
    }
    if changes.iter().any(|change| matches!(change, Change::PutRun(_))) {
        prune(&runs).await?;
    }
    Ok(())
}

/// Deletes the oldest runs past the bound.
async fn prune(runs: &IdbObjectStore) -> Result<(), JsValue> {
    let keys = list(&runs.get_all_keys()?).await?;
    for key in keys.iter().take((keys.length() as usize).saturating_sub(RUNS_MAX)) {
        runs.delete(&key)?;
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<JsValue, JsValue> {
    serde_json::to_string(value).map(|text| text.into()).map_err(|error| error.to_string().into())
}

fn stores() -> Array {
    Array::of2(&RUNS.into(), &EXPERIMENTS.into())
}

/// Opens the database, and makes its stores when it is new.
async fn open() -> Result<IdbDatabase, JsValue> {
    // Browsers without one, and some that are told to keep nothing, have none.
    let factory = window().indexed_db()?.ok_or(JsValue::NULL)?;
    let request = factory.open_with_u32(&format!("millrace {}", crate::folder()), VERSION)?;
    // The change of version lasts while what hears of it is under way, and so do the promises that follow it at once.
    let heard = Promise::new(&mut |resolve: Function, reject: Function| {
        request.set_onupgradeneeded(Some(&resolve));
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    let heard = JsFuture::from(heard).await.map_err(|event| error_of(&event, &request))?;
    if heard.dyn_ref::<Event>().is_some_and(|event| event.type_() == "upgradeneeded") {
        let database: IdbDatabase = request.result()?.unchecked_into();
        let done = answer(request.clone().unchecked_into());
        database.create_object_store(RUNS)?;
        database.create_object_store(EXPERIMENTS)?;
        done.await?;
    }
    Ok(request.result()?.unchecked_into())
}

/// What a request comes to. It is listened to at once, not when somebody waits.
fn answer(request: IdbRequest) -> impl Future<Output = Result<JsValue, JsValue>> + use<> {
    let heard = Promise::new(&mut |resolve: Function, reject: Function| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    async move {
        JsFuture::from(heard).await.map_err(|event| error_of(&event, &request))?;
        request.result()
    }
}

/// The list that a request comes to.
fn list(request: &IdbRequest) -> impl Future<Output = Result<Array, JsValue>> + use<> {
    let answer = answer(request.clone());
    async move { Ok(answer.await?.unchecked_into()) }
}

/// Resolved when all of it is written; refused, with why, when nothing is.
fn end_of(transaction: &IdbTransaction) -> Promise {
    Promise::new(&mut |resolve: Function, reject: Function| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    })
}

/// Why a request failed.
fn error_of(event: &JsValue, request: &IdbRequest) -> JsValue {
    match request.error() {
        Ok(Some(error)) => error.into(),
        _ => event.clone(),
    }
}

/// What went wrong, and what to do.
fn sentence(error: &JsValue) -> String {
    // A transaction that was given up is told by an event at it.
    let target = Reflect::get(error, &"target".into()).ok();
    let within = target.and_then(|target| Reflect::get(&target, &"error".into()).ok());
    let exception = [Some(error.clone()), within].into_iter().flatten().find_map(|it| it.dyn_into::<DomException>().ok());
    match exception {
        Some(exception) => in_words(&exception.name(), &exception.message()),
        None if error.is_null() || error.is_undefined() => in_words("SecurityError", ""),
        None => in_words("", &error.as_string().unwrap_or_default()),
    }
}

/// The same by the error's name.
fn in_words(name: &str, message: &str) -> String {
    match name {
        "QuotaExceededError" => "This browser has no more room for what the page keeps, so this was not kept. Delete past runs here, or \
                                 free room in the browser's settings. All else works on."
            .to_owned(),
        "VersionError" => "What is kept here was written by a later version of Millrace, and this one cannot read it. Load the new \
                           version of the page. All else works on."
            .to_owned(),
        // Firefox says the third in private windows.
        "SecurityError" | "NotAllowedError" | "InvalidStateError" => "This browser lets the page keep nothing: storage is switched off \
                                                                       for this address, or the window is a private one. All else works \
                                                                       on; what you want to have later, take along as a file or a link."
            .to_owned(),
        _ if message.is_empty() => "The browser's storage failed and gave no reason. Reload the page to try again.".to_owned(),
        _ => format!("The browser's storage failed: {}. Reload the page to try again.", message.trim_end_matches('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn each_refusal_says_what_to_do() {
        for (name, message, part) in [
            ("QuotaExceededError", "", "Delete past runs"),
            ("VersionError", "", "later version"),
            ("SecurityError", "", "keep nothing"),
            ("UnknownError", "disk on fire.", "failed: disk on fire. Reload"),
            ("", "", "gave no reason"),
        ] {
            assert!(in_words(name, message).contains(part), "{name}");
        }
    }
}
