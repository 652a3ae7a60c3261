//! The JetStream consumer, CloudEvents decoding and dead letters
