//! Checks that more than one surface needs. Messages name the field, what is wrong, and what would be right.

pub(crate) mod address;
pub(crate) mod contact;
pub(crate) mod device;
mod fields;
pub(crate) mod person;
pub(crate) mod rule;

pub use fields::Fields;
