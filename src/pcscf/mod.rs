//! pcscf
