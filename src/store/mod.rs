//! The bottom room: SQLite, migrations, ledger, journal, budget, locks.
