use async_trait::async_trait;
use watchbell_core::device::DeviceKind;
use watchbell_core::{ManualClock, Secret};

use super::*;
use crate::provider::{AccountLimit, Outgoing};
use crate::settings::OnUnknown;

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
    };
    let channel = ChannelRoute { channel: Channel::Push, providers: kinds.iter().map(provider).collect(), on_unknown: OnUnknown::Resend };
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Routes::new(channel, &ProviderStates::default(), &clock)
}

fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_millis(1_000_000))
}

#[test]
fn a_message_goes_to_the_provider_that_takes_its_address() {
    use DeviceKind::{Apns, Fcm, Webpush};
    let clock = clock();
    let routes = routes(&[(Fcm, true), (Apns, true)], &clock);
    let now = clock.now();
    let Room::Calls(there, _) = routes.room(now, 5) else { unreachable!("there is room") };
    assert_eq!(there.name, "fcm");
    assert!(matches!(routes.place(&device(Fcm), &there, now), Place::There));
    assert!(matches!(routes.place(&device(Webpush), &there, now), Place::Nowhere));
    let Place::Other(other, slot) = routes.place(&device(Apns), &there, now) else { unreachable!("there is room") };
    assert_eq!(other.name, "apns");
    // Its one slot is taken.
    assert!(matches!(routes.place(&device(Apns), &there, now), Place::NotBefore(at) if at == now + BUSY));
    drop(slot);
    // Its burst: another one, then not before the limit lets it.
    assert!(matches!(routes.place(&device(Apns), &there, now), Place::Other(..)));
    assert!(matches!(routes.place(&device(Apns), &there, now), Place::NotBefore(at) if at > now && at <= now + BUSY));
}

#[test]
fn a_message_waits_for_the_one_provider_that_takes_it() {
    use DeviceKind::{Apns, Fcm};
    let clock = clock();
    let routes = routes(&[(Fcm, true), (Apns, true)], &clock);
    let now = clock.now();
    let Room::Calls(fcm, _) = routes.room(now, 1) else { unreachable!("there is room") };
    fcm.learn(&Report::new(Outcome::ProviderDown, None), now);
    let Room::Calls(apns, _) = routes.room(now, 1) else { unreachable!("there is room") };
    assert_eq!(apns.name, "apns");
    assert!(matches!(routes.place(&device(Fcm), &apns, now), Place::NotBefore(at) if at > now));
    // Apple's service is up, and no alternative for this device.
    assert!(!routes.has_alternative(&fcm, &device(Fcm), now));
}

#[test]
fn servers_of_users_open_no_breaker() {
    use DeviceKind::{Fcm, Webpush};
    let clock = clock();
    let routes = routes(&[(Webpush, false), (Fcm, true)], &clock);
    let now = clock.now();
    let unknown = Report::new(Outcome::Unknown, "timeout".to_owned());
    let is_up = |route: &Route| route.lock().open_at(now).is_none();
    let [webpush, fcm] = [&routes.routes[0], &routes.routes[1]];
    for _ in 0..50 {
        webpush.learn(&unknown, now);
        fcm.learn(&unknown, now);
    }
    assert!(is_up(webpush) && !is_up(fcm));
}
