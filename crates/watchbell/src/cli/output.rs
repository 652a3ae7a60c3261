//! Writing for people: lines on standard output, complaints on standard error, tables.

use std::io::{self, Write};

/// Writes one line.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Says why a command failed.
pub fn fail(error: &super::Error) {
    complain(&error.to_string());
}

/// Says on standard error what is wrong, each line marked as ours.
pub fn complain(text: &str) {
    let mut out = io::stderr().lock();
    for line in text.lines() {
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(out, "watchbell: {line}");
    }
}

/// Rows in columns that are as wide as their widest cell; the last one runs free.
pub fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = heading.map(width);
    for row in rows {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(width(cell));
        }
    }
    let mut text = aligned(&heading.map(str::to_owned), &widths);
    for row in rows {
        text.push('\n');
        text.push_str(&aligned(row, &widths));
    }
    text
}

/// One row of a table whose columns are that wide.
pub fn aligned<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let mut text = String::new();
    for (cell, most) in row.iter().zip(widths) {
        text.push_str(cell);
        text.extend(std::iter::repeat_n(' ', most.saturating_sub(width(cell)) + 2));
    }
    text.truncate(text.trim_end().len());
    text
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A text of the server's as a terminal may show it: control characters could move the cursor or hide what was written.
pub fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a".to_owned(), "größer".to_owned()], ["länger".to_owned(), String::new()]];
        assert_eq!(table(["X", "Y"], &rows), "X       Y\na       größer\nlänger");
    }
}
