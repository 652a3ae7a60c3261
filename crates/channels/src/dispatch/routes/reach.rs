//! Which of a channel's providers a message is for, and in what order: pure.

use watchbell_core::{DeliveryId, contact};

use crate::provider::Address;
use crate::settings::RouteSettings;

/// How well a provider's prefixes fit an address: the length of the longest that does, 0 where it takes what the others do not; None
/// where it does not take it.
pub(super) fn fit(prefixes: &[String], to: &Address) -> Option<usize> {
    let Address::Phone(number) = to else { return Some(0) };
    if prefixes.is_empty() {
        return Some(0);
    }
    prefixes.iter().filter(|prefix| number.starts_with(prefix.as_str())).map(String::len).max()
}

/// Whether a channel that writes to the numbers of these countries alone writes to this one; the error is the number's country, if it is
/// known. What is no phone number is of no country.
pub(crate) fn check_country(countries: &[String], to: &Address) -> Result<(), Option<String>> {
    let Address::Phone(number) = to else { return Ok(()) };
    if countries.is_empty() {
        return Ok(());
    }
    match contact::country_of(number) {
        Some(country) if countries.contains(&country) => Ok(()),
        country => Err(country),
    }
}

/// The provider through which a delivery goes first because of its share, by its place among them. A delivery's own id decides, so
/// that every process, at every try, decides the same.
pub(super) fn chosen_by_share<'a>(routes: impl IntoIterator<Item = &'a RouteSettings>, delivery: &DeliveryId) -> Option<usize> {
    let mut end = 0.0;
    let mut place = None;
    for (at, settings) in routes.into_iter().enumerate() {
        let Some(share) = settings.share else { continue };
        end += share;
        // Made once, and not at all where nobody has a share.
        if *place.get_or_insert_with(|| fraction(delivery)) < end {
            return Some(at);
        }
    }
    None
}

/// Where a delivery lies between 0 and 1, evenly spread: FNV-1a of its id, its bits mixed once more.
fn fraction(delivery: &DeliveryId) -> f64 {
    let hash =
        delivery.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    #[expect(clippy::cast_precision_loss, reason = "32 bits fit exactly")]
    let place = mixed as f64 / (1_u64 << 32) as f64;
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(number: &str) -> Address {
        Address::Phone(number.to_owned())
    }

    #[test]
    fn the_longest_prefix_fits_best() {
        let prefixes = |prefixes: &[&str]| prefixes.iter().map(ToString::to_string).collect::<Vec<_>>();
        let table: &[(&[&str], &str, Option<usize>)] = &[
            (&[], "+4915112345678", Some(0)),
            (&["+49"], "+4915112345678", Some(3)),
            (&["+49", "+49151"], "+4915112345678", Some(6)),
            (&["+1", "+43"], "+4915112345678", None),
        ];
        for (all, number, expected) in table {
            assert_eq!(fit(&prefixes(all), &phone(number)), *expected, "{all:?} {number}");
        }
        assert_eq!(fit(&prefixes(&["+49"]), &Address::Email("anna@example.org".to_owned())), Some(0));
    }

    #[test]
    fn numbers_of_other_countries_are_not_written_to() {
        let countries = ["DE".to_owned(), "CA".to_owned()];
        let table = [
            ("+4915112345678", Ok(())),
            ("+436641234567", Err(Some("AT".to_owned()))),
            // Two countries have the same code.
            ("+14165550123", Ok(())),
            ("+12125550123", Err(Some("US".to_owned()))),
            // A satellite network.
            ("+881612345678", Err(None)),
        ];
        for (number, expected) in table {
            assert_eq!(check_country(&countries, &phone(number)), expected, "{number}");
            assert_eq!(check_country(&[], &phone(number)), Ok(()));
        }
        assert_eq!(check_country(&countries, &Address::Email("anna@example.org".to_owned())), Ok(()));
    }

    #[test]
    fn a_share_is_that_part_of_all_deliveries_and_always_the_same_ones() {
        let settings = |share| RouteSettings { share, ..RouteSettings::default() };
        let routes = [settings(None), settings(Some(0.1)), settings(Some(0.25))];
        let mut counts = [0_i32; 4];
        for number in 0..10_000 {
            let delivery = DeliveryId(format!("01KAFX8M00{number:016}"));
            let chosen = chosen_by_share(&routes, &delivery);
            assert_eq!(chosen_by_share(&routes, &delivery), chosen);
            counts[chosen.unwrap_or(3)] += 1;
        }
        for (count, expected) in counts.into_iter().zip([0, 1_000, 2_500, 6_500]) {
            assert!((count - expected).abs() < 200, "{counts:?}");
        }
    }
}
