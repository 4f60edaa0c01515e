//! A rotation that is killed in the middle, in a world that outlives it: what the next command says, and `libretto recover`.

use libretto::{
    connection::{self, Scope},
    directory::{self, Endpoint, Identity, Session, Target, Tls},
    secret::Secret,
    store::{Store, journal},
};

use crate::support::{
    program::Running,
    text::assert_same,
    world::{World, words},
};

/// A lab whose first target does a write and never answers it, and a connection to it in the world's home.
fn lab(world: &World) -> (Running, String) {
    let (lab, command) = lab_with(world, "target:1=hang:modify");
    let password = command.split("--password file:").nth(1).unwrap().split(' ').next().unwrap();
    (lab, std::fs::read_to_string(password).unwrap())
}

/// A lab with a fault, and the command that has added the connection to it.
fn lab_with(world: &World, fault: &str) -> (Running, String) {
    let mut lab = world.program().args(["lab", "--fault", fault]).start();
    lab.await_output("Ctrl-C ends it");
    let said = lab.said();
    let command = said.lines().find_map(|line| line.trim().strip_prefix("libretto ")).unwrap().to_owned();
    world.program().args(words(&command)).run().ok();
    (lab, command)
}

/// When the service account's password was set, on the first target.
async fn pwd_last_set(store: &Store, password: &str) -> i64 {
    let connection = connection::get(store, "my-lab", &Scope::all()).unwrap();
    let settings = connection.ad().unwrap();
    let tls = Tls::with_ca(settings.ca_pem.as_deref().unwrap());
    let endpoint = Endpoint::new(Target::parse(&settings.targets[0]).unwrap(), &tls).unwrap();
    // In the hour of grace the old password signs in after the change as well.
    let identity = Identity { name: connection.username.clone(), password: Secret::new(password).unwrap() };
    let session = Session::connect(&endpoint, &identity).await.unwrap();
    let account = directory::resolve(&session, &connection.username).await.unwrap();
    directory::pwd_last_set(&session, &account.dn).await.unwrap()
}

const NOTHING: &str = "exit 0
1| recover run [run]
1|
1| | nothing to recover
1|
1| ok in [time]
1| nothing was changed";

const RECOVERED: &str = "exit 0
1| recover run [run]
1|
1| | svc-libretto@lab.test (my-lab), begun [when] by tester, run [run], pid [pid], at the stage change
1| |   known: version 2 was sent to 127.0.0.1:[port] at [when], and nobody knows whether it was set
1| |   to do: signs in once with version 2 on 127.0.0.1:[port], else once with version 1
1| | version 2 signed in on 127.0.0.1:[port]; version 2 is current in my-lab
1| ok            Recover svc-libretto@lab.test                [time]
1|     ok            version 2                                [time]
1|                       accepted on 127.0.0.1:[port]
1|     ok            127.0.0.1:[port]                          [time]
1|     ok            127.0.0.1:[port]                          [time]
1|
1| ok in [time]: 1 ok
1| changed:
1|   credential of svc-libretto@lab.test: version 2 is current in my-lab
";

const KILLED: &str = "exit 0
1| reset_ad_creds run [run]
1|   begun [when] by tester
1|   connection=my-lab
1|   rotate=true
1|   allow_down=false
1|   on_failure=keep
1|   revoke=no
1|   probe=false
1|
1| not ended     Set the service-account credentials
1|   ok            preflight  [time]
1|                 3 of 3 targets answer, the change goes to 127.0.0.1:[port]; no dependents; services, tasks and pools elsewhere that use the account are not known to Libretto, unless declared
1|
1| in doubt:
1|   password of svc-libretto@lab.test changed in lab.test on 127.0.0.1:[port]
1|
1| recovered since:
1|   svc-libretto@lab.test: version 2 is proven everywhere, [when] by tester, run [run], pid [pid]
1|
1| was cut short: its process ended before the run did
";

