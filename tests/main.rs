//! Everything above single files, in one binary.

mod capture;
