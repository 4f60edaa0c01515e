//! How a run shows a rotation: stages, targets and dependents as checks of the step, and the run's record of each write.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use crate::{
    connection::Connection,
    error::{Error, Result},
    rotation::{Announcement, DependentReport, Observer, Outcome, Stage, StageReport, TargetReport},
    script::context::{Context, Write},
    store::runs::WriteState,
    verdict::Verdict,
};

/// Shows a rotation's stages as checks of the step, and keeps the run's record of the one write.
pub(super) struct Reporter {
    context: Context,
    connection: Connection,
    /// Whether the first change may not be the last.
    twice: bool,
    /// From before a write is sent until it is known what became of it; an interrupt waits as long.
    write: Mutex<Option<Sent>>,
    /// The targets that have not got the first change.
    behind: Mutex<Vec<String>>,
}

/// A write, and what is known of it so far.
struct Sent {
    write: Write,
    state: WriteState,
    /// Of which change.
    of: &'static str,
    /// What the end of the run says once it is done: until then nothing is current.
    done: String,
}

impl Sent {
    async fn settle(self) -> Result<()> {
        match self.state {
            WriteState::Done => self.write.settle_done(self.done).await,
            state => self.write.settle(state).await,
        }
    }
}

impl Reporter {
    /// For a rotation that makes one change, or perhaps two.
    pub(super) fn new(context: &Context, connection: &Connection, twice: bool) -> Self {
        Self {
            context: context.clone(),
            connection: connection.clone(),
            twice,
            write: Mutex::new(None),
            behind: Mutex::default(),
        }
    }

    /// Settles the run's record of the write, or records that there was none.
    pub(super) async fn settle(&self, rotated: Result<Outcome>) -> Result<Outcome> {
        let write = self.write.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (write, &rotated) {
            (Some(sent), Ok(_)) => {
                sent.settle().await?;
                rotated
            }
            (Some(Sent { write, .. }), Err(_)) => write.settle_by(rotated).await,
            // Somebody else's rotation says what becomes of the password.
            (None, Err(error)) if error.verdict() == Verdict::InDoubt || error.code() == "rotation.busy" => rotated,
            (None, Err(_)) => {
                let account = self.connection.username.as_str();
                let write = self.context.write("ad.rotate", &self.connection.domain, "", &unchanged(account)).await?;
                write.settle(WriteState::Failed).await?;
                rotated
            }
            (None, Ok(_)) => rotated,
        }
    }

    async fn announce(&self, change: &Announcement) -> Result<()> {
        let before = self.write.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut sent) = before {
            if sent.of == change.of {
                // Another password for the same change follows a refusal.
                sent.state = WriteState::Failed;
            }
            sent.settle().await?;
        }
        let (did, then, did_not) = self.sentences(change);
        let write = self.context.write("ad.rotate", &change.pinned, &did, &did_not).await?;
        let sent = Sent { write, state: WriteState::Done, of: change.of, done: format!("{did}{then}") };
        *self.write.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
        Ok(())
    }

    /// What the end of the run says of a change: what was sent, what is true besides once it is done, and what is said when
    /// it was not.
    fn sentences(&self, change: &Announcement) -> (String, String, String) {
        let Announcement { account, pinned, version, restores, of } = change;
        let (domain, name) = (&self.connection.domain, &self.connection.name);
        let place = format!("in {domain} on {pinned}");
        let current = format!(", version {version} is current in {name}");
        match *of {
            "undo" => (
                format!("the old password of {account} is back {place}"),
                current,
                format!("the old password of {account} was not put back"),
            ),
            "revoke" => (
                format!("password of {account} changed a second time {place}"),
                format!(
                    "{current}: the one that was known is refused{}; Kerberos tickets issued before live on, by default for 10 hours",
                    self.exception()
                ),
                format!(
                    "password of {account} was not changed a second time: the one before the change still binds for an hour"
                ),
            ),
            "recall" => (
                format!(
                    "credentials of {name}: version {version} for {account} is that of version {}",
                    restores.unwrap_or(0)
                ),
                format!(", which {pinned} accepts, and current; stored only, nothing changed in the directory"),
                format!("credentials of {name}: the old ones stay current"),
            ),
            _ if let Some(former) = restores => (
                format!("password of {account} put back to that of version {former} (as version {version}) {place}"),
                format!(", current in {name}"),
                unchanged(account),
            ),
            _ if self.twice => (
                format!("password of {account} changed {place} to version {version}"),
                String::new(),
                unchanged(account),
            ),
            _ => (format!("password of {account} changed {place}"), current, unchanged(account)),
        }
    }

    /// Where the password that was known is not refused: on targets that lag.
    fn exception(&self) -> String {
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        if behind.is_empty() {
            " where this change has arrived".to_owned()
        } else {
            format!(" where this change has arrived, but not on {}, which had not got the first", behind.join(", "))
        }
    }

    /// What a stage's end says of the write that was announced.
    fn note_state(&self, report: &StageReport) {
        let state = match (report.stage, report.verdict) {
            (Stage::Record | Stage::Change, Verdict::InDoubt) => WriteState::InDoubt,
            (Stage::Record | Stage::Change, verdict) if verdict != Verdict::Ok => WriteState::Failed,
            _ => return,
        };
        if let Some(sent) = self.write.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            sent.state = state;
        }
    }
}

fn unchanged(account: &str) -> String {
    format!("password of {account}: not changed in the directory, the old credentials stay current")
}

impl Observer for Reporter {
    fn stage_ended(&self, report: &StageReport, error: Option<&Error>) {
        self.note_state(report);
        let took = Duration::from_millis(report.ms);
        let note = if error.is_some() { "" } else { report.note.as_str() };
        let key = [report.of, report.stage.as_str()].join(" ");
        self.context.check_finished(key.trim_start(), report.verdict, took, note, error);
    }

    fn target_ended(&self, report: &TargetReport) {
        if report.verdict != Verdict::Ok {
            self.behind.lock().unwrap_or_else(PoisonError::into_inner).push(report.target.clone());
        }
        let took = Duration::from_millis(report.ms);
        let key = match &report.connection {
            Some(connection) => format!("{connection} {}", report.target),
            None => report.target.clone(),
        };
        self.context.check_finished(&key, report.verdict, took, &report.note, None);
    }

    fn dependent_ended(&self, report: &DependentReport) {
        let took = Duration::from_millis(report.ms);
        self.context.check_finished(&report.name, report.verdict, took, &report.note, None);
    }

    fn change_announced<'a>(&'a self, change: &'a Announcement) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.announce(change))
    }
}
