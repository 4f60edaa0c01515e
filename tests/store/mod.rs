//! The store on real files and disks, used by several at once.

mod bad_homes;
mod disk;
mod full_run;
mod journal;
mod ledger;
mod locks;
