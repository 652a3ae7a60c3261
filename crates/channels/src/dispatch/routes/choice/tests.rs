#![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
use std::sync::LazyLock;

use async_trait::async_trait;
use watchbell_core::device::DeviceKind;
use watchbell_core::outcome::{Class, LimitScope, Outcome, Report};
use watchbell_core::{Channel, DeliveryId, ManualClock, Secret};
use watchbell_store::queue::Attempt;

use super::*;
use crate::provider::{AccountLimit, Address, Outgoing, Provider};
use crate::settings::{OnUnknown, RouteSettings};

/// A provider of one kind of device.
#[derive(Debug)]
struct Of {
    kind: DeviceKind,
    is_one_service: bool,
}

#[async_trait]
impl Provider for Of {
    async fn send(&self, _message: &Outgoing) -> Report {
        Report::accepted(None)
    }

    fn takes(&self, to: &Address) -> bool {
        matches!(to, Address::Device { kind, .. } if *kind == self.kind)
    }

    fn is_one_service(&self) -> bool {
        self.is_one_service
    }
}

fn device(kind: DeviceKind) -> Address {
    Address::Device { kind, token: Secret::new("x"), keys: None }
}

/// One call at once each, 10 a second.
fn routes(kinds: &[(DeviceKind, bool)], clock: &ManualClock) -> Routes {
    let provider = |(kind, is_one_service): &(DeviceKind, bool)| ProviderRoute {
        name: kind.to_string(),
        provider: Arc::new(Of { kind: *kind, is_one_service: *is_one_service }),
        limit: AccountLimit { per_second: 10.0, burst: 2, in_flight: 1, timeout: Duration::from_secs(1) },
        settings: RouteSettings::default(),
    };
    let channel = ChannelRoute::new(Channel::Push, kinds.iter().map(provider).collect(), OnUnknown::Resend);
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Routes::new(channel, &ProviderStates::default(), &clock)
}

/// Several for one kind of device.
fn named(names: &[&str], clock: &ManualClock) -> Routes {
    let provider = |name: &&str| ProviderRoute {
        name: (*name).to_owned(),
        provider: Arc::new(Of { kind: DeviceKind::Fcm, is_one_service: true }),
        limit: AccountLimit { per_second: 10.0, burst: 2, in_flight: 4, timeout: Duration::from_secs(1) },
        settings: RouteSettings::default(),
    };
    let channel = ChannelRoute::new(Channel::Push, names.iter().map(provider).collect(), OnUnknown::Resend);
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Routes::new(channel, &ProviderStates::default(), &clock)
}

fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_millis(1_000_000))
}

/// A delivery of which nothing matters.
static ANY: LazyLock<DeliveryId> = LazyLock::new(|| DeliveryId("01".to_owned()));

fn request(to: &Address) -> RouteRequest<'_> {
    RouteRequest { delivery: &ANY, to, is_urgent: false, log: &[] }
}

fn failed(provider: &str, class: Class) -> Attempt {
    Attempt {
        number: 1,
        at: Timestamp::default(),
        provider: provider.to_owned(),
        class,
        code: None,
        message_id: None,
        latency_ms: Some(1),
        not_before: None,
        goes_on: true,
    }
}

fn down() -> Report {
    Report::new(Outcome::ProviderDown, None)
}

/// Where the message goes, by name.
fn name(place: Place, there: &Route) -> String {
    match place {
        Place::There => there.name.clone(),
        Place::Other(route, _) => route.name.clone(),
        Place::NotBefore(_) => "busy".to_owned(),
        Place::Down(_) => "down".to_owned(),
        Place::Nowhere(_) => "nowhere".to_owned(),
    }
}

#[test]
fn a_message_goes_to_the_provider_that_takes_its_address() {
    use DeviceKind::{Apns, Fcm, Webpush};
    let clock = clock();
    let routes = routes(&[(Fcm, true), (Apns, true)], &clock);
    let now = clock.now();
    let Room::Calls(there, _) = routes.room(now, 5) else { unreachable!("there is room") };
    assert_eq!(there.name, "fcm");
    let place = |kind| routes.place(request(&device(kind)), Some(&there), now);
    assert!(matches!(place(Fcm), Place::There));
    assert!(matches!(place(Webpush), Place::Nowhere(_)));
    let Place::Other(other, slot) = place(Apns) else { unreachable!("there is room") };
    assert_eq!(other.name, "apns");
    // Its one slot is taken.
    assert!(matches!(place(Apns), Place::NotBefore(at) if at == now + BUSY));
    drop(slot);
    // Its burst: another one, then not before the limit lets it.
    assert!(matches!(place(Apns), Place::Other(..)));
    assert!(matches!(place(Apns), Place::NotBefore(at) if at > now && at <= now + BUSY));
}

