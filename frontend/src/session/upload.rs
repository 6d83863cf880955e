//! A file's way to the server: `PUT api/uploads?name=…`, streamed by the browser from where the file lies.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};

/// An upload under way; dropped, it is given up.
pub struct Upload {
    request: XmlHttpRequest,
    _on_progress: Closure<dyn FnMut(ProgressEvent)>,
    _on_end: Closure<dyn FnMut()>,
}

/// What an upload tells its starter.
pub enum Sent {
    /// Bytes so far, of so many.
    Part(f64, f64),
    /// All of it; the server calls it by this id.
    All(String),
    /// It did not work; a sentence.
    Not(String),
}

#[derive(serde::Deserialize)]
struct Answer {
    id: String,
}

impl Upload {
    /// Starts to send `blob` under `name`. A request, not a fetch: only a request tells how much has been sent.
    pub fn start(blob: &Blob, name: &str, tell: Rc<dyn Fn(Sent)>) -> Result<Upload, String> {
        let request = XmlHttpRequest::new().map_err(|error| super::local::describe(&error))?;
        let escaped: String = js_sys::encode_uri_component(name).into();
        let address = crate::beside(&format!("api/uploads?name={escaped}"));
        request.open("PUT", &address).map_err(|error| super::local::describe(&error))?;

        let told = tell.clone();
        let on_progress = Closure::<dyn FnMut(ProgressEvent)>::new(move |progress: ProgressEvent| {
            told(Sent::Part(progress.loaded(), progress.total()));
        });
        let asked = request.clone();
        let on_end = Closure::<dyn FnMut()>::new(move || tell(ending(&asked)));
        if let Ok(upload) = request.upload() {
            upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
        }
        request.set_onloadend(Some(on_end.as_ref().unchecked_ref()));
        request.send_with_opt_blob(Some(blob)).map_err(|error| super::local::describe(&error))?;
        Ok(Upload { request, _on_progress: on_progress, _on_end: on_end })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.request.set_onloadend(None);
        if let Ok(upload) = self.request.upload() {
            upload.set_onprogress(None);
        }
        // After its end this does nothing.
        let _ = self.request.abort();
    }
}

fn ending(request: &XmlHttpRequest) -> Sent {
    let text = request.response_text().ok().flatten().unwrap_or_default();
    match request.status() {
        Ok(200..=299) => match serde_json::from_str::<Answer>(&text) {
            Ok(answer) => Sent::All(answer.id),
            Err(error) => Sent::Not(format!("The server's answer to the upload is not understood: {error}.")),
        },
        Ok(0) | Err(_) => {
            Sent::Not("The upload broke off: the server does not answer. Try again, or run it in this browser.".into())
        }
        Ok(status) if text.is_empty() => Sent::Not(format!("The server did not take the file (status {status}).")),
        Ok(status) => Sent::Not(format!("The server did not take the file (status {status}): {text}")),
    }
}
