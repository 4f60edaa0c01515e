//! Preflight: everything that can be known before something is touched. It only reads; whatever it refuses is as it was.

mod noted;

use serde_json::Value;
use time::OffsetDateTime;

use super::{
    account::{self, Known},
    books::Books,
    candidate,
    controllers::{self, Controller, Down},
    dependents::{self, Found, Planned},
    former, lockout, recall,
    report::{Stage, Staged},
    request::{Mode, Reader, Request},
    rules::Names,
    sequel::{self, Sequel},
    standing,
    stored::{self, Stored},
};
use crate::{
    directory::{self, Endpoint, Policy, Principal, Session, outcome},
    error::{Error, Result},
    secret::Secret,
    verdict::Verdict,
};

/// What preflight found out, and the sessions that stay open.
pub(super) struct Plan {
    /// What the store has.
    pub(super) stored: Stored,
    /// The account.
    pub(super) account: Principal,
    /// Its name from now on.
    pub(super) username: String,
    /// How its password is written.
    pub(super) mode: Mode,
    /// Whether a password is remembered beside the present one: then the one before still signs in for a while after the change.
    pub(super) history: bool,
    /// The new password.
    pub(super) candidate: Secret,
    /// The earlier version that it is the password of.
    pub(super) restores: Option<u32>,
    /// The policy that it satisfies; `None` when it may not be read.
    pub(super) policy: Option<Policy>,
    /// The names that it may not hold.
    pub(super) names: Names,
    /// Where the change goes.
    pub(super) pinned: Controller,
    /// The targets that must get it from there.
    pub(super) others: Vec<Controller>,
    /// The targets that did not answer.
    pub(super) down: Vec<Down>,
    /// The account's other connections, each with its targets.
    pub(super) connections: Vec<(String, Vec<Endpoint>)>,
    /// What else has to take the new password.
    pub(super) dependents: Vec<Planned>,
    /// For the journal.
    pub(super) before: Value,
    /// Of which change of a rotation this is.
    pub(super) of: &'static str,
    /// The rotation that this change follows.
    after: Option<String>,
}

impl Plan {
    /// Who signs in for the sessions.
    pub(super) fn reader(&self, request: &Request) -> Result<Reader> {
        reader(request, &self.stored)
    }

    /// Whether anything takes this password besides the targets. One that is replaced at once is nothing for them.
    pub(super) fn hands_on(&self, request: &Request) -> bool {
        let any = !self.connections.is_empty() || !self.dependents.is_empty();
        any && !request.revoke
    }

    /// What comes when the targets have the new password.
    pub(super) fn after_converge(&self, request: &Request) -> Stage {
        if self.hands_on(request) { Stage::Dependents } else { Stage::Promote }
    }

    /// What was asked for, as the journal keeps it.
    pub(super) fn options(&self, request: &Request) -> Value {
        let mut options = request.options();
        if let (Some(after), Some(options)) = (&self.after, options.as_object_mut()) {
            options.insert(format!("{}_of", self.of), after.clone().into());
        }
        options
    }
}

fn reader(request: &Request, stored: &Stored) -> Result<Reader> {
    match (&request.via, &stored.old, &stored.current) {
        (Some(via), ..) => Ok(via.reader()),
        (None, Some(old), Some(current)) => {
            Ok(Reader { identity: old.clone(), principal: stored.principal, version: current.id, is_own: true })
        }
        (None, ..) => Err(stored::no_credential(&request.connection)),
    }
}

/// Looks at everything. Where that brings to light that the account has a newer password than the one that signed in (a
/// replaced one does for an hour), everything is looked at once more, signed in with that.
pub(super) async fn preflight(request: &Request, books: &Books, sequel: Option<&Sequel>) -> Staged<Plan> {
    match look_at_all(request, books, sequel).await {
        Err(error) if error.code() == account::REPLACED => look_at_all(request, books, sequel).await,
        looked => looked,
    }
}

