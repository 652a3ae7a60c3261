//! What all streams of server-sent events have in common.

use std::time::Duration;

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderName, HeaderValue};

/// How long a stream lasts: clients connect again by themselves.
pub(crate) const LIFE: Duration = Duration::from_hours(1);

/// A proxy (nginx) that keeps answers back until they are whole would keep these for ever; and what is said to one user is kept
/// by nobody.
pub(crate) const UNBUFFERED: [(HeaderName, HeaderValue); 2] =
    [(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
