//! Phone numbers, as people write them and as they are dialled.

use super::target::{BadTarget, LONGEST_TARGET, checked};

/// Reads a phone number as its region's people write it, in whatever digits, and answers E.164 and the region.
///
/// # Errors
/// `Region` for a region that is no ISO 3166 alpha-2 code with a numbering plan, `Extension` for a number with one, `Phone` for
/// what cannot be a number.
pub fn parse_phone(text: &str, region: &str) -> Result<(String, String), BadTarget> {
    let text = dialled(&checked(text, LONGEST_TARGET)?)?;
    let upper = region.trim().to_ascii_uppercase();
    let country: phonenumber::country::Id = upper.parse().map_err(|_| BadTarget::Region)?;
    // phonenumber 0.3 takes the given region's trunk prefix off numbers of other countries too ("+49 151…" with US loses a 1,
    // and would ring somebody else). So a number with its country code is read without a region and must keep its digits, and
    // a number without + must not come out as a foreign one.
    let has_code = text.starts_with('+');
    let number = phonenumber::parse((!has_code).then_some(country), &text).map_err(|_| BadTarget::Phone)?;
    let (code, national) = (number.code().value(), number.national().to_string());
    let is_itself = if has_code { keeps_digits(&text, code, &national) } else { home_code(country) == Some(code) };
    // Of two numbers with a slash between them it reads the first, and says nothing of the other.
    let is_all = !text.contains('/') || digits(&text).ends_with(&national);
    if !number.is_valid() || !is_itself || !is_all {
        return Err(BadTarget::Phone);
    }
    Ok((number.format().mode(phonenumber::Mode::E164).to_string(), upper))
}

/// Reads a number that carries its country code; E.164 and its region.
///
/// # Errors
/// `Phone` also for a number of no region, such as those of satellite networks.
pub fn parse_e164(text: &str) -> Result<(String, String), BadTarget> {
    let text = checked(text, LONGEST_TARGET)?;
    let region = phonenumber::parse(None, &dialled(&text)?).ok().and_then(|number| number.country().id()).ok_or(BadTarget::Phone)?;
    parse_phone(&text, region.as_ref())
}

/// The country of a number in E.164, as ISO 3166 alpha-2; none for one of no country, such as those of satellite networks.
pub fn country_of(number: &str) -> Option<String> {
    let number = phonenumber::parse(None, number).ok()?;
    number.country().id().map(|id| id.as_ref().to_owned())
}

/// Whether it is a country with phone numbers, as ISO 3166 alpha-2 writes it.
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && text.parse::<phonenumber::country::Id>().is_ok_and(|id| id.as_ref() == text)
}

/// The number in the characters that all countries dial with: digits of any script, dashes and the like of any kind become ASCII's.
fn dialled(text: &str) -> Result<String, BadTarget> {
    /// The zeros of the scripts in which phone numbers are written: Arabic, Persian, N'Ko, those of India and its neighbours, Thai,
    /// Lao, Tibetan, Burmese, Khmer, Mongolian, and the wide ones of East Asia.
    const ZEROS: [u32; 20] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x17e0,
        0x1810, 0xff10,
    ];
    /// What has so many digits is a number already: what comes after it is not.
    const DIGITS_OF_A_NUMBER: usize = 7;
    let mut dialled = String::with_capacity(text.len());
    for c in text.chars() {
        let digit = ZEROS.iter().find_map(|zero| char::from_digit(u32::from(c).checked_sub(*zero)?, 10));
        dialled.push(match c {
            '0'..='9' | '+' | '-' | '.' | '(' | ')' | '/' | ' ' => c,
            '\u{ff0b}' | '\u{fe62}' => '+',
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => '-',
            '\u{ff08}' => '(',
            '\u{ff09}' => ')',
            '\u{ff0e}' | '\u{b7}' => '.',
            '\u{ff0f}' => '/',
            _ if c.is_whitespace() => ' ',
            _ => match digit {
                Some(digit) => digit,
                // "ext. 12", "x12", "#12", ";ext=12", ",,12".
                None if digits(&dialled).len() >= DIGITS_OF_A_NUMBER => return Err(BadTarget::Extension),
                None => return Err(BadTarget::Phone),
            },
        });
    }
    Ok(dialled)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The calling code of a region.
