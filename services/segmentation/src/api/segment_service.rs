//! The RPCs of SegmentService, a handler each.

use dossier_feed::Cursor;
use dossier_kernel::{Ctx, Error, PageSize, Result as Outcome};
use dossier_proto::common::v1::{Heartbeat, StreamEnd};
use dossier_proto::segmentation::v1 as wire;
use dossier_proto::segmentation::v1::segment_service_server::SegmentService;
use dossier_proto::segmentation::v1::watch_memberships_response::Item;
use dossier_rpc::{ctx, status};
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::decode::{self, customer_name, once, segment_name};
use super::encode;
use crate::app::{App, Page, Preview, Start, Watched};

/// How many segments one CheckMembership may ask about.
const CHECKS_MAX: usize = 500;

pub struct Api(pub App);

type Memberships = BoxStream<'static, Result<wire::WatchMembershipsResponse, Status>>;

#[tonic::async_trait]
impl SegmentService for Api {
    type WatchMembershipsStream = Memberships;

    async fn create_segment(
        &self,
        request: Request<wire::CreateSegmentRequest>,
    ) -> Result<Response<wire::Segment>, Status> {
        let ctx = ctx(&request)?;
        self.create(&ctx, request.into_inner())
            .await
            .map(Response::new)
            .map_err(status)
    }

    async fn get_segment(
        &self,
        request: Request<wire::GetSegmentRequest>,
    ) -> Result<Response<wire::Segment>, Status> {
        let ctx = ctx(&request)?;
        let id = segment_name("name", &request.into_inner().name).map_err(status)?;
        let shown = self.0.get_segment(&ctx, id).await.map_err(status)?;
        Ok(Response::new(encode::segment(shown)))
    }

    async fn list_segments(
        &self,
        request: Request<wire::ListSegmentsRequest>,
    ) -> Result<Response<wire::ListSegmentsResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::ListSegmentsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let listed = self.0.list_segments(&ctx, size, &page_token).await;
        let (segments, next_page_token) = listed.map_err(status)?;
        let segments = segments.into_iter().map(encode::segment).collect();
        Ok(Response::new(wire::ListSegmentsResponse {
            segments,
            next_page_token,
        }))
    }

    async fn update_segment(
        &self,
        request: Request<wire::UpdateSegmentRequest>,
    ) -> Result<Response<wire::Segment>, Status> {
        let ctx = ctx(&request)?;
        self.update(&ctx, request.into_inner())
            .await
            .map(Response::new)
            .map_err(status)
    }

    async fn delete_segment(
        &self,
        request: Request<wire::DeleteSegmentRequest>,
    ) -> Result<Response<wire::DeleteSegmentResponse>, Status> {
        let ctx = ctx(&request)?;
        self.delete(&ctx, request.into_inner())
            .await
            .map(Response::new)
            .map_err(status)
    }

    async fn preview_segment(
        &self,
        request: Request<wire::PreviewSegmentRequest>,
    ) -> Result<Response<wire::PreviewSegmentResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::PreviewSegmentRequest { rule, sample_size } = request.into_inner();
        let preview = self
            .0
            .preview_segment(&ctx, &rule, sample_size)
            .await
            .map_err(status)?;
        let Preview {
            member_count,
            customer_count,
            sample,
            cost,
        } = preview;
        Ok(Response::new(wire::PreviewSegmentResponse {
            member_count,
            customer_count,
            sample_customers: sample.into_iter().map(|id| id.to_name()).collect(),
            cost: i32::try_from(cost).unwrap_or(i32::MAX),
        }))
    }

    async fn list_members(
        &self,
        request: Request<wire::ListMembersRequest>,
    ) -> Result<Response<wire::ListMembersResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::ListMembersRequest {
            segment,
            page_size,
            page_token,
        } = request.into_inner();
        let id = segment_name("segment", &segment).map_err(status)?;
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self
            .0
            .list_members(&ctx, id, size, &page_token)
            .await
            .map_err(status)?;
        let Page {
            members,
            next: next_page_token,
        } = page;
        let memberships = members.into_iter().map(encode::membership).collect();
        Ok(Response::new(wire::ListMembersResponse {
            memberships,
            next_page_token,
        }))
    }

    async fn check_membership(
        &self,
        request: Request<wire::CheckMembershipRequest>,
    ) -> Result<Response<wire::CheckMembershipResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::CheckMembershipRequest { customer, segments } = request.into_inner();
        let customer = customer_name("customer", &customer).map_err(status)?;
        let asked = decode::segment_names("segments", &segments, CHECKS_MAX).map_err(status)?;
        let checks = self
            .0
            .check_membership(&ctx, customer, &asked)
            .await
            .map_err(status)?;
        let checks = checks.into_iter().map(encode::check).collect();
        Ok(Response::new(wire::CheckMembershipResponse { checks }))
    }

    async fn list_customer_segments(
        &self,
        request: Request<wire::ListCustomerSegmentsRequest>,
    ) -> Result<Response<wire::ListCustomerSegmentsResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::ListCustomerSegmentsRequest {
            customer,
            page_size,
            page_token,
        } = request.into_inner();
        let id = customer_name("customer", &customer).map_err(status)?;
        let size = PageSize::from_request(page_size).map_err(status)?;
        let page = self
            .0
            .list_customer_segments(&ctx, id, size, &page_token)
            .await;
        let Page {
            members,
            next: next_page_token,
        } = page.map_err(status)?;
        let memberships = members.into_iter().map(encode::membership).collect();
        Ok(Response::new(wire::ListCustomerSegmentsResponse {
            memberships,
            next_page_token,
        }))
    }

    async fn watch_memberships(
        &self,
        request: Request<wire::WatchMembershipsRequest>,
    ) -> Result<Response<Memberships>, Status> {
        let ctx = ctx(&request)?;
        let stop = dossier_rpc::stop(&request);
        let watched = self.watch(&ctx, request.into_inner(), stop).await;
        watched.map(Response::new).map_err(status)
    }
}

