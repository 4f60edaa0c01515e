//! How a run shows a rotation of an app's credential, or the recovery of one: stages and dependents as checks of the step, and the
//! run's record of what is written.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use crate::{
    error::{Error, Result},
    rotation::{
        Announcement, DependentReport, Observer, Stage, StageReport, TargetReport, app::Outcome, recover::Onlooker,
    },
    script::context::{Context, Write},
    store::runs::WriteState,
    verdict::Verdict,
};

/// Shows what happens to an app.
pub(super) struct Reporter {
    context: Context,
    /// The app's id.
    app: String,
    /// From before a write is sent until it is known what became of it.
    write: Mutex<Option<(Write, String)>>,
    /// What a recovery was about to do.
    done: Mutex<Vec<Write>>,
}

impl Reporter {
    pub(super) fn new(context: &Context, app: &str) -> Self {
        Self { context: context.clone(), app: app.to_owned(), write: Mutex::new(None), done: Mutex::default() }
    }

    fn unchanged(&self) -> String {
        format!("credential of the app {}: nothing added, the one before stays current", self.app)
    }

    /// Settles the run's record of the write, or records that there was none.
    pub(super) async fn settle(&self, rotated: Result<Outcome>) -> Result<Outcome> {
        let write = self.write.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (write, &rotated) {
            (Some((write, did)), Ok(done)) => {
                write
                    .settle_done(format!(
                        "{did}, version {} is current in {}",
                        done.version,
                        done.connections.join(", ")
                    ))
                    .await?;
            }
            // It was added, and only its proof is missing.
            (Some((write, did)), Err(error)) if error.code() == "rotation.not_yet" => {
                write.settle_done(format!("{did}, and not in use: it has yet to be proven")).await?;
            }
            (Some((write, _)), Err(_)) => return write.settle_by(rotated).await,
            (None, Err(error)) if error.verdict() == Verdict::InDoubt || error.code() == "rotation.busy" => {}
            (None, Err(_)) => {
                let write = self.context.write("cloud.rotate", &self.app, "", &self.unchanged()).await?;
                write.settle(WriteState::Failed).await?;
            }
            (None, Ok(_)) => {}
        }
        rotated
    }

    /// Settles what a recovery has written.
    pub(super) async fn settle_recovery<T>(&self, recovered: Result<T>) -> Result<T> {
        let writes = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        let count = writes.len();
        for (number, write) in writes.into_iter().enumerate() {
            // Each but the last was done before the next was begun.
            let is_last = number + 1 == count;
            let state = match &recovered {
                Err(error) if is_last && error.verdict() == Verdict::InDoubt => WriteState::InDoubt,
                Err(_) if is_last => WriteState::Failed,
                _ => WriteState::Done,
            };
            write.settle(state).await?;
        }
        recovered
    }

    async fn announce(&self, change: &Announcement) -> Result<()> {
        let did = format!("credential added to the app {} ({})", change.account, self.app);
        let write = self.context.write("cloud.rotate", &change.pinned, &did, &self.unchanged()).await?;
        *self.write.lock().unwrap_or_else(PoisonError::into_inner) = Some((write, did));
        Ok(())
    }
}

impl Observer for Reporter {
    fn stage_ended(&self, report: &StageReport, error: Option<&Error>) {
        let note = if error.is_some() { "" } else { report.note.as_str() };
        // The switch of the store, and what becomes of the one before, are no promotion and no retirement of a password.
        let key = if report.stage == Stage::Change { "add" } else { report.stage.as_str() };
        self.context.check_finished(key, report.verdict, Duration::from_millis(report.ms), note, error);
    }

    fn target_ended(&self, _: &TargetReport) {}

    fn dependent_ended(&self, report: &DependentReport) {
        let took = Duration::from_millis(report.ms);
        self.context.check_finished(&report.name, report.verdict, took, &report.note, None);
    }

    fn change_announced<'a>(&'a self, change: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.announce(change))
    }
}

impl Onlooker for Reporter {
    fn told(&self, what: &str, note: &str) {
        self.context.check_finished(what, Verdict::Ok, Duration::ZERO, note, None);
    }

    fn target_ended(&self, _: &TargetReport) {}

    fn settling<'a>(&'a self, done: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let did = format!("credential of the app {}: {done}", self.app);
            let did_not = format!("credential of the app {}: not settled, every version is kept", self.app);
            let write = self.context.write("cloud.recover", &self.app, &did, &did_not).await?;
            self.done.lock().unwrap_or_else(PoisonError::into_inner).push(write);
            Ok(())
        })
    }
}
