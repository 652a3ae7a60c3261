//! What processes show each other of themselves.

use watchbell_core::Channel;
use watchbell_store::queue::Outage;

use crate::harness::Bed;

on_both![providers_that_a_process_does_not_call_are_seen_by_all];

async fn providers_that_a_process_does_not_call_are_seen_by_all(bed: &Bed) {
    let lease = std::time::Duration::from_secs(6);
    let mut others = Vec::new();
    if !bed.is_sqlite() {
        others.push((bed.store.open_session("other", "worker", &[Channel::Sms], lease).await.unwrap(), Vec::new()));
    }
    let one = bed.store.open_session("one", "worker", &[Channel::Sms, Channel::Voice], lease).await.unwrap();
    let seen = async || {
        let processes = bed.store.live_sessions().await.unwrap();
        processes.into_iter().map(|process| (process.epoch, process.outages)).collect::<Vec<_>>()
    };
    let beside = |outages: Vec<Outage>| [others.clone(), vec![(one, outages)]].concat();
    assert_eq!(seen().await, beside(Vec::new()));
    let outage = |channel, until| Outage { channel, provider: "twilio".to_owned(), until };
    let outages = vec![outage(Channel::Sms, Some(bed.now().plus_s(5))), outage(Channel::Voice, None)];
    bed.store.show_outages(one, &outages).await.unwrap();
    assert_eq!(seen().await, beside(outages.clone()));
    // A heartbeat leaves it as it is.
    assert!(bed.store.heartbeat(one, lease, &[]).await.unwrap().is_alive);
    assert_eq!(seen().await, beside(outages));
    bed.store.show_outages(one, &[]).await.unwrap();
    assert_eq!(seen().await, beside(Vec::new()));
    // Who has left says nothing.
    bed.store.close_session(one).await.unwrap();
    bed.store.show_outages(one, &[outage(Channel::Voice, None)]).await.unwrap();
    assert_eq!(seen().await, others);
}
