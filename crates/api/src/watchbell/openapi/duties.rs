//! Who is on duty.

use serde_json::json;
use watchbell_wire::Page;
use watchbell_wire::duties::ScheduleDuties;

use super::{of_user, paged};
use crate::openapi::schema::string;
use crate::openapi::{Operation, Part};

const DUTIES: &str = "Duties";

pub(super) fn describe(part: &mut Part) {
    part.tag(DUTIES, "Who is on duty, by the duty events that came");
    part.add(
        Operation::get("/duties", "List schedules with who is on duty, who is next, and when nobody is")
            .of(DUTIES)
            .query("schedule", "Only this one", string())
            .query("user", "Only those by which this user has a shift now or later: number, U… id or external id", string())
            .query("days", "For how many days gaps are looked for", json!({ "type": "integer", "minimum": 1, "maximum": 90, "default": 7 }))
            .with(paged)
            .returns::<Page<ScheduleDuties>>(200, "A page, in order of name")
            .fails(&[404]),
    );
    part.add(
        Operation::get("/users/{user}/duties.ics", "Get a user's shifts as a calendar")
            .of(DUTIES)
            .with(of_user)
            .says("iCalendar. Calendar programs send the key as the password of HTTP Basic, with any user name.")
            .answers_as(200, "The shifts of the last 31 days and the next 397", "text/calendar", string()),
    );
}
