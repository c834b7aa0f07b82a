//! The use cases on both databases, without the wire.

mod pages;
mod subjects;

use std::sync::Arc;
use std::time::Duration;

use dossier_db::Once;
use dossier_db::testing::TestDb;
use dossier_feed::Feed;
use dossier_kernel::id::{CaseId, InvitationId};
use dossier_kernel::{
    Clock, Ctx, CustomerId, PageSize, Pii, Principal, PrincipalKind, Reason, Role, TenantId,
    Timestamp,
};
use dossier_rpc::{Channel, Local, TokenSource};
use dossier_vault::{RootKey, Vault};
use futures::StreamExt;
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigrationTrait;
use tokio_util::sync::CancellationToken;

use super::{App, Watched};
use crate::domain::{
    Answer, AnswerValue, Case, CaseDraft, CaseType, Invitation, Question, QuestionType,
    SurveyDraft, SurveyPatch, SurveyState, Who,
};
use crate::peers::Profile;
use crate::store::{Cases, FeedbackEvent, Invitations};

fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([dossier_feed::migration(), dossier_vault::migration()]);
    all.extend(crate::store::migration::all());
    all
}

/// An app whose profile cannot be asked: what needs it is tested over the wire.
async fn app(db: &TestDb) -> App {
    let vault = Vault::open(RootKey::from_bytes([9; 32]), db.db.clone())
        .await
        .expect("opens");
    App {
        db: db.db.clone(),
        feed: Feed::open(db.db.clone(), dossier_feed::Options::default()),
        vault,
        clock: Clock::manual(Timestamp::from_secs(1_000_000)),
        access: dossier_access::Access::shipped(dossier_proto::DESCRIPTORS)
            .expect("valid policies"),
        audit: dossier_audit::testing::idle(db.db.clone()),
        profile: Profile::new(Channel::in_process(&Local::default(), TokenSource::none())),
    }
}

fn ctx() -> Ctx {
    Ctx::service("test", TenantId::parse("shop").expect("a tenant id"))
}

fn draft() -> SurveyDraft {
    let question = |id: &str, question_type| Question {
        question_id: id.to_owned(),
        question_type,
        text: "?".to_owned(),
        required: false,
    };
    let questions = vec![
        question("nps", QuestionType::Nps),
        question("why", QuestionType::Text),
    ];
    SurveyDraft {
        display_name: "After sales".to_owned(),
        questions,
    }
}

/// A published survey and one invitation to it.
async fn invited(app: &App) -> Invitation {
    let survey = app
        .create_survey(&ctx(), None, None, draft())
        .await
        .expect("creates");
    app.publish_survey(&ctx(), None, survey.id)
        .await
        .expect("publishes");
    let now = app.clock.now();
    let invitation = Invitation {
        id: InvitationId::generate(),
        survey: survey.id,
        customer: CustomerId::generate(),
        create_time: now,
        expire_time: now.plus(Invitation::LIFE_DEFAULT),
        use_time: None,
    };
    let row = Invitations::to_row(&ctx().tenant, &invitation);
    app.db
        .write(&ctx(), move |tx| {
            Box::pin(async move { Invitations::insert(tx, &row).await })
        })
        .await
        .expect("inserts");
    invitation
}

fn answers(score: i32) -> Vec<Answer> {
    vec![
        Answer {
            question_id: "nps".to_owned(),
            value: AnswerValue::Score(score),
        },
        Answer {
            question_id: "why".to_owned(),
            value: AnswerValue::Text(Pii::from("slow courier")),
        },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_responses_to_one_invitation_exactly_one_is_kept() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        let invitation = invited(&app).await;
        let submits = (0..11).map(|score| {
            let app = app.clone();
            async move {
                app.submit_response(&ctx(), None, invitation.id, answers(score))
                    .await
            }
        });
        let outcomes = futures::future::join_all(submits).await;
        let (kept, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((kept.len(), refused.len()), (1, 10), "{db:?}");
        for refusal in refused.into_iter().filter_map(Result::err) {
            assert_eq!(refusal.reason(), Reason::FailedPrecondition, "{db:?}");
        }
        let first = kept.into_iter().find_map(Result::ok).expect("one").value;
        let again = app
            .submit_response(&ctx(), None, invitation.id, first.answers.clone())
            .await;
        assert_eq!(again.expect("the same answers").value, first, "{db:?}");
        let report = app
            .get_survey_report(&ctx(), invitation.survey)
            .await
            .expect("reports");
        assert_eq!(
            (report.response_count, report.invitation_count),
            (1, 1),
            "{db:?}"
        );
        let answered = report.questions.iter().map(|(_, counts, _)| counts.total());
        assert_eq!(
            answered.collect::<Vec<_>>(),
            [1, 1],
            "{db:?}: texts count too"
        );
        db.discard().await;
    }
}

#[tokio::test]
async fn responses_open_with_their_texts_and_watchers_see_scores_only() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        let invitation = invited(&app).await;
        let submitted = app
            .submit_response(&ctx(), None, invitation.id, answers(9))
            .await
            .expect("submits");
        assert!(submitted.cursor.is_some(), "{db:?}");
        let size = PageSize::from_request(0).expect("default");
        let (listed, next) = app
            .list_responses(&ctx(), invitation.survey, size, "")
            .await
            .expect("lists");
        assert_eq!(
            (listed, next),
            (vec![submitted.value.clone()], String::new()),
            "{db:?}"
        );

        let stop = CancellationToken::new();
        let mut watched = app
            .watch_feedback(&ctx(), "", true, stop.clone())
            .await
            .expect("watches");
        let Some(Ok(Watched::Snapshot {
            event: FeedbackEvent::Response(seen),
            ..
        })) = watched.next().await
        else {
            panic!("{db:?}: the snapshot begins with the response");
        };
        assert_eq!(seen.scores, [("nps".to_owned(), 9)], "{db:?}");
        assert_eq!(seen.response_id, submitted.value.id.uuid(), "{db:?}");
        assert!(
            matches!(watched.next().await, Some(Ok(Watched::Heartbeat { .. }))),
            "{db:?}"
        );
        stop.cancel();
        db.discard().await;
    }
}

