//! Looks at the whole stream every two seconds, for unknown subjects, and for events that were gone before anyone took them.
//!
//! The sequence numbers that a filtered consumer delivers have gaps all the time, so a gap there says nothing. Instead each
//! consumer has a mark, a sequence number up to which all its events were taken. The mark moves to the consumer's acknowledgement
//! floor, and to the end of the stream whenever nothing is left for the consumer. If the stream's first message has a higher
//! number than the one after a mark, events of that consumer may have expired, been purged, or been pushed out by limits before
//! they were read. Within the seven days that the stream keeps them this happens only if Watchbell was away or could not commit
//! for so long, or if somebody purged or limited the stream.
//!
//! Marks live in memory. After the start, the highest number that any consumer was given serves as the mark of all, since Watchbell
//! was reading at that time. (Newer servers may have moved that number along with the stream, so a gap from the time when no
//! process ran can stay unseen.)

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::Info;
use async_nats::jetstream::stream::Stream;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;
use watchbell_core::Clock;

use crate::committer::{Committer, PlanningOrder};
use crate::concerns;
use crate::consumer::{ALL_EVENTS, Feed};
use crate::counters::Counters;
use crate::poison;
use crate::stream_setup::StreamSetup;

/// Where unknown kinds are looked for while a standing consumer reads all deeper subjects.
const DIRECTLY_BELOW: &str = "watchbell.events.*";

const EVERY: Duration = Duration::from_secs(2);

/// Unknown subjects that are read in one round. The others are read in later rounds, when these have left the stream.
const MOST_STRAYS: usize = 100;

/// Messages of one stray subject that are taken at once.
const STRAY_BATCH: usize = 100;

pub(crate) async fn run(setup: Arc<StreamSetup>, committer: Arc<Committer>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut watch = StreamWatch {
        setup: &setup,
        committer: &committer,
        stop: &stop,
        link_times: 0,
        marks: None,
        stalls: HashMap::new(),
        strays: HashMap::new(),
    };
    let rounds = async {
        loop {
            clock.sleep(EVERY).await;
            setup.connection().connected().await;
            if let Err(error) = watch.round().await {
                // The readers log what is wrong; the next round tries again.
                tracing::debug!(%error, "cannot look at the stream");
            }
        }
    };
    stop.run_until_cancelled(Box::pin(rounds)).await;
}

struct StreamWatch<'a> {
    setup: &'a StreamSetup,
    committer: &'a Committer,
    stop: &'a CancellationToken,
    /// How often the connection had come up when unreadable events were last looked for.
    link_times: u64,
    marks: Option<HashMap<String, u64>>,
    stalls: HashMap<String, Stall>,
    /// Unknown subjects with how many messages they had after they were last read.
    strays: HashMap<String, usize>,
}