#[test]
fn a_message_waits_for_the_one_provider_that_takes_it() {
    use DeviceKind::{Apns, Fcm};
    let clock = clock();
    let routes = routes(&[(Fcm, true), (Apns, true)], &clock);
    let now = clock.now();
    let Room::Calls(fcm, _) = routes.room(now, 1) else { unreachable!("there is room") };
    fcm.learn(&down(), now);
    let Room::Calls(apns, _) = routes.room(now, 1) else { unreachable!("there is room") };
    assert_eq!(apns.name, "apns");
    assert!(matches!(routes.place(request(&device(Fcm)), Some(&apns), now), Place::Down(at) if at > now));
    // Apple's service is up, and no alternative for this device.
    let (to, log) = (device(Fcm), [failed("fcm", Class::ProviderDown)]);
    let options = routes.failover_options(RouteRequest { log: &log, ..request(&to) }, &fcm, now);
    assert!(!options.has_alternative && options.has_any && options.probe_at.is_some());
}

/// Three providers for the same addresses; what was tried for a message in this round, and who gets it next.
#[test]
fn what_failed_goes_on_to_the_next_provider_that_is_up() {
    use DeviceKind::Fcm;
    let to = device(Fcm);
    let retry = |name| failed(name, Class::Retry);
    // Names of those tried, those that are down, then for others and for HIGH alerts: who is next.
    let table: &[(&[&str], &[&str], &str, &str)] = &[
        (&[], &[], "a", "a"),
        (&["a"], &[], "b", "b"),
        (&["a", "b"], &[], "c", "c"),
        (&["a", "b", "c"], &[], "a", "a"),
        (&["a"], &["b"], "c", "c"),
        (&[], &["a", "b"], "c", "c"),
        (&["c"], &["a", "b"], "c", "c"),
        (&["b"], &["a", "b", "c"], "down", "a"),
    ];
    for (tried, are_down, for_others, for_high) in table {
        for (is_urgent, expected) in [(false, for_others), (true, for_high)] {
            let clock = clock();
            let routes = named(&["a", "b", "c"], &clock);
            for name in *are_down {
                routes.named(name).unwrap().learn(&down(), clock.now());
            }
            clock.advance(Duration::from_secs(2));
            let log: Vec<Attempt> = tried.iter().copied().map(retry).collect();
            let request = RouteRequest { delivery: &ANY, to: &to, is_urgent, log: &log };
            let place = routes.place(request, None, clock.now());
            assert_eq!(name(place, &routes.all[0]), **expected, "tried {tried:?}, down {are_down:?}, urgent {is_urgent}");
        }
    }
}

#[test]
fn a_provider_that_refused_a_message_or_asked_to_wait_is_left_alone_with_it() {
    let clock = clock();
    let routes = named(&["a", "b"], &clock);
    let (to, now) = (device(DeviceKind::Fcm), clock.now());
    let waits = Attempt { not_before: Some(now.plus_s(90)), goes_on: false, ..failed("a", Class::Retry) };
    let (refused, after) = ([failed("a", Class::BadMessage)], [waits]);
    for log in [&refused[..], &after[..]] {
        let request = RouteRequest { delivery: &ANY, to: &to, is_urgent: true, log };
        assert_eq!(name(routes.place(request, None, now), &routes.all[0]), "b");
    }
    let both = [failed("a", Class::BadMessage), failed("b", Class::BadMessage)];
    assert!(matches!(routes.place(RouteRequest { delivery: &ANY, to: &to, is_urgent: true, log: &both }, None, now), Place::Nowhere(_)));
    assert!(!routes.failover_options(RouteRequest { delivery: &ANY, to: &to, is_urgent: true, log: &both }, &routes.all[1], now).has_any);
}

#[test]
fn others_find_out_whether_a_provider_is_back_and_high_alerts_only_when_nothing_else_comes() {
    let clock = clock();
    let routes = named(&["a", "b"], &clock);
    let to = device(DeviceKind::Fcm);
    let [a, b] = [&routes.all[0], &routes.all[1]];
    let goes_to = |is_urgent| name(routes.place(RouteRequest { delivery: &ANY, to: &to, is_urgent, log: &[] }, Some(b), clock.now()), b);
    a.learn(&down(), clock.now());
    clock.advance(Duration::from_secs(6));
    assert_eq!((goes_to(true).as_str(), goes_to(false).as_str()), ("b", "a"));
    // While that call is under way everything else has the provider that works.
    assert_eq!((goes_to(true).as_str(), goes_to(false).as_str()), ("b", "b"));
    a.learn(&down(), clock.now());
    clock.advance(Duration::from_secs(80));
    assert_eq!(goes_to(true), "a");
}

