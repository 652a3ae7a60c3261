//! `[verification]`: what verifying users' addresses may cost.

pub use watchbell_store::VerificationLimits as Verification;

use super::problem::Section;

pub fn validate(limits: &Verification, at: &mut Section<'_>) {
    let counts = [
        ("codes_per_user", limits.codes_per_user),
        ("codes_per_target", limits.codes_per_target),
        ("codes_in_all", limits.codes_in_all),
        ("wrong_per_user", limits.wrong_per_user),
    ];
    for (name, count) in counts {
        at.check((0..=1_000_000_000).contains(&count), name, "must be 0 to 1000000000");
    }
    let is_prefix = |text: &String| {
        text.strip_prefix('+').is_some_and(|digits| (1..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let prefixes = limits.phone_prefixes.iter().all(is_prefix);
    at.check(prefixes, "phone_prefixes", "must be a list of beginnings of numbers such as [\"+49\", \"+4366\"]");
}