#[tokio::test]
async fn an_expired_invitation_and_a_closed_survey_take_no_response() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        let (late, closed) = (invited(&app).await, invited(&app).await);
        app.close_survey(&ctx(), None, closed.survey)
            .await
            .expect("closes");
        let refused = app
            .submit_response(&ctx(), None, closed.id, answers(1))
            .await;
        assert_eq!(
            refused.err().expect("closed").reason(),
            Reason::FailedPrecondition,
            "{db:?}"
        );
        app.clock
            .advance(Invitation::LIFE_DEFAULT + Duration::from_secs(1));
        let refused = app.submit_response(&ctx(), None, late.id, answers(1)).await;
        assert_eq!(
            refused.err().expect("expired").reason(),
            Reason::FailedPrecondition,
            "{db:?}"
        );
        db.discard().await;
    }
}

#[tokio::test]
async fn a_case_keeps_its_words_through_its_life() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        let opened = open_case(&app).await;
        let id = opened.id;
        app.resolve_case(&ctx(), None, id, Pii::from("Sent a new one"))
            .await
            .expect("resolves");
        let silent = app
            .close_case(&ctx(), None, id)
            .await
            .err()
            .expect("nobody told the customer");
        assert_eq!(silent.reason(), Reason::FailedPrecondition, "{db:?}");
        for words in ["We are looking", "A new one is on its way"] {
            app.reply_to_case(&ctx(), None, id, Pii::from(words))
                .await
                .expect("replies");
        }
        let closed = app
            .close_case(&ctx(), None, id)
            .await
            .expect("answered")
            .value;
        let read = app.get_case(&ctx(), id).await.expect("reads");
        assert_eq!(read, closed, "{db:?}");
        assert_eq!(read.subject, opened.subject, "{db:?}");
        assert_eq!(
            read.replies[1].text.expose(),
            "A new one is on its way",
            "{db:?}"
        );

        let size = PageSize::from_request(0).expect("default");
        let reader = &ctx();
        let list = |filter: &'static str| app.list_cases(reader, filter, size, "");
        assert_eq!(
            list("state = CLOSED AND type = COMPLAINT")
                .await
                .expect("lists")
                .0
                .len(),
            1
        );
        assert!(
            list("state = OPEN").await.expect("lists").0.is_empty(),
            "{db:?}"
        );
        assert_eq!(
            list("colour = 1").await.expect_err("unknown").reason(),
            Reason::InvalidFilter
        );
        db.discard().await;
    }
}

async fn open_case(app: &App) -> Case {
    let draft = CaseDraft {
        case_type: Some(CaseType::Complaint),
        subject: Pii::from("Parcel arrived broken"),
        description: Some(Pii::from("The corner is dented")),
        channel: Some("hotline".to_owned()),
    };
    let case = Case::open(
        CaseId::generate(),
        CustomerId::generate(),
        draft,
        app.clock.now(),
    )
    .expect("valid");
    let (inner, of, kept) = (app.clone(), ctx().tenant, case.clone());
    app.db
        .write(&ctx(), move |tx| {
            Box::pin(async move {
                let key = inner.vault.key_or_create(tx, &of, kept.customer).await?;
                Cases::insert(tx, &Cases::to_rows(&of, &key, &kept, Vec::new())?).await
            })
        })
        .await
        .expect("inserts");
    case
}

/// An analyst who makes this call.
fn analyst(app: &App, method: &str) -> Ctx {
    let id = "ann".to_owned();
    let kind = PrincipalKind::Person;
    let mut ctx = Ctx::new(ctx().tenant, Principal { kind, id }, vec![Role::Analyst]);
    let rule = app.access.rules().find(|rule| &*rule.call.method == method);
    ctx.call = rule.map(|rule| Arc::clone(&rule.call));
    ctx
}

