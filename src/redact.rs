//! `Private<T>`.
