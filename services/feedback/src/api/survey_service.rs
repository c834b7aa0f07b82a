//! The RPCs of SurveyService, a handler each.

use dossier_rpc::{ctx, status, with_cursor};
use tonic::{Request, Response, Status};

use dossier_kernel::id::{InvitationId, SurveyId};
use dossier_kernel::{Ctx, Error, PageSize};
use dossier_proto::feedback::v1 as wire;
use dossier_proto::feedback::v1::survey_service_server::SurveyService;

use super::decode::{chosen_id, invalid, name, once, time, who};
use super::survey::{
    decode_answers, decode_draft, decode_patch, encode_invitation, encode_report, encode_response,
    encode_survey,
};
use crate::app::App;

pub struct Api(pub App);

const SURVEY: &str = "surveys/{survey}";

fn survey_id(field: &str, text: &str) -> Result<SurveyId, Error> {
    name(field, text, SURVEY, SurveyId::from_name)
}

#[tonic::async_trait]
impl SurveyService for Api {
    async fn create_survey(
        &self,
        request: Request<wire::CreateSurveyRequest>,
    ) -> Result<Response<wire::Survey>, Status> {
        let ctx = ctx(&request)?;
        let survey = self
            .create(&ctx, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(survey))
    }

    async fn get_survey(
        &self,
        request: Request<wire::GetSurveyRequest>,
    ) -> Result<Response<wire::Survey>, Status> {
        let ctx = ctx(&request)?;
        let id = survey_id("name", &request.into_inner().name).map_err(status)?;
        let survey = self.0.get_survey(&ctx, id).await.map_err(status)?;
        Ok(Response::new(encode_survey(survey)))
    }

    async fn list_surveys(
        &self,
        request: Request<wire::ListSurveysRequest>,
    ) -> Result<Response<wire::ListSurveysResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::ListSurveysRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let size = PageSize::from_request(page_size).map_err(status)?;
        let (surveys, next_page_token) = self
            .0
            .list_surveys(&ctx, size, &page_token)
            .await
            .map_err(status)?;
        let surveys = surveys.into_iter().map(encode_survey).collect();
        Ok(Response::new(wire::ListSurveysResponse {
            surveys,
            next_page_token,
        }))
    }

    async fn update_survey(
        &self,
        request: Request<wire::UpdateSurveyRequest>,
    ) -> Result<Response<wire::Survey>, Status> {
        let ctx = ctx(&request)?;
        let survey = self
            .update(&ctx, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(survey))
    }

    async fn publish_survey(
        &self,
        request: Request<wire::PublishSurveyRequest>,
    ) -> Result<Response<wire::Survey>, Status> {
        let ctx = ctx(&request)?;
        let request = request.into_inner();
        let once =
            once("SurveyService/PublishSurvey", &request.request_id, &request).map_err(status)?;
        let id = survey_id("name", &request.name).map_err(status)?;
        let survey = self
            .0
            .publish_survey(&ctx, once, id)
            .await
            .map_err(status)?;
        Ok(Response::new(encode_survey(survey)))
    }

    async fn close_survey(
        &self,
        request: Request<wire::CloseSurveyRequest>,
    ) -> Result<Response<wire::Survey>, Status> {
        let ctx = ctx(&request)?;
        let request = request.into_inner();
        let once =
            once("SurveyService/CloseSurvey", &request.request_id, &request).map_err(status)?;
        let id = survey_id("name", &request.name).map_err(status)?;
        let survey = self.0.close_survey(&ctx, once, id).await.map_err(status)?;
        Ok(Response::new(encode_survey(survey)))
    }

    async fn create_invitation(
        &self,
        request: Request<wire::CreateInvitationRequest>,
    ) -> Result<Response<wire::Invitation>, Status> {
        let ctx = ctx(&request)?;
        let invitation = self
            .invite(&ctx, request.into_inner())
            .await
            .map_err(status)?;
        Ok(Response::new(invitation))
    }

    async fn submit_response(
        &self,
        request: Request<wire::SubmitResponseRequest>,
    ) -> Result<Response<wire::Response>, Status> {
        let ctx = ctx(&request)?;
        let (response, cursor) = self
            .submit(&ctx, request.into_inner())
            .await
            .map_err(status)?;
        Ok(with_cursor(response, cursor))
    }

    async fn list_responses(
        &self,
        request: Request<wire::ListResponsesRequest>,
    ) -> Result<Response<wire::ListResponsesResponse>, Status> {
        let ctx = ctx(&request)?;
        let wire::ListResponsesRequest {
            survey,
            page_size,
            page_token,
        } = request.into_inner();
        let id = survey_id("survey", &survey).map_err(status)?;
        let size = PageSize::from_request(page_size).map_err(status)?;
        let (responses, next_page_token) = self
            .0
            .list_responses(&ctx, id, size, &page_token)
            .await
            .map_err(status)?;
        let responses = responses.into_iter().map(encode_response).collect();
        Ok(Response::new(wire::ListResponsesResponse {
            responses,
            next_page_token,
        }))
    }

    async fn get_survey_report(
        &self,
        request: Request<wire::GetSurveyReportRequest>,
    ) -> Result<Response<wire::SurveyReport>, Status> {
        let ctx = ctx(&request)?;
        let id = survey_id("survey", &request.into_inner().survey).map_err(status)?;
        let report = self.0.get_survey_report(&ctx, id).await.map_err(status)?;
        Ok(Response::new(encode_report(report)))
    }
}

