//! Connections that are looked at before they are there.

use super::{described::Described, new_within};
use crate::{
    api::made,
    connection::{self, Connection, draft},
    error::Result,
    script::{
        context::{Context, Made},
        operation::{Namespace, Spec},
    },
    store::runs::WriteState,
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace
        .operation(
            Spec {
                signature: "draft(fields: map) -> connection",
                grant: Some("connection:write"),
                doc: "As `conn::add`, for as long as the run goes on: what cannot be asked about before it is stored is looked at first, and \
                      `conn::keep` adds it. A draft that is not kept is gone with the first command after the run has ended, however it ended.",
                example: r#"let conn = conn::draft(#{ name: "third", domain: "lab.test", username: "alice@lab.test", password: secret::generate() });
conn::keep(conn);"#,
            },
            add,
        )
        .operation(
            Spec {
                signature: "keep(conn: connection)",
                grant: Some("connection:write"),
                doc: "Adds a connection that `conn::draft` has made; nothing to do for any other.",
                example: r#"conn::keep(conn::get("lab-ad"));"#,
            },
            keep,
        )
        .operation(
            Spec {
                signature: "is_draft(conn: connection) -> bool",
                grant: None,
                doc: "Whether it is a draft that is not kept yet.",
                example: r#"print(conn::is_draft(conn::get("lab-ad")));"#,
            },
            is_draft,
        )
}

async fn add(context: Context, (described,): (Described,)) -> Result<Connection> {
    let new = new_within(&context, described)?;
    let did_not = format!("connection {} not added", new.name);
    let name = new.name.clone();
    let added = context
        .blocking(move |context| {
            let world = &context.world;
            draft::add(&world.store, &new, &world.scope, &world.run)
        })
        .await;
    if added.is_err() {
        context.write("connection.add", &name, "", &did_not).await?.settle(WriteState::Failed).await?;
    }
    added
}

pub(super) async fn is_draft(context: Context, (connection,): (Connection,)) -> Result<bool> {
    context.blocking(move |context| draft::is_one(&context.world.store, connection.id)).await
}

async fn keep(context: Context, (connection,): (Connection,)) -> Result<()> {
    let (id, name) = (connection.id, connection.name.clone());
    if !is_draft(context.clone(), (connection,)).await? {
        return Ok(());
    }
    let (did, did_not) = (format!("connection {name} added"), format!("connection {name} not added"));
    let write = context.write("connection.add", &name, &did, &did_not).await?;
    let number = write.number();
    let kept = context.blocking(move |context| draft::keep(&context.world.store, id)).await;
    write.settle_by(kept).await?;
    made::note(&context, Made::Connection, id, number);
    Ok(())
}

/// Removes one that was not kept, and tells that it was not added.
pub(super) async fn discard(context: &Context, connection: &Connection) -> Result<()> {
    let name = connection.name.clone();
    context.blocking(move |context| connection::remove(&context.world.store, &name, &context.world.scope)).await?;
    let did_not = super::not_added(&connection.name);
    context.write("connection.add", &connection.name, "", &did_not).await?.settle(WriteState::Failed).await
}
