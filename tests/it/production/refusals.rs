//! Each reason not to start in production, alone and all together, over the real program.

use anyhow::ensure;

use crate::installation::{Installation, Settings};

/// sysexits.h: the configuration is wrong.
const EX_USAGE: i32 = 64;

/// What is changed of a configuration that is fit (`None` takes a key out), which key the program
/// must name, and a word of the cure.
struct Case {
    changes: Vec<(&'static str, Option<String>)>,
    named: &'static str,
    cure: &'static str,
}

fn case(
    changes: Vec<(&'static str, Option<String>)>,
    named: &'static str,
    cure: &'static str,
) -> Case {
    Case {
        changes,
        named,
        cure,
    }
}

fn set(key: &'static str, value: &str) -> (&'static str, Option<String>) {
    (key, Some(value.to_owned()))
}

fn cases(installation: &Installation) -> anyhow::Result<Vec<Case>> {
    let key = |name: &str, bytes: &[u8]| -> anyhow::Result<String> {
        Ok(format!("{:?}", installation.write_key(name, bytes)?))
    };
    let drawn = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes);
    let drawn = drawn.concat();
    let demo = b"dossier-demo-key-do-not-use-it!!";
    let counted: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
    std::fs::create_dir_all(installation.path("data/keys"))?;
    let issuer = "issuer = \"x\"\naudience = \"y\"\njwks = \"http://127.0.0.1:1/keys\"\n\
                  algorithm = \"ES256\"";
    let without_tls = vec![
        ("tls_cert_file", None),
        ("tls_key_file", None),
        ("tls_client_ca_file", None),
    ];
    let ca = format!("{:?}", installation.path("ca.crt"));
    let alone = || vec![set("only", "[\"profile\"]"), set("peer_ca_file", &ca)];
    let https = |name: &'static str| (name, Some("\"https://localhost:1\"".to_owned()));
    let mut plain_peer = alone();
    plain_peer.extend([https("peers.interaction"), https("peers.feedback")]);
    let mut unproven = alone();
    unproven.extend([
        https("peers.interaction"),
        https("peers.segmentation"),
        https("peers.feedback"),
        ("tls_client_ca_file", None),
    ]);
    Ok(vec![
        case(without_tls, "tls_cert_file", "tls_key_file"),
        case(vec![set("plaintext", "true")], "plaintext", "take it out"),
        case(
            vec![set("reflection", "true")],
            "reflection",
            "reflection = false",
        ),
        case(
            vec![set("anonymous_loopback", "true")],
            "anonymous_loopback",
            "anonymous_loopback = false",
        ),
        case(
            vec![("root_key_file", None)],
            "root_key_file",
            "make one elsewhere",
        ),
        case(
            vec![("signing_key_file", None)],
            "signing_key_file",
            "make one elsewhere",
        ),
        case(
            vec![("audit_key_file", None)],
            "audit_key_file",
            "make one elsewhere",
        ),
        case(
            vec![("root_key_file", Some(key("data/keys/mine.key", &drawn)?))],
            "root_key_file",
            "move it elsewhere",
        ),
        case(
            vec![("root_key_file", Some(key("demo.key", demo)?))],
            "root_key_file",
            "demo key",
        ),
        case(
            vec![("signing_key_file", Some(key("demo.key", demo)?))],
            "signing_key_file",
            "openssl rand -base64 32",
        ),
        case(
            vec![("root_key_file", Some(key("sevens.key", &[7; 32])?))],
            "root_key_file",
            "one byte repeated",
        ),
        case(
            vec![("signing_key_file", Some(key("counted.key", &counted)?))],
            "signing_key_file",
            "counted up",
        ),
        case(plain_peer, "peers.segmentation", "https://"),
        case(unproven, "tls_client_ca_file", "authority"),
        case(
            vec![set(
                "database_url",
                "\"postgres://dossier@db.example/dossier\"",
            )],
            "database_url",
            "sslmode=verify-full",
        ),
        case(
            vec![set(
                "database_url",
                "\"postgres://dossier@db.example/dossier?sslmode=require\"",
            )],
            "database_url",
            "sslmode=verify-full",
        ),
        case(
            vec![set("redis_url", "\"redis://cache.example:6379\"")],
            "redis_url",
            "rediss://",
        ),
        case(
            vec![set(
                "redis_url",
                "\"rediss://cache.example:6379/#insecure\"",
            )],
            "redis_url",
            "rediss://",
        ),
        case(
            vec![set("[[issuers]]", issuer)],
            "issuers[0].jwks",
            "https://",
        ),
    ])
}

fn changed(mut settings: Settings, changes: &[(&str, Option<String>)]) -> Settings {
    for (key, value) in changes {
        match value {
            Some(value) => settings.insert((*key).to_owned(), value.clone()),
            None => settings.remove(*key),
        };
    }
    settings
}

#[test]
fn each_reason_alone_keeps_the_suite_from_starting() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    for case in cases(&installation)? {
        let settings = changed(installation.fit_for_production(), &case.changes);
        let (status, words) = installation.refused(&settings)?;
        let last = words.lines().last().unwrap_or_default();
        ensure!(
            status.code() == Some(EX_USAGE),
            "{}: {status}\n{words}",
            case.named
        );
        // One reason is one line, under the name of its key: nothing else was wrong.
        ensure!(
            last.starts_with(&format!("error: {}: ", case.named)) && last.contains(case.cure),
            "{}, {}:\n{words}",
            case.named,
            case.cure
        );
    }
    Ok(())
}

#[test]
fn all_reasons_are_named_at_once() -> anyhow::Result<()> {
    let installation = Installation::new()?;
    let settings = Settings::from([
        ("profile".to_owned(), "\"production\"".to_owned()),
        ("only".to_owned(), "[\"profile\"]".to_owned()),
        (
            "database_url".to_owned(),
            "\"postgres://db.example/d\"".to_owned(),
        ),
        ("redis_url".to_owned(), "\"redis://db.example\"".to_owned()),
    ]);
    let (status, words) = installation.refused(&settings)?;
    ensure!(status.code() == Some(EX_USAGE), "{status}\n{words}");
    for field in [
        "tls_cert_file",
        "tls_client_ca_file",
        "reflection",
        "anonymous_loopback",
        "root_key_file",
        "signing_key_file",
        "audit_key_file",
        "peers.interaction",
        "peers.segmentation",
        "peers.feedback",
        "database_url",
        "redis_url",
    ] {
        ensure!(
            words.contains(&format!("\n  {field}: ")),
            "{field}:\n{words}"
        );
    }
    ensure!(
        !installation.path("dossier-data").exists(),
        "nothing was made before the refusal"
    );
    Ok(())
}

#[test]
fn the_profile_is_also_a_flag_and_a_variable() -> anyhow::Result<()> {
    use dossier_testkit::program;
    use std::process::Command;
    let installation = Installation::new()?;
    let mut flag = Command::new(program("dossier-profile")?);
    flag.args(["--profile", "production"]);
    let mut variable = Command::new(program("dossier-profile")?);
    variable.env("DOSSIER_PROFILE", "production");
    for mut command in [flag, variable] {
        let output = command.current_dir(installation.dir()).output()?;
        ensure!(output.status.code() == Some(EX_USAGE), "{}", output.status);
    }
    Ok(())
}