#[test]
fn an_account_that_takes_no_more_rests_for_everybody_and_longer_each_time() {
    let clock = clock();
    let routes = named(&["a"], &clock);
    let route = &routes.all[0];
    let too_many = Report::new(Outcome::Retry { after: None, scope: LimitScope::Provider }, None);
    for seconds in [1, 2, 4, 4] {
        route.learn(&too_many, clock.now());
        // One that was under way.
        route.learn(&too_many, clock.now());
        assert_eq!(route.paused_until(), clock.now().plus_s(seconds));
        assert!(matches!(routes.room(clock.now(), 1), Room::NotBefore(at) if at == route.paused_until()));
        clock.advance(Duration::from_secs(4));
    }
    route.learn(&Report::accepted(None), clock.now());
    route.learn(&too_many, clock.now());
    assert_eq!(route.paused_until(), clock.now().plus_s(1));
}

#[test]
fn servers_of_users_open_no_breaker() {
    use DeviceKind::{Fcm, Webpush};
    let clock = clock();
    let routes = routes(&[(Webpush, false), (Fcm, true)], &clock);
    let now = clock.now();
    let unknown = Report::new(Outcome::Unknown, "timeout".to_owned());
    let is_up = |route: &Route| route.lock().probe_at(false) <= now;
    let [webpush, fcm] = [&routes.all[0], &routes.all[1]];
    for _ in 0..50 {
        webpush.learn(&unknown, now);
        fcm.learn(&unknown, now);
    }
    assert!(is_up(webpush) && !is_up(fcm));
}

/// Takes every address.
#[derive(Debug)]
struct Any;

#[async_trait]
impl Provider for Any {
    async fn send(&self, _message: &Outgoing) -> Report {
        Report::accepted(None)
    }
}

/// Providers of SMS, by their names and how they are used.
fn phones(used: &[(&str, RouteSettings)], countries: &[&str], clock: &ManualClock) -> Routes {
    let provider = |(name, settings): &(&str, RouteSettings)| ProviderRoute {
        name: (*name).to_owned(),
        provider: Arc::new(Any),
        limit: AccountLimit { per_second: 1_000.0, burst: 100, in_flight: 2, timeout: Duration::from_secs(1) },
        settings: settings.clone(),
    };
    let channel = ChannelRoute::new(Channel::Sms, used.iter().map(provider).collect(), OnUnknown::Resend);
    let channel = ChannelRoute { countries: countries.iter().map(ToString::to_string).collect(), ..channel };
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Routes::new(channel, &ProviderStates::default(), &clock)
}

fn prefixes(prefixes: &[&str]) -> RouteSettings {
    RouteSettings { prefixes: prefixes.iter().map(ToString::to_string).collect(), ..RouteSettings::default() }
}

/// Who takes a message to that number, of which this was tried before.
fn goes_to(routes: &Routes, number: &str, log: &[Attempt], clock: &ManualClock) -> Result<String, Reason> {
    let to = Address::Phone(number.to_owned());
    match routes.place(RouteRequest { delivery: &ANY, to: &to, is_urgent: true, log }, None, clock.now()) {
        Place::Other(route, _) => Ok(route.name.clone()),
        Place::Nowhere(reason) => Err(reason),
        place => unreachable!("{place:?}"),
    }
}

#[test]
fn the_longest_prefix_decides_and_what_has_none_takes_the_rest() {
    let channel = Channel::Sms;
    let clock = clock();
    let used = [("rest", prefixes(&[])), ("german", prefixes(&["+49"])), ("vanity", prefixes(&["+49800", "+1"]))];
    let routes = phones(&used, &[], &clock);
    let table: &[(&str, &[&str], &str)] = &[
        ("+4915112345678", &[], "german"),
        ("+4980012345", &[], "vanity"),
        ("+4980012345", &["vanity"], "german"),
        ("+4980012345", &["vanity", "german"], "rest"),
        ("+436641234567", &[], "rest"),
        ("+12125550123", &[], "vanity"),
    ];
    for (number, tried, expected) in table {
        let log: Vec<Attempt> = tried.iter().map(|name| failed(name, Class::Retry)).collect();
        assert_eq!(goes_to(&routes, number, &log, &clock), Ok((*expected).to_owned()), "{number}, tried {tried:?}");
    }
    let narrow = phones(&used[1..], &[], &clock);
    assert_eq!(goes_to(&narrow, "+436641234567", &[], &clock), Err(Reason::NoProviderForNumber { channel }));
    let at_home = phones(&used, &["DE"], &clock);
    assert_eq!(goes_to(&at_home, "+4915112345678", &[], &clock), Ok("german".to_owned()));
    let country = Some("AT".to_owned());
    assert_eq!(goes_to(&at_home, "+436641234567", &[], &clock), Err(Reason::CountryNotAllowed { channel, country }));
}

