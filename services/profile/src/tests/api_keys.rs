//! Secrets of programs.

use dossier_access::KeyText;
use dossier_kernel::{Principal, PrincipalKind, Role};
use dossier_proto::access::v1 as wire;
use tonic::Code;

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn caller(kind: PrincipalKind, roles: &[Role]) -> Ctx {
    let principal = Principal {
        kind,
        id: "alice".to_owned(),
    };
    Ctx::new(TenantId::embedded_default(), principal, roles.to_vec())
}

fn admin() -> Ctx {
    caller(PrincipalKind::Person, &[Role::Admin])
}

fn resolver() -> Ctx {
    Ctx::service("segmentation", TenantId::all())
}

fn in_days(days: u32) -> Option<prost_types::Timestamp> {
    let (seconds, nanos) = NOW.plus(DAY * days).to_secs_nanos();
    Some(prost_types::Timestamp { seconds, nanos })
}

fn importer() -> wire::CreateApiKeyRequest {
    wire::CreateApiKeyRequest {
        api_key: Some(wire::ApiKey {
            display_name: "nightly import".to_owned(),
            roles: vec!["steward".to_owned(), "viewer".to_owned()],
            teams: vec!["north".to_owned()],
            expire_time: in_days(30),
            ..Default::default()
        }),
        request_id: request_id(),
    }
}

async fn made(house: &House) -> (wire::ApiKey, KeyText) {
    let made = house.api_keys_as(admin()).create_api_key(importer()).await;
    let made = made.expect("made").into_inner();
    let text = KeyText::parse(&made.key_text).expect("a key's text");
    (made.api_key.expect("a key"), text)
}

