//! Where a client runs: on a thread and a runtime of its own.
//!
//! Clients leave tasks behind that hold their sockets, and one may loop without ever yielding. A runtime that ends takes
//! its tasks along; a thread that spins costs a core and nobody's answer.

use crate::notes::Notes;
use crate::{Driver, Ended, Job, Said};
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// What a runtime may take to end once the job's time is up. After that its thread is left to itself.
const MOMENT: Duration = Duration::from_millis(250);

thread_local! {
    /// On a client's thread: where its panics go.
    static HERE: RefCell<Option<Notes>> = const { RefCell::new(None) };
}

pub(crate) async fn run(driver: Driver, job: Job) -> Said {
    hear_panics();
    let notes = Notes::new(&job.password);
    let time = job.time;
    let (tell, told) = oneshot::channel();
    // Dropped with this future, which is how the client learns that nobody waits any more.
    let (stay, gone) = oneshot::channel();
    let theirs = notes.clone();
    let spawned = thread::Builder::new().name("client".to_owned()).spawn(move || {
        HERE.set(Some(theirs.clone()));
        // Where this panics, `tell` is dropped without a word.
        let ended = client(driver, job, &theirs, gone);
        let _ = tell.send(ended);
    });
    if let Err(error) = spawned {
        notes.error(&error);
        return said(&notes, Ended::ByItself);
    }
    let ended = match timeout(time.saturating_add(MOMENT), told).await {
        Ok(Ok(ended)) => ended,
        Ok(Err(_)) => Ended::Panicked,
        Err(_) => Ended::Timeout,
    };
    drop(stay);
    said(&notes, ended)
}

/// The client's whole life, on its thread.
fn client(driver: Driver, job: Job, notes: &Notes, gone: oneshot::Receiver<()>) -> Ended {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            notes.error(&error);
            return Ended::ByItself;
        }
    };
    let time = job.time;
    let ended = runtime.block_on(async {
        tokio::select! {
            biased;
            _ = gone => Ended::Timeout,
            ended = timeout(time, driver(job, notes.clone())) => match ended {
                Ok(Ok(())) => Ended::ByItself,
                Ok(Err(error)) => {
                    notes.error(error.as_ref());
                    Ended::ByItself
                }
                Err(_) => Ended::Timeout,
            },
        }
    });
    // Not waited for: what a client may have begun outside its tasks (a look-up of a name) cannot be stopped.
    runtime.shutdown_background();
    ended
}

fn said(notes: &Notes, ended: Ended) -> Said {
    let (printed, done, panicked) = notes.read();
    // A panic in one of the client's own tasks: the client does not learn of it, and hangs or gives up for no reason.
    let ended = if panicked && !done { Ended::Panicked } else { ended };
    Said { printed, done, ended }
}

/// A client's panic is an answer: it belongs into what the client said, not onto the terminal.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let notes = HERE.try_with(|here| here.try_borrow().ok()?.clone()).ok().flatten();
            match notes {
                Some(notes) => notes.panicked(&words(info)),
                None => before(info),
            }
        }));
    });
}

/// Its message and line.
fn words(info: &PanicHookInfo<'_>) -> String {
    let why = info.payload_as_str().unwrap_or("of its own making");
    match info.location() {
        Some(place) => format!("{why} at {}:{}", place.file(), place.line()),
        None => why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notes::Deed;
    use std::future::pending;
    use std::time::Instant;

    fn job(time: Duration) -> Job {
        Job {
            server: ([127, 0, 0, 1], 445).into(),
            share: String::new(),
            file: String::new(),
            user: String::new(),
            domain: String::new(),
            password: "s3cret".to_owned(),
            signing: String::new(),
            time,
        }
    }

    #[tokio::test]
    async fn a_panic_is_data() {
        let driver: Driver = |job, notes| {
            Box::pin(async move {
                notes.did(Deed::Mount);
                panic!("at {}", job.password);
            })
        };
        let said = run(driver, job(Duration::from_secs(5))).await;
        assert_eq!(said.ended, Ended::Panicked);
        assert!(
            said.printed.starts_with("did: mount\nerror: panicked: at *** at apart.rs:"),
            "{}",
            said.printed
        );
    }

    #[tokio::test]
    async fn a_panic_in_a_task_of_the_client_is_data_too() {
        let driver: Driver = |_, _| {
            Box::pin(async {
                let _ = tokio::spawn(async { panic!("unseen") }).await;
                pending().await
            })
        };
        let said = run(driver, job(Duration::from_millis(200))).await;
        assert_eq!(said.ended, Ended::Panicked);
        assert!(said.printed.contains("panicked: unseen"), "{}", said.printed);
    }

    #[tokio::test]
    async fn it_is_bounded_also_where_the_client_never_yields() {
        let driver: Driver = |_, _| {
            Box::pin(async {
                thread::sleep(Duration::from_secs(3));
                Ok(())
            })
        };
        let begun = Instant::now();
        let said = run(driver, job(Duration::from_millis(100))).await;
        assert_eq!(said.ended, Ended::Timeout);
        assert!(begun.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn dropped_it_takes_the_client_along_with_its_tasks() {
        let (alive, mut dead) = tokio::sync::mpsc::channel::<()>(1);
        // A driver is a plain function: what it holds on to comes to it by way of a static.
        static TABLE: std::sync::Mutex<Vec<tokio::sync::mpsc::Sender<()>>> =
            std::sync::Mutex::new(Vec::new());
        TABLE.lock().unwrap().push(alive);
        let driver: Driver = |_, notes| {
            Box::pin(async move {
                let held = TABLE.lock().unwrap().pop();
                tokio::spawn(async move {
                    let _held = held;
                    pending::<()>().await;
                });
                notes.did(Deed::Mount);
                pending().await
            })
        };
        let run = run(driver, job(Duration::from_secs(60)));
        assert!(timeout(Duration::from_millis(200), run).await.is_err());
        assert_eq!(timeout(Duration::from_secs(5), dead.recv()).await, Ok(None));
    }
}