#[test]
fn a_killed_rotation_is_told_by_every_command_and_settled_by_one() {
    let world = World::new();
    world.run("recover").is(NOTHING);
    let (_lab, password) = lab(&world);
    let store = Store::open(&world.home()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let before = runtime.block_on(pwd_last_set(&store, &password));
    let rotating = world.program().args(words("run reset_ad_creds connection=my-lab rotate=true")).start();
    runtime.block_on(crate::lab::until("the password is changed", || async {
        !journal::unfinished(&store).unwrap().is_empty() && pwd_last_set(&store, &password).await != before
    }));
    world.run("connections list -q").is("exit 0
1| my-lab  ad        lab.test  svc-libretto@lab.test");
    // Somebody works at it: that is nothing to recover.
    assert_eq!(world.run("connections list").stderr, "");
    rotating.signal("KILL");
    assert_eq!(rotating.finish().code, None);
    let killed = journal::unfinished(&store).unwrap().remove(0).run.unwrap();
    drop(store);

    world.run("connections list").is("exit 0
1| my-lab  ad        lab.test  svc-libretto@lab.test
2| 1 change of a credential was cut short: `libretto recover` finds out what became of it");
    let notice = "1 change of a credential was cut short: `libretto recover` finds out what became of it\n";
    assert_eq!(world.run("connections list --json").stderr, notice);
    let refused = world.run("run reset_ad_creds connection=my-lab rotate=true");
    assert_eq!(refused.code, Some(3));
    assert!(refused.stdout.contains("libretto recover --connection my-lab"), "{}", refused.text());

    let recovered = world.run("recover --connection my-lab").text();
    let pid = regex::Regex::new(r"pid \d+").unwrap();
    assert_same("the recovery", RECOVERED, &pid.replace(&recovered, "pid [pid]"));
    let shown = world.run(&format!("runs show {killed}")).text();
    // What came after the write was told to the ledger at most 50 ms before the end, so it may be there or not.
    let later = regex::Regex::new(r"(?m)^1\|   ok +(record|change|prove) .*\n(1\|  {10}.*\n)?").unwrap();
    let shown = later.replace_all(&shown, "");
    assert_same("the killed run", KILLED, &pid.replace(&shown, "pid [pid]"));
    world.run("recover --connection my-lab").is(NOTHING);
    let tested = world.run("connections test my-lab");
    assert_eq!((tested.code, tested.stderr.as_str()), (Some(0), ""), "{}", tested.text());
}

const UNDONE: &str = "exit 0
1| recover run [run]
1|
1| | svc-libretto@lab.test (my-lab), begun [when] by tester, run [run], pid [pid], at the stage converge
1| |   known: version 3 signed in on 127.0.0.1:[port] and is not the current one yet
1| |   to do: makes version 3 current for my-lab and looks at the targets that may lag
1| | svc-libretto@lab.test (my-lab), begun [when] by tester, run [run], pid [pid], at the stage promote
1| |   known: version 2 is current, and not taken by pool for my-lab
1| |   to do: hands the password to what has not taken it
1| | version 3 had signed in on 127.0.0.1:[port]; version 3 is current in my-lab
1| ok            Recover svc-libretto@lab.test                [time]
1|     ok            127.0.0.1:[port]                          [time]
1|     ok            127.0.0.1:[port]                          [time]
1|     ok            pool for my-lab                          [time]
1|                       run [run]
1|
1| ok in [time]: 1 ok
1| changed:
1|   credential of svc-libretto@lab.test: version 3 is current in my-lab
";

/// The first of the two has nothing left to do once the second is settled.
#[test]
fn an_undo_that_was_killed_is_settled_at_one_stroke() {
    let world = World::new();
    let pool = |how: &str| {
        let head = "//! A pool.\nconst PARAMS = #{ connection: #{ type: \"connection\", help: \"whose account\" } };";
        world.file("home/scripts/pool.rhai", &format!("{head}\nstep(\"Take it\", || {how});\n"));
    };
    pool("throw #{ code: \"pool.stuck\", message: \"the pool does not stop\", hint: \"stop it\" }");
    let (_lab, _) = lab_with(&world, "replication=2s");
    world.run("connections edit my-lab --dependent pool").ok();
    let undoing = "run reset_ad_creds connection=my-lab rotate=true on_failure=undo";
    let undoing = world.program().args(words(undoing)).start();
    let store = Store::open(&world.home()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(crate::lab::until("the undo converges", || async {
        let unfinished = journal::unfinished(&store).unwrap();
        unfinished.iter().any(|one| !one.options["undo_of"].is_null() && one.stage == "converge")
    }));
    undoing.signal("KILL");
    assert_eq!(undoing.finish().code, None);
    drop(store);

    pool("()");
    let recovered = world.run("recover").text();
    let recovered = regex::Regex::new(r"pid \d+").unwrap().replace_all(&recovered, "pid [pid]").into_owned();
    assert_same("the recovery", UNDONE, &recovered);
    world.run("recover").is(NOTHING);
}
