//! The script reference: a page made from what the operations say of themselves.

use std::fmt::Write as _;

use super::operation::Operation;

/// How a script says what it takes and what it may do.
const DECLARATIONS: &str = r#"
## How a script declares itself

```rhai
//! The first sentence is what `libretto list` shows; the rest is shown by `libretto describe`.

const PARAMS = #{
    connection: #{ type: "connection", kind: "ad", help: "connection to look at" },
    days:       #{ type: "int", preset: 90, help: "how old is too old" },
    password:   #{ type: "secret", optional: true, help: "a reference on the command line, never the secret itself" },
    mode:       #{ type: "choice", choices: ["quick", "full"], preset: "quick" },
};
const GRANTS = ["directory:test"];

import "checks" as checks;

step("Test the targets", || checks::all_ok(ad::test_targets(args::connection)));
```

Both are constants of literals, read without running the script. A parameter is read as `args::name`, also in functions and
closures; one that was left out and has no `preset` is `()`. Types: `text`, `int`, `bool`, `secret`, `choice`, `connection`,
`connections` (a selector), `domain`, `duration` (seconds as a number), `file` (a path), `csv` (an array of maps). Grants:
`agent:write`, `connection:secret`, `connection:write`, `directory:test`, `directory:write`, `home:test`, `http`, `we:write`.
Modules are imported from the home's `stdlib/`, from the bundled ones, and from beside the script; bundled is `checks` with
`all_ok(records)`, `is_fine(record)` and `tally(records)`.

What an operation or `throw #{ ... }` raises is caught as a map of `code`, `message`, `hint`, `retryable`, `verdict`, `details`
and `origin` (a thrown map as it was thrown). What the language itself raises (a division by zero, an index that is not
there, an unknown function) is caught as the language's own map: `error` (its kind, e.g. `"ErrorArithmetic"`), `message`,
`line`, `position`, and `code`; the others read as `()`. Not caught, it is reported like any other error, by the same code:
`script.arithmetic`, `script.index` (an index or a place in a text that is not there), `script.type` (a value of another type
than is needed), `script.property`, `script.unknown_function`, `script.unknown_variable`, `script.constant`,
`script.too_large`, and `script.error` for the rest.

`config.toml` in the home folder, all of it optional:

```toml
[dns]
server = "10.0.0.10"       # asked instead of the system's resolver; "10.0.0.10:53" works too

[limits]
operations = 50000000      # steps of the interpreter, per script and per item of a batch
busy_seconds = 8           # computing without waiting for an operation: a script, an item, and all of a run together
memory_mb = 1024           # that a run may add to what the program used before

# not to be set: functions call each other about 120 levels deep; closures in closures (of step, map, filter and the like)
# about 16, for each level doubles what the interpreter keeps for it; batches in batches 8; then `script.too_deep`

[recover]
late_seconds = 130         # after which a write that was not answered cannot land any more

[lockout]                  # of directories whose rules no session has read yet
threshold = 3              # wrong passwords that lock an account; 0: nothing does
window_minutes = 30        # without a wrong password, after which the count begins anew

[cloud]                    # of `cloud::`: Microsoft's, unless told; paths start from the home folder
login = "https://127.0.0.1:40006/" # another sign-in host, e.g. that of `libretto lab`
ca = "lab.pem"                     # what its certificate is trusted by
pause_seconds = 5          # between the sign-ins that prove a new credential of an app

[workflow]                 # where the Workflow Engine is; paths start from the home folder
url = "http://127.0.0.1:40003"     # https:// for one on another machine
token = "file:workflow.token"      # where its token is read: env:NAME, file:PATH, command:PROGRAM
ca = "workflow.pem"                # what its certificate is trusted by, instead of the system's roots

[iis."agent1.corp.example:40002"] # of an agent in IIS: where its host's IIS Administration API is
at = "agent1.corp.example:55539"
token = "file:iis.token"           # env:NAME, file:PATH, command:PROGRAM
ca = "iis.pem"                     # what its certificate is trusted by, instead of the system's roots

[service]                  # of `libretto agent serve` and `libretto workflow serve`
body_kb = 256              # that a request may bring
head_seconds = 10          # in which a TLS handshake and a request's head have to arrive
body_seconds = 20          # in which its body has to arrive, and its client to take the next part of the answer
answer_seconds = 120       # that an operation may take; scripts of this home wait for agents and the engine accordingly
at_once = 1024             # operations; more wait for a second and are then refused
connections = 2048         # at once; more wait to be taken
stop_seconds = 20          # that what is under way is given when the service is stopped
```
"#;

/// The whole page, in Markdown.
#[must_use]
pub fn page(operations: &[Operation]) -> String {
    let mut page = String::from(
        "# What scripts can call\n\n\
         Made from the code by `libretto doc`; a test fails when this page is stale. A question mark ends what may be left out.\n\
         An operation without a grant only reads.\n",
    );
    page.push_str(DECLARATIONS);
    let mut namespace = None;
    for operation in operations {
        if namespace != Some(operation.namespace) {
            namespace = Some(operation.namespace);
            let heading = if operation.namespace.is_empty() {
                "Everywhere".to_owned()
            } else {
                format!("`{}::`", operation.namespace)
            };
            let _ = write!(page, "\n## {heading}\n");
        }
        let _ = write!(page, "\n{}", entry(operation));
    }
    page
}

/// One operation, in Markdown.
#[must_use]
pub fn entry(operation: &Operation) -> String {
    let before = if operation.namespace.is_empty() { String::new() } else { format!("{}::", operation.namespace) };
    let grant = operation.spec.grant.map(|grant| format!("Needs the grant `{grant}`.\n\n")).unwrap_or_default();
    format!(
        "### `{before}{}`\n\n{}\n\n{grant}```rhai\n{}\n```\n",
        operation.spec.signature, operation.spec.doc, operation.spec.example
    )
}
