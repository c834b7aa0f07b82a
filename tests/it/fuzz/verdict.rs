//! What an answer to a hostile request says about the server.

use anyhow::{bail, ensure};
use bytes::Bytes;
use dossier_testkit::{Answer, Refusal, Rpc};
use tonic::{Code, Status};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    Bad(String),
}

impl Verdict {
    pub fn of(rpc: &Rpc, answer: Option<&Result<Answer, Status>>) -> Self {
        let bad = |words: &str| Self::Bad(words.to_owned());
        match answer {
            None if waits_by_contract(rpc) => Self::Fine,
            None => bad("no answer in time"),
            Some(Ok(_)) => Self::Fine,
            Some(Err(status)) => {
                let refusal = Refusal::of(status);
                match refusal.code {
                    Code::Internal | Code::Unknown | Code::DataLoss => {
                        Self::Bad(format!("a fault: {refusal:?}"))
                    }
                    // Two changes of one thing at once: one of them is told to retry.
                    Code::Unavailable if !refusal.has_retry => {
                        Self::Bad(format!("a fault: {refusal:?}"))
                    }
                    _ if refusal.reason.is_empty() || refusal.domain != "dossier" => {
                        Self::Bad(format!("an error without its reason: {refusal:?}"))
                    }
                    _ => Self::Fine,
                }
            }
        }
    }

    /// Shows the request where the answer was bad.
    pub fn check(self, rpc: &Rpc, messages: &[Bytes]) -> anyhow::Result<()> {
        let Self::Bad(words) = self else {
            return Ok(());
        };
        let shown = |bytes: &Bytes| {
            let text = format!("{:?}", &bytes[..bytes.len().min(2_000)]);
            format!("  {} bytes: {text}", bytes.len())
        };
        let shown: Vec<_> = messages.iter().take(4).map(shown).collect();
        bail!("{}: {words}; after\n{}", rpc.name, shown.join("\n"))
    }
}

/// A watch and a wait last until the caller has enough.
pub fn waits_by_contract(rpc: &Rpc) -> bool {
    rpc.is_server_streaming() || rpc.name.contains("Await")
}

/// A panic is caught and answered, so the log tells of it.
pub fn check_log(log: &str) -> anyhow::Result<()> {
    let told = |line: &&str| line.contains("panicked") || line.contains("\"panic");
    let told: Vec<&str> = log.lines().filter(told).take(3).collect();
    ensure!(told.is_empty(), "something panicked:\n{}", told.join("\n"));
    Ok(())
}

/// A harness that cannot fail proves nothing.
#[test]
fn faults_hangs_and_panics_are_noticed() {
    let get = Rpc::named("dossier.profile.v1.CustomerService/GetCustomer").expect("known");
    let watch = Rpc::named("dossier.profile.v1.CustomerService/WatchCustomers").expect("known");
    for code in [Code::Internal, Code::Unknown, Code::Unavailable] {
        let answer = Err(Status::new(code, "oops"));
        assert_ne!(Verdict::of(&get, Some(&answer)), Verdict::Fine, "{code}");
    }
    // The right code, but nothing that a client could act on.
    let bare = Err(Status::invalid_argument("no"));
    let noticed = Verdict::of(&get, Some(&bare)).check(&get, &[Bytes::from_static(b"\x0a")]);
    let words = noticed.expect_err("noticed").to_string();
    assert!(
        words.contains("without its reason") && words.contains("GetCustomer"),
        "{words}"
    );
    assert_ne!(Verdict::of(&get, None), Verdict::Fine);
    assert_eq!(Verdict::of(&watch, None), Verdict::Fine);
    assert!(check_log("{\"message\":\"the handler panicked\"}").is_err());
    assert!(check_log("{\"message\":\"served\"}").is_ok());
}
