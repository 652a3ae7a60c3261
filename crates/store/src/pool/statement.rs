//! How statements are run: on a connection in use, or alone on any that is free.

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sqlx::error::BoxDynError;
use sqlx::{Database, Either, Error, Execute, Executor, SqlStr};

use super::{Backend, Pool, Session};
use crate::fault::Fault;

type Step<DB> = Either<<DB as Database>::QueryResult, <DB as Database>::Row>;

impl<'c, DB: Backend> Executor<'c> for &'c mut Session<DB>
where
    for<'a> &'a mut DB::Connection: Executor<'a, Database = DB>,
{
    type Database = DB;

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<DB::QueryResult, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        Box::pin(self.ask(|connection| connection.execute(query)))
    }

    /// What it answers is read to its end before the first row is given: all of it counts towards the limit.
    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        let answer = self.ask(|connection| Box::pin(connection.fetch_many(query).try_collect::<Vec<_>>()));
        steps::<DB>(answer)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        Box::pin(self.ask(|connection| connection.fetch_optional(query)))
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [DB::TypeInfo]) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        'c: 'e,
    {
        Box::pin(self.ask(|connection| connection.prepare_with(sql, parameters)))
    }
}

/// A statement by itself is a transaction by itself: where its preparation is stale it is run once more, prepared anew.
impl<'c, DB: Backend> Executor<'c> for &'c Pool<DB>
where
    DB::Arguments: Clone,
    for<'a> &'a mut DB::Connection: Executor<'a, Database = DB>,
{
    type Database = DB;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step<DB>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        steps::<DB>(async move {
            let alone = Alone::of(query)?;
            // By itself, so that its connection is given back before there is another one.
            let done = self.acquire().await?.fetch_many(alone.clone()).try_collect::<Vec<_>>().await;
            match done {
                Err(error) if Fault::of(&error) == Fault::Stale => self.acquire().await?.fetch_many(alone).try_collect().await,
                done => done,
            }
        })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<DB::Row>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, DB>,
    {
        Box::pin(async move {
            let alone = Alone::of(query)?;
            let done = self.acquire().await?.fetch_optional(alone.clone()).await;
            match done {
                Err(error) if Fault::of(&error) == Fault::Stale => self.acquire().await?.fetch_optional(alone).await,
                done => done,
            }
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [DB::TypeInfo]) -> BoxFuture<'e, Result<DB::Statement, Error>>
    where
        'c: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }
}

fn steps<'e, DB: Database>(
    answer: impl Future<Output = Result<Vec<Step<DB>>, Error>> + Send + 'e,
) -> BoxStream<'e, Result<Step<DB>, Error>> {
    stream::once(answer).map_ok(|steps| stream::iter(steps).map(Ok)).try_flatten().boxed()
}

/// A statement that can be run again.
struct Alone<DB: Database> {
    sql: SqlStr,
    arguments: Option<DB::Arguments>,
    is_persistent: bool,
}

impl<DB: Database> Alone<DB> {
    fn of<'q>(mut query: impl Execute<'q, DB>) -> Result<Self, Error> {
        let arguments = query.take_arguments().map_err(Error::Encode)?;
        Ok(Self { is_persistent: query.persistent(), arguments, sql: query.sql() })
    }
}

impl<DB: Database> Clone for Alone<DB>
where
    DB::Arguments: Clone,
{
    fn clone(&self) -> Self {
        Self { sql: self.sql.clone(), arguments: self.arguments.clone(), is_persistent: self.is_persistent }
    }
}

impl<DB: Database> Execute<'_, DB> for Alone<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.is_persistent
    }
}
