//! Home-directory servers over SMB.
