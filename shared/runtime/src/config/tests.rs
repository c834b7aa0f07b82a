//! What operators are promised about the configuration.

use super::*;

fn read(file: &str, flags: &Flags) -> Result<Config> {
    let figment = Figment::from(Toml::string(MANUAL))
        .merge(Toml::string(file).profile("default"))
        .merge(Serialized::defaults(flags));
    Config::read(&figment)
}

#[test]
fn the_manual_parses_and_names_every_key() {
    let config = Config::embedded(Path::new("here")).expect("the defaults are fine");
    assert!(config.is_embedded() && config.admits_anonymous() && config.migrates_itself());
    let keys = serde_json::to_value(&config).expect("plain data");
    for key in keys.as_object().expect("an object").keys() {
        let named = MANUAL.lines().any(|line| {
            let line = line.trim_start_matches("# ");
            line.starts_with(&format!("{key} = "))
                || line == format!("[{key}]")
                || line == format!("[[{key}]]")
        });
        assert!(named, "the manual does not name `{key}`");
        assert!(
            KEYS.contains(&key.as_str()),
            "`{key}` is not read from the environment"
        );
    }
    assert_eq!(keys.as_object().map(|keys| keys.len()), Some(KEYS.len()));
}

#[test]
fn what_the_manual_shows_as_an_example_is_accepted() {
    let uncommented: String = MANUAL
        .lines()
        .map(|line| {
            let example = line.strip_prefix("# ").filter(|rest| {
                rest.split_once(" = ")
                    .is_some_and(|(key, _)| KEYS.contains(&key))
            });
            format!("{}\n", example.unwrap_or(line))
        })
        .collect();
    let config = read(&uncommented, &Flags::default()).expect("examples are valid");
    assert_eq!(config.admin_listen.map(|at| at.port()), Some(50060));
    assert_eq!(config.database_url, None, "empty means unset");
}

#[test]
fn later_sources_replace_earlier_ones_key_by_key() {
    let flags = Flags {
        redis_url: Some("redis://flag".to_owned()),
        ..Flags::default()
    };
    let file = "redis_url = 'redis://file'\ndata_dir = 'from-file'";
    let config = read(file, &flags).expect("valid");
    assert_eq!(config.redis_url.as_deref(), Some("redis://flag"));
    assert_eq!(config.data_dir, Path::new("from-file"));
    assert!(config.reflection, "untouched keys keep their default");
}

#[test]
#[expect(clippy::result_large_err, reason = "the jail's own error")]
fn manual_file_environment_flags_in_that_order() {
    figment::Jail::expect_with(|jail| {
        jail.create_file(
            "dossier.toml",
            "data_dir = 'file'\nlog_level = 'warn'\nonly = []",
        )?;
        jail.set_env("DOSSIER_DATA_DIR", "environment");
        jail.set_env("DOSSIER_LISTEN", "127.0.0.1:1");
        jail.set_env("DOSSIER_ONLY", "profile, feedback");
        jail.set_env("DOSSIER_PEERS__SEGMENTATION", "http://there:1");
        jail.set_env("DOSSIER_REDIS_URL", "");
        jail.set_env(
            "DOSSIER_TOKEN",
            "of the command line, not of the configuration",
        );
        let flags = Flags {
            listen: Some("127.0.0.1:2".to_owned()),
            ..Flags::default()
        };
        let config = Config::load(&flags).map_err(|error| error.to_string())?;
        assert_eq!(config.listen.port(), 2, "flag over environment");
        assert_eq!(
            config.data_dir,
            Path::new("environment"),
            "environment over file"
        );
        assert_eq!(config.log_level, LogLevel::Warn, "file over manual");
        assert_eq!(config.only, ["profile", "feedback"]);
        assert_eq!(config.peers["segmentation"], "http://there:1");
        assert_eq!(
            config.peers["profile"], "http://127.0.0.1:50051",
            "the manual's"
        );
        assert_eq!(config.redis_url, None, "empty means unset");

        jail.create_file("other.toml", "data_dir = 'other'\nreflection = false")?;
        let flags = Flags {
            config: Some("other.toml".into()),
            ..Flags::default()
        };
        let config = Config::load(&flags).map_err(|error| error.to_string())?;
        assert!(!config.reflection, "the named file is read");
        assert_eq!(config.log_level, LogLevel::Info, "instead of dossier.toml");
        let flags = Flags {
            config: Some("absent.toml".into()),
            ..Flags::default()
        };
        assert!(Config::load(&flags).is_err());
        Ok(())
    });
}

#[test]
fn a_wrong_key_or_value_is_named_with_its_source() {
    for (file, words) in [
        ("lissten = '127.0.0.1:1'", "lissten"),
        ("listen = 'here'", "listen"),
        ("log_level = 'loud'", "log_level"),
        ("only = ['billing']", "billing"),
        ("database_url = 'mysql://x'", "postgres://"),
        ("drain_secs_max = 60", "at most 20"),
        ("calls_max = 0", "calls_max"),
        ("connections_max = 0", "connections_max"),
        ("peer_connections_max = 0", "peer_connections_max"),
        ("[peers]\nbilling = 'http://x'", "billing"),
        ("listen = '0.0.0.0:50050'", "plaintext = true"),
        ("admin_listen = '[::]:50060'", "plaintext = true"),
        ("tls_cert_file = 'x'", "tls_key_file"),
        ("peer_key_file = 'x'", "peer_cert_file"),
        ("tls_client_ca_file = 'x'", "needs tls_cert_file"),
        (
            "only = ['profile']\n[peers]\nfeedback = 'https://x:1'",
            "peer_ca_file",
        ),
        ("profile = 'staging'", "profile"),
        (
            "[[issuers]]\nissuer = 'x'\naudience = 'y'\njwks = 'http://z'\nalgorithm = 'HS256'",
            "HS256",
        ),
        (
            "[[issuers]]\nissuer = 'x'\naudience = 'y'\njwks = 'http://z'\nalgorithm = 'ES256'",
            "https://",
        ),
    ] {
        let error = read(file, &Flags::default()).err().expect(file);
        assert!(format!("{error:?}").contains(words), "{file}: {error:?}");
    }
}

#[test]
fn a_single_service_listens_on_its_own_port_unless_told_otherwise() {
    let only = |listen: Option<&str>| Flags {
        only: Some(vec!["segmentation".to_owned()]),
        listen: listen.map(str::to_owned),
        ..Flags::default()
    };
    let port = |flags| read("", &flags).expect("valid").listen.port();
    assert_eq!(port(only(None)), 50053);
    assert_eq!(port(only(Some("127.0.0.1:7"))), 7);
    assert_eq!(port(Flags::default()), 50050);
}

#[test]
fn nobody_is_anonymous_beyond_the_embedded_default() {
    let admits = |file| {
        read(file, &Flags::default())
            .expect("valid")
            .admits_anonymous()
    };
    assert!(admits(""));
    assert!(!admits("listen = '0.0.0.0:50050'\nplaintext = true"));
    assert!(!admits("database_url = 'postgres://x'"));
    assert!(!admits("anonymous_loopback = false"));
}
