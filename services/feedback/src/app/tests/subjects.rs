//! Nothing of an erased customer is left, and everything of the others.

use dossier_kernel::Error;

use super::*;
use crate::store::HELD;

async fn counts(app: &App, customer: CustomerId) -> Vec<u64> {
    let tenant = ctx().tenant;
    let held = HELD.count(&app.db, &tenant, &[customer]).await;
    held.expect("counts")
        .into_iter()
        .map(|(_, rows)| rows)
        .collect()
}

async fn erase(app: &App, customer: CustomerId) -> Vec<u64> {
    let tenant = ctx().tenant;
    let vault = app.vault.clone();
    let erased = app
        .db
        .write(&ctx(), move |tx| {
            Box::pin(async move { HELD.erase(tx, &vault, &tenant, &[customer]).await })
        })
        .await;
    let erased = erased.expect("erases").value;
    erased.into_iter().map(|(_, rows)| rows).collect()
}

async fn answered_and_complained(app: &App) -> CustomerId {
    let invitation = invited(app).await;
    let once = Once::new(&uuid::Uuid::new_v4().to_string(), "t/SubmitResponse", b"x");
    app.submit_response(&ctx(), once.expect("an id"), invitation.id, answers(3))
        .await
        .expect("answers");
    let tenant = ctx().tenant;
    let draft = CaseDraft {
        case_type: Some(CaseType::Complaint),
        subject: Pii::from("late"),
        description: None,
        channel: None,
    };
    let (vault, customer, now) = (app.vault.clone(), invitation.customer, app.clock.now());
    let case = Case::open(CaseId::generate(), customer, draft, now).expect("legal");
    let id = case.id;
    app.db
        .write(&ctx(), move |tx| {
            Box::pin(async move {
                let key = vault.key_or_create(tx, &tenant, customer).await?;
                let rows = Cases::to_rows(&tenant, &key, &case, Vec::new())?;
                Cases::insert(tx, &rows).await?;
                Ok::<_, Error>(())
            })
        })
        .await
        .expect("opens");
    app.reply_to_case(&ctx(), None, id, Pii::from("sorry"))
        .await
        .expect("replies");
    customer
}

#[tokio::test]
async fn an_erased_customer_leaves_nothing_behind() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        let [gone, kept] = [
            answered_and_complained(&app).await,
            answered_and_complained(&app).await,
        ];
        // Replies, cases, answers, responses, invitations, who speaks for whom, events, outcomes, keys.
        let all = [1, 1, 2, 1, 1, 0, 0, 2, 1, 1];
        assert_eq!(counts(&app, gone).await, all);
        assert_eq!(erase(&app, gone).await, all);
        assert_eq!(counts(&app, gone).await, [0; 10]);
        assert_eq!(erase(&app, gone).await, [0; 10], "again");
        assert_eq!(counts(&app, kept).await, all);
    }
}
