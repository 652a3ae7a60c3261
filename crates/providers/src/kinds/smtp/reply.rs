//! A server's answers. Only the codes are data: texts are whatever a server's author liked, in whatever encoding.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Of a line, in bytes: more is read and forgotten. RFC 5321 (4.5.3.1.5) allows 512.
const LONGEST_LINE: usize = 2_048;
/// Of a whole answer, in bytes: a server that never comes to an end is left.
const LARGEST_REPLY: usize = 64 * 1024;

/// One answer, of one line or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// Without codes and line ends. What is no UTF-8 in them became U+FFFD.
    pub lines: Vec<String>,
}

impl Reply {
    /// Reads one answer. Where its lines have different codes the last one's counts, as it does for Postfix.
    ///
    /// # Errors
    /// The connection broke, or what came is no answer of SMTP.
    pub async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Self> {
        let (mut lines, mut left) = (Vec::new(), LARGEST_REPLY);
        loop {
            let line = read_line(from, &mut left).await?;
            let (code, is_last, text) = split(&line).ok_or(ErrorKind::InvalidData)?;
            lines.push(String::from_utf8_lossy(text).trim_end().to_owned());
            if is_last {
                return Ok(Self { code, lines });
            }
        }
    }

    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    pub fn first_line(&self) -> &str {
        self.lines.first().map_or("", String::as_str)
    }
}

/// One line, up to a line feed: some servers forget the carriage return before it. The last line before a connection is closed
/// may have neither.
async fn read_line(from: &mut (impl AsyncBufRead + Unpin), left: &mut usize) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let bytes = from.fill_buf().await?;
        if bytes.is_empty() {
            let is_whole = split(&line).is_some_and(|(_, is_last, text)| is_last && line.len() > text.len() + 3);
            return if is_whole { Ok(line) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        *left = left.checked_sub(taken).ok_or_else(|| Error::from(ErrorKind::InvalidData))?;
        line.extend_from_slice(&bytes[..taken.min(LONGEST_LINE - line.len())]);
        from.consume(taken);
        if end.is_some() {
            return Ok(line);
        }
    }
}

/// The code, whether the answer ends here, and the text.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.split_at_checked(3)?;
    if !matches!(code[0], b'2'..=b'5') || !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b'-', text)) => Some((code, false, text)),
        Some((b' ' | b'\t', text)) => Some((code, true, text)),
        Some((b'\r' | b'\n', _)) => Some((code, true, &[])),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed setup should fail the test")]
    use super::*;

    async fn read(bytes: &[u8]) -> Result<Reply> {
        Reply::read(&mut &*bytes).await
    }

    #[tokio::test]
    async fn codes_are_read_whatever_the_text_is() {
        let table: [(&[u8], u16, &[&str]); 12] = [
            (b"250 2.0.0 Ok\r\n", 250, &["2.0.0 Ok"]),
            (b"250-mail\r\n250 8BITMIME\r\n", 250, &["mail", "8BITMIME"]),
            // Latin-1, as German relays write it.
            (b"250 \xfcbernommen\r\n", 250, &["\u{fffd}bernommen"]),
            (b"550 Empf\xe4nger unbekannt\r\n", 550, &["Empf\u{fffd}nger unbekannt"]),
            (b"250-gr\xfc\xdfe\r\n250 ok\r\n", 250, &["gr\u{fffd}\u{fffd}e", "ok"]),
            (b"250 \x00\xff\xfe\r\n", 250, &["\0\u{fffd}\u{fffd}"]),
            // Line feeds alone, no text, a tab.
            (b"250-a\n250 b\n", 250, &["a", "b"]),
            (b"250\r\n", 250, &[""]),
            (b"354\tgo\r\n", 354, &["go"]),
            (b"250-\r\n250\r\n", 250, &["", ""]),
            // The last code counts.
            (b"250-ok so far\r\n550 no\r\n", 550, &["ok so far", "no"]),
            // Closed before the line had its end.
            (b"250 queued as 7", 250, &["queued as 7"]),
        ];
        for (bytes, code, lines) in table {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            assert_eq!(read(bytes).await.unwrap(), Reply { code, lines }, "{}", bytes.escape_ascii());
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        let table: [(&[u8], ErrorKind); 12] = [
            (b"", ErrorKind::UnexpectedEof),
            (b"250-more\r\n", ErrorKind::UnexpectedEof),
            (b"25", ErrorKind::UnexpectedEof),
            // It could have been `250-`.
            (b"250", ErrorKind::UnexpectedEof),
            (b"what?\r\n", ErrorKind::InvalidData),
            (b"\r\n250 ok\r\n", ErrorKind::InvalidData),
            (b"999 ok\r\n", ErrorKind::InvalidData),
            (b"150 ok\r\n", ErrorKind::InvalidData),
            (b"2x0 ok\r\n", ErrorKind::InvalidData),
            (b"2500 ok\r\n", ErrorKind::InvalidData),
            (b"250ok\r\n", ErrorKind::InvalidData),
            (b"250-a\r\n\xff\xff\r\n", ErrorKind::InvalidData),
        ];
        for (bytes, kind) in table {
            assert_eq!(read(bytes).await.unwrap_err().kind(), kind, "{}", bytes.escape_ascii());
        }
    }

    #[tokio::test]
    async fn long_lines_are_cut_and_endless_answers_left() {
        let long = [b"250 ".as_slice(), &[b'x'; 10_000], b"\r\n"].concat();
        let reply = read(&long).await.unwrap();
        assert_eq!((reply.code, reply.lines[0].len()), (250, LONGEST_LINE - 4));
        let endless = b"250-x\r\n".repeat(LARGEST_REPLY / 7 + 1);
        assert_eq!(read(&endless).await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(read(&vec![b'2'; LARGEST_REPLY + 1]).await.unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
