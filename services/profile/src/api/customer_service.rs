//! CustomerService.

use dossier_proto::profile::v1::customer_service_server::CustomerService;
use dossier_proto::profile::v1::{
    AddTagsRequest, BatchGetCustomersRequest, BatchGetCustomersResponse, CreateCustomerRequest,
    Customer, DeleteCustomerRequest, ExportCustomersRequest, ExportCustomersResponse,
    GetCustomerRequest, ImportCustomersRequest, ImportCustomersResponse, ListCustomersRequest,
    ListCustomersResponse, LookupCustomersRequest, LookupCustomersResponse, RemoveTagsRequest,
    UndeleteCustomerRequest, UpdateCustomerRequest, UpsertCustomerRequest, UpsertCustomerResponse,
    WatchCustomersRequest, WatchCustomersResponse,
};
use dossier_rpc::{ctx, status, with_cursor};
use futures::stream::{BoxStream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::{Api, customer, export, import, request, watch};
use crate::app::Done;

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl CustomerService for Api {
    async fn create_customer(&self, call: Request<CreateCustomerRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (id, draft, mutation) = request::create(call.into_inner()).map_err(status)?;
        let done = self
            .profile
            .create_customer(&ctx, id, draft, mutation)
            .await;
        done.map(answer).map_err(status)
    }

    async fn get_customer(&self, call: Request<GetCustomerRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (id, read_time) = request::get(call.into_inner()).map_err(status)?;
        let found = match read_time {
            None => self.profile.get_customer(&ctx, id).await,
            // Boxed: the future of every read would hold room for it.
            Some(time) => Box::pin(self.profile.get_customer_at(&ctx, id, time)).await,
        };
        Ok(Response::new(customer::encode(found.map_err(status)?)))
    }

    async fn batch_get_customers(
        &self,
        call: Request<BatchGetCustomersRequest>,
    ) -> Answer<BatchGetCustomersResponse> {
        let ctx = ctx(&call)?;
        let ids = request::customer_names("names", &call.get_ref().names).map_err(status)?;
        let found = self
            .profile
            .batch_get_customers(&ctx, &ids)
            .await
            .map_err(status)?;
        let customers = found.into_iter().map(customer::encode).collect();
        Ok(Response::new(BatchGetCustomersResponse { customers }))
    }

    async fn list_customers(
        &self,
        call: Request<ListCustomersRequest>,
    ) -> Answer<ListCustomersResponse> {
        let ctx = ctx(&call)?;
        let list = request::list(call.into_inner()).map_err(status)?;
        let (rows, next_page_token) = self
            .profile
            .list_customers(&ctx, list)
            .await
            .map_err(status)?;
        let customers = rows.into_iter().map(customer::encode).collect();
        Ok(Response::new(ListCustomersResponse {
            customers,
            next_page_token,
        }))
    }

    async fn update_customer(&self, call: Request<UpdateCustomerRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (update, mutation) = request::update(call.into_inner()).map_err(status)?;
        let done = self.profile.update_customer(&ctx, update, mutation).await;
        done.map(answer).map_err(status)
    }

    async fn delete_customer(&self, call: Request<DeleteCustomerRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (id, etag, mutation) = request::delete(call.into_inner()).map_err(status)?;
        let done = self.profile.delete_customer(&ctx, id, etag, mutation).await;
        done.map(answer).map_err(status)
    }

    async fn undelete_customer(&self, call: Request<UndeleteCustomerRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (id, mutation) = request::undelete(call.into_inner()).map_err(status)?;
        let done = self.profile.undelete_customer(&ctx, id, mutation).await;
        done.map(answer).map_err(status)
    }

    async fn upsert_customer(
        &self,
        call: Request<UpsertCustomerRequest>,
    ) -> Answer<UpsertCustomerResponse> {
        let ctx = ctx(&call)?;
        let (upsert, mutation) = request::upsert(call.into_inner()).map_err(status)?;
        let done = self
            .profile
            .upsert_customer(&ctx, upsert, mutation)
            .await
            .map_err(status)?;
        let outcome = customer::outcome(done.effect).into();
        let customer = Some(customer::encode(done.seen));
        Ok(with_cursor(
            UpsertCustomerResponse { customer, outcome },
            done.cursor,
        ))
    }

    async fn lookup_customers(
        &self,
        call: Request<LookupCustomersRequest>,
    ) -> Answer<LookupCustomersResponse> {
        let ctx = ctx(&call)?;
        let questions = request::lookup(call.into_inner()).map_err(status)?;
        let found = self
            .profile
            .lookup_customers(&ctx, questions)
            .await
            .map_err(status)?;
        let results = found.into_iter().map(customer::lookup).collect();
        Ok(Response::new(LookupCustomersResponse { results }))
    }

    async fn add_tags(&self, call: Request<AddTagsRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (update, mutation) = request::add_tags(call.into_inner()).map_err(status)?;
        let done = self.profile.update_customer(&ctx, update, mutation).await;
        done.map(answer).map_err(status)
    }

    async fn remove_tags(&self, call: Request<RemoveTagsRequest>) -> Answer<Customer> {
        let ctx = ctx(&call)?;
        let (update, mutation) = request::remove_tags(call.into_inner()).map_err(status)?;
        let done = self.profile.update_customer(&ctx, update, mutation).await;
        done.map(answer).map_err(status)
    }

    type ImportCustomersStream = BoxStream<'static, Result<ImportCustomersResponse, Status>>;

    async fn import_customers(
        &self,
        call: Request<Streaming<ImportCustomersRequest>>,
    ) -> Answer<Self::ImportCustomersStream> {
        let ctx = ctx(&call)?;
        Ok(Response::new(import::run(
            self.profile.clone(),
            ctx,
            call.into_inner(),
        )))
    }

    type ExportCustomersStream = BoxStream<'static, Result<ExportCustomersResponse, Status>>;

    async fn export_customers(
        &self,
        call: Request<ExportCustomersRequest>,
    ) -> Answer<Self::ExportCustomersStream> {
        let (ctx, stop) = (ctx(&call)?, dossier_rpc::stop(&call));
        let file = export::run(&self.profile, &ctx, call.into_inner(), stop).await;
        file.map(Response::new).map_err(status)
    }

    type WatchCustomersStream = BoxStream<'static, Result<WatchCustomersResponse, Status>>;

    async fn watch_customers(
        &self,
        call: Request<WatchCustomersRequest>,
    ) -> Answer<Self::WatchCustomersStream> {
        let (ctx, stop) = (ctx(&call)?, dossier_rpc::stop(&call));
        let WatchCustomersRequest {
            cursor,
            include_snapshot,
        } = call.into_inner();
        let changes = self
            .profile
            .watch_customers(&ctx, &cursor, include_snapshot, stop)
            .await;
        let changes = changes.map_err(status)?;
        let messages = changes.map(|item| item.map(watch::encode).map_err(status));
        Ok(Response::new(messages.boxed()))
    }
}

fn answer(done: Done) -> Response<Customer> {
    with_cursor(customer::encode(done.seen), done.cursor)
}
