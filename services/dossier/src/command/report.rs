//! `dossier report`.

use clap::Args;
use dossier_kernel::id::SurveyId;
use dossier_proto::feedback::v1::GetSurveyReportRequest;
use dossier_proto::feedback::v1::survey_service_client::SurveyServiceClient;
use serde_json::json;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::report::Purchases;
use crate::{json, view};

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier report\n  \
    dossier report --survey surveys/0199a3c2-7f10-7000-8000-00000000002a\n  \
    dossier report --json | jq .purchases.repeat_buyer_count")]
pub(crate) struct Report {
    /// Add the results of a survey, `surveys/{survey}`
    #[arg(long, value_name = "NAME")]
    survey: Option<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Report {
    pub async fn run(self, output: &Output) -> Result<()> {
        if self
            .survey
            .as_ref()
            .is_some_and(|name| SurveyId::from_name(name).is_none())
        {
            return Err(Failure::usage(
                "--survey is a name such as surveys/{survey}.",
            ));
        }
        let wire = self.connect.wire().await?;
        let purchases = Purchases::read(&wire).await?;
        let mut document = purchases.to_json();
        let mut text = view::purchases(&purchases);
        if let Some(survey) = self.survey {
            let mut client = SurveyServiceClient::new(wire);
            let report = client
                .get_survey_report(GetSurveyReportRequest { survey })
                .await?
                .into_inner();
            if let Some(document) = document.as_object_mut() {
                let shown = json::of("dossier.feedback.v1.SurveyReport", &report);
                document.insert("survey".to_owned(), json!(shown));
            }
            text = format!("{text}\n{}", view::survey(&report));
        }
        output.answer(&document, || text)
    }
}
