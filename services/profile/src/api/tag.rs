//! Tags as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::{PageSize, Result};
use dossier_proto::profile::v1 as wire;

use super::request;
use crate::domain::{Retag, Violations, normalize};

/// What a page is asked for: a prefix as tags are spelled, a size and a token.
pub fn list(asked: wire::ListTagsRequest) -> Result<(String, PageSize, String)> {
    let wire::ListTagsRequest {
        prefix,
        page_size,
        page_token,
    } = asked;
    let size = PageSize::from_request(page_size)?;
    Ok((normalize::text(&prefix), size, page_token))
}

pub fn rename(asked: wire::RenameTagRequest) -> Result<(Retag, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "TagService/RenameTag";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::RenameTagRequest {
        tag,
        new_tag,
        request_id: _,
    } = asked;
    let retag = Retag::rename(&tag, &new_tag, &mut problems);
    problems.into_result()?;
    Ok((retag, once))
}

pub fn merge(asked: wire::MergeTagsRequest) -> Result<(Retag, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "TagService/MergeTags";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::MergeTagsRequest {
        tags,
        into_tag,
        request_id: _,
    } = asked;
    let retag = Retag::merge(&tags, &into_tag, &mut problems);
    problems.into_result()?;
    Ok((retag, once))
}