impl Api {
    async fn create(
        &self,
        ctx: &Ctx,
        request: wire::CreateSegmentRequest,
    ) -> Outcome<wire::Segment> {
        let once = once(
            "SegmentService/CreateSegment",
            &request.request_id,
            &request,
        )?;
        let request = decode::create_segment(request)?;
        self.0
            .create_segment(ctx, request, once)
            .await
            .map(encode::segment)
    }

    async fn update(
        &self,
        ctx: &Ctx,
        request: wire::UpdateSegmentRequest,
    ) -> Outcome<wire::Segment> {
        let once = once(
            "SegmentService/UpdateSegment",
            &request.request_id,
            &request,
        )?;
        let request = decode::update_segment(request)?;
        self.0
            .update_segment(ctx, request, once)
            .await
            .map(encode::segment)
    }

    async fn delete(
        &self,
        ctx: &Ctx,
        request: wire::DeleteSegmentRequest,
    ) -> Outcome<wire::DeleteSegmentResponse> {
        let once = once(
            "SegmentService/DeleteSegment",
            &request.request_id,
            &request,
        )?;
        let id = segment_name("name", &request.name)?;
        self.0.delete_segment(ctx, id, request.etag, once).await?;
        Ok(wire::DeleteSegmentResponse {})
    }

    async fn watch(
        &self,
        ctx: &Ctx,
        request: wire::WatchMembershipsRequest,
        stop: CancellationToken,
    ) -> Result<Memberships, Error> {
        let wire::WatchMembershipsRequest {
            cursor,
            include_snapshot,
            segment,
        } = request;
        let start = match cursor.as_str() {
            "" if include_snapshot => Start::Snapshot,
            "" => Start::Now,
            cursor => Start::After(Cursor::parse(cursor)?),
        };
        let only = match segment.as_str() {
            "" => None,
            name => Some(segment_name("segment", name)?),
        };
        let tenant = ctx.tenant.to_string();
        let items = self.0.watch_memberships(ctx, start, only, stop).await?;
        let items =
            items.map(move |item| item.map(|item| encode_item(&tenant, item)).map_err(status));
        Ok(items.boxed())
    }
}

/// `tenant` is whose snapshot it is; changes say themselves.
fn encode_item(tenant: &str, item: Watched) -> wire::WatchMembershipsResponse {
    let (cursor, item) = match item {
        Watched::Member(member) => (
            String::new(),
            Item::Change(encode::snapshot(tenant.to_owned(), member)),
        ),
        Watched::Event {
            cursor,
            tenant,
            event,
        } => (
            cursor.to_string(),
            Item::Change(encode::change(tenant.to_string(), event)),
        ),
        Watched::Heartbeat { cursor } => (cursor.to_string(), Item::Heartbeat(Heartbeat {})),
        Watched::End { cursor } => (
            cursor.to_string(),
            Item::End(StreamEnd {
                cause: "drain".to_owned(),
            }),
        ),
    };
    wire::WatchMembershipsResponse {
        cursor,
        item: Some(item),
    }
}
