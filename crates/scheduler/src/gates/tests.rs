#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]

use std::collections::BTreeMap;

use watchbell_core::contact::{Contact, ContactKind, ContactStatus};
use watchbell_core::delivery::State;
use watchbell_core::device::Device;
use watchbell_core::preference::{NotiflowSwitches, Preference, Wants};
use watchbell_core::rule::{Conditions, Rule, Surface};
use watchbell_core::user::User;
use watchbell_core::{ContactId, EventId, Reason, RuleId, Timestamp, UserId};
use watchbell_store::facts::Planned;

use super::*;
use crate::occasion::Occasion;
use crate::settings::SchedulerSettings;
use crate::steps::for_event;
use crate::subscription::{Announcement, for_user};

pub const ORDER: &str = "order.updated";

/// A user with an address of every kind and a device of every kind.
pub fn anna() -> Policy {
    let user = User {
        id: UserId(1),
        public_id: "UANNA".to_owned(),
        external_id: None,
        username: "anna".to_owned(),
        first_name: String::new(),
        last_name: String::new(),
        timezone: "Europe/Berlin".to_owned(),
        locale: "en".to_owned(),
        quiet_hours: None,
        custom_fields: serde_json::Map::new(),
        profile: watchbell_core::user::Profile::default(),
        version: 1,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    };
    let contact = |(at, kind): (usize, &ContactKind)| contact(i64::try_from(at).unwrap() + 1, *kind);
    let device = |(at, kind): (usize, &DeviceKind)| Device {
        id: DeviceId(i64::try_from(at).unwrap() + 1),
        user_id: UserId(1),
        kind: *kind,
        token: format!("token of {kind}"),
        keys: None,
        created_at: Timestamp::default(),
    };
    Policy {
        contacts: ContactKind::ALL.iter().enumerate().map(contact).collect(),
        devices: DeviceKind::ALL.iter().enumerate().map(device).collect(),
        ..Policy::of(user)
    }
}

fn contact(id: i64, kind: ContactKind) -> Contact {
    Contact {
        id: ContactId(id),
        user_id: UserId(1),
        kind,
        target: format!("{kind}@example.org"),
        region: None,
        primary: false,
        status: ContactStatus::Ok,
    }
}

pub fn rule(id: i64, channel: Channel) -> Rule {
    Rule {
        id: RuleId(id),
        public_id: None,
        user_id: UserId(1),
        surface: Surface::Ilert,
        trigger: Trigger::Subscription,
        channel: Some(channel),
        contact_id: None,
        offset_s: 0,
        position: None,
        critical: false,
        when: Conditions::default(),
        repeat: None,
    }
}

