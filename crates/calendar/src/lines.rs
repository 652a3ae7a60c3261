//! Content lines (RFC 5545, section 3.1): unfolded, and split into name, parameters and value.

/// One line, as it was meant: a property of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Property {
    /// In upper case.
    pub name: String,
    /// Names in upper case; values without quotes.
    parameters: Vec<(String, String)>,
    /// As it stands, with its escapes.
    pub value: String,
}

impl Property {
    /// Reads a line; None where it has no value.
    fn read(line: &str) -> Option<Self> {
        let mut quoted = false;
        let mut ends = Vec::new();
        let colon = line.char_indices().find_map(|(at, c)| {
            quoted ^= c == '"';
            if c == ';' && !quoted {
                ends.push(at);
            }
            (c == ':' && !quoted).then_some(at)
        })?;
        let mut parts = Vec::with_capacity(ends.len() + 1);
        let mut from = 0;
        for end in ends.into_iter().chain([colon]) {
            parts.push(&line[from..end]);
            from = end + 1;
        }
        let mut parts = parts.into_iter();
        let name = parts.next()?.trim().to_ascii_uppercase();
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=')?;
            Some((name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned()))
        };
        Some(Self { name, parameters: parts.filter_map(parameter).collect(), value: line[colon + 1..].to_owned() })
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value as a text, without its escapes (section 3.3.11).
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.value.len());
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n' | 'N') => text.push('\n'),
                    Some(other) => text.push(other),
                    None => {}
                },
                c => text.push(c),
            }
        }
        text.trim().to_owned()
    }
}

/// The properties of a text, in order. A line that begins with a blank goes on where the one before it ended, wherever that is: folding
/// counts bytes, and may stand in the middle of a letter. Lines that are none are left out.
pub(crate) fn properties(bytes: &[u8]) -> impl Iterator<Item = Property> {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).peekable();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_vec();
        while let Some(more) = lines.next_if(|next| matches!(next.first(), Some(b' ' | b'\t'))) {
            line.extend_from_slice(&more[1..]);
        }
        Some(Property::read(&String::from_utf8_lossy(&line)))
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_unfolded_even_within_a_letter_and_split_outside_of_quotes() {
        let mut folded = "SUMMARY:Dienst f\u{fc}r \u{fc}ber\\, Nacht\\; bis\\n8".as_bytes().to_vec();
        // Between the two bytes of the first umlaut.
        let at = folded.iter().position(|byte| *byte == 0xc3).unwrap_or_default() + 1;
        folded.splice(at..at, *b"\r\n ");
        let mut text =
            b"BEGIN:VEVENT\r\nnot a property\r\nattendee;CN=\"Ben; the: second\";partstat=ACCEPTED:mailto:ben@example.org\n".to_vec();
        text.extend(folded);
        let found: Vec<Property> = properties(&text).collect();
        assert_eq!(found.iter().map(|line| line.name.as_str()).collect::<Vec<_>>(), ["BEGIN", "ATTENDEE", "SUMMARY"]);
        assert_eq!((found[1].parameter("CN"), found[1].parameter("PARTSTAT")), (Some("Ben; the: second"), Some("ACCEPTED")));
        assert_eq!(found[1].value, "mailto:ben@example.org");
        assert_eq!(found[2].text(), "Dienst f\u{fc}r \u{fc}ber, Nacht; bis\n8");
    }
}
