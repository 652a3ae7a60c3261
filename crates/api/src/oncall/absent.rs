//! What Grafana OnCall has and Watchbell has nothing of: schedules, escalation chains, integrations, teams and the like.
//!
//! Scripts, Terraform and the original's own migrators list all of these before they do anything, so each list is an empty page and
//! no single one is there. They are read only: a write is a 405, which says so, where a 404 would be taken for a wrong address.

use axum::response::Response;

use super::page::Asked;
use super::seen_by;
use crate::auth::Authenticated;
use crate::problem::Problem;

/// A resource: its path, what the original calls its view, and how many entries a page has unless told.
pub(super) struct Resource {
    pub path: &'static str,
    pub view: &'static str,
    pub usual: i64,
}

pub(super) const ALL: [Resource; 16] = [
    resource("organizations", "Organization", 25),
    resource("integrations", "Integration", 50),
    resource("routes", "Channel Filter", 25),
    resource("schedules", "On Call Schedule Channel", 50),
    resource("escalation_chains", "Escalation Chain", 50),
    resource("escalation_policies", "Escalation Policy", 50),
    resource("alerts", "Alert", 50),
    resource("alert_groups", "Alert Group", 50),
    resource("slack_channels", "Slack Channel", 50),
    resource("resolution_notes", "Resolution Note", 50),
    resource("actions", "Action", 50),
    resource("user_groups", "User Group", 50),
    resource("on_call_shifts", "Custom On Call Shift", 50),
    resource("teams", "Team", 50),
    resource("shift_swaps", "Shift Swap", 50),
    resource("webhooks", "Webhooks", 50),
];

const fn resource(path: &'static str, view: &'static str, usual: i64) -> Resource {
    Resource { path, view, usual }
}

impl Resource {
    pub fn list(&self, caller: &Authenticated, asked: &Asked) -> Result<Response, Problem> {
        seen_by(caller)?;
        let mut page = asked.page(self.usual);
        page.turn_back(0);
        Ok(asked.answer(page, 0, Vec::new()))
    }
}

pub(super) async fn show(caller: Authenticated) -> Problem {
    seen_by(&caller).err().unwrap_or_else(|| Problem::not_found("resource"))
}
