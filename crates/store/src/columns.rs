//! Batches as parameters of one statement: rows, column by column, and lists.
//!
//! PostgreSQL takes an array a column. Had it JSON, it would read that letter by letter and look up each value by its name, which was
//! a sixth of its work for a delivery. SQLite, which has no arrays, takes JSON.

use serde::Serialize;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Postgres, Type};
use watchbell_core::{ContactId, DeliveryId, EventId, Timestamp, UserId};

/// A struct whose fields are the columns of a `{rows …}` hole, in its order.
macro_rules! row {
    (struct $name:ident $(<$life:lifetime>)? { $($field:ident: $type:ty),+ $(,)? }) => {
        #[derive(serde::Serialize)]
        struct $name $(<$life>)? { $($field: $type),+ }

        impl $(<$life>)? $crate::columns::Row for $name $(<$life>)? {
            const KINDS: &'static [$crate::columns::ColumnType] = &[$(<$type as $crate::columns::Field>::KIND),+];

            fn push(&self, columns: &mut [$crate::columns::Column]) {
                let mut columns = columns.iter_mut();
                $(if let Some(column) = columns.next() { $crate::columns::Field::push(&self.$field, column) })+
            }
        }
    };
}
pub(crate) use row;

/// What a `{rows …}` hole is filled with.
pub(crate) trait Row: Serialize {
    const KINDS: &'static [ColumnType];

    fn push(&self, columns: &mut [Column]);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Text,
    Number,
    Flag,
}

/// One value of a column.
pub(crate) trait Field: Serialize {
    const KIND: ColumnType;

    fn push(&self, column: &mut Column);
}

/// An array as PostgreSQL reads it.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    kind: ColumnType,
    count: i32,
    has_null: bool,
    /// Each value behind its length.
    values: Vec<u8>,
}

impl Column {
    pub(crate) fn new(kind: ColumnType) -> Self {
        Self { kind, count: 0, has_null: false, values: Vec::new() }
    }

    fn push(&mut self, value: &[u8]) {
        self.count += 1;
        // A text of two gigabytes does not get here.
        self.values.extend(i32::try_from(value.len()).unwrap_or(i32::MAX).to_be_bytes());
        self.values.extend(value);
    }

    fn push_null(&mut self) {
        self.count += 1;
        self.has_null = true;
        self.values.extend((-1_i32).to_be_bytes());
    }

    /// The columns of these rows.
    pub(crate) fn all<R: Row>(rows: &[R]) -> Vec<Self> {
        let mut columns: Vec<Self> = R::KINDS.iter().map(|kind| Self::new(*kind)).collect();
        for row in rows {
            row.push(&mut columns);
        }
        columns
    }

    /// One column.
    pub(crate) fn list<F: Field>(items: impl IntoIterator<Item = F>) -> Self {
        let mut column = Self::new(F::KIND);
        for item in items {
            item.push(&mut column);
        }
        column
    }
}

impl Type<Postgres> for Column {
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Column {
    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self.kind {
            ColumnType::Text => <Vec<String> as Type<Postgres>>::type_info(),
            ColumnType::Number => <Vec<i64> as Type<Postgres>>::type_info(),
            ColumnType::Flag => <Vec<bool> as Type<Postgres>>::type_info(),
        })
    }

    /// As `array_recv` reads it: dimensions, whether there are nulls, the type of the values, how many from which, the values.
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let value_oid: u32 = match self.kind {
            ColumnType::Text => 25,
            ColumnType::Number => 20,
            ColumnType::Flag => 16,
        };
        buffer.extend(i32::from(self.count > 0).to_be_bytes());
        buffer.extend(i32::from(self.has_null).to_be_bytes());
        buffer.extend(value_oid.to_be_bytes());
        if self.count > 0 {
            buffer.extend(self.count.to_be_bytes());
            buffer.extend(1_i32.to_be_bytes());
        }
        buffer.extend(&self.values);
        Ok(IsNull::No)
    }
}

impl Field for str {
    const KIND: ColumnType = ColumnType::Text;

    fn push(&self, column: &mut Column) {
        column.push(self.as_bytes());
    }
}

impl Field for i64 {
    const KIND: ColumnType = ColumnType::Number;

    fn push(&self, column: &mut Column) {
        column.push(&self.to_be_bytes());
    }
}

impl Field for bool {
    const KIND: ColumnType = ColumnType::Flag;

    fn push(&self, column: &mut Column) {
        column.push(&[u8::from(*self)]);
    }
}

impl<F: Field + ?Sized> Field for &F {
    const KIND: ColumnType = F::KIND;

    fn push(&self, column: &mut Column) {
        (**self).push(column);
    }
}

impl<F: Field> Field for Option<F> {
    const KIND: ColumnType = F::KIND;

    fn push(&self, column: &mut Column) {
        match self {
            Some(value) => value.push(column),
            None => column.push_null(),
        }
    }
}

/// Fields that are kept as another one is.
macro_rules! as_field {
    ($($type:ty => $as:ty: $get:expr;)+) => {$(
        impl Field for $type {
            const KIND: ColumnType = <$as as Field>::KIND;

            fn push(&self, column: &mut Column) {
                let get: fn(&Self) -> &$as = $get;
                get(self).push(column);
            }
        }
    )+};
}

as_field! {
    String => str: |text| text;
    DeliveryId => str: |id| &id.0;
    EventId => str: |id| &id.0;
    UserId => i64: |id| &id.0;
    ContactId => i64: |id| &id.0;
}

impl Field for Timestamp {
    const KIND: ColumnType = ColumnType::Number;

    fn push(&self, column: &mut Column) {
        self.as_millis().push(column);
    }
}
