//! What operators are told, in words.

use super::alarm::News;
use super::signs::Ill;

/// In one line, for whoever reads no more.
pub fn title(news: &News) -> String {
    match (news.ill.len(), news.over.len()) {
        (0, _) => format!("Watchbell is well again: {}", over(news)),
        _ => format!("Watchbell is ill: {}", ill(news).join("; ")),
    }
}

/// All of it.
pub fn text(news: &News) -> String {
    let mut lines = ill(news);
    if !news.over.is_empty() {
        lines.push(format!("Over: {}", over(news)));
    }
    lines.push("See GET /watchbell/v1/channels and /metrics. This message went past the queue, straight through a provider.".to_owned());
    lines.join("\n")
}

fn ill(news: &News) -> Vec<String> {
    let sentence = |(ill, amount): (&Ill, &i64)| match ill {
        Ill::ChannelDown(channel) => format!("no provider of {channel} is up"),
        Ill::HighIsLate(channel) => format!("a HIGH alert has waited {amount} s for {channel}"),
        Ill::UsersUnreachable if *amount == 1 => "a user was not reached by anything within a day".to_owned(),
        Ill::UsersUnreachable => format!("{amount} users were not reached by anything within a day"),
    };
    news.ill.iter().map(sentence).collect()
}

fn over(news: &News) -> String {
    let name = |ill: &Ill| match ill {
        Ill::ChannelDown(channel) => format!("{channel} has a provider"),
        Ill::HighIsLate(channel) => format!("no HIGH alert waits long for {channel}"),
        Ill::UsersUnreachable => "everybody was reached within a day".to_owned(),
    };
    news.over.iter().map(name).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use watchbell_core::Channel;

    use super::*;

    #[test]
    fn one_line_says_what_matters() {
        let ill = [(Ill::ChannelDown(Channel::Sms), 1), (Ill::UsersUnreachable, 2)].into();
        let news = News { ill, over: vec![Ill::HighIsLate(Channel::Email)] };
        assert_eq!(title(&news), "Watchbell is ill: no provider of sms is up; 2 users were not reached by anything within a day");
        assert!(text(&news).contains("\nOver: no HIGH alert waits long for email\n"));
        let news = News { over: vec![Ill::ChannelDown(Channel::Sms)], ..News::default() };
        assert_eq!(title(&news), "Watchbell is well again: sms has a provider");
    }
}
