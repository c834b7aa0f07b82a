//! Personal texts as they are sealed: JSON of these structures, under the customer's key. A field
//! that is added later gets `#[serde(default)]`, so that what was sealed before still opens.

use std::collections::BTreeMap;

use dossier_kernel::{Error, Pii, Result};
use dossier_vault::{CustomerKey, Place};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The column that holds sealed DIRECT values, in every table.
const COLUMN: &str = "direct";

/// Texts of a response, by question.
#[derive(Serialize, Deserialize)]
pub struct ResponseTexts {
    pub texts: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
pub struct CaseTexts {
    pub subject: String,
    pub description: Option<String>,
    pub resolution: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct ReplyText {
    pub text: String,
}

pub fn seal<T: Serialize>(
    key: &CustomerKey,
    table: &'static str,
    row: Uuid,
    value: &T,
) -> Result<Vec<u8>> {
    let plain = Pii::new(serde_json::to_vec(value).map_err(Error::internal)?);
    key.seal(
        &Place {
            table,
            column: COLUMN,
            row,
        },
        plain.expose(),
    )
}

pub fn open<T: DeserializeOwned>(
    key: &CustomerKey,
    table: &'static str,
    row: Uuid,
    sealed: &[u8],
) -> Result<T> {
    let plain = key.open(
        &Place {
            table,
            column: COLUMN,
            row,
        },
        sealed,
    )?;
    serde_json::from_slice(&plain).map_err(Error::internal)
}
