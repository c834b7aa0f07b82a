//! The column `direct`: the words of an interaction, sealed under the customer's key.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dossier_access::Sight;
use dossier_db::Reader;
use dossier_kernel::{CustomerId, Error, Pii, Result, TenantId};
use dossier_vault::{Place, Vault};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Model;
use crate::domain::Words;

/// What is sealed, as JSON. Fields are only ever added, with a default.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Direct<'a> {
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// `None` when there are no words, so that what has none costs no cryptography.
pub fn to_plain(words: &Words) -> Result<Option<Zeroizing<Vec<u8>>>> {
    if words.is_empty() {
        return Ok(None);
    }
    let Words {
        subject,
        text,
        fields,
        masked: _,
    } = words;
    let direct = Direct {
        subject: subject
            .as_ref()
            .map(|subject| Cow::Borrowed(subject.expose().as_str())),
        text: text
            .as_ref()
            .map(|text| Cow::Borrowed(text.expose().as_str())),
        fields: fields
            .iter()
            .map(|(name, text)| {
                (
                    Cow::Borrowed(name.as_str()),
                    Cow::Borrowed(text.expose().as_str()),
                )
            })
            .collect(),
    };
    serde_json::to_vec(&direct)
        .map(|json| Some(Zeroizing::new(json)))
        .map_err(Error::internal)
}

fn from_plain(plain: &[u8]) -> serde_json::Result<Words> {
    let Direct {
        subject,
        text,
        fields,
    } = serde_json::from_slice(plain)?;
    let pii = |text: Cow<'_, str>| Pii::new(text.into_owned());
    Ok(Words {
        subject: subject.map(pii),
        text: text.map(pii),
        fields: fields
            .into_iter()
            .map(|(name, text)| (name.into_owned(), pii(text)))
            .collect(),
        masked: false,
    })
}

/// Where the words of an interaction lie: what the seal is bound to.
pub const fn place(id: Uuid) -> Place {
    Place {
        table: "interaction",
        column: "direct",
        row: id,
    }
}

/// The words of each row, in their order: opened only within sight. Where the customer's key was
/// destroyed there are none.
pub async fn open_words(
    vault: &Vault,
    conn: &Reader,
    tenant: &TenantId,
    models: &[Model],
    sight: Sight,
) -> Result<Vec<Words>> {
    if !sight.direct {
        return Ok(vec![Words::unseen(); models.len()]);
    }
    let cells: Vec<(CustomerId, &[u8])> = models
        .iter()
        .filter_map(|model| Some((CustomerId(model.customer_id), model.direct.as_deref()?)))
        .collect();
    if cells.is_empty() {
        return Ok(vec![Words::default(); models.len()]);
    }
    let keys = vault.keys_to_open(conn, tenant, cells).await?;
    models
        .iter()
        .map(|model| {
            let Some(sealed) = &model.direct else {
                return Ok(Words::default());
            };
            let Some(key) = keys.get(&CustomerId(model.customer_id)) else {
                return Ok(Words::default());
            };
            let plain = key.open(&place(model.id), sealed)?;
            // serde's words could quote what was sealed.
            from_plain(&plain).map_err(|_| {
                crate::error::Error::unreadable("interaction", format!("{}: direct", model.id))
                    .into()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_from_what_is_sealed() {
        let fields = BTreeMap::from([("grade".to_owned(), "\"a\"\n王".to_owned())]);
        for words in [
            Words::of_subject_and_text("Re: 客户".to_owned(), "line\n\"quoted\"".to_owned()),
            Words::of_text("x".to_owned()),
            Words::of_fields(fields),
        ] {
            let plain = to_plain(&words)
                .expect("serialises")
                .expect("there are words");
            assert_eq!(from_plain(&plain).expect("parses"), words);
        }
        assert!(
            to_plain(&Words::default())
                .expect("nothing to do")
                .is_none()
        );
    }
}