impl Api {
    async fn create(
        &self,
        ctx: &Ctx,
        request: wire::CreateSurveyRequest,
    ) -> Result<wire::Survey, Error> {
        let once = once("SurveyService/CreateSurvey", &request.request_id, &request)?;
        let id = chosen_id("survey_id", &request.survey_id)?;
        let draft = decode_draft(request.survey)?;
        self.0
            .create_survey(ctx, once, id, draft)
            .await
            .map(encode_survey)
    }

    async fn update(
        &self,
        ctx: &Ctx,
        request: wire::UpdateSurveyRequest,
    ) -> Result<wire::Survey, Error> {
        let once = once("SurveyService/UpdateSurvey", &request.request_id, &request)?;
        let survey = request
            .survey
            .ok_or_else(|| invalid("survey", "is required"))?;
        let id = survey_id("survey.name", &survey.name)?;
        let etag = survey.etag.clone();
        let patch = decode_patch(survey, request.update_mask)?;
        self.0
            .update_survey(ctx, once, id, etag, patch)
            .await
            .map(encode_survey)
    }

    async fn invite(
        &self,
        ctx: &Ctx,
        request: wire::CreateInvitationRequest,
    ) -> Result<wire::Invitation, Error> {
        let once = once(
            "SurveyService/CreateInvitation",
            &request.request_id,
            &request,
        )?;
        let survey = survey_id("survey", &request.survey)?;
        let who = who("customer", &request.customer, request.customer_key)?;
        let expire_time = time("expire_time", request.expire_time)?;
        self.0
            .create_invitation(ctx, once, survey, who, expire_time)
            .await
            .map(encode_invitation)
    }

    async fn submit(
        &self,
        ctx: &Ctx,
        request: wire::SubmitResponseRequest,
    ) -> Result<(wire::Response, Option<String>), Error> {
        let once = once(
            "SurveyService/SubmitResponse",
            &request.request_id,
            &request,
        )?;
        let shape = "invitations/{invitation}";
        let invitation = name(
            "invitation",
            &request.invitation,
            shape,
            InvitationId::from_name,
        )?;
        let answers = decode_answers(request.answers)?;
        let done = self
            .0
            .submit_response(ctx, once, invitation, answers)
            .await?;
        Ok((encode_response(done.value), done.cursor))
    }
}
