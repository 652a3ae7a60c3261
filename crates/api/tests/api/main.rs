//! The router against a real database: every request goes through all layers.
#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

mod bad_fields;
mod bad_input;
mod bounds;
mod callbacks;
mod categories;
mod cockpit;
mod contacts;
mod contract;
mod documented;
mod duties;
mod faults;
mod harness;
mod ilert_contacts;
mod ilert_openapi;
mod ilert_rules;
mod ilert_users;
mod keys;
mod limits;
mod listening;
mod messaging;
mod messaging_stream;
mod methods;
mod notiflows;
mod notiflows_run;
mod notiflows_told;
mod openapi;
mod operator;
mod roles;
mod rules;
mod serving;
mod session;
mod stream;
mod transfer;
mod watchbell;
