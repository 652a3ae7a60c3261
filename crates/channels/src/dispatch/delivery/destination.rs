//! Where a delivery goes.

use watchbell_core::device::Device;
use watchbell_core::{Channel, Secret};
use watchbell_store::queue::{Job, Target};

use crate::provider::Address;

/// The address of a job, whether or not anything may be sent there: it decides which provider takes the job.
pub(in crate::dispatch) fn destination(job: &Job) -> Option<Address> {
    match &job.target {
        Target::Contact { target, .. } => Some(address(job.channel, target)),
        Target::Device(device) => Some(device_address(device)),
        Target::User => Some(inbox(job)),
        Target::Gone => None,
    }
}

pub(super) fn inbox(job: &Job) -> Address {
    Address::Inbox { user_id: job.user_id, category: job.event.category().map(str::to_owned) }
}

pub(super) fn device_address(device: &Device) -> Address {
    Address::Device { kind: device.kind, token: Secret::new(device.token.clone()), keys: device.keys.clone().map(Secret::new) }
}

/// What a channel sends to, from a contact's target.
pub fn address(channel: Channel, target: &Secret) -> Address {
    match channel {
        Channel::Email => Address::Email(target.expose().to_owned()),
        Channel::Sms | Channel::Voice | Channel::Whatsapp => Address::Phone(target.expose().to_owned()),
        Channel::Telegram => Address::Telegram(target.expose().to_owned()),
        _ => Address::Other(target.clone()),
    }
}