impl StreamWatch<'_> {
    async fn round(&mut self) -> Result<(), async_nats::Error> {
        let times = self.setup.connection().link().borrow().times;
        if times != self.link_times {
            for feed in self.setup.feeds().await {
                poison::clear(&feed, self.setup, self.committer, self.stop).await?;
            }
            self.link_times = times;
        }
        let stream = self.setup.context().get_stream(self.setup.stream_name()).await?;
        let feeds = self.setup.feeds().await;
        self.look_for_gaps(&stream, &feeds).await?;
        self.read_strays(&stream, feeds.iter().any(Feed::is_deeper)).await
    }

    async fn look_for_gaps(&mut self, stream: &Stream, feeds: &[Feed]) -> Result<(), async_nats::Error> {
        // The stream is asked before its consumers: so a consumer that has nothing left was given all that the answer counts.
        let info = stream.get_info().await?;
        let state = info.state;
        let mut consumers = Vec::new();
        for feed in feeds {
            consumers.push(stream.consumer_info(&feed.name).await?);
        }
        for info in &consumers {
            self.stalls.entry(info.name.clone()).or_default().observe(info);
            self.committer.counters().lags(&info.name, info.num_pending, info.num_ack_pending);
        }
        self.committer.counters().wait(consumers.iter().map(|info| info.num_pending).sum());
        if !concerns::has_gaps_alarm(&info.config) {
            return Ok(());
        }
        let before = self.marks.take().unwrap_or_else(|| first_marks(&consumers, state.first_sequence));
        let (marks, missed) = compare(&before, &consumers, state.first_sequence, state.last_sequence);
        if missed > 0 {
            tracing::error!(missed, "events were gone from the stream before they were read; at most so many were lost");
            Counters::add(&self.committer.counters().missed, usize::try_from(missed).unwrap_or(usize::MAX));
        }
        self.marks = Some(marks);
        Ok(())
    }

    /// Reads the subjects that have no standing consumer. Their events are of no known kind, so all become dead letters.
    async fn read_strays(&mut self, stream: &Stream, has_deeper: bool) -> Result<(), async_nats::Error> {
        let mut subjects = stream.info_with_subjects(if has_deeper { DIRECTLY_BELOW } else { ALL_EVENTS }).await?;
        let mut present = HashMap::new();
        while let Some((subject, count)) = subjects.next().await.transpose()? {
            if let Some(feed) = Feed::of_stray(&subject, has_deeper) {
                present.insert(subject, (feed, count));
            }
            if present.len() == MOST_STRAYS {
                break;
            }
        }
        let gone: Vec<String> = self.strays.keys().filter(|subject| !present.contains_key(*subject)).cloned().collect();
        for subject in gone {
            self.strays.remove(&subject);
            if let Some(feed) = Feed::of_stray(&subject, false) {
                stream.delete_consumer(&feed.name).await?;
            }
        }
        for (subject, (feed, count)) in present {
            if self.strays.get(&subject) != Some(&count) {
                self.read_stray(&feed).await?;
                self.strays.insert(subject, count);
            }
        }
        Ok(())
    }

    async fn read_stray(&self, feed: &Feed) -> Result<(), async_nats::Error> {
        let consumer = self.setup.consumer(feed).await?;
        poison::clear(feed, self.setup, self.committer, self.stop).await?;
        loop {
            let batch = consumer.fetch().max_messages(STRAY_BATCH).messages().await?;
            let messages: Vec<_> = batch.filter_map(async |message| message.ok()).collect().await;
            if messages.is_empty() {
                return Ok(());
            }
            let committed = self.committer.commit(&messages, &PlanningOrder::default(), self.stop).await;
            for (message, _) in messages.iter().zip(&committed).filter(|(_, committed)| **committed) {
                message.ack().await?;
            }
            if committed.contains(&false) {
                return Ok(());
            }
        }
    }
}

/// A consumer that holds events and is asked for them, but gives none. Nothing that a client can do helps against that (it
/// was seen with nats-server 2.9 after a stream was deleted and made again at once), so somebody has to be told.
#[derive(Default)]
struct Stall {
    given: u64,
    rounds: u32,
}

impl Stall {
    /// 30 s, longer than any request for events stays open.
    const LONG: u32 = 15;

    fn observe(&mut self, info: &Info) {
        let given = info.delivered.consumer_sequence;
        let stands = info.num_pending > 0 && info.num_waiting > 0 && given == self.given;
        self.rounds = if stands { self.rounds.saturating_add(1) } else { 0 };
        self.given = given;
        if self.rounds == Self::LONG {
            tracing::error!(
                consumer = info.name,
                pending = info.num_pending,
                "nats-server holds events and does not deliver them; it needs a restart"
            );
        }
    }
}

/// The marks after the start (see above). Consumers that were never given anything may be as new as this process, so they say
/// nothing of what was read before.
fn first_marks(consumers: &[Info], first: u64) -> HashMap<String, u64> {
    let reached = consumers.iter().map(|info| info.delivered.stream_sequence).max().filter(|reached| *reached > 0);
    let mark = reached.unwrap_or_else(|| first.saturating_sub(1));
    consumers.iter().map(|info| (info.name.clone(), mark)).collect()
}

/// The new marks, and how many events at most were missed. A mark beyond the end of the stream belongs to an earlier stream of the
/// same name, and begins anew.
fn compare(before: &HashMap<String, u64>, consumers: &[Info], first: u64, last: u64) -> (HashMap<String, u64>, u64) {
    let mut missed = 0;
    let mut marks = HashMap::new();
    for info in consumers {
        let known = before.get(&info.name).copied().filter(|mark| *mark <= last).unwrap_or_else(|| first.saturating_sub(1));
        missed = missed.max(first.saturating_sub(known + 1));
        let idle = info.num_pending == 0 && info.num_ack_pending == 0;
        let taken = if idle { last } else { info.ack_floor.stream_sequence };
        marks.insert(info.name.clone(), known.max(taken).max(first.saturating_sub(1)));
    }
    (marks, missed)
}
