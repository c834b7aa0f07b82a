//! What customers are told before they decide: `dossier consent notices` and `publish`.

use std::path::PathBuf;

use clap::Args;
use dossier_proto::profile::v1::consent_service_client::ConsentServiceClient;
use dossier_proto::profile::v1::{
    ConsentNotice, ConsentNoticeText, ConsentPurpose, CreateConsentNoticeRequest,
    ListConsentNoticesRequest, SeparateConsentReason,
};
use uuid::Uuid;

use crate::connect::Connect;
use crate::failure::{Failure, Result};
use crate::format::{Sheet, time};
use crate::json;
use crate::output::Output;

/// Rows asked for at a time.
const PAGE: i32 = 500;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier consent notices")]
pub(crate) struct Notices {
    #[command(flatten)]
    connect: Connect,
}

impl Notices {
    pub async fn run(self, output: &Output) -> Result<()> {
        let mut client = ConsentServiceClient::new(self.connect.wire().await?);
        let mut notices: Vec<ConsentNotice> = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListConsentNoticesRequest {
                page_size: PAGE,
                page_token,
            };
            let page = client.list_consent_notices(request).await?.into_inner();
            notices.extend(page.consent_notices);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let document = |notice| json::of("dossier.profile.v1.ConsentNotice", notice);
        let documents: Vec<_> = notices.iter().map(document).collect();
        output.answer(&documents, || {
            let header = ["notice", "version", "in effect from", "purposes"];
            let mut sheet = Sheet::new(&header, header.len());
            for notice in &notices {
                let purposes: Vec<_> = notice.purposes.iter().map(shown).collect();
                sheet.row(vec![
                    notice.name.clone(),
                    notice.version.to_string(),
                    time(notice.effective_time.as_ref()),
                    purposes.join(", "),
                ]);
            }
            sheet.to_string()
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    dossier consent publish privacy --title 'Your data' --body privacy.txt \
    --purpose marketing --purpose sharing:third_party\n\n\
    A version never changes: publishing again makes the next one, in effect from now on.")]
pub(crate) struct Publish {
    /// The id: a-z, 0-9 and `_`, beginning with a letter
    id: String,

    /// The heading
    #[arg(long, value_name = "TEXT")]
    title: String,

    /// A file with the words
    #[arg(long, value_name = "FILE")]
    body: PathBuf,

    /// The language of the words
    #[arg(long, value_name = "BCP-47", default_value = "en")]
    language: String,

    /// What consent is asked for; may be repeated. `sharing:third_party` demands a separate consent:
    /// sensitive_data, third_party, cross_border, publication
    #[arg(long = "purpose", value_name = "PURPOSE[:REASON]", required = true)]
    purposes: Vec<String>,

    #[command(flatten)]
    connect: Connect,
}

impl Publish {
    pub async fn run(self, output: &Output) -> Result<()> {
        let body = std::fs::read_to_string(&self.body)
            .map_err(|error| Failure::io(self.body.display().to_string(), error))?;
        let purposes = self.purposes.iter().map(|words| purpose(words));
        let notice = ConsentNotice {
            texts: vec![ConsentNoticeText {
                language_code: self.language,
                title: self.title,
                body,
            }],
            purposes: purposes.collect::<Result<_>>()?,
            ..ConsentNotice::default()
        };
        let request = CreateConsentNoticeRequest {
            consent_notice: Some(notice),
            consent_notice_id: self.id,
            request_id: Uuid::now_v7().to_string(),
        };
        let mut client = ConsentServiceClient::new(self.connect.wire().await?);
        let made = client.create_consent_notice(request).await?.into_inner();
        let document = json::of("dossier.profile.v1.ConsentNotice", &made);
        output.answer(&document, || {
            format!("{} version {}", made.name, made.version)
        })
    }
}

fn purpose(words: &str) -> Result<ConsentPurpose> {
    let (purpose, reason) = match words.split_once(':') {
        Some((purpose, reason)) => (purpose, Some(reason)),
        None => (words, None),
    };
    let reason = match reason {
        Some(word) => {
            let name = format!("SEPARATE_CONSENT_REASON_{}", word.to_uppercase());
            let known = SeparateConsentReason::from_str_name(&name);
            let known = known.ok_or_else(|| Failure::usage(format!("--purpose {words} is none.")));
            Some(known?.into())
        }
        None => None,
    };
    Ok(ConsentPurpose {
        purpose: purpose.to_owned(),
        separate_reasons: reason.into_iter().collect(),
    })
}

fn shown(purpose: &ConsentPurpose) -> String {
    match purpose.separate_reasons.is_empty() {
        true => purpose.purpose.clone(),
        false => format!("{} (separate)", purpose.purpose),
    }
}
