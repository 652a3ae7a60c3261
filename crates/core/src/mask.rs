//! Addresses as people other than their owner may see them: enough to recognise, too little to use.

use crate::contact::ContactKind;

/// `an…@example.org`, `+49…4567`, `…f00d`: the form in which histories and explanations name an address.
pub fn address(kind: ContactKind, target: &str) -> String {
    match kind {
        ContactKind::Email => match target.rsplit_once('@') {
            Some((local, domain)) => format!("{}…@{domain}", head(local, 2)),
            None => tail(target, 2),
        },
        ContactKind::Phone => format!("{}{}", head(target, 3), tail(target, 4)),
        _ => tail(target, 4),
    }
}

/// The last characters of a device's push token.
pub fn token(token: &str) -> String {
    tail(token, 4)
}

fn head(text: &str, most: usize) -> String {
    // Never more than half, so that a short text is not shown whole.
    let shown = most.min(text.chars().count() / 2);
    text.chars().take(shown).collect()
}

fn tail(text: &str, most: usize) -> String {
    let count = text.chars().count();
    let shown = most.min(count / 2);
    std::iter::once('…').chain(text.chars().skip(count - shown)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_recognisable_but_unusable() {
        let table = [
            (ContactKind::Email, "anna@example.org", "an…@example.org"),
            (ContactKind::Email, "a@b.c", "…@b.c"),
            (ContactKind::Phone, "+4915112345678", "+49…5678"),
            (ContactKind::Telegram, "123456789", "…6789"),
            (ContactKind::Telegram, "12", "…2"),
        ];
        for (kind, target, masked) in table {
            assert_eq!(address(kind, target), masked);
        }
    }
}
