use proptest::prelude::*;

use super::*;

fn s(seconds: i64) -> Timestamp {
    ms(seconds * 1_000)
}

fn ms(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + ms)
}

/// One that waits or comes.
#[derive(Clone, Debug)]
struct Message {
    id: DeliveryId,
    rank: i64,
    purpose: Purpose,
    is_retry: bool,
    collect: Option<String>,
    ready_at: Timestamp,
}

fn message(number: usize, rank: i64, at: Timestamp) -> Message {
    Message { id: DeliveryId(format!("{number:04}")), rank, purpose: Purpose::Rule, is_retry: false, collect: None, ready_at: at }
}

fn limits(rate: Option<(u32, u32)>) -> RecipientLimits {
    let rates = rate.map(|(calls, per_s)| RecipientRate { calls, per_s });
    let rates = [Channel::Sms, Channel::Whatsapp, Channel::Voice].into_iter().filter_map(|channel| Some((channel, rates?))).collect();
    RecipientLimits { rates, bundling: Bundling::default() }
}

/// What went when, and what each message told of; whether these had been collected.
type Told = Vec<(Timestamp, Vec<DeliveryId>, bool)>;

/// One address over time, as a claim would see it: `gone` says which messages nobody needs any more from when on.
fn play(mut coming: Vec<Message>, channel: Channel, limits: &RecipientLimits, gone: &[(usize, Timestamp)]) -> Told {
    let mut recipients = BTreeMap::new();
    let mut told = Told::new();
    for _ in 0..10_000 {
        let Some(now) = coming.iter().map(|message| message.ready_at).min() else { return told };
        let is_gone = |id: &DeliveryId| gone.iter().any(|(number, at)| *at <= now && id.0 == format!("{number:04}"));
        coming.retain(|message| !is_gone(&message.id));
        if let Some(recipient) = recipients.get_mut("a") {
            let recipient: &mut Recipient = recipient;
            recipient.queued.retain(|queued| !is_gone(&queued.id));
        }
        let (mut ready, later): (Vec<_>, Vec<_>) = coming.into_iter().partition(|message| message.ready_at <= now);
        coming = later;
        ready.sort_by_key(|message| (message.rank, message.ready_at, message.id.clone()));
        let candidates = ready.iter().map(|message| Candidate {
            id: &message.id,
            recipient: Some("a"),
            purpose: message.purpose,
            rank: message.rank,
            is_retry: message.is_retry,
            collect: message.collect.as_deref(),
        });
        let verdicts = throttle(&candidates.collect::<Vec<_>>(), &mut recipients, channel, limits, now, true);
        let mut together = Vec::new();
        for (message, verdict) in ready.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Go => told.push((now, vec![message.id], false)),
                Verdict::Later { ready_at, collect } => {
                    assert!(ready_at > now, "{message:?} would come back at once");
                    coming.push(Message { collect, ready_at, ..message });
                }
                Verdict::Together => together.push(message.id),
            }
        }
        if !together.is_empty() {
            // All that wait for the same go along.
            together.extend(coming.extract_if(.., |message| message.collect.is_some()).map(|message| message.id));
            told.push((now, together, true));
        }
    }
    panic!("some are never told: {coming:?}");
}

/// So many HIGH alerts, one every `apart_ms`; when each message went, and how many it told of.
fn burst(count: usize, apart_ms: i64, channel: Channel, rate: Option<(u32, u32)>) -> Vec<(i64, usize)> {
    let coming = (0..count).map(|number| message(number, 0, ms(i64::try_from(number).unwrap_or_default() * apart_ms))).collect();
    let told = play(coming, channel, &limits(rate), &[]);
    told.into_iter().map(|(at, ids, _)| (at.ms_since(s(0)), ids.len())).collect()
}

