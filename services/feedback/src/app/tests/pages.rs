//! Pages of much text.

use prost::Message;

use super::*;
use crate::api::encode_case;

/// What clients accept as a message unless they are told otherwise.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// As many characters as a text may have, of three bytes each.
fn long_text() -> Pii<String> {
    Pii::new("客".repeat(16_384))
}

/// Stores a case with as many replies.
async fn store(app: &App, reply_count: usize) -> CaseId {
    let draft = CaseDraft {
        case_type: Some(CaseType::Complaint),
        subject: Pii::from("late"),
        description: Some(long_text()),
        channel: Some("web".to_owned()),
    };
    let now = app.clock.now();
    let case = Case::open(CaseId::generate(), CustomerId::generate(), draft, now);
    let mut case = case.expect("opens");
    for _ in 0..reply_count {
        let author = "person:ann".to_owned();
        case.reply(author, long_text(), now).expect("replies");
    }
    let (id, ctx, vault) = (case.id, ctx(), app.vault.clone());
    let tenant = ctx.tenant.clone();
    let work = app.db.write(&ctx, move |tx| {
        Box::pin(async move {
            let key = vault.key_or_create(tx, &tenant, case.customer).await?;
            let rows = Cases::to_rows(&tenant, &key, &case, Vec::new())?;
            Cases::insert(tx, &rows).await
        })
    });
    work.await.expect("stores");
    id
}

#[tokio::test]
async fn pages_of_long_cases_are_small_messages_and_hold_every_case_once() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let (ctx, app) = (ctx(), app(&db).await);
        let mut stored = Vec::new();
        for number in 0..70 {
            let reply_count = match number {
                10 | 20 => 60,
                _ => number % 3,
            };
            stored.push(store(&app, reply_count).await);
        }
        stored.reverse();
        let (mut listed, mut pages, mut token) = (Vec::new(), 0, String::new());
        loop {
            let page = app.list_cases(&ctx, "", PageSize(PageSize::MAX), &token);
            let (cases, next) = page.await.expect("lists");
            assert!(!cases.is_empty(), "{db:?}");
            listed.extend(cases.iter().map(|case| case.id));
            let messages = cases.into_iter().map(encode_case);
            let bytes: usize = messages.map(|case| case.encoded_len() + 5).sum();
            assert!(bytes < MESSAGE_BYTES_MAX, "{bytes}: {db:?}");
            pages += 1;
            if next.is_empty() {
                break;
            }
            token = next;
        }
        // All were opened at one instant: their ids decide, newest first.
        assert_eq!(listed, stored, "{db:?}");
        assert!(pages > 4, "{pages}: {db:?}");
        db.discard().await;
    }
}
