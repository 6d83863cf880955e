//! Waiting for signs: look, and look again, until it is there or too late.

use std::time::{Duration, Instant};

/// How long a sign may take, whatever the machine is doing.
pub const SIGN_WITHIN: Duration = Duration::from_secs(60);

/// How often one looks while waiting for it.
pub const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Waits until `look` finds something, and gives it; too late is a failed test that names `what`.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SIGN_WITHIN;
    while Instant::now() < deadline {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("waited {SIGN_WITHIN:?} in vain for {what}");
}