#[test]
fn what_waits_for_a_slot_counts_and_is_collected() {
    // Eight at once to a phone: three singly, then one that names five.
    assert_eq!(burst(8, 0, Channel::Sms, Some((1, 1))), [(0, 1), (1_000, 1), (2_000, 1), (3_000, 5)]);
    assert_eq!(burst(20, 0, Channel::Sms, Some((1, 1))), [(0, 1), (1_000, 1), (2_000, 1), (3_000, 17)]);
    // As those that come faster than they can go.
    assert_eq!(burst(8, 250, Channel::Sms, Some((1, 1))), [(0, 1), (1_000, 1), (2_000, 1), (3_000, 5)]);
    // What is due after fifteen seconds still waits for its slot: the rate is the provider's.
    assert_eq!(burst(8, 0, Channel::Whatsapp, Some((1, 6))), [(0, 1), (6_000, 1), (12_000, 1), (18_000, 5)]);
    // Of calls one, and then one that tells of all that wait.
    assert_eq!(burst(8, 0, Channel::Voice, Some((1, 60))), [(0, 1), (60_000, 7)]);
    // Where a recipient takes whatever comes, the first ones go at once and the others are collected for fifteen seconds.
    assert_eq!(burst(8, 0, Channel::Push, None), [(0, 1), (0, 1), (0, 1), (15_000, 5)]);
    // Slower than the rate: the next slot is there already.
    assert_eq!(burst(5, 1_000, Channel::Sms, Some((1, 1))), [(0, 1), (1_000, 1), (2_000, 1), (3_000, 1), (4_000, 1)]);
}

#[test]
fn others_wait_for_the_window_to_end() {
    let coming = (0..5).map(|number| message(number, 1, s(0))).collect();
    let told = play(coming, Channel::Sms, &limits(Some((1, 1))), &[]);
    let when: Vec<(i64, usize)> = told.into_iter().map(|(at, ids, _)| (at.ms_since(s(0)), ids.len())).collect();
    assert_eq!(when, [(0, 1), (1_000, 1), (2_000, 1), (120_000, 2)]);
}

#[test]
fn a_high_alert_does_not_wait_behind_others_and_takes_them_along() {
    let mut coming: Vec<Message> = (0..5).map(|number| message(number, 1, s(0))).collect();
    coming.push(message(5, 0, ms(500)));
    let told = play(coming, Channel::Sms, &limits(Some((1, 1))), &[]);
    // The first three have their places; the fourth and fifth were collecting when the HIGH alert came.
    let when: Vec<(i64, usize)> = told.iter().map(|(at, ids, _)| (at.ms_since(s(0)), ids.len())).collect();
    assert_eq!(when, [(0, 1), (1_000, 3), (2_000, 1), (3_000, 1)]);
    assert!(told[1].1.contains(&DeliveryId("0005".to_owned())));
}

#[test]
fn who_is_not_needed_any_more_does_not_count() {
    // The second and third were accepted while they waited: the next two go singly.
    let coming = [message(0, 1, s(0)), message(1, 1, s(0)), message(2, 1, s(0)), message(3, 1, ms(900)), message(4, 1, ms(950))];
    let gone = [(1, ms(500)), (2, ms(500))];
    let told = play(coming.to_vec(), Channel::Sms, &limits(Some((1, 1))), &gone);
    let when: Vec<(i64, usize)> = told.into_iter().map(|(at, ids, _)| (at.ms_since(s(0)), ids.len())).collect();
    assert_eq!(when, [(0, 1), (1_000, 1), (2_000, 1)]);
}

#[test]
fn a_call_that_is_made_again_is_not_taken_for_another_one() {
    let mut recipients = BTreeMap::from([("a".to_owned(), Recipient { busy_until: s(0), sent: vec![s(0)], queued: Vec::new() })]);
    let again = message(1, 1, s(30));
    let candidate = |is_retry| Candidate { id: &again.id, recipient: Some("a"), purpose: Purpose::Rule, rank: 1, is_retry, collect: None };
    let limits = limits(None);
    assert_eq!(throttle(&[candidate(true)], &mut recipients.clone(), Channel::Voice, &limits, s(30), true), [Verdict::Go]);
    let collected = Verdict::Later { ready_at: s(120), collect: Some(BURST.to_owned()) };
    assert_eq!(throttle(&[candidate(false)], &mut recipients, Channel::Voice, &limits, s(30), true), [collected]);
}

#[test]
fn what_cannot_be_gathered_takes_no_slot() {
    let sent = vec![s(-3), s(-2), s(-1)];
    let mut recipients = BTreeMap::from([("a".to_owned(), Recipient { busy_until: s(0), sent, queued: Vec::new() })]);
    let high = message(1, 0, s(1));
    let candidate = Candidate { id: &high.id, recipient: Some("a"), purpose: Purpose::Rule, rank: 0, is_retry: false, collect: None };
    let before = recipients.clone();
    let verdicts = throttle(&[candidate], &mut recipients, Channel::Sms, &limits(Some((1, 1))), s(1), false);
    assert_eq!(verdicts, [Verdict::Later { ready_at: s(1), collect: Some(BURST.to_owned()) }]);
    assert_eq!(recipients, before);
}