fn question(key: &wire::ApiKey, text: &KeyText) -> wire::ResolveApiKeyRequest {
    wire::ResolveApiKeyRequest {
        name: key.name.clone(),
        secret_hash: text.secret_hash().to_vec(),
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_a_repeat_has_one_answer() {
    for house in House::each().await {
        let mut keys = house.api_keys_as(admin());
        let request = importer();
        let first = keys.create_api_key(request.clone()).await.expect("made");
        let first = first.into_inner();
        let again = keys.create_api_key(request.clone()).await;
        let again = again.expect("repeated");
        let again = again.into_inner();
        assert!(again.api_key == first.api_key, "one key");
        assert_eq!(again.key_text, "", "its text is nowhere kept");

        // Also when the key has long expired.
        house.pass(40 * DAY);
        let late = house.api_keys_as(admin()).create_api_key(request).await;
        let late = late.expect("repeated").into_inner();
        assert!(late.api_key == first.api_key, "one answer");
    }
}

#[tokio::test]
async fn a_key_says_whom_it_speaks_for() {
    for house in House::each().await {
        let first = house.api_keys_as(admin()).create_api_key(importer()).await;
        let first = first.expect("made").into_inner();
        let key = first.api_key.expect("a key");
        let text = KeyText::parse(&first.key_text).expect("a key's text");
        assert_eq!(key.name, format!("apiKeys/{}", text.id));
        assert_eq!(key.roles, ["viewer", "steward"]);
        assert_eq!(key.creator, "person:alice");
        let mut asking = house.api_keys_as(resolver());
        let found = asking.resolve_api_key(question(&key, &text)).await;
        let found = found.expect("known").into_inner();
        assert_eq!(found.tenant, "default");
        assert_eq!(found.roles, ["viewer", "steward"]);
        assert_eq!(found.teams, ["north"]);
        assert!(found.expire_time == key.expire_time);
    }
}

#[tokio::test]
async fn a_key_that_is_wrong_expired_or_revoked_is_not_found() {
    for house in House::each().await {
        let mut asking = house.api_keys_as(resolver());
        let mut keys = house.api_keys_as(admin());
        let (key, text) = made(&house).await;
        let other = KeyText::generate(text.id).expect("random bits");
        let unknown = KeyText::generate(uuid::Uuid::now_v7()).expect("random bits");
        let nobody = wire::ApiKey {
            name: format!("apiKeys/{}", unknown.id),
            ..Default::default()
        };
        let wrong = [
            question(&key, &other),
            question(&nobody, &unknown),
            question(&nobody, &text),
            wire::ResolveApiKeyRequest {
                secret_hash: Vec::new(),
                ..question(&key, &text)
            },
        ];
        for question in wrong {
            let refused = refused(asking.resolve_api_key(question).await);
            assert_eq!(refused, (Code::NotFound, "NOT_FOUND".to_owned()));
        }
        let revoke = wire::RevokeApiKeyRequest {
            name: key.name.clone(),
            request_id: request_id(),
        };
        let revoked = keys.revoke_api_key(revoke.clone()).await.expect("revoked");
        let when = revoked.into_inner().revoke_time.expect("a time");
        house.pass(DAY);
        let again = wire::RevokeApiKeyRequest {
            request_id: request_id(),
            ..revoke
        };
        let again = keys.revoke_api_key(again).await.expect("no matter");
        assert!(
            again.into_inner().revoke_time == Some(when),
            "the first time counts"
        );
        let answer = asking.resolve_api_key(question(&key, &text)).await;
        assert_eq!(refused(answer).0, Code::NotFound);

        let (key, text) = made(&house).await;
        asking
            .resolve_api_key(question(&key, &text))
            .await
            .expect("known");
        house.pass(DAY * 29);
        let answer = asking.resolve_api_key(question(&key, &text)).await;
        assert_eq!(refused(answer).0, Code::NotFound, "expired");
    }
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    for house in House::each().await {
        let with = |roles: &[&str], teams: &[&str]| {
            let mut request = importer();
            if let Some(key) = &mut request.api_key {
                key.roles = roles.iter().map(|&role| role.to_owned()).collect();
                key.teams = teams.iter().map(|&team| team.to_owned()).collect();
            }
            request
        };
        let mut steward = caller(PrincipalKind::Person, &[Role::Steward]);
        steward.teams = vec!["north".to_owned()];
        let mut keys = house.api_keys_as(steward);
        for request in [
            with(&["admin"], &[]),
            with(&["steward", "manager"], &[]),
            with(&["steward"], &["south"]),
        ] {
            let answer = refused(keys.create_api_key(request).await);
            assert_eq!(
                answer,
                (Code::PermissionDenied, "PERMISSION_DENIED".to_owned())
            );
        }
        let own = keys.create_api_key(with(&["steward"], &["north"])).await;
        own.expect("their own");
        let mut machine = house.api_keys_as(caller(PrincipalKind::ApiKey, &[Role::Admin]));
        let answer = machine.create_api_key(with(&["viewer"], &[])).await;
        assert_eq!(
            refused(answer).0,
            Code::PermissionDenied,
            "keys make no keys"
        );
        let (key, text) = made(&house).await;
        let mut elsewhere = admin();
        elsewhere.tenant = TenantId::parse("other").expect("a tenant");
        let mut elsewhere = house.api_keys_as(elsewhere);
        let answer = elsewhere.resolve_api_key(question(&key, &text)).await;
        assert_eq!(refused(answer).0, Code::NotFound, "of another tenant");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_at_once() {
    for house in House::each().await {
        let mut keys = house.api_keys_as(admin());
        let mut request = importer();
        request.api_key = Some(wire::ApiKey {
            roles: vec!["service".to_owned()],
            teams: vec!["a b".to_owned()],
            expire_time: in_days(367),
            ..Default::default()
        });
        let status = status_of(keys.create_api_key(request).await);
        assert_eq!(
            refusal(&status).fields,
            [
                "api_key.display_name",
                "api_key.roles",
                "api_key.teams",
                "api_key.expire_time"
            ]
        );
        let revoke = wire::RevokeApiKeyRequest {
            name: "apiKeys/00000000-0000-0000-0000-000000000001".to_owned(),
            ..Default::default()
        };
        assert_eq!(refused(keys.revoke_api_key(revoke).await).0, Code::NotFound);
        let bad = wire::RevokeApiKeyRequest {
            name: "apiKeys/1".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            refused(keys.revoke_api_key(bad).await).0,
            Code::InvalidArgument
        );
    }
}

#[tokio::test]
async fn keys_are_listed_newest_first_with_their_last_use_to_the_hour_and_only_ones_own() {
    for house in House::each().await {
        let (old, text) = made(&house).await;
        let (new, _) = made(&house).await;
        let mut asking = house.api_keys_as(resolver());
        asking
            .resolve_api_key(question(&old, &text))
            .await
            .expect("known");
        house.pass(Duration::from_secs(3_599));
        asking
            .resolve_api_key(question(&old, &text))
            .await
            .expect("known");
        let mut keys = house.api_keys_as(admin());
        let list = wire::ListApiKeysRequest {
            page_size: 1,
            page_token: String::new(),
        };
        let page = keys.list_api_keys(list).await.expect("a page").into_inner();
        assert_eq!(page.api_keys[0].name, new.name);
        assert!(page.api_keys[0].last_use_time.is_none());
        let next = wire::ListApiKeysRequest {
            page_size: 1,
            page_token: page.next_page_token,
        };
        let page = keys.list_api_keys(next).await.expect("a page").into_inner();
        assert_eq!(page.api_keys[0].name, old.name);
        let used = page.api_keys[0].last_use_time.expect("used");
        assert_eq!(used.seconds, NOW.to_secs_nanos().0, "noted once an hour");
        assert_eq!(page.next_page_token, "");
        house.pass(Duration::from_secs(2));
        asking
            .resolve_api_key(question(&old, &text))
            .await
            .expect("known");

        let mut elsewhere = admin();
        elsewhere.tenant = TenantId::parse("other").expect("a tenant");
        let mut elsewhere = house.api_keys_as(elsewhere);
        let all = wire::ListApiKeysRequest::default();
        let theirs = elsewhere.list_api_keys(all).await.expect("a page");
        assert!(theirs.into_inner().api_keys.is_empty());
        let revoke = wire::RevokeApiKeyRequest {
            name: old.name.clone(),
            ..Default::default()
        };
        assert_eq!(
            refused(elsewhere.revoke_api_key(revoke).await).0,
            Code::NotFound
        );
        let used = keys
            .list_api_keys(wire::ListApiKeysRequest::default())
            .await;
        let used = used.expect("a page").into_inner().api_keys.remove(1);
        let noted = used.last_use_time.expect("used").seconds;
        assert_eq!(noted, NOW.to_secs_nanos().0 + 3_601);
    }
}
