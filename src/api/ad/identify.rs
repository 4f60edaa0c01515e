//! `ad::identify`: which account a connection's is, asked of the directory and told to the store.

use super::{access, targets};
use crate::{
    connection::Connection,
    directory::{self, Account},
    error::Result,
    script::{
        context::Context,
        operation::{Namespace, Spec},
        value::Record,
    },
};

pub(super) fn register(namespace: Namespace) -> Namespace {
    namespace.operation(
        Spec {
            signature: "identify(conn: connection) -> record",
            grant: Some("connection:write"),
            doc: "Asks the directory which account the connection's is (over its administrative connection, where it names one), and tells the \
                  store: connections that turn out to be of one account share its credential from then on; `connection.two_passwords` where nothing \
                  tells which of two is the valid one. Answers the state of the account \
                  as `ad::account` does, `guid` among it.",
            example: r#"let conn = conn::get("lab-ad"); print(ad::identify(conn).guid == conn::credential(conn).principal);"#,
        },
        identify,
    )
}

async fn identify(context: Context, (connection,): (Connection,)) -> Result<Record<Account>> {
    let session = access::session_for_changes(&context, &connection).await?;
    let principal = access::account(&context, &session, &connection, None).await?;
    let account = directory::account(&session, &principal.dn).await?;
    targets::bind(&context, connection.id, &principal, &session).await?;
    Ok(Record(account))
}
