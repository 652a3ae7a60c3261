//! What is written to the database in batches: how deliveries begin, and how they end.

pub(super) mod batcher;
pub(super) mod begin;
pub(super) mod finish;
pub(super) mod persist;
