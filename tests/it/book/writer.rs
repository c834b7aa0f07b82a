//! One after the other: changes of things of one kind.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use dossier_testkit::Clients;
use tonic::{Code, Status};

use super::thing::{Kind, Thing};

/// How long a writer waits after trouble, and how often it repeats what must succeed.
const PAUSE: Duration = Duration::from_millis(5);
const REPEATS_MAX: usize = 4_000;

pub struct Writer {
    pub kind: Kind,
    pub things: Vec<Thing>,
    /// What went wrong since somebody last looked.
    pub troubles: Vec<Status>,
    /// The cursor of the last change.
    pub cursor: String,
    /// Things before this one were compared and have not changed since.
    pub compared: usize,
    number: usize,
    customer: String,
    log: Option<PathBuf>,
}

impl Writer {
    pub fn new(kind: Kind, number: usize, customer: String, log: Option<PathBuf>) -> Self {
        Self {
            kind,
            things: Vec::new(),
            troubles: Vec::new(),
            cursor: String::new(),
            compared: 0,
            number,
            customer,
            log,
        }
    }

    /// Writes until `stop`; answers how many changes were acknowledged.
    pub async fn write(&mut self, clients: &Clients, stop: &AtomicBool) -> anyhow::Result<usize> {
        let mut acknowledged = 0;
        while !stop.load(Ordering::Acquire) {
            if self.is_answered() {
                self.plan();
            }
            if self.ask(clients).await? {
                acknowledged += 1;
            } else {
                // A suite that is down would be asked thousands of times.
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(acknowledged)
    }

    /// Asks until what was asked last is acknowledged.
    pub async fn repeat(&mut self, clients: &Clients) -> anyhow::Result<()> {
        for _ in 0..REPEATS_MAX {
            if self.is_answered() || self.ask(clients).await? {
                self.troubles.clear();
                return Ok(());
            }
            // As above.
            tokio::time::sleep(PAUSE).await;
        }
        bail!(
            "{:?} is refused for ever: {:?}",
            self.kind,
            self.troubles.last()
        )
    }

    pub fn acknowledged_count(&self) -> usize {
        let states = self.things.iter().flat_map(|thing| &thing.states);
        states.filter(|state| state.acknowledged.is_some()).count()
    }

    fn is_answered(&self) -> bool {
        let last = self.things.last().and_then(|thing| thing.states.last());
        last.is_none_or(|state| state.acknowledged.is_some())
    }

    /// The next change: of the last thing until it is complete, then of a new one.
    fn plan(&mut self) {
        match self.things.last_mut() {
            Some(thing) if thing.states.len() < self.kind.states_max() => thing.plan(),
            _ => {
                let key = format!("{:?}-{}-{}", self.kind, self.number, self.things.len());
                let mut thing = Thing::new(self.kind, key, self.customer.clone());
                thing.plan();
                self.things.push(thing);
            }
        }
    }

    /// Asks once for the last change; false where the suite is in trouble.
    async fn ask(&mut self, clients: &Clients) -> anyhow::Result<bool> {
        let thing = self.things.last_mut().context("something to ask for")?;
        let index = thing.states.len() - 1;
        match thing.ask(clients, index).await {
            Ok(answer) => {
                ensure!(
                    thing.name.is_empty() || thing.name == answer.name,
                    "{} is {} and {}: doubled",
                    thing.key,
                    thing.name,
                    answer.name
                );
                thing.name = answer.name;
                if !answer.cursor.is_empty() {
                    self.cursor = answer.cursor;
                }
                let mark = match &self.log {
                    None => 0,
                    Some(log) => std::fs::metadata(log)?.len(),
                };
                thing.states[index].acknowledged = Some(mark);
                Ok(true)
            }
            Err(status) if is_trouble(&status) => {
                self.troubles.push(status);
                Ok(false)
            }
            Err(status) => Err(status).with_context(|| {
                format!(
                    "change {index} of {} ({}) is refused",
                    thing.key, thing.name
                )
            }),
        }
    }
}

/// What a suite may answer that is in trouble; everything else tells of a lost or doubled change.
fn is_trouble(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
    )
}
