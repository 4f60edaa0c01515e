//! The procedures of Microsoft Online connections: in the lab, whole outputs; and with agent and engine as processes of their own.

mod cut_short;
mod left;
mod lost;
mod office;
mod processes;
mod site;
mod unmet;

mod cases {
    crate::support::case::cases!("online": add_one, add_faults, add_list, check_prereqs, check_site, reset, health);
}
