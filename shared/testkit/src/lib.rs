#![doc = include_str!("../README.md")]

mod authority;
mod backend;
pub mod build;
mod cache_server;
mod caller;
pub mod canary;
mod clients;
mod cluster;
mod contract;
mod dice;
pub mod disk;
pub mod example;
mod port;
mod process;
mod proxy;
mod refusal;
mod soak;
mod suite;

pub use authority::{Authority, Issued};
pub use backend::Backend;
pub use cache_server::Redis;
pub use caller::{Answer, Caller};
pub use clients::{Bearer, Clients, Wire, cursor_of};
pub use cluster::Cluster;
pub use contract::Rpc;
pub use dice::Dice;
pub use example::{Example, Scene};
pub use port::Port;
pub use process::{Process, program};
pub use proxy::{Proxy, Way};
pub use refusal::Refusal;
pub use soak::Soak;
pub use suite::{Plan, Shape, Suite};

/// Makes two tests of each async function that takes a [`Suite`], one for each backend family.
#[macro_export]
macro_rules! on_both_backends {
    ($($(#[$attribute:meta])* $name:ident),+ $(,)?) => {
        mod sqlite_memory {
            $($(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() -> anyhow::Result<()> {
                $crate::run_on($crate::Backend::SqliteMemory, super::$name).await
            })+
        }
        mod postgres_redis {
            $($(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() -> anyhow::Result<()> {
                $crate::run_on($crate::Backend::PostgresRedis, super::$name).await
            })+
        }
    };
}

/// Makes the tests `sqlite` and `postgres` of a harness, by which `cargo xtask soak` calls it.
///
/// `harness!("rotation", run, 1)` runs `async fn run(soak: &mut Soak) -> anyhow::Result<()>` once in a
/// test run; `harness!("kill9", run, sqlite: 50, postgres: 5)` less often where it takes longer.
#[macro_export]
macro_rules! harness {
    ($name:literal, $run:expr, $cycles:expr) => {
        $crate::harness!($name, $run, sqlite: $cycles, postgres: $cycles);
    };
    ($name:literal, $run:expr, sqlite: $embedded:expr, postgres: $served:expr) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn sqlite() -> anyhow::Result<()> {
            $crate::Soak::run($name, $crate::Backend::SqliteMemory, $embedded, $run).await
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn postgres() -> anyhow::Result<()> {
            $crate::Soak::run($name, $crate::Backend::PostgresRedis, $served, $run).await
        }
    };
}

/// Runs one test on one backend family; what [`on_both_backends!`] calls.
pub async fn run_on<F>(backend: Backend, test: impl FnOnce(Suite) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    if !backend.is_wanted() {
        return Ok(());
    }
    test(Suite::start(backend).await?).await
}
