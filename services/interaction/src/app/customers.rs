//! Who somebody is: asks profile, and remembers the answer for a moment.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use dossier_kernel::{Ctx, CustomerId, Result, TenantId};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::{CustomerKey, Who};
use crate::peers::Profile;

/// How long an answer is believed. A customer deleted meanwhile can still be written to.
pub(super) const BELIEVED_FOR: Duration = Duration::from_secs(30);
const REMEMBERED_MAX: u64 = 50_000;
/// How many customers profile is asked for at once.
const ASKED_MAX: usize = 500;

/// Resolves customers, each unknown one once per call, and remembers only those that exist: a
/// customer created a moment ago must be found.
pub struct Customers {
    profile: Profile,
    known: Cache<Fingerprint, CustomerId>,
    /// Identifiers are personal and few enough to be guessed: what is remembered of them cannot be
    /// recognised outside this process.
    salt: [Uuid; 2],
}

type Fingerprint = [u8; 32];
type TenantPrint = [u8; 16];

impl Customers {
    pub fn new(profile: Profile) -> Self {
        let known = Cache::builder()
            .max_capacity(REMEMBERED_MAX)
            .time_to_live(BELIEVED_FOR)
            .build();
        Self {
            profile,
            known,
            salt: [Uuid::new_v4(), Uuid::new_v4()],
        }
    }

    /// Asks again who has the names and identifiers that were these customers'.
    pub fn forget(&self, customers: &HashSet<CustomerId>) {
        let known = self.known.iter();
        for (print, _) in known.filter(|(_, customer)| customers.contains(customer)) {
            self.known.invalidate(&*print);
        }
    }

    /// In the order asked; `None` where there is no such customer.
    pub async fn resolve(&self, ctx: &Ctx, who: &[&Who]) -> Result<Vec<Option<CustomerId>>> {
        let tenant = self.tenant_print(&ctx.tenant);
        let prints: Vec<Fingerprint> = who
            .iter()
            .map(|who| self.fingerprint(&tenant, who))
            .collect();
        let mut found: HashMap<Fingerprint, Option<CustomerId>> =
            HashMap::with_capacity(prints.len());
        let mut asked = Vec::new();
        for (print, who) in prints.iter().zip(who) {
            found.entry(*print).or_insert_with(|| {
                let known = self.known.get(print);
                if known.is_none() {
                    asked.push((*print, *who));
                }
                known
            });
        }
        for asked in asked.chunks(ASKED_MAX) {
            let question: Vec<&Who> = asked.iter().map(|(_, who)| *who).collect();
            let answers = self.profile.lookup_customers(ctx, &question).await?;
            for ((print, _), answer) in asked.iter().zip(answers) {
                if let Some(customer) = answer {
                    self.known.insert(*print, customer);
                }
                found.insert(*print, answer);
            }
        }
        Ok(prints
            .iter()
            .map(|print| found.get(print).copied().flatten())
            .collect())
    }

    /// A name is no secret and stands for itself; hashing is for identifiers.
    fn fingerprint(&self, tenant: &TenantPrint, who: &Who) -> Fingerprint {
        let (kind, parts): (u8, [&[u8]; 2]) = match who {
            Who::Customer(id) => {
                let mut print = [0; 32];
                print[..16].copy_from_slice(tenant);
                print[16..].copy_from_slice(id.0.as_bytes());
                return print;
            }
            Who::Key(CustomerKey::Email(email)) => (1, [email.expose().as_bytes(), b""]),
            Who::Key(CustomerKey::Phone {
                number,
                region_code,
            }) => (2, [number.expose().as_bytes(), region_code.as_bytes()]),
            Who::Key(CustomerKey::ExternalId { namespace, value }) => {
                (3, [namespace.as_bytes(), value.expose().as_bytes()])
            }
        };
        self.hash(&[tenant, &[kind], parts[0], parts[1]])
    }

    fn tenant_print(&self, tenant: &TenantId) -> TenantPrint {
        let hash = self.hash(&[tenant.as_str().as_bytes()]);
        let mut print = [0; 16];
        print.copy_from_slice(&hash[..16]);
        print
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.salt[0].as_bytes());
        hash.update(self.salt[1].as_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}
