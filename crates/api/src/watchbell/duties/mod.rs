//! `/duties`: who is on duty by which schedule, who is next, and when nobody is; and each user's shifts as a calendar.

mod calendar;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use watchbell_core::Timestamp;
use watchbell_store::calendars::CalendarState;
use watchbell_store::directory::{Duties, MOST_SHIFTS, ScheduleFilter, ScheduleShifts, Shift};
use watchbell_wire::duties::{Calendar, Gap, ScheduleDuties, Shift as Shown};

use super::{named_user, page, subject};
use crate::auth::{Authenticated, Intent};
use crate::problem::Problem;
use crate::request::Params;
use crate::state::Api;

/// For how many days gaps are looked for.
const USUAL_DAYS: i64 = 7;
const DAYS: std::ops::RangeInclusive<i64> = 1..=90;

/// What a calendar holds: shifts of the last month, and of the next year and a month.
const PAST_DAYS: i64 = 31;
const COMING_DAYS: i64 = 397;

const DAY_S: i64 = 24 * 3_600;

pub(super) async fn list(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    caller.check_reads_all()?;
    let limit = page::limit(&params)?;
    let days = params.integer("days", &DAYS)?.unwrap_or(USUAL_DAYS);
    let user = match params.query("user")? {
        Some(user) => Some(named_user(&api, &caller, user, Intent::Read).await?.id),
        None => None,
    };
    let text = |name: &str| params.query(name).map(|value| value.map(str::to_owned));
    let filter = ScheduleFilter { name: text("schedule")?, user, after: text("cursor")?, limit: limit + 1 };
    let now = api.clock.now();
    let to = now.plus_s(days * DAY_S);
    // First: what is said of a calendar is not newer than its shifts.
    let calendars = api.store.calendars().await?;
    let schedules = Duties::schedules(&*api.store, &filter, now, to).await?;
    page::write(schedules, limit, |schedule| schedule.name.clone(), |schedule| shown(schedule, &calendars, now, to))
}

fn shown(schedule: &ScheduleShifts, calendars: &[CalendarState], now: Timestamp, to: Timestamp) -> ScheduleDuties {
    // Of very many, those that end first are known: nothing is said of the time behind them.
    let is_cut = schedule.shifts.len() >= MOST_SHIFTS;
    let known = schedule.shifts.iter().map(|shift| shift.ends_at).max().filter(|_| is_cut);
    let until = known.map_or(to, |known| known.min(to));
    ScheduleDuties {
        schedule: schedule.name.clone(),
        on_duty: schedule.shifts.iter().filter(|shift| shift.starts_at <= now).map(of).collect(),
        next: schedule.next.iter().map(of).collect(),
        gaps: gaps(&schedule.shifts, now, until),
        gaps_until: until.into(),
        calendars: calendars.iter().filter(|calendar| calendar.schedule == schedule.name).map(calendar_of).collect(),
    }
}

fn calendar_of(calendar: &CalendarState) -> Calendar {
    Calendar {
        name: calendar.name.clone(),
        read_at: calendar.read_at.map(Into::into),
        good_at: calendar.good_at.map(Into::into),
        failure: calendar.failure.clone(),
        shifts: calendar.contents.shifts,
        unknown: calendar.contents.unknown.clone(),
        unreadable: calendar.contents.unreadable.clone(),
        more: calendar.contents.more,
    }
}

/// When none of these shifts, in order of their begin, runs.
fn gaps(shifts: &[Shift], from: Timestamp, to: Timestamp) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut covered = from;
    for shift in shifts {
        if shift.starts_at > covered {
            gaps.push(Gap { starts_at: covered.into(), ends_at: shift.starts_at.min(to).into() });
        }
        covered = covered.max(shift.ends_at);
        if covered >= to {
            return gaps;
        }
    }
    if covered < to {
        gaps.push(Gap { starts_at: covered.into(), ends_at: to.into() });
    }
    gaps
}

fn of(shift: &Shift) -> Shown {
    Shown {
        duty_id: shift.id.clone(),
        user_id: shift.user_id.0,
        user_name: shift.user_name.clone(),
        starts_at: shift.starts_at.into(),
        ends_at: shift.ends_at.into(),
    }
}

/// A user's shifts, for calendar programs: these send the key as the password of HTTP Basic.
pub(super) async fn calendar(State(api): State<Api>, caller: Authenticated, params: Params) -> Result<Response, Problem> {
    let user = subject(&api, &caller, &params, Intent::Read).await?;
    let now = api.clock.now();
    let (from, to) = (now.plus_s(-PAST_DAYS * DAY_S), now.plus_s(COMING_DAYS * DAY_S));
    let shifts = api.store.shifts_of(user.id, from, to).await?;
    let text = calendar::write(&user.display_name(), &shifts, now);
    Ok(([(CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

#[cfg(test)]
mod tests {
    use watchbell_core::UserId;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_millis(1_795_161_600_000).plus_s(hours * 3_600)
    }

    /// Hours from the beginning: shifts, and the gaps between them.
    type Case = (&'static [(i64, i64)], &'static [(i64, i64)]);

    #[test]
    fn a_gap_is_where_no_shift_runs() {
        let table: [Case; 6] = [
            (&[], &[(0, 24)]),
            (&[(-5, 30)], &[]),
            (&[(-5, 8), (8, 24)], &[]),
            (&[(2, 8), (3, 5), (10, 12)], &[(0, 2), (8, 10), (12, 24)]),
            (&[(-1, 6), (5, 20)], &[(20, 24)]),
            (&[(0, 6), (23, 30)], &[(6, 23)]),
        ];
        for (shifts, wanted) in table {
            let shifts: Vec<Shift> = shifts
                .iter()
                .map(|(from, to)| Shift {
                    id: String::new(),
                    schedule: String::new(),
                    user_id: UserId(1),
                    user_name: String::new(),
                    starts_at: at(*from),
                    ends_at: at(*to),
                })
                .collect();
            let wanted: Vec<Gap> = wanted.iter().map(|(from, to)| Gap { starts_at: at(*from).into(), ends_at: at(*to).into() }).collect();
            assert_eq!(gaps(&shifts, at(0), at(24)), wanted, "{shifts:?}");
        }
    }
}