/// As a broken disk would: what is sealed opens no more.
async fn corrupt(db: &TestDb, table: &str) {
    let broken = match db.db.backend() {
        dossier_db::Backend::Sqlite => "x'00'",
        dossier_db::Backend::Postgres => "'\\x00'::bytea",
    };
    let sql = format!("UPDATE {table} SET direct = {broken}");
    let ctx = ctx();
    let work = db.db.write(&ctx, move |tx| {
        Box::pin(async move {
            let done = tx.conn().execute_unprepared(&sql).await;
            done.map(drop).map_err(dossier_db::error)
        })
    });
    work.await.expect("corrupted");
}

#[tokio::test]
async fn what_a_reader_may_not_see_is_not_opened() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        let invitation = invited(&app).await;
        let submitted = app
            .submit_response(&ctx(), None, invitation.id, answers(9))
            .await;
        submitted.expect("submits");
        corrupt(&db, "response").await;
        let size = PageSize::from_request(0).expect("default");
        let reader = analyst(&app, "dossier.feedback.v1.SurveyService/ListResponses");
        let listed = app.list_responses(&reader, invitation.survey, size, "");
        let (listed, _) = listed.await.expect("not opened");
        assert!(listed[0].masked, "{db:?}");
        assert_eq!(listed[0].answers, answers(9)[..1], "{db:?}: scores only");
        let opened = app
            .list_responses(&ctx(), invitation.survey, size, "")
            .await;
        assert!(opened.is_err(), "{db:?}: others open it");

        let case = open_case(&app).await;
        corrupt(&db, "feedback_case").await;
        let reader = analyst(&app, "dossier.feedback.v1.CaseService/GetCase");
        let seen = app.get_case(&reader, case.id).await.expect("not opened");
        assert!(seen.masked && seen.subject.expose().is_empty(), "{db:?}");
        assert_eq!(seen.case_type, case.case_type, "{db:?}");
        assert!(app.get_case(&ctx(), case.id).await.is_err(), "{db:?}");
        db.discard().await;
    }
}

/// A request that was answered before, with what its answer was made of.
async fn answered<T>(app: &App, outcome: T) -> Option<Once>
where
    T: serde::Serialize + serde::de::DeserializeOwned + Send + 'static,
{
    let request_id = uuid::Uuid::now_v7().to_string();
    let once = Once::new(&request_id, "test", b"the same").expect("a UUID");
    app.db
        .write_once(&ctx(), once.clone(), move |_| {
            Box::pin(async move { Ok(outcome) })
        })
        .await
        .expect("kept");
    once
}

#[tokio::test]
async fn a_request_that_comes_again_is_answered_whatever_has_changed_since() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        // Profile is away, the survey is closed and the time has passed.
        let invitation = invited(&app).await;
        app.close_survey(&ctx(), None, invitation.survey)
            .await
            .expect("closes");
        let row = Invitations::to_row(&ctx().tenant, &invitation);
        let once = answered(&app, row).await;
        let who = Who::Customer(invitation.customer);
        let past = Some(Timestamp::from_secs(1));
        let again = app
            .create_invitation(&ctx(), once, invitation.survey, who.clone(), past)
            .await;
        assert_eq!(again.expect("the first answer"), invitation, "{db:?}");

        let case = open_case(&app).await;
        let tenant = ctx().tenant;
        let rows = Cases::get(&app.db.reader_of(&tenant), &tenant, case.id).await;
        let once = answered(&app, rows.expect("reads")).await;
        let draft = CaseDraft {
            case_type: Some(case.case_type),
            subject: case.subject.clone(),
            description: None,
            channel: None,
        };
        let again = app.open_case(&ctx(), once, who, draft).await;
        assert_eq!(again.expect("the first answer").value, case, "{db:?}");
        db.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_published_survey_stays_published_whoever_changes_it_at_the_same_moment() {
    for db in TestDb::each(migrations, dossier_feed::append).await {
        let app = app(&db).await;
        for _ in 0..20 {
            let survey = app.create_survey(&ctx(), None, None, draft()).await;
            let id = survey.expect("creates").id;
            let renames = (0..4).map(|n| {
                let app = app.clone();
                let patch = SurveyPatch {
                    display_name: Some(format!("name {n}")),
                    questions: None,
                };
                tokio::spawn(async move {
                    app.update_survey(&ctx(), None, id, String::new(), patch)
                        .await
                })
            });
            let renames: Vec<_> = renames.collect();
            let published = app.publish_survey(&ctx(), None, id).await;
            let published = published.expect("publishes");
            for rename in futures::future::join_all(renames).await {
                // After it was published there is nothing to rename.
                if let Err(refused) = rename.expect("no panic") {
                    assert_eq!(refused.reason(), Reason::FailedPrecondition, "{db:?}");
                }
            }
            let survey = app.get_survey(&ctx(), id).await.expect("reads");
            assert_eq!(survey.state, SurveyState::Published, "{db:?}");
            assert_eq!(survey.revision, published.revision, "{db:?}");
        }
        db.discard().await;
    }
}
