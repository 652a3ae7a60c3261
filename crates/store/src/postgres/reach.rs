//! The first connection: why it cannot be made, in words that help, and never with the password.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use watchbell_core::Clock;

use crate::StoreError;
use crate::fault::Fault;

/// How long a server may take to answer, and to start when it is started along with us.
const PATIENCE: Duration = Duration::from_secs(3);
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// The first connection. A pool would try everything again, and know in the end no more than that it took too long.
///
/// # Errors
/// `Unusable`: what cannot be reached, why, and what would help.
pub(super) async fn reach(connect: &PgConnectOptions, clock: &dyn Clock) -> Result<PgConnection, StoreError> {
    let mut last = None;
    let reached = tokio::time::timeout(PATIENCE, async {
        loop {
            match connect.connect().await {
                Ok(connection) => return Ok(connection),
                Err(error) if Fault::is_starting(&error) => last = Some(error),
                Err(error) => return Err(error),
            }
            clock.sleep(BETWEEN_TRIES).await;
        }
    });
    let why = match reached.await {
        Ok(Ok(connection)) => return Ok(connection),
        Ok(Err(error)) => why(&error, connect),
        Err(_) => last.map_or_else(|| format!("no answer within {} s", PATIENCE.as_secs()), |error| why(&error, connect)),
    };
    let (host, port) = (connect.get_host(), connect.get_port());
    Err(StoreError::Unusable(format!("cannot open the PostgreSQL database at {host}:{port}: {why}")))
}

fn why(error: &sqlx::Error, connect: &PgConnectOptions) -> String {
    let user = connect.get_username();
    let database = connect.get_database().unwrap_or(user);
    match error {
        sqlx::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            "connection refused; is PostgreSQL running there?".to_owned()
        }
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("28P01") => format!("it does not accept the password of the user {user:?}"),
            Some("28000") => format!("it does not let the user {user:?} in: {}", error.message()),
            Some("3D000") => format!("there is no database {database:?}; CREATE DATABASE makes it"),
            _ => error.message().to_owned(),
        },
        other => watchbell_core::error_chain(other).replace('\n', " "),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgSslMode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What is said of a server that answers every connection with an error of this code.
    async fn said(code: &str, message: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let fields = format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0");
        let length = u32::try_from(fields.len() + 4).expect("a short message").to_be_bytes();
        let answer = [b"E", &length[..], fields.as_bytes()].concat();
        let server = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let _ = client.read(&mut [0; 1024]).await;
                let _ = client.write_all(&answer).await;
            }
        });
        let connect = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).ssl_mode(PgSslMode::Disable);
        let result = reach(&connect.username("anna").password("hunter2").database("bell"), &watchbell_core::SystemClock).await;
        server.abort();
        let sentence = result.expect_err("it was refused").to_string();
        sentence.replace(&port.to_string(), "PORT")
    }

    #[tokio::test]
    async fn a_refusal_says_what_would_help_and_not_the_password() {
        let table = [
            ("28P01", "password authentication failed for user \"anna\"", "it does not accept the password of the user \"anna\""),
            ("28000", "no pg_hba.conf entry", "it does not let the user \"anna\" in: no pg_hba.conf entry"),
            ("3D000", "database \"bell\" does not exist", "there is no database \"bell\"; CREATE DATABASE makes it"),
            ("42501", "permission denied", "permission denied"),
            // Tried again for a while: it may be starting.
            ("57P03", "the database system is starting up", "the database system is starting up"),
        ];
        for (code, message, why) in table {
            assert_eq!(said(code, message).await, format!("cannot open the PostgreSQL database at 127.0.0.1:PORT: {why}"));
        }
    }
}
