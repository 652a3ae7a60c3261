//! The receiver's process, and what it has noted.

use std::path::Path;
use std::time::Duration;

use reqwest::Client;

use super::process::Process;
use crate::clock::{now_us, pause};
use crate::error::{Doing, Error};
use crate::receiver::notes::{Arrival, decode};

/// Between two looks at the count; the times themselves are the receiver's.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct Provider {
    process: Process,
    pub port: u16,
    pub smtp_port: u16,
    client: Client,
}

impl Provider {
    pub async fn start(log: &Path) -> Result<Self, Error> {
        let mut process = Process::role(["receiver"], log)?;
        let ports = process.line(Duration::from_secs(10)).await?;
        let mut ports = ports.split(' ').filter_map(|port| port.parse().ok());
        let (Some(port), Some(smtp_port)) = (ports.next(), ports.next()) else {
            return Err(Error::says("the receiver did not say its ports"));
        };
        let client = Client::builder().no_proxy().build().doing("making an HTTP client")?;
        Ok(Self { process, port, smtp_port, client })
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    async fn ask(&self, path: &str) -> Result<bytes::Bytes, Error> {
        let url = format!("http://127.0.0.1:{}/bench/{path}", self.port);
        let answer = self.client.get(url).send().await.doing("asking the receiver")?;
        answer.bytes().await.doing("asking the receiver")
    }

    /// Forgets everything; from now on every answer waits `delay_ms`.
    pub async fn reset(&self, delay_ms: u32) -> Result<(), Error> {
        self.ask(&format!("reset/{delay_ms}")).await.map(drop)
    }

    pub async fn count(&self) -> Result<u64, Error> {
        let count = self.ask("count").await?;
        std::str::from_utf8(&count).ok().and_then(|count| count.parse().ok()).ok_or_else(|| Error::says("the receiver gave no count"))
    }

    pub async fn arrivals(&self) -> Result<Vec<Arrival>, Error> {
        Ok(decode(&self.ask("arrivals").await?))
    }

    /// Waits for `count` messages. An error when none came for `patience`.
    pub async fn expect(&self, count: u64, patience: Duration) -> Result<(), Error> {
        let (mut seen, mut since_us) = (0, now_us());
        loop {
            let now = self.count().await?;
            if now >= count {
                return Ok(());
            }
            if now > seen {
                (seen, since_us) = (now, now_us());
            } else if Duration::from_micros(now_us().saturating_sub(since_us)) > patience {
                return Err(Error::says(format!("{now} of {count} deliveries arrived, and none in the last {} s", patience.as_secs())));
            }
            pause(LOOK).await;
        }
    }
}
