//! Watchbell from end to end: events go in over a real NATS, and what reached the providers is asserted.

#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
#![expect(clippy::print_stdout, reason = "what a crash test measured is printed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::unchecked_time_subtraction,
    reason = "small figures of a test"
)]
#![expect(
    clippy::duration_suboptimal_units,
    clippy::format_push_string,
    clippy::large_futures,
    clippy::similar_names,
    clippy::single_match_else,
    reason = "a test reads as the story that it tells"
)]

mod accepts;
mod access;
mod answers;
mod broker;
mod broker_accounts;
mod calendars;
mod canary;
mod channels;
mod chats;
#[cfg(target_os = "linux")]
mod clocks;
mod commands;
mod crash;
mod database_away;
mod database_trouble;
mod dead_letters;
mod duties;
mod explain;
mod failures;
mod faults;
mod hammer;
mod intake;
mod mails;
mod metrics;
mod moving_in;
mod on_duty;
mod open_alerts;
mod outages;
#[cfg(target_os = "linux")]
mod page;
mod pages;
mod privacy;
mod processes;
mod promises;
mod receipts;
mod routes;
mod scenarios;
mod services;
mod sessions;
mod shadow;
mod shares;
mod short_way;
mod sign_on;
mod silence;
mod silences;
mod strangers;
mod tools;
mod traces;
mod transfer;
mod wakes;
mod watchdog;
mod workers;
