//! One connection to the server: letters go out, messages come in, until either side ends it.

use std::pin::pin;

use futures::channel::mpsc::UnboundedReceiver;
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};
use gloo_net::websocket::futures::WebSocket;
use gloo_net::websocket::{Message, WebSocketError};
use leptos::prelude::window;

/// How a connection ended.
pub enum Ending {
    /// There were no more letters.
    Ours,
    /// By a close frame of the server's: its code and its reason.
    Theirs(u16, String),
    /// Without a word.
    Broken,
}

/// Sends the letters and hands each message to `hear`.
pub async fn talk(socket: WebSocket, mut letters: UnboundedReceiver<String>, hear: &mut dyn FnMut(Message)) -> Ending {
    let (mut sink, mut messages) = socket.split();
    let sending = pin!(async move {
        while let Some(text) = letters.next().await {
            if sink.send(Message::Text(text)).await.is_err() {
                // Why, the other half hears.
                futures::future::pending::<()>().await;
            }
        }
    });
    let hearing = pin!(async move {
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => hear(message),
                Err(WebSocketError::ConnectionClose(close)) => return Ending::Theirs(close.code, close.reason),
                // The close that follows says more.
                Err(_) => {}
            }
        }
        Ending::Broken
    });
    match select(sending, hearing).await {
        Either::Left(_) => Ending::Ours,
        Either::Right((ending, _)) => ending,
    }
}

/// The address of a socket in the page's own folder.
pub fn address(path: &str) -> String {
    let location = window().location();
    let scheme = if location.protocol().as_deref() == Ok("https:") { "wss" } else { "ws" };
    format!("{scheme}://{}{}{path}", location.host().unwrap_or_default(), crate::folder())
}
