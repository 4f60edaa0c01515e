//! Who is connected: when there is no room for another, one that has not shown the token goes, and first of those of the peer
//! that has most. Anybody can open connections; who has the token is not to be kept out by who has not.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::attempts::network;

/// All connections of a service.
pub(super) struct Crowd {
    room: Arc<Semaphore>,
    /// Those that have not shown the token when they were looked at last, the oldest first.
    strangers: Mutex<(u64, BTreeMap<u64, Stranger>)>,
}

struct Stranger {
    peer: IpAddr,
    known: Known,
    sent_away: Arc<Notify>,
}

/// Whether the token was shown on a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<AtomicBool>);

impl Known {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection's place; dropped, it is free.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    pub(super) known: Known,
    sent_away: Arc<Notify>,
    _permit: OwnedSemaphorePermit,
}

impl Crowd {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(most.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { room, strangers: Mutex::default() })
    }

    /// A place for one more. Where there is none, a stranger is sent away; who has shown the token is waited for.
    pub(super) async fn place(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let permit = if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            permit
        } else {
            self.send_one_away();
            Arc::clone(&self.room).acquire_owned().await.ok()?
        };
        let (known, sent_away) = (Known::default(), Arc::new(Notify::new()));
        let stranger = Stranger { peer: network(peer), known: known.clone(), sent_away: Arc::clone(&sent_away) };
        let mut strangers = self.strangers();
        strangers.0 += 1;
        let number = strangers.0;
        strangers.1.insert(number, stranger);
        drop(strangers);
        Some(Place { crowd: Arc::clone(self), number, known, sent_away, _permit: permit })
    }

    fn send_one_away(&self) {
        let mut strangers = self.strangers();
        strangers.1.retain(|_, stranger| !stranger.known.is());
        let mut of_peer: HashMap<IpAddr, usize> = HashMap::new();
        for stranger in strangers.1.values() {
            *of_peer.entry(stranger.peer).or_default() += 1;
        }
        let most = of_peer.values().max().copied().unwrap_or_default();
        let oldest = strangers.1.iter().find(|(_, stranger)| of_peer.get(&stranger.peer) == Some(&most));
        if let Some(gone) = oldest.map(|(number, _)| *number).and_then(|number| strangers.1.remove(&number)) {
            tracing::info!("a connection of {} that has shown no token makes room for another", gone.peer);
            gone.sent_away.notify_one();
        }
    }

    fn strangers(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Stranger>)> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Waits until the connection is to make room.
    pub(super) async fn sent_away(&self) {
        self.sent_away.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.strangers().1.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn is_sent_away(place: &Place) -> bool {
        tokio::time::timeout(Duration::from_millis(1), place.sent_away()).await.is_ok()
    }

    #[tokio::test]
    async fn the_oldest_stranger_of_the_peer_that_has_most_makes_room() {
        let crowd = Crowd::new(4);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|peer| peer.parse::<IpAddr>().unwrap());
        let alone = crowd.place(other).await.unwrap();
        let known = crowd.place(one).await.unwrap();
        known.known.note();
        let (first, second) = (crowd.place(one).await.unwrap(), crowd.place(one).await.unwrap());
        let waits = tokio::spawn({
            let crowd = Arc::clone(&crowd);
            async move { crowd.place(other).await.unwrap() }
        });
        tokio::time::timeout(Duration::from_secs(20), first.sent_away()).await.unwrap();
        for stays in [&alone, &known, &second] {
            assert!(!is_sent_away(stays).await);
        }
        drop(first);
        let third = waits.await.unwrap();
        // nobody is left to be sent away but who has shown the token
        for place in [&alone, &second, &third] {
            place.known.note();
        }
        crowd.send_one_away();
        for stays in [&alone, &known, &second, &third] {
            assert!(!is_sent_away(stays).await);
        }
    }
}