pub fn preference(category: Option<&str>, wants: Wants) -> Preference {
    Preference {
        id: String::new(),
        user_id: UserId(1),
        category: category.map(str::to_owned),
        wants,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    }
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn tell(policy: &Policy, category: Option<&str>, default_channels: &[Channel], now: &str) -> Vec<Planned> {
    let event_id = EventId("E".to_owned());
    let now = at(now);
    for_user(policy, &Announcement::new(&event_id, category, default_channels, now, &SchedulerSettings::default(), now))
}

/// Channel and state of everything that is planned for 2026-11-20T08:10:00Z.
fn told(policy: &Policy, category: Option<&str>, default_channels: &[Channel]) -> Vec<(Channel, State)> {
    tell(policy, category, default_channels, "2026-11-20T08:10:00Z").into_iter().map(|d| (d.channel, d.state)).collect()
}

use State::{Held, Scheduled, Suppressed};

#[test]
fn in_app_needs_no_rule_and_default_channels_need_none_either() {
    let anna = anna();
    assert_eq!(told(&anna, None, &[]), [(Channel::InApp, Scheduled)]);
    let all = [(Channel::Sms, Scheduled), (Channel::Email, Scheduled), (Channel::InApp, Scheduled)];
    assert_eq!(told(&anna, Some(ORDER), &[Channel::Sms, Channel::Email]), all);
    // In-app as a default channel is the same step.
    assert_eq!(told(&anna, Some(ORDER), &[Channel::InApp]), [(Channel::InApp, Scheduled)]);
    // Nothing is planned for an address that is not there, or not usable.
    let mut without = anna.clone();
    without.contacts.iter_mut().for_each(|contact| contact.status = ContactStatus::Locked);
    without.devices.clear();
    assert_eq!(told(&without, Some(ORDER), &[Channel::Sms, Channel::Email, Channel::Push]), [(Channel::InApp, Scheduled)]);
}

#[test]
fn who_asks_for_the_same_gets_one_delivery() {
    let wants = Wants { email: true, push: true, ..Wants::default() };
    let anna = Policy { rules: vec![rule(7, Channel::Email)], preferences: vec![preference(Some(ORDER), wants)], ..anna() };
    let planned = tell(&anna, Some(ORDER), &[Channel::Email], "2026-11-20T08:10:00Z");
    let emails: Vec<&Planned> = planned.iter().filter(|d| d.channel == Channel::Email).collect();
    assert_eq!(emails.len(), 1);
    assert_eq!(emails[0].rules, [RuleId(7)]);
    // Each device, and the inbox; all ids differ.
    assert_eq!(planned.len(), 1 + DeviceKind::ALL.len() + 1);
    let ids: std::collections::BTreeSet<_> = planned.iter().map(|d| &d.id).collect();
    assert_eq!(ids.len(), planned.len());
    // Another address is another delivery.
    let mut two = anna.clone();
    two.contacts.push(Contact { primary: true, ..contact(99, ContactKind::Email) });
    two.rules[0].contact_id = anna.contacts.iter().find(|c| c.kind == ContactKind::Email).map(|c| c.id);
    let emails = tell(&two, Some(ORDER), &[], "2026-11-20T08:10:00Z").into_iter().filter(|d| d.channel == Channel::Email);
    assert_eq!(emails.map(|d| d.rules).collect::<Vec<_>>(), [vec![RuleId(7)], vec![]]);
}

#[test]
fn an_explicit_on_is_reason_enough_for_its_category_alone() {
    let wants = Wants { email: true, ..Wants::default() };
    let own = Policy { preferences: vec![preference(Some(ORDER), wants)], ..anna() };
    assert_eq!(told(&own, Some(ORDER), &[]), [(Channel::Email, Scheduled), (Channel::InApp, Scheduled)]);
    assert_eq!(told(&own, Some("chat.mention"), &[]), [(Channel::InApp, Scheduled)]);
    assert_eq!(told(&own, None, &[]), [(Channel::InApp, Scheduled)]);
    // The default stands for every category, but not for events without one.
    let default = Policy { preferences: vec![preference(None, wants)], ..anna() };
    assert_eq!(told(&default, Some("chat.mention"), &[]), [(Channel::Email, Scheduled), (Channel::InApp, Scheduled)]);
    assert_eq!(told(&default, None, &[]), [(Channel::InApp, Scheduled)]);
}

/// Rules for every channel, so that each switch has something to stop.
fn with_all_rules() -> Policy {
    let rules = Channel::ALL.iter().zip(1..).map(|(channel, id)| rule(id, *channel)).collect();
    Policy { rules, ..anna() }
}

fn suppressed(policy: &Policy, category: Option<&str>) -> Vec<(Channel, String)> {
    let planned = tell(policy, category, &[], "2026-11-20T08:10:00Z");
    planned
        .into_iter()
        .filter(|d| d.state == Suppressed)
        .map(|d| (d.channel, d.reason.map(|reason| reason.to_string()).unwrap_or_default()))
        .collect()
}

#[test]
fn every_switch_stops_its_own_channels_and_no_other() {
    let chat =
        [Channel::Telegram, Channel::Slack, Channel::Teams, Channel::Mattermost, Channel::Discord, Channel::GoogleChat, Channel::Matrix];
    let table: [(ChannelType, &[Channel]); 6] = [
        (ChannelType::Chat, &chat),
        (ChannelType::Email, &[Channel::Email]),
        (ChannelType::InApp, &[Channel::InApp]),
        // All devices but the browser.
        (ChannelType::MobilePush, &[Channel::Push; 5]),
        (ChannelType::Sms, &[Channel::Sms]),
        (ChannelType::WebPush, &[Channel::Push]),
    ];
    for (channel_type, channels) in table {
        let off = BTreeMap::from([(channel_type, false)]);
        let mut global = with_all_rules();
        global.switches.channel_types = off.clone();
        let reason = format!("the user's switch `{channel_type}` is off");
        let expected: Vec<(Channel, String)> = channels.iter().map(|channel| (*channel, reason.clone())).collect();
        assert_eq!(suppressed(&global, Some(ORDER)), expected);
        // Without a category only the inbox has a switch.
        let in_app_only: Vec<_> = expected.into_iter().filter(|(channel, _)| *channel == Channel::InApp).collect();
        assert_eq!(suppressed(&global, None), in_app_only);

        let mut own = with_all_rules();
        own.switches.channel_types.insert(channel_type, true);
        own.switches.notiflows.insert(ORDER.to_owned(), NotiflowSwitches { enabled: Some(true), channel_types: off });
        let reason = format!("the user's switch `{channel_type}` for `{ORDER}` is off");
        let expected: Vec<(Channel, String)> = channels.iter().map(|channel| (*channel, reason.clone())).collect();
        assert_eq!(suppressed(&own, Some(ORDER)), expected);
        assert_eq!(suppressed(&own, Some("chat.mention")), []);
        assert_eq!(suppressed(&own, None), []);
    }
    // Any "off" wins over what a preference asks for.
    let mut both = with_all_rules();
    both.switches.channel_types.insert(ChannelType::Email, false);
    both.preferences = vec![preference(Some(ORDER), Wants { email: true, push: true, ..Wants::default() })];
    assert_eq!(suppressed(&both, Some(ORDER)).len(), 1);
}

#[test]
fn a_category_that_is_switched_off_is_told_by_nothing() {
    let mut anna = with_all_rules();
    anna.switches.notiflows.insert(ORDER.to_owned(), NotiflowSwitches { enabled: Some(false), ..NotiflowSwitches::default() });
    let planned = tell(&anna, Some(ORDER), &[Channel::Sms], "2026-11-20T08:10:00Z");
    assert!(planned.iter().all(|d| d.state == Suppressed && d.reason == Some(Reason::CategoryOff { category: ORDER.to_owned() })));
    assert_eq!(suppressed(&anna, Some("chat.mention")), []);
}

#[test]
fn only_an_explicit_preference_counts_against_a_rule() {
    let none = Wants { in_app: false, email: false, push: false, digest: Digest::Instant };
    let own = Policy { preferences: vec![preference(Some(ORDER), none)], ..with_all_rules() };
    let whose = "the user's preference for `order.updated` says no";
    let push = (Channel::Push, format!("{whose} push"));
    let pushes = vec![push; DeviceKind::ALL.len()];
    let expected = [vec![(Channel::Email, format!("{whose} email"))], pushes, vec![(Channel::InApp, format!("{whose} in-app"))]].concat();
    assert_eq!(suppressed(&own, Some(ORDER)), expected);
    assert_eq!(suppressed(&own, Some("chat.mention")), []);
    assert_eq!(suppressed(&own, None), []);
    // What holds for who has said nothing, email and push off, stops no rule.
    assert_eq!(suppressed(&with_all_rules(), Some(ORDER)), []);
    // The default counts where the category has no preference of its own, and for the inbox of every event.
    let default = Policy { preferences: vec![preference(None, none), preference(Some(ORDER), Wants::default())], ..with_all_rules() };
    assert_eq!(suppressed(&default, Some("chat.mention")).len(), expected.len());
    assert_eq!(suppressed(&default, None), [(Channel::InApp, "the user's default preference says no in-app".to_owned())]);
    assert!(!suppressed(&default, Some(ORDER)).iter().any(|(channel, _)| *channel == Channel::InApp));
}

#[test]
fn email_alone_is_collected_and_quiet_hours_hold_a_digest_further() {
    let with = |digest| {
        let wants = Wants { email: true, push: true, digest, ..Wants::default() };
        Policy { preferences: vec![preference(Some(ORDER), wants)], ..anna() }
    };
    let email = |policy: &Policy| {
        let planned = tell(policy, Some(ORDER), &[], "2026-11-20T08:10:00Z");
        assert!(planned.iter().filter(|d| d.channel != Channel::Email).all(|d| d.state == Scheduled && d.collect.is_none()));
        let email = planned.into_iter().find(|d| d.channel == Channel::Email).unwrap();
        (email.state, email.ready_at, email.collect)
    };
    assert_eq!(email(&with(Digest::Instant)), (Scheduled, at("2026-11-20T08:10:00Z"), None));
    assert_eq!(email(&with(Digest::Hourly)), (Held, at("2026-11-20T09:00:00Z"), Some("hourly".to_owned())));
    assert_eq!(email(&with(Digest::Daily)), (Held, at("2026-11-21T08:00:00Z"), Some("daily".to_owned())));
    assert_eq!(told(&with(Digest::Off), Some(ORDER), &[])[0], (Channel::Email, Suppressed));

    let mut quiet = with(Digest::Daily);
    quiet.user.quiet_hours = Some(serde_json::from_str(r#"{"start":"08:00","end":"10:00"}"#).unwrap());
    let planned = tell(&quiet, Some(ORDER), &[], "2026-11-20T12:00:00Z");
    let email = planned.iter().find(|d| d.channel == Channel::Email).unwrap();
    assert_eq!((email.state, email.ready_at, email.collect.as_deref()), (Held, at("2026-11-21T09:00:00Z"), Some("daily")));
    // The others are told at once: it is not quiet yet.
    assert!(planned.iter().filter(|d| d.channel != Channel::Email).all(|d| d.state == Scheduled));
}

#[test]
fn an_alert_of_a_category_is_gated_but_never_collected() {
    let alert = |wants: Wants| {
        let mut anna = Policy { preferences: vec![preference(Some("agent.alert"), wants)], ..anna() };
        anna.rules = vec![Rule { trigger: Trigger::AlertHigh, ..rule(7, Channel::Email) }];
        let due = |_| Timestamp::default();
        let occasion = Occasion { category: Some("agent.alert"), ..Occasion::timed(Trigger::AlertHigh, &due) };
        let steps = for_event(&anna, &occasion, &[]);
        let email = refusal(&anna, Trigger::AlertHigh, Some("agent.alert"), Channel::Email, None);
        (steps.iter().map(|step| (step.channel, step.asked_by)).collect::<Vec<_>>(), email)
    };
    let off = Wants { in_app: false, ..Wants::default() };
    assert_eq!(
        alert(off),
        (
            vec![(Channel::Email, None)],
            Some(Reason::ChannelNotWanted { channel: Channel::Email, category: Some("agent.alert".to_owned()) })
        )
    );
    let no_digest = Wants { email: true, digest: Digest::Off, ..Wants::default() };
    assert_eq!(alert(no_digest), (vec![(Channel::Email, None), (Channel::InApp, Some("inbox"))], None));
}
