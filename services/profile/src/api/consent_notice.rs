//! Consent notices as messages, and requests about them to commands.

use dossier_db::Once;
use dossier_kernel::Result;
use dossier_proto::profile::v1 as wire;
use dossier_proto::profile::v1::SeparateConsentReason as WireReason;

use super::request;
use super::value::{encode_time, time_in};
use crate::domain::{
    ConsentNotice, NewConsentNotice, NoticePurpose, NoticeText, SeparateReason, Violations,
    is_attribute_id,
};

pub const NAME_WORDS: &str = "must be consentNotices/{consent_notice}, with an id of 1 to 63 \
                              characters of a-z, 0-9 and '_', beginning with a letter";

pub fn encode(notice: ConsentNotice) -> wire::ConsentNotice {
    let name = notice.to_name();
    let ConsentNotice {
        id: _,
        version,
        texts,
        purposes,
        effective_time,
        create_time,
    } = notice;
    let text = |text: NoticeText| {
        let NoticeText {
            language_code,
            title,
            body,
        } = text;
        wire::ConsentNoticeText {
            language_code,
            title,
            body,
        }
    };
    let purpose = |one: NoticePurpose| {
        let NoticePurpose { purpose, separate } = one;
        let separate = separate.into_iter().map(|one| encode_reason(one).into());
        wire::ConsentPurpose {
            purpose,
            separate_reasons: separate.collect(),
        }
    };
    wire::ConsentNotice {
        name,
        version,
        texts: texts.into_iter().map(text).collect(),
        purposes: purposes.into_iter().map(purpose).collect(),
        effective_time: Some(encode_time(effective_time)),
        create_time: Some(encode_time(create_time)),
    }
}

const fn encode_reason(reason: SeparateReason) -> WireReason {
    match reason {
        SeparateReason::SensitiveData => WireReason::SensitiveData,
        SeparateReason::ThirdParty => WireReason::ThirdParty,
        SeparateReason::CrossBorder => WireReason::CrossBorder,
        SeparateReason::Publication => WireReason::Publication,
    }
}

fn decode_reason(number: i32) -> Option<SeparateReason> {
    match WireReason::try_from(number).ok()? {
        WireReason::Unspecified => None,
        WireReason::SensitiveData => Some(SeparateReason::SensitiveData),
        WireReason::ThirdParty => Some(SeparateReason::ThirdParty),
        WireReason::CrossBorder => Some(SeparateReason::CrossBorder),
        WireReason::Publication => Some(SeparateReason::Publication),
    }
}

pub fn create(asked: wire::CreateConsentNoticeRequest) -> Result<(NewConsentNotice, Option<Once>)> {
    let mut problems = Violations::default();
    let method = "ConsentService/CreateConsentNotice";
    let once = request::once(&asked.request_id, method, &asked, &mut problems);
    let wire::CreateConsentNoticeRequest {
        consent_notice,
        consent_notice_id,
        request_id: _,
    } = asked;
    let wire::ConsentNotice {
        name,
        version: _,
        texts,
        purposes,
        effective_time,
        create_time: _,
    } = consent_notice.unwrap_or_default();
    if !name.is_empty() {
        problems.add_to_request(
            "consent_notice.name",
            "must be empty; the id goes into consent_notice_id",
        );
    }
    let effective_time = time_in(
        "consent_notice.effective_time",
        effective_time,
        &mut problems,
    );
    problems.into_result()?;
    let text = |text: wire::ConsentNoticeText| {
        let wire::ConsentNoticeText {
            language_code,
            title,
            body,
        } = text;
        NoticeText {
            language_code,
            title,
            body,
        }
    };
    let purpose = |one: wire::ConsentPurpose| {
        let wire::ConsentPurpose {
            purpose,
            separate_reasons,
        } = one;
        let reasons = separate_reasons.into_iter().map(decode_reason).collect();
        (purpose, reasons)
    };
    let new = NewConsentNotice {
        id: consent_notice_id,
        texts: texts.into_iter().map(text).collect(),
        purposes: purposes.into_iter().map(purpose).collect(),
        effective_time,
    };
    Ok((new, once))
}

/// The id and the version; `None` is the newest.
pub fn get(asked: wire::GetConsentNoticeRequest) -> Result<(String, Option<i32>)> {
    let wire::GetConsentNoticeRequest { name, version } = asked;
    let mut problems = Violations::default();
    let id = id_of(&name);
    if id.is_none() {
        problems.add_to_request("name", NAME_WORDS);
    }
    if version < 0 {
        problems.add_to_request("version", "must not be negative; 0 is the newest");
    }
    problems.into_result()?;
    // Without violations there is one.
    Ok((id.unwrap_or_default(), (version > 0).then_some(version)))
}

/// The id in a name.
pub fn id_of(name: &str) -> Option<String> {
    let id = name.strip_prefix("consentNotices/");
    id.filter(|id| is_attribute_id(id)).map(str::to_owned)
}
