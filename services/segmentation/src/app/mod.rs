//! What can be done with segments. One file per noun; the verbs are those of the RPCs.
//!
//! | you want | use |
//! |---|---|
//! | what follows when a feed tells something | [`App::learn`] |
//! | what follows when time passes | [`App::sweep`] |
//! | what follows when a segment is made, changed or deleted | [`App::settle`] |
//! | what follows when customers are erased | [`App::erase_subjects`] |
//! | the first three end in | `judge`: assess customers, write and publish who entered and left |

mod customers;
mod judge;
mod learn;
mod membership;
mod progress;
mod remap;
mod report;
mod reread;
mod rules;
mod scheme;
mod segment;
mod settle;
mod subject;
mod sweep;
mod verify;
mod watch;

use std::sync::Arc;

use dossier_db::Db;
use dossier_feed::{Consumer, Feed};
use dossier_kernel::Clock;
use tokio::sync::Notify;

use crate::peers::Peers;
use rules::RuleBook;

pub use membership::{Check, Page};
pub use progress::FeedProgress;
pub use report::CustomerClasses;
pub use segment::{CreateSegment, Preview, Shown, UpdateSegment, etag};
pub use verify::Verification;
pub use watch::{Start, Watched};

/// The service behind its RPCs and jobs. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    db: Db,
    feed: Feed,
    clock: Clock,
    peers: Peers,
    rules: RuleBook,
    followers: Followers,
    /// There is a segment to settle.
    unsettled: Notify,
}

/// How far the three feeds were followed.
pub struct Followers {
    pub profile: Consumer,
    pub interaction: Consumer,
    pub feedback: Consumer,
}

/// The names under which cursors are stored.
const FOLLOW_PROFILE: &str = "segmentation.profile";
const FOLLOW_INTERACTION: &str = "segmentation.interaction";
const FOLLOW_FEEDBACK: &str = "segmentation.feedback";

impl App {
    pub fn new(db: Db, feed: Feed, clock: Clock, peers: Peers) -> Self {
        let followers = Followers {
            profile: Consumer::new(db.clone(), FOLLOW_PROFILE),
            interaction: Consumer::new(db.clone(), FOLLOW_INTERACTION),
            feedback: Consumer::new(db.clone(), FOLLOW_FEEDBACK),
        };
        let inner = Inner {
            db,
            feed,
            clock,
            peers,
            rules: RuleBook::default(),
            followers,
            unsettled: Notify::new(),
        };
        Self(Arc::new(inner))
    }

    pub fn followers(&self) -> &Followers {
        &self.0.followers
    }

    pub fn peers(&self) -> &Peers {
        &self.0.peers
    }

    /// Resolves once there may be a segment to settle.
    pub async fn unsettled(&self) {
        self.0.unsettled.notified().await;
    }
}
