//! What the demo does and finds, from an empty suite to the report.

use std::time::Duration;

use dossier_kernel::{Error, Reason};
use dossier_proto::feedback::v1::SurveyReport;
use dossier_proto::interaction::v1::interaction_service_client::InteractionServiceClient;
use dossier_proto::interaction::v1::{Interaction, ListInteractionsRequest};
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::profile::v1::{Customer, GetCustomerRequest, LookupCustomersRequest};
use dossier_proto::segmentation::v1::value_class_service_client::ValueClassServiceClient;
use dossier_proto::segmentation::v1::{CustomerClasses, GetCustomerClassesRequest};
use serde_json::{Value, json};

use crate::connect::Wire;
use crate::demo::load::{self, Loaded};
use crate::demo::segments::{self, Shown};
use crate::demo::{cdnow, survey};
use crate::failure::{Failure, Result};
use crate::format::{Sheet, count, money, value_class};
use crate::output::Output;
use crate::report::Purchases;
use crate::{json, view};

/// Whose file is shown: the id of a customer who came back over the whole period.
pub(crate) const PORTRAIT: &str = "10306";

/// Interactions of the timeline that are shown.
const TIMELINE: i32 = 10;

const SOURCE: &str = "CDNOW purchases of 1997-01-01 to 1998-06-30, 1/10 sample (Fader, Hardie & \
    Lee, Marketing Science 24 (2), 2005)";

pub(crate) struct Story {
    customers: Loaded,
    purchases: Loaded,
    caught_up: Duration,
    report: Purchases,
    segments: Vec<Shown>,
    portrait: Portrait,
    survey: SurveyReport,
}

struct Portrait {
    customer: Customer,
    classes: CustomerClasses,
    timeline: Vec<Interaction>,
}

impl Story {
    /// Loads an empty suite and reads everything back from it.
    pub async fn live(wire: &Wire, output: &Output) -> Result<Self> {
        let lines = cdnow::lines().ok_or_else(|| {
            Failure::Local(Error::internal("the embedded purchases cannot be read"))
        })?;
        let segments = segments::create(wire).await?;
        let customers = load::customers(wire, &lines).await?;
        output.say(&format!(
            "{} customers imported in {}",
            count(customers.count),
            pace(&customers)
        ));
        let purchases = load::purchases(wire, &lines).await?;
        output.say(&format!(
            "{} purchases ingested in {}",
            count(purchases.count),
            pace(&purchases)
        ));
        let cursors = [
            ("profile", customers.cursor.as_str()),
            ("interaction", purchases.cursor.as_str()),
        ];
        let caught_up = load::caught_up(wire, &cursors).await?;
        output.say(&format!(
            "segmentation caught up {} ms later\n",
            caught_up.as_millis()
        ));
        Ok(Self {
            report: Purchases::read(wire).await?,
            segments: segments::show(wire, segments).await?,
            portrait: Portrait::read(wire).await?,
            survey: survey::run(wire, &lines).await?,
            customers,
            purchases,
            caught_up,
        })
    }

    pub fn to_json(&self) -> Value {
        let loaded =
            |loaded: &Loaded| json!({ "count": loaded.count, "took_ms": millis(loaded.took) });
        let segment = |shown: &Shown| {
            json!({
                "segment": json::of("dossier.segmentation.v1.Segment", &shown.segment),
                "sample_members": shown.sample,
            })
        };
        let event = |event: &Interaction| json::of("dossier.interaction.v1.Interaction", event);
        let Portrait {
            customer,
            classes,
            timeline,
        } = &self.portrait;
        let mut document = self.report.to_json();
        if let Some(fields) = document.as_object_mut() {
            fields.extend([
                ("source".to_owned(), json!(SOURCE)),
                (
                    "loaded".to_owned(),
                    json!({
                        "customers": loaded(&self.customers),
                        "purchases": loaded(&self.purchases),
                        "caught_up_ms": millis(self.caught_up),
                    }),
                ),
                (
                    "segments".to_owned(),
                    self.segments.iter().map(segment).collect(),
                ),
                (
                    "customer".to_owned(),
                    json!({
                        "file": json::of("dossier.profile.v1.Customer", customer),
                        "classes": json::of("dossier.segmentation.v1.CustomerClasses", classes),
                        "timeline": timeline.iter().map(event).collect::<Vec<_>>(),
                    }),
                ),
                (
                    "survey".to_owned(),
                    json!({
                        "title": survey::TITLE,
                        "answers_are_generated": true,
                        "report": json::of("dossier.feedback.v1.SurveyReport", &self.survey),
                    }),
                ),
            ]);
        }
        document
    }

    pub fn to_text(&self) -> String {
        [
            format!("{SOURCE}\n"),
            view::purchases(&self.report),
            self.segments_text(),
            self.portrait.to_text(),
            format!("{}\n{}", survey::TITLE, view::survey(&self.survey)),
        ]
        .join("\n")
    }

    fn segments_text(&self) -> String {
        let mut sheet = Sheet::new(&["segment", "rule", "for instance", "members"], 3);
        for shown in &self.segments {
            sheet.row(vec![
                shown.segment.display_name.clone(),
                shown.segment.rule.clone(),
                shown.sample.join("\n"),
                count(shown.segment.member_count),
            ]);
        }
        format!("Segments\n{sheet}\n")
    }
}

impl Portrait {
    async fn read(wire: &Wire) -> Result<Self> {
        let mut profile = CustomerServiceClient::new(wire.clone());
        let request = LookupCustomersRequest {
            keys: vec![cdnow::key(PORTRAIT)],
            ..LookupCustomersRequest::default()
        };
        let found = profile
            .lookup_customers(request)
            .await?
            .into_inner()
            .results;
        let name = found
            .into_iter()
            .next()
            .map(|found| found.customer)
            .unwrap_or_default();
        if name.is_empty() {
            let message = format!("The customer cdnow:{PORTRAIT} was imported and is not found.");
            return Err(Failure::Refused(Error::new(Reason::NotFound, message)));
        }
        let request = GetCustomerRequest {
            name: name.clone(),
            ..Default::default()
        };
        let customer = profile.get_customer(request).await?.into_inner();
        let request = GetCustomerClassesRequest {
            customer: name.clone(),
        };
        let classes = ValueClassServiceClient::new(wire.clone())
            .get_customer_classes(request)
            .await?;
        let request = ListInteractionsRequest {
            customer: name,
            page_size: TIMELINE,
            ..ListInteractionsRequest::default()
        };
        let timeline = InteractionServiceClient::new(wire.clone())
            .list_interactions(request)
            .await?;
        Ok(Self {
            customer,
            classes: classes.into_inner(),
            timeline: timeline.into_inner().interactions,
        })
    }

    fn to_text(&self) -> String {
        let Self {
            customer,
            classes,
            timeline,
        } = self;
        format!(
            "One customer\n{}  {:<14}{}, R{} F{} M{}, {} in {} purchases\n{}\n",
            view::customer(customer),
            "classes",
            value_class(classes.value_class()),
            classes.recency_score,
            classes.frequency_score,
            classes.monetary_score,
            money(classes.purchase_total.as_ref()),
            classes.purchase_count,
            view::timeline(timeline),
        )
    }
}

fn pace(loaded: &Loaded) -> String {
    let took = millis(loaded.took).max(1);
    format!("{took} ms ({}/s)", count(loaded.count * 1_000 / took))
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