async fn look_at_all(request: &Request, books: &Books, sequel: Option<&Sequel>) -> Staged<Plan> {
    let mut stored = stored::read(request, books).await?;
    let (mut open, mut down) = controllers::open_all(&request.endpoints).await;
    down.extend(sequel.iter().flat_map(|sequel| sequel.behind.down()));
    refuse_down(&down, request.allow_down)?;
    controllers::one_domain(&open)?;
    let canary = controllers::first_writable(&open)?;
    sign_in(request, books, &stored, &open[canary]).await?;
    let pinned = match sequel {
        Some(sequel) => sequel.pinned(&open)?,
        None => controllers::pin(&mut open, canary).await?,
    };
    if pinned != canary {
        sign_in(request, books, &stored, &open[pinned]).await?;
    }
    let known = account::read(&open[pinned].session, request, &mut stored, books).await?;
    let mode = match sequel {
        Some(sequel) => sequel.mode(&known, request, books, &open[pinned].session).await?,
        None => account::judge(&known, request, books, &open[pinned].session).await?,
    };
    sequel::refuse_impossible(&known, request, &open[pinned].session, &stored, books).await?;
    open[pinned].before = mark(&open[pinned].session, &known.account.principal.dn).await?;
    open[pinned].version = directory::password_version(&open[pinned].session, &known.account.principal.dn).await?;
    let Found { connections, others: dependents } = dependents::find(request, &stored, &known, books).await?;
    let mut connections = dependents::join(request, connections, &mut open, &mut down).await?;
    let (pinned, others) = others(request, books, &stored, &known, open, (pinned, canary), &mut down).await?;
    let (candidate, restores) = match (sequel.and_then(|sequel| sequel.former.clone()), request.candidate_of) {
        (Some(former), _) => (former, None),
        (None, None) => (candidate::candidate(&known, request, &stored, books).await?, None),
        (None, Some(id)) => {
            let (password, version) = former::password(id, &known, request, &stored, books, &pinned.session).await?;
            (password, Some(version))
        }
    };
    let dependents = dependents::ask(dependents, request.allow_down, sequel.is_some()).await?;
    let mut note = noted::note(&pinned, &others, &down, &known, (mode, restores));
    if sequel.is_none() {
        note = format!("{note}; {}", dependents::words(&connections, &dependents));
    }
    let mut before = noted::before(request, mode, &stored, &known, (&pinned, &others), &down, &dependents);
    if let Some(sequel) = sequel {
        sequel.behind.note(&mut before);
        connections = sequel.behind.connections();
    }
    let Known { account, policy, names, username, .. } = known;
    let plan = Plan {
        stored,
        account: account.principal,
        username,
        mode,
        history: policy.as_ref().is_some_and(|policy| policy.rules.history > 1),
        policy,
        names,
        candidate,
        restores,
        pinned,
        others,
        down,
        connections,
        dependents,
        before,
        of: sequel.map_or("", |sequel| sequel.of),
        after: sequel.map(|sequel| sequel.after.clone()),
    };
    Ok((plan, Verdict::Ok, note))
}

pub(super) fn refuse_down(down: &[Down], allow_down: bool) -> Result<()> {
    // One of another domain is no target of this account's that happens to be down.
    if let Some(stranger) = down.iter().find(|down| down.error.code() == "ad.wrong_domain") {
        return Err(stranger.error.clone());
    }
    let Some(first) = down.first().filter(|_| !allow_down) else { return Ok(()) };
    let names: Vec<&str> = down.iter().map(|down| down.target.as_str()).collect();
    Err(Error::new(
        "rotation.target_down",
        format!("{} cannot be used, and nothing was changed: {}", names.join(", "), first.error.message()),
    )
    .hint(match first.error.remedy() {
        Some(remedy) => format!("{remedy}; or take it from the connection, or rotate without it (`allow_down`)"),
        None => "mend it, take it from the connection, or rotate without it (`allow_down`)".to_owned(),
    })
    .retryable()
    .with("target", first.target.clone())
    .with("cause", first.error.code()))
}

async fn sign_in(request: &Request, books: &Books, stored: &Stored, controller: &Controller) -> Result<()> {
    let Reader { identity, principal, version, is_own } = reader(request, stored)?;
    books.refuse_lagging(&controller.name, version).await?;
    let Err(error) = books.sign_in(&controller.session, &identity, principal, Some(version)).await else {
        books.note_arrival(&controller.name, version).await;
        return Ok(());
    };
    let error = error.context(format!("{} cannot sign in on {}", identity.name, controller.name));
    Err(if is_own { recall::with_remedy(error, request, books).await } else { error })
}

/// `pwdLastSet`; `None` where it may not be read.
pub(super) async fn mark(session: &Session, dn: &str) -> Result<Option<i64>> {
    match directory::pwd_last_set(session, dn).await {
        Ok(ticks) => Ok(Some(ticks)),
        Err(error) if error.code() == "ad.no_rights" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Signs in on the targets besides the pinned one, one after the other, and looks at the account there. The first that
/// refuses the credential ends it; one that merely fails is down.
async fn others(
    request: &Request,
    books: &Books,
    stored: &Stored,
    known: &Known,
    mut open: Vec<Controller>,
    (pinned, canary): (usize, usize),
    down: &mut Vec<Down>,
) -> Result<(Controller, Vec<Controller>)> {
    let mut others = Vec::new();
    let canary = open[canary].name.clone();
    let pinned = open.remove(pinned);
    for mut controller in open {
        let signed_in = controller.name == canary;
        match look(request, books, stored, known, &mut controller, signed_in).await {
            Ok(()) => others.push(controller),
            Err(error) if outcome::refuses_credential(&error) || error.code().starts_with("rotation.") => {
                return Err(error);
            }
            Err(error) => {
                down.push(Down { target: controller.name, error, of: controller.of });
                refuse_down(down, request.allow_down)?;
            }
        }
    }
    Ok((pinned, others))
}

async fn look(
    request: &Request,
    books: &Books,
    stored: &Stored,
    known: &Known,
    controller: &mut Controller,
    signed_in: bool,
) -> Result<()> {
    if !signed_in {
        sign_in(request, books, stored, controller).await?;
    }
    let dn = &known.account.principal.dn;
    let state = directory::account(&controller.session, dn).await?;
    if let Some(policy) = &known.policy {
        let rules = lockout::going_by(policy, request.lockout.assumed);
        let moment = (OffsetDateTime::now_utc(), account::spares(request));
        standing::refuse_near_lockout(&state, &rules, &controller.name, moment)?;
    }
    controller.before = mark(&controller.session, dn).await?;
    Ok(())
}
