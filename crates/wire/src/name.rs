//! Names out of a fixed set.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use watchbell_core::Channel;
use watchbell_core::access::Role;
use watchbell_core::contact::{ContactKind, ContactStatus};
use watchbell_core::decode::RejectReason;
use watchbell_core::delivery::{Purpose, ReceiptOutcome, State};
use watchbell_core::device::DeviceKind;
use watchbell_core::event::{Action, DutyStatus, EventKind, Priority, UpdateStatus};
use watchbell_core::outcome::Class;
use watchbell_core::preference::{Digest, NotificationStatus};
use watchbell_core::rule::{Surface, Trigger};

/// An enum each of whose variants has a name on the wire.
pub trait Named: Copy + 'static {
    const ALL: &'static [Self];

    fn name(self) -> &'static str;
}

macro_rules! named {
    ($($kind:ty),+ $(,)?) => {$(
        impl Named for $kind {
            const ALL: &'static [Self] = <$kind>::ALL;

            fn name(self) -> &'static str {
                self.as_str()
            }
        }
    )+};
}

named!(
    Action,
    Channel,
    Class,
    ContactKind,
    ContactStatus,
    DeviceKind,
    Digest,
    DutyStatus,
    EventKind,
    NotificationStatus,
    Priority,
    Purpose,
    ReceiptOutcome,
    RejectReason,
    Role,
    State,
    Surface,
    Trigger,
);

/// What publishers may say; that somebody declines is an answer, and only Watchbell's own.
impl Named for UpdateStatus {
    const ALL: &'static [Self] = &Self::PUBLISHED;

    fn name(self) -> &'static str {
        self.as_str()
    }
}

/// Makes enums of names that only the wire has.
macro_rules! names {
    ($($(#[$doc:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $crate::Named for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    )+};
}
pub(crate) use names;

/// One of the names of `T`. What is read may be a name that only a newer Watchbell knows: an older command can show it all the
/// same.
pub struct Name<T>(Cow<'static, str>, PhantomData<fn() -> T>);

impl<T> Name<T> {
    /// A name that was kept as text.
    pub fn kept(text: String) -> Self {
        Self(text.into(), PhantomData)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Named> From<T> for Name<T> {
    fn from(named: T) -> Self {
        Self(named.name().into(), PhantomData)
    }
}

impl<T> Clone for Name<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T> PartialEq for Name<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Name<T> {}

impl<T> fmt::Debug for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> fmt::Display for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<T> Serialize for Name<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de, T> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::kept)
    }
}

impl<T: Named> JsonSchema for Name<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = T::ALL.iter().map(|named| named.name()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}
