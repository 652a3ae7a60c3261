//! Workers, limits, rendering and the providers behind one registry.

pub mod provider;
