//! What servers log, beside the evidence.

use crate::run::Context;
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::timeout;

/// Writes the logs of the servers that are still up.
pub(crate) async fn save_logs(context: &Context) {
    let running = context.running.lock().map(|mut running| std::mem::take(&mut *running)).unwrap_or_default();
    join_all(running.into_iter().map(|(log, server)| async move {
        if let Ok(text) = timeout(LOGS, server.logs()).await {
            write_log(context, &log, &text);
        }
    }))
    .await;
}

/// How long an engine has to hand out a log when the run is being stopped.
const LOGS: Duration = Duration::from_secs(5);

/// Writes a log beside the evidence. That it cannot be written changes no verdict, so it is only said.
pub(super) fn write_log(context: &Context, relative: &str, text: &str) {
    if text.is_empty() {
        return; // What runs in this process logs nothing of its own.
    }
    if let Err(error) = context.folder.write_log(relative, text) {
        anstream::eprintln!("countersign: {}", error.message);
    }
}