#[test]
fn a_burst_is_allowed_within_the_rate() {
    let no_bundles = RecipientLimits { bundling: Bundling { first: 0, ..Bundling::default() }, ..limits(Some((20, 60))) };
    let told = play((0..21).map(|number| message(number, 1, s(0))).collect(), Channel::Sms, &no_bundles, &[]);
    assert_eq!(told.iter().filter(|(at, ..)| *at == s(0)).count(), 20);
    assert_eq!(told[20].0, s(3));
}

#[test]
fn a_call_that_reached_nobody_uses_no_slot_up_but_a_pause_stays() {
    let rate = Some(RecipientRate { calls: 1, per_s: 60 });
    let mut recipient = Recipient { busy_until: s(60), sent: vec![s(0)], queued: Vec::new() };
    recipient.give_back(rate, s(1));
    assert_eq!(recipient, Recipient { busy_until: s(0), ..Recipient::default() });
    recipient.busy_until = s(300);
    recipient.give_back(rate, s(2));
    assert_eq!(recipient.busy_until, s(300));
}

#[test]
fn a_verification_code_is_never_bundled() {
    let in_burst = Recipient { busy_until: s(0), sent: vec![s(0); 3], queued: Vec::new() };
    let mut recipients = BTreeMap::from([("a".to_owned(), in_burst)]);
    let code = message(1, 1, s(1));
    let candidate =
        Candidate { id: &code.id, recipient: Some("a"), purpose: Purpose::Verification, rank: 1, is_retry: false, collect: None };
    assert_eq!(throttle(&[candidate], &mut recipients, Channel::Sms, &limits(None), s(1), true), [Verdict::Go]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever comes when: the rate is kept, no more than the first ones go singly in a window, everybody is told once, and who is
    /// HIGH is told by the first slot after fifteen seconds.
    #[test]
    fn addresses_are_not_flooded_and_nothing_is_forgotten(
        times in prop::collection::vec((0..40_000_i64, 0..2_i64), 1..40),
        rate in prop::option::of(prop_oneof![Just((1_u32, 1_u32)), Just((1, 6)), Just((1, 60)), Just((5, 1))]),
        voice in any::<bool>(),
    ) {
        let channel = if voice { Channel::Voice } else { Channel::Sms };
        let limits = limits(rate);
        let coming: Vec<Message> = times.iter().enumerate().map(|(number, (at, rank))| message(number, *rank, ms(*at))).collect();
        let told = play(coming.clone(), channel, &limits, &[]);
        let mut all: Vec<&DeliveryId> = told.iter().flat_map(|(_, ids, _)| ids).collect();
        all.sort();
        prop_assert_eq!(all, coming.iter().map(|message| &message.id).collect::<Vec<_>>());
        if let Some((1, per_s)) = rate {
            prop_assert!(told.windows(2).all(|two| two[1].0.ms_since(two[0].0) >= i64::from(per_s) * 1_000), "{told:?}");
        }
        let first = limits.bundling.first_by(channel).unwrap_or_default();
        for (at, ..) in &told {
            let in_window = |other: &Timestamp| *other > at.plus_s(-120) && other <= at;
            let singly = told.iter().filter(|(other, _, collected)| in_window(other) && !collected).count();
            prop_assert!(singly <= first, "{told:?}");
        }
        let slot_ms = rate.map_or(0, |(calls, per_s)| i64::from(per_s) * 1_000 / i64::from(calls));
        let places = i64::try_from(first).unwrap_or(i64::MAX);
        for (number, (at, rank)) in times.iter().enumerate().filter(|(_, (_, rank))| *rank == 0) {
            let id = DeliveryId(format!("{number:04}"));
            let told_at = told.iter().find(|(_, ids, _)| ids.contains(&id)).map_or(i64::MAX, |(told_at, ..)| told_at.ms_since(ms(*at)));
            prop_assert!(told_at <= 15_000 + (places + 2) * slot_ms, "{rank} {told_at} {told:?}");
        }
    }
}
