//! `connections history`.

use super::Place;

#[test]
fn versions_are_listed_newest_first_without_their_secrets() {
    let place = Place::new(&[]).with_corp();
    place.run("run reset_ad_creds connection=corp rotate=true").ok();
    place.run("connections history corp").is("exit 0
1| version 2  current    svc-libretto@lab.test  sealed
1|   created  [when] by run [run]
1|   sent     [when]
1|   proven   [when] on 127.0.0.1:[port]
1| version 1  previous   svc-libretto@lab.test  sealed
1|   created  [when]
1|   proven   [when] on 127.0.0.1:[port]");
    place.run("connections history corp --json").is(r#"exit 0
1| {"name":"corp","version":2,"state":"current","username":"svc-libretto@lab.test","kept":"sealed","created_at":"[when]","sent_at":"[when]","proven_at":"[when]","proven_on":"127.0.0.1:[port]","retired_at":null,"why":null,"run":"[run]"}
1| {"name":"corp","version":1,"state":"previous","username":"svc-libretto@lab.test","kept":"sealed","created_at":"[when]","sent_at":null,"proven_at":"[when]","proven_on":"127.0.0.1:[port]","retired_at":null,"why":null,"run":null}"#);
}

#[test]
fn what_is_kept_elsewhere_and_what_is_not_there_are_told() {
    let place = Place::new(&[]);
    let add = "connections add ad --domain lab.test --username svc@lab.test --target dc1.lab.test";
    place.run(&format!("{add} --name outside --password 'command:cat /run/secret'")).ok();
    place.run(&format!("{add} --name bare")).ok();
    place.run("connections history outside").is("exit 0
1| version 1  current    svc@lab.test  command:
1|   created  [when]");
    place.run("connections history bare").is("exit 0
2| bare has no credential; `libretto connections edit bare` takes one");
    place.run("connections history outsid").is("exit 2
2| error[connection.unknown]: there is no connection outsid
2|   help: did you mean outside?");
}
