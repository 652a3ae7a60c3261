//! What Amazon SNS wraps its messages in: JSON, sent as `text/plain`, and signed with a certificate that it names itself.

use serde::Deserialize;
use url::Url;

/// A message that SNS posts. Repeats keep its `MessageId`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Envelope {
    #[serde(rename = "Type")]
    pub kind: Kind,
    pub message_id: String,
    pub topic_arn: String,
    #[serde(default)]
    pub subject: Option<String>,
    pub message: String,
    pub timestamp: String,
    pub signature_version: String,
    pub signature: String,
    #[serde(rename = "SigningCertURL")]
    pub signing_cert_url: String,
    #[serde(default)]
    pub token: Option<String>,
    #[serde(default, rename = "SubscribeURL")]
    pub subscribe_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Kind {
    Notification,
    /// Somebody subscribed us; whoever calls `SubscribeURL` says yes.
    SubscriptionConfirmation,
    /// The subscription has ended.
    UnsubscribeConfirmation,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

impl Envelope {
    /// The text that is signed: a name and a value a line, in this order, of what there is. The topic and the type come last, and
    /// both are compared as a whole, so that no message can be cut up to look like another topic's.
    pub fn text(&self) -> String {
        let fields = [
            ("Message", Some(self.message.as_str())),
            ("MessageId", Some(self.message_id.as_str())),
            ("Subject", self.subject.as_deref()),
            ("SubscribeURL", self.subscribe_url.as_deref()),
            ("Timestamp", Some(self.timestamp.as_str())),
            ("Token", self.token.as_deref()),
            ("TopicArn", Some(self.topic_arn.as_str())),
            ("Type", Some(self.kind.as_str())),
        ];
        let present = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        present.flat_map(|(name, value)| [name, "\n", value, "\n"]).collect()
    }

    /// The region that the topic is in, by its name: `arn:aws:sns:eu-central-1:123456789012:bell`.
    fn region(&self) -> Option<&str> {
        self.topic_arn.split(':').nth(3)
    }
}

/// A topic's name as the configuration may write it.
pub fn is_topic(arn: &str) -> bool {
    let parts: Vec<_> = arn.split(':').collect();
    matches!(parts.as_slice(), ["arn", partition, "sns", region, account, topic]
        if partition.starts_with("aws") && is_region(region) && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
            && !topic.is_empty())
}

fn is_region(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Who may give us a certificate, and be told that we want a subscription.
#[derive(Clone, Debug)]
pub enum Host {
    /// `sns.{region}.amazonaws.com` of the topic's own region, and `.cn` in China. A looser rule would let in buckets of S3, which
    /// anybody can fill.
    Amazon,
    /// One server alone, which stands in for SNS.
    Only(Url),
}

impl Host {
    /// The URL, if it may be called.
    pub fn permit(&self, url: &str, envelope: &Envelope) -> Option<Url> {
        let url = Url::parse(url).ok()?;
        let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let is_permitted = match self {
            Self::Only(base) => url.origin() == base.origin(),
            Self::Amazon => {
                let region = envelope.region().filter(|region| is_region(region))?;
                let host = url.host_str()?;
                let host = host.strip_suffix(".cn").filter(|_| region.starts_with("cn-")).unwrap_or(host);
                url.scheme() == "https" && url.port().is_none() && host == format!("sns.{region}.amazonaws.com")
            }
        };
        (is_bare && is_permitted).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    fn of_topic(arn: &str) -> Envelope {
        serde_json::from_value(serde_json::json!({
            "Type": "Notification", "MessageId": "m", "TopicArn": arn, "Message": "hello\nMessageId", "Timestamp": "t",
            "SignatureVersion": "2", "Signature": "", "SigningCertURL": "",
        }))
        .unwrap()
    }

    #[test]
    fn only_amazon_s_host_in_the_topic_s_region_is_called() {
        let here = of_topic("arn:aws:sns:eu-central-1:123456789012:bell");
        let china = of_topic("arn:aws-cn:sns:cn-north-1:123456789012:bell");
        let table = [
            ("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a1b.pem", &here, true),
            ("https://sns.cn-north-1.amazonaws.com.cn/x.pem", &china, true),
            ("https://sns.eu-central-1.amazonaws.com.cn/x.pem", &here, false),
            ("https://sns.us-east-1.amazonaws.com/x.pem", &here, false),
            ("http://sns.eu-central-1.amazonaws.com/x.pem", &here, false),
            ("https://sns.eu-central-1.amazonaws.com:8443/x.pem", &here, false),
            ("https://user@sns.eu-central-1.amazonaws.com/x.pem", &here, false),
            ("https://sns.eu-central-1.amazonaws.com.evil.example/x.pem", &here, false),
            ("https://evil.s3.eu-central-1.amazonaws.com/x.pem", &here, false),
            ("https://sns.eu-central-1.amazonaws.com@evil.example/x.pem", &here, false),
            ("https://sns-eu-central-1.amazonaws.com/x.pem", &here, false),
            ("file:///etc/passwd", &here, false),
            ("", &here, false),
        ];
        for (url, envelope, is_permitted) in table {
            assert_eq!(Host::Amazon.permit(url, envelope).is_some(), is_permitted, "{url}");
        }
        let odd = of_topic("arn:aws:sns:evil.example/:1:x");
        assert!(Host::Amazon.permit("https://sns.evil.example/.amazonaws.com/x.pem", &odd).is_none());
        let only = Host::Only(Url::parse("http://127.0.0.1:4566").unwrap());
        assert!(only.permit("http://127.0.0.1:4566/x.pem", &here).is_some());
        assert!(only.permit("https://sns.eu-central-1.amazonaws.com/x.pem", &here).is_none());
    }

    #[test]
    fn topics_have_names_of_one_form() {
        for right in ["arn:aws:sns:eu-central-1:123456789012:bell", "arn:aws-cn:sns:cn-north-1:123456789012:a_b-c.fifo"] {
            assert!(is_topic(right), "{right}");
        }
        for wrong in [
            "",
            "bell",
            "arn:aws:sqs:eu-central-1:123456789012:bell",
            "arn:aws:sns:eu-central-1:12345:bell",
            "arn:aws:sns::123456789012:bell",
        ] {
            assert!(!is_topic(wrong), "{wrong}");
        }
        let text = of_topic("arn:aws:sns:eu-central-1:123456789012:bell").text();
        assert!(text.starts_with("Message\nhello\nMessageId\nMessageId\nm\nTimestamp\nt\nTopicArn\narn:aws:sns:"), "{text}");
    }
}
