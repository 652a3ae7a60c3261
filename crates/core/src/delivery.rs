//! The states of a delivery and the ways between them.

use serde::{Deserialize, Serialize};

use crate::channel::named_enum;

named_enum! {
    /// Where a delivery stands.
    pub enum State ("state") {
        /// Waits for its time; a lease marks it as claimed.
        Scheduled = "scheduled",
        /// The call to the provider has begun.
        Sending = "sending",
        /// The provider took it.
        Sent = "sent",
        /// The provider says that it arrived.
        Delivered = "delivered",
        /// The provider took it, and later said that it did not arrive.
        Undelivered = "undelivered",
        /// Will not be tried again.
        Failed = "failed",
        /// No longer needed.
        Cancelled = "cancelled",
        /// Its time passed before it could be sent.
        Expired = "expired",
        /// The user's own switches say no, or nothing is sent here at all: a shadow.
        Suppressed = "suppressed",
        /// Waits for quiet hours, or a digest's period, to end.
        Held = "held",
        /// Part of another delivery, whose outcome it shares.
        Bundled = "bundled",
    }
}

impl State {
    /// Whether a delivery in this state may go to `next`. Everything that writes a state is bound by this.
    pub fn may_become(self, next: Self) -> bool {
        use State::{Bundled, Cancelled, Delivered, Expired, Failed, Held, Scheduled, Sending, Sent, Suppressed, Undelivered};
        match self {
            // What did not arrive by one provider, and is taken by no other, is undelivered.
            Scheduled => matches!(next, Sending | Cancelled | Suppressed | Expired | Bundled | Held | Failed | Undelivered),
            Sending => matches!(next, Sent | Scheduled | Failed | Cancelled | Expired),
            // A call that nobody answered is tried again.
            Sent => matches!(next, Delivered | Undelivered | Scheduled),
            // Receipts come in any order; what arrived has arrived.
            Undelivered => matches!(next, Delivered | Scheduled),
            Held => matches!(next, Scheduled | Cancelled),
            Bundled => matches!(next, Sent | Delivered | Undelivered | Failed | Expired | Cancelled | Suppressed),
            Failed => next == Scheduled,
            Delivered | Cancelled | Expired | Suppressed => false,
        }
    }

    /// Whether nothing has gone to a provider yet and something still may.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Scheduled | Self::Held)
    }
}

named_enum! {
    /// What a delivery is for.
    pub enum Purpose ("purpose") {
        /// A user's own rule.
        Rule = "rule",
        /// The email for who has no rule.
        Fallback = "fallback",
        /// Tells of a shift that no longer is.
        DutyCancelled = "duty_cancelled",
        /// Several messages to one address in one.
        Bundle = "bundle",
        Digest = "digest",
        /// A contact's verification code.
        Verification = "verification",
        /// Somebody tries whether a contact can be reached.
        Test = "test",
    }
}

named_enum! {
    /// What a provider says later about a message that it took.
    pub enum ReceiptOutcome ("receipt") {
        Delivered = "delivered",
        /// The recipient has opened it, so it has arrived, whether or not that was said before.
        Read = "read",
        Undelivered = "undelivered",
        /// It did not arrive for a reason that passes: a call is made again within the retry window, a message goes by the channel's
        /// next provider.
        TryAgain = "try_again",
        /// This provider has no way there, and another one may: it goes by the channel's next provider.
        NoRoute = "no_route",
        /// The recipient cannot be reached this way, ever.
        BadAddress = "bad_address",
        /// A call that nobody answered: tried again within the retry window.
        NotAnswered = "not_answered",
    }
}

impl ReceiptOutcome {
    /// Whether the message has reached its recipient.
    pub fn has_arrived(self) -> bool {
        matches!(self, Self::Delivered | Self::Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rank(state: State) -> u8 {
        match state {
            State::Held => 0,
            State::Scheduled => 1,
            State::Sending => 2,
            State::Sent => 3,
            State::Undelivered => 4,
            _ => 5,
        }
    }

    proptest! {
        /// Only a retry, an unanswered call, a replay, or a hold go back; every other step goes forward.
        #[test]
        fn states_move_forward(from in 0..State::ALL.len(), to in 0..State::ALL.len()) {
            let (from, to) = (State::ALL[from], State::ALL[to]);
            if from.may_become(to) && to != State::Scheduled && to != State::Held {
                prop_assert!(rank(to) > rank(from) || from == State::Bundled, "{from} -> {to}");
            }
        }

        #[test]
        fn nothing_follows_an_end(to in 0..State::ALL.len()) {
            for end in [State::Delivered, State::Cancelled, State::Expired, State::Suppressed] {
                prop_assert!(!end.may_become(State::ALL[to]));
            }
        }
    }
}
