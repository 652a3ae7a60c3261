//! The planner and the acceptance of events
