//! Servers that users name: webhooks, Teams' workflows, Mattermost, push services of browsers.
//!
//! Two things set them apart from a provider's own service. They may be anywhere, so every call passes the guard of
//! [`crate::address_guard`]. And each is somebody's own: what one of them answers says nothing about the others, so nothing
//! here is ever `ProviderDown`, and a limit or a fault holds up that recipient alone.

use http::Method;
use url::Url;
use watchbell_core::Timestamp;
use watchbell_core::network::{Network, OutOfReach, Reach};
use watchbell_core::outcome::{LimitScope, Outcome, Report};

use crate::address_guard::{self, AddressGuard};
use crate::http::{Answer, Http, Request};
use crate::provider::Outgoing;
use crate::settings::{CommonSettings, SettingError};

/// Calls users' servers.
#[derive(Clone, Debug)]
pub struct Endpoints {
    secure: Http,
    plain: Http,
    reach: Reach,
}

impl Endpoints {
    pub fn new(common: &CommonSettings, reach: Reach) -> Result<Self, SettingError> {
        let secure = Http::guarded(common, AddressGuard::new(reach.clone(), false))?;
        let plain = Http::guarded(common, AddressGuard::new(reach.clone(), true))?;
        Ok(Self { secure, plain, reach })
    }

    /// Posts what `fill` puts into the request. The error is the report of what failed on the way.
    pub async fn post(&self, url: &str, message: &Outgoing, fill: impl FnOnce(Request) -> Request) -> Result<Answer, Report> {
        self.call(Method::POST, url, message, fill).await
    }

    /// The same by another method.
    pub async fn call(
        &self,
        method: Method,
        url: &str,
        message: &Outgoing,
        fill: impl FnOnce(Request) -> Request,
    ) -> Result<Answer, Report> {
        let url = Url::parse(url).map_err(|_| address_guard::report(OutOfReach::Scheme))?;
        self.reach.check(&url).map_err(address_guard::report)?;
        let http = if url.scheme() == "https" { &self.secure } else { &self.plain };
        http.hand_over(message, fill(http.request(method, &url))).await.map_err(of_recipient)
    }
}

/// A fault of one's own server holds up what goes there, and nothing else.
fn of_recipient(report: Report) -> Report {
    match report.outcome {
        Outcome::Retry { after, .. } => Report { outcome: Outcome::Retry { after, scope: LimitScope::Recipient }, ..report },
        _ => report,
    }
}

/// What a status means where the text says nothing better.
pub fn by_status(answer: &Answer, now: Timestamp) -> Report {
    let outcome = match answer.status {
        200..=299 => return Report::accepted(None),
        // Gone for good: as receivers say that they want no more.
        410 => Outcome::BadAddress,
        408 | 425 | 429 | 500.. => Outcome::Retry { after: answer.retry_after(now), scope: LimitScope::Recipient },
        // Redirections among them: they are not followed.
        _ => Outcome::BadMessage,
    };
    Report::new(outcome, format!("http_{}", answer.status))
}

/// Reads the two settings that widen the reach.
pub fn reach(allow_private: bool, allow_networks: &[String]) -> Result<Reach, SettingError> {
    let read = |text: &String| {
        let right = "each must be an address or a network such as 10.20.0.0/16";
        Network::parse(text).ok_or_else(|| SettingError::new("allow_networks", text.clone(), right))
    };
    Ok(Reach::new(allow_private, allow_networks.iter().map(read).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;
    use crate::kinds::stand_in::{Act, StandIn, at, common, outgoing};
    use crate::provider::Address;

    fn message() -> Outgoing {
        outgoing(watchbell_core::Channel::Webhook, Address::Email(String::new()))
    }

    fn endpoints(allow_networks: &[&str]) -> Endpoints {
        let networks: Vec<_> = allow_networks.iter().map(|text| (*text).to_owned()).collect();
        Endpoints::new(&common(false), reach(false, &networks).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn private_addresses_are_refused_without_a_call_unless_they_are_allowed() {
        let service = StandIn::start([Act::Answer(200, "", String::new())]).await;
        let port = service.base().port().unwrap();
        let refused = |code: &str| Report::new(Outcome::BadAddress, code.to_owned());
        for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
            let report =
                endpoints(&["10.0.0.0/8"]).post(&format!("http://{host}:{port}/"), &message(), |request| request).await.unwrap_err();
            assert_eq!(report, refused("private_address"), "{host}");
        }
        let endpoints = endpoints(&["127.0.0.0/8"]);
        assert_eq!(endpoints.post("http://8.8.8.8/", &message(), |request| request).await.unwrap_err(), refused("plain_http"));
        assert_eq!(endpoints.post("gopher://127.0.0.1/", &message(), |request| request).await.unwrap_err(), refused("url_scheme"));
        assert_eq!(service.seen().len(), 0);
        assert_eq!(endpoints.post(&service.url, &message(), |request| request).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn redirections_lead_nowhere() {
        let inner = StandIn::start([Act::Answer(200, "", String::new())]).await;
        let location: &'static str = format!("Location: {}/\r\n", inner.url).leak();
        let service = StandIn::start([Act::Answer(307, location, String::new())]).await;
        let answer = endpoints(&["127.0.0.1"]).post(&service.url, &message(), |request| request).await.unwrap();
        assert_eq!(by_status(&answer, at("2026-11-20T08:00:00Z")), Report::new(Outcome::BadMessage, "http_307".to_owned()));
        assert_eq!(inner.seen().len(), 0);
    }

    #[tokio::test]
    async fn a_long_answer_is_a_success_all_the_same_and_a_closed_port_holds_up_its_owner_alone() {
        let service = StandIn::start([Act::Answer(200, "", "x".repeat(200_000))]).await;
        let endpoints = endpoints(&["127.0.0.1"]);
        assert_eq!(endpoints.post(&service.url, &message(), |request| request).await.unwrap().status, 200);
        let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let report = endpoints.post(&format!("http://{unused}/"), &message(), |request| request).await.unwrap_err();
        assert_eq!(report.outcome, Outcome::Retry { after: None, scope: LimitScope::Recipient });
    }

    #[test]
    fn every_status_has_a_meaning() {
        let now = at("2026-11-20T08:00:00Z");
        let retry = Outcome::Retry { after: None, scope: LimitScope::Recipient };
        let table = [
            (301, Outcome::BadMessage),
            (400, Outcome::BadMessage),
            (401, Outcome::BadMessage),
            (403, Outcome::BadMessage),
            (404, Outcome::BadMessage),
            (408, retry.clone()),
            (410, Outcome::BadAddress),
            (413, Outcome::BadMessage),
            (425, retry.clone()),
            (429, retry.clone()),
            (500, retry.clone()),
            (599, retry),
        ];
        for (status, outcome) in table {
            let report = by_status(&Answer { status, ..Answer::default() }, now);
            assert_eq!(report, Report::new(outcome, format!("http_{status}")));
        }
        assert_eq!(by_status(&Answer { status: 204, ..Answer::default() }, now), Report::accepted(None));
        assert_eq!(reach(false, &["10/8".to_owned()]).unwrap_err().key, "allow_networks");
    }
}