fn home_code(country: phonenumber::country::Id) -> Option<u16> {
    phonenumber::metadata::DATABASE.by_id(country.as_ref()).map(phonenumber::Metadata::country_code)
}

/// Whether a number says what was written: its code and national number, but for a trunk zero between the two.
fn keeps_digits(written: &str, code: u16, national: &str) -> bool {
    let digits = digits(written);
    digits == format!("{code}{national}") || digits == format!("{code}0{national}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed parse should fail the test")]
    use super::*;

    #[test]
    fn phone_numbers_become_e164() {
        let table = [
            ("0151 12345678", "DE", "+4915112345678"),
            ("+49 (151) 123-45678", "de", "+4915112345678"),
            ("(415) 555-2671", "US", "+14155552671"),
            ("+44 7911 123456", "DE", "+447911123456"),
            ("+49 151 12345678", "US", "+4915112345678"),
            ("+39 06 12345678", "US", "+390612345678"),
            ("+7 701 123-45-67", "KZ", "+77011234567"),
            ("+49 (0) 151 12345678", "DE", "+4915112345678"),
            ("0049 151 12345678", "DE", "+4915112345678"),
            ("1 415 555 2671", "US", "+14155552671"),
            // As they are copied from an address book, a table, a letter.
            ("\u{202a}+49 151 12345678\u{202c}", "DE", "+4915112345678"),
            ("\u{feff}0151\u{a0}123\u{200b}45678", "DE", "+4915112345678"),
            ("+49\u{2011}151\u{2013}12345678", "US", "+4915112345678"),
            ("030/901820", "DE", "+4930901820"),
            // Digits of other scripts.
            ("٠١٥١ ١٢٣٤٥٦٧٨", "DE", "+4915112345678"),
            ("۰۲۱ ۸۸۹۴ ۰۰۰۰", "IR", "+982188940000"),
            ("＋４９（１５１）１２３４５６７８", "US", "+4915112345678"),
            ("+९१ ९८७६५ ४३२१०", "DE", "+919876543210"),
        ];
        for (text, region, e164) in table {
            assert_eq!(parse_phone(text, region).map(|(number, _)| number).as_deref(), Ok(e164), "{text} {region}");
        }
    }

    #[test]
    fn a_number_with_its_code_names_its_region() {
        let read = |text| parse_e164(text);
        assert_eq!(read("+49 151 12345678"), Ok(("+4915112345678".to_owned(), "DE".to_owned())));
        assert_eq!(read("+1 415 555 2671"), Ok(("+14155552671".to_owned(), "US".to_owned())));
        for bad in ["015112345678", "+999123456789", "+49", "phone", "", "+49151\n12345678", "+870773111632"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_phone_number_says_why() {
        let table = [
            ("", "DE", BadTarget::Length),
            ("hello", "DE", BadTarget::Phone),
            ("123", "US", BadTarget::Phone),
            // The country code without +, in a region from which it is not dialled so.
            ("011 49 151 12345678", "US", BadTarget::Phone),
            ("tel:+49-151-12345678", "US", BadTarget::Phone),
            ("0151 12345678", "XX", BadTarget::Region),
            ("0151 12345678", "Germany", BadTarget::Region),
            ("0151\u{0}12345678", "DE", BadTarget::ControlCharacter),
            ("0151 12345678 x12", "DE", BadTarget::Extension),
            ("0151 12345678 ext. 12", "DE", BadTarget::Extension),
            ("+49 151 12345678;ext=12", "DE", BadTarget::Extension),
            ("+14155552671,,12#", "US", BadTarget::Extension),
            ("+1 415 555 2671 #12", "US", BadTarget::Extension),
            ("+7 495 123-45-67 доб. 12", "RU", BadTarget::Extension),
            ("1-800-FLOWERS", "US", BadTarget::Phone),
            ("0151 12345678/0151 87654321", "DE", BadTarget::Phone),
            ("٠١٥", "DE", BadTarget::Phone),
        ];
        for (text, region, why) in table {
            assert_eq!(parse_phone(text, region).unwrap_err(), why, "{text:?} {region}");
        }
    }
}
