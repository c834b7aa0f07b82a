//! Generated clients that carry a token.

use std::time::Duration;

use dossier_proto::feedback::v1::case_service_client::CaseServiceClient;
use dossier_proto::feedback::v1::feedback_service_client::FeedbackServiceClient;
use dossier_proto::feedback::v1::survey_service_client::SurveyServiceClient;
use dossier_proto::interaction::v1::interaction_service_client::InteractionServiceClient;
use dossier_proto::profile::v1::attribute_definition_service_client::AttributeDefinitionServiceClient;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::privacy_request_service_client::PrivacyRequestServiceClient;
use dossier_proto::profile::v1::revision_service_client::RevisionServiceClient;
use dossier_proto::profile::v1::search_service_client::SearchServiceClient;
use dossier_proto::segmentation::v1::AwaitProgressRequest;
use dossier_proto::segmentation::v1::progress_service_client::ProgressServiceClient;
use dossier_proto::segmentation::v1::segment_service_client::SegmentServiceClient;
use dossier_proto::segmentation::v1::value_class_service_client::ValueClassServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that says who calls.
pub type Wire = InterceptedService<Channel, Bearer>;

/// Adds `authorization: Bearer …`, or nothing.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// An empty token is none.
    pub fn new(token: &str) -> anyhow::Result<Self> {
        if token.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(format!("Bearer {token}").parse()?)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// One client per service of the contract, all as the same principal.
#[derive(Clone)]
pub struct Clients {
    pub customers: CustomerServiceClient<Wire>,
    pub attributes: AttributeDefinitionServiceClient<Wire>,
    pub revisions: RevisionServiceClient<Wire>,
    pub searches: SearchServiceClient<Wire>,
    pub privacy_requests: PrivacyRequestServiceClient<Wire>,
    pub interactions: InteractionServiceClient<Wire>,
    pub segments: SegmentServiceClient<Wire>,
    pub values: ValueClassServiceClient<Wire>,
    pub progress: ProgressServiceClient<Wire>,
    pub surveys: SurveyServiceClient<Wire>,
    pub cases: CaseServiceClient<Wire>,
    pub feedback: FeedbackServiceClient<Wire>,
}

impl Clients {
    /// Connects when first used. `addresses` are of profile, interaction, segmentation, feedback.
    pub fn new(addresses: &[String; 4], token: &str) -> anyhow::Result<Self> {
        let bearer = Bearer::new(token)?;
        let wire = |address: &String| -> anyhow::Result<Wire> {
            let channel = Endpoint::from_shared(address.clone())?.connect_lazy();
            Ok(InterceptedService::new(channel, bearer.clone()))
        };
        let [profile, interaction, segmentation, feedback] = addresses;
        let profile = wire(profile)?;
        let segmentation = wire(segmentation)?;
        let feedback = wire(feedback)?;
        Ok(Self {
            customers: CustomerServiceClient::new(profile.clone()),
            attributes: AttributeDefinitionServiceClient::new(profile.clone()),
            revisions: RevisionServiceClient::new(profile.clone()),
            searches: SearchServiceClient::new(profile.clone()),
            privacy_requests: PrivacyRequestServiceClient::new(profile),
            interactions: InteractionServiceClient::new(wire(interaction)?),
            segments: SegmentServiceClient::new(segmentation.clone()),
            values: ValueClassServiceClient::new(segmentation.clone()),
            progress: ProgressServiceClient::new(segmentation),
            surveys: SurveyServiceClient::new(feedback.clone()),
            cases: CaseServiceClient::new(feedback.clone()),
            feedback: FeedbackServiceClient::new(feedback),
        })
    }

    /// Waits until segmentation has followed the feed to this cursor and fills no segment any more.
    /// `feed` is `profile`, `interaction` or `feedback`.
    pub async fn settle(&self, feed: &str, cursor: &str) -> Result<(), Status> {
        let cursors = [(feed.to_owned(), cursor.to_owned())].into();
        let mut request = Request::new(AwaitProgressRequest { cursors });
        request.set_timeout(SETTLE_TIMEOUT);
        self.progress.clone().await_progress(request).await?;
        Ok(())
    }
}

/// The cursor of the change that a mutation made; empty when it made none.
pub fn cursor_of<T>(answer: &Response<T>) -> String {
    let cursor = answer
        .metadata()
        .get("dossier-cursor")
        .and_then(|cursor| cursor.to_str().ok());
    cursor.unwrap_or_default().to_owned()
}