#[test]
fn a_share_goes_first_and_never_holds_anything_up() {
    let clock = clock();
    let number = "+4915112345678";
    let used = [("main", RouteSettings::default()), ("tried", RouteSettings { share: Some(1.0), ..RouteSettings::default() })];
    let routes = phones(&used, &[], &clock);
    assert_eq!(goes_to(&routes, number, &[], &clock), Ok("tried".to_owned()));
    // What has been tried already goes where most things go.
    let waited = Attempt { goes_on: false, ..failed("main", Class::Retry) };
    assert_eq!(goes_to(&routes, number, &[waited], &clock), Ok("main".to_owned()));
    let tried = routes.named("tried").unwrap();
    let slots = tried.slots.clone().try_acquire_many_owned(2).unwrap();
    assert_eq!(goes_to(&routes, number, &[], &clock), Ok("main".to_owned()), "it has no room");
    drop(slots);
    tried.learn(&down(), clock.now());
    assert_eq!(goes_to(&routes, number, &[], &clock), Ok("main".to_owned()), "it is down");
    // It is not begun inline by the first provider of the channel, as it is not for that one.
    let to = Address::Phone(number.to_owned());
    assert!(!routes.suits(RouteRequest { delivery: &ANY, ..request(&to) }, routes.named("main").unwrap()));
}

#[test]
fn who_took_a_message_that_did_not_arrive_is_not_asked_again() {
    let clock = clock();
    let routes = phones(&[("a", RouteSettings::default()), ("b", RouteSettings::default())], &[], &clock);
    let (number, log) = ("+4915112345678", [failed("a", Class::Accepted), failed("b", Class::Accepted)]);
    assert_eq!(goes_to(&routes, number, &log[..1], &clock), Ok("b".to_owned()));
    assert_eq!(goes_to(&routes, number, &log, &clock), Err(Reason::NoOtherProvider));
    let to = Address::Phone(number.to_owned());
    assert!(routes.can_take_over(RouteRequest { log: &log[..1], ..request(&to) }, clock.now()));
    assert!(!routes.can_take_over(RouteRequest { log: &log, ..request(&to) }, clock.now()));
    // A call that nobody answered was taken as well, and is made again.
    let unanswered = Attempt { goes_on: false, ..failed("a", Class::Accepted) };
    assert_eq!(goes_to(&routes, number, &[unanswered], &clock), Ok("a".to_owned()));
}

#[test]
fn a_days_calls_are_made_and_no_more() {
    let clock = clock();
    let number = "+4915112345678";
    let a = RouteSettings { max_per_day: Some(2), ..RouteSettings::default() };
    let routes = phones(&[("a", a.clone()), ("b", a)], &[], &clock);
    let grant = |calls: &[i64]| {
        let wanted = routes.wanted_calls(clock.now());
        assert_eq!(wanted.len(), calls.len());
        for ((route, budget, _), calls) in wanted.iter().zip(calls) {
            route.granted(budget.day, *calls);
        }
    };
    // Nothing is called that was not taken from the database before.
    assert!(matches!(routes.room(clock.now(), 5), Room::NotBefore(at) if at > clock.now()));
    grant(&[1, 1]);
    let Room::Calls(route, 1) = routes.room(clock.now(), 5) else { unreachable!("one call") };
    assert_eq!(route.name, "a");
    route.give_back(1, false);
    assert_eq!(goes_to(&routes, number, &[], &clock), Ok("a".to_owned()));
    grant(&[0]);
    assert_eq!(goes_to(&routes, number, &[], &clock), Ok("b".to_owned()), "the other one takes over");
    grant(&[0]);
    let providers = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(goes_to(&routes, number, &[], &clock), Err(Reason::SpendUsedUp { channel: Channel::Sms, providers }));
    assert!(matches!(routes.room(clock.now(), 5), Room::UsedUp));
    // Each day begins anew.
    clock.advance(Duration::from_hours(24));
    grant(&[1, 1]);
    assert_eq!(goes_to(&routes, number, &[], &clock), Ok("a".to_owned()));
    assert_eq!(routes.unused_calls().len(), 1);
}
