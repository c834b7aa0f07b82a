//! Three segments of the demo, with their sizes and some members.

use dossier_proto::profile::v1::BatchGetCustomersRequest;
use dossier_proto::profile::v1::customer_service_client::CustomerServiceClient;
use dossier_proto::segmentation::v1::segment_service_client::SegmentServiceClient;
use dossier_proto::segmentation::v1::{
    CreateSegmentRequest, GetSegmentRequest, ListMembersRequest, Segment,
};
use uuid::Uuid;

use crate::connect::Wire;
use crate::failure::Result;

/// Members that are named.
const SAMPLE: i32 = 3;

/// Name, rule. The data ends in 1998, so that windows before now would be empty: dates are fixed.
const SEGMENTS: [(&str, &str); 3] = [
    (
        "Loyal buyers",
        "count(purchase) >= 3 AND sum(purchase.amount, \"USD\") >= 100",
    ),
    (
        "Still there in June 1998",
        "last(purchase) >= \"1998-06-01\"",
    ),
    (
        "One large first basket",
        "count(purchase) = 1 AND sum(purchase.amount) >= 100 AND first(purchase) < \"1997-04-01\"",
    ),
];

/// A segment as it came out.
pub(crate) struct Shown {
    pub segment: Segment,
    /// Display names of some members.
    pub sample: Vec<String>,
}

/// Defines them; their members are complete once segmentation has caught up.
pub(crate) async fn create(wire: &Wire) -> Result<Vec<String>> {
    let mut client = SegmentServiceClient::new(wire.clone());
    let mut names = Vec::new();
    for (display_name, rule) in SEGMENTS {
        let segment = Segment {
            display_name: display_name.to_owned(),
            rule: rule.to_owned(),
            ..Segment::default()
        };
        let request = CreateSegmentRequest {
            segment: Some(segment),
            request_id: Uuid::now_v7().to_string(),
            ..CreateSegmentRequest::default()
        };
        names.push(client.create_segment(request).await?.into_inner().name);
    }
    Ok(names)
}

pub(crate) async fn show(wire: &Wire, names: Vec<String>) -> Result<Vec<Shown>> {
    let mut segments = SegmentServiceClient::new(wire.clone());
    let mut customers = CustomerServiceClient::new(wire.clone());
    let mut shown = Vec::new();
    for name in names {
        let segment = segments
            .get_segment(GetSegmentRequest { name: name.clone() })
            .await?
            .into_inner();
        let request = ListMembersRequest {
            segment: name,
            page_size: SAMPLE,
            ..ListMembersRequest::default()
        };
        let members = segments
            .list_members(request)
            .await?
            .into_inner()
            .memberships;
        let names = members.into_iter().map(|member| member.customer).collect();
        let files = customers
            .batch_get_customers(BatchGetCustomersRequest { names })
            .await?;
        let files = files.into_inner().customers.into_iter();
        shown.push(Shown {
            segment,
            sample: files.map(|file| file.display_name).collect(),
        });
    }
    Ok(shown)
}
