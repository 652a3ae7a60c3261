//! Where a calendar's text comes from.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use url::Url;
use watchbell_core::network::Reach;
use watchbell_providers::feed::{FeedError, Feeds, Fetched, Version};
use watchbell_providers::settings::SettingError;

use crate::config::CalendarFrom;

/// The longest text that is read: some twenty thousand entries.
const LARGEST: usize = 8 * 1024 * 1024;

/// How long a server may take to answer. Services make calendars when they are asked.
const WITHIN: Duration = Duration::from_secs(30);

/// Why a calendar's text is not there, for people.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("its file cannot be read: {0}")]
    File(#[from] std::io::Error),
    #[error("it is longer than {LARGEST} bytes")]
    TooLong,
}

/// A calendar's text, and what it was when it was last read.
#[derive(Debug)]
pub enum Source {
    Feed { feeds: Box<Feeds>, url: Url, last: Option<(Arc<Vec<u8>>, Version)> },
    File(PathBuf),
}

impl Source {
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(from: CalendarFrom, reach: Reach) -> Result<Self, SettingError> {
        Ok(match from {
            CalendarFrom::Url(url) => Self::Feed { feeds: Box::new(Feeds::new(reach, LARGEST, WITHIN)?), url, last: None },
            CalendarFrom::File(path) => Self::File(path),
        })
    }

    /// The text as it is now.
    ///
    /// # Errors
    /// It is not there as a whole.
    pub async fn text(&mut self) -> Result<Arc<Vec<u8>>, Unread> {
        match self {
            Self::Feed { feeds, url, last } => {
                let known = last.as_ref().map(|(_, version)| version);
                if let Fetched::Text(text, version) = feeds.read(url, known).await? {
                    *last = Some((Arc::new(text), version));
                }
                Ok(last.as_ref().map(|(text, _)| text.clone()).unwrap_or_default())
            }
            Self::File(path) => {
                let mut text = Vec::new();
                let file = tokio::fs::File::open(path).await?;
                file.take(LARGEST as u64 + 1).read_to_end(&mut text).await?;
                if text.len() > LARGEST { Err(Unread::TooLong) } else { Ok(Arc::new(text)) }
            }
        }
    }
}
