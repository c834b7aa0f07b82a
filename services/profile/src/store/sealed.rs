//! From a customer to its sealed row and back.
//!
//! All DIRECT values of a row are sealed together, and all SENSITIVE ones: a read opens at most
//! two cells, and what is not opened stays closed. Inside is MessagePack of the versioned structs
//! below, fields by their place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dossier_access::Sight;
use dossier_kernel::{Pii, Result, TenantId, Timestamp};
use dossier_vault::{CustomerKey, Place};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::columns::{AddressOutlines, ClearAttributes, Texts};
use super::customer::Model;
use crate::domain::{
    Address, AddressOutline, Attribute, AttributeValue, ContactPoint, ContactPointType, Customer,
    ExternalId, Outline, Protection,
};
use crate::error::Error;

/// The version that is written. Older ones stay readable for ever: 1 was JSON, 2 had fields by name.
const VERSION: u8 = 3;

/// Where the cells of customers lie.
pub const TABLE: &str = "customer";

/// Class DIRECT. Fields may be added behind the others, with a default; none is ever renamed, moved
/// or removed.
#[derive(Serialize, Deserialize)]
struct Direct<'a> {
    v: u8,
    #[serde(borrow)]
    display_name: Cow<'a, str>,
    #[serde(borrow, default)]
    given_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    family_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    legal_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    contact_points: Vec<Contact<'a>>,
    #[serde(borrow, default)]
    external_ids: Vec<External<'a>>,
    /// In the order of the clear column `addresses`.
    #[serde(borrow, default)]
    addresses: Vec<AddressLines<'a>>,
    #[serde(borrow, default)]
    attributes: BTreeMap<Cow<'a, str>, Cow<'a, AttributeValue>>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ContactKind {
    Email,
    Phone,
}

#[derive(Serialize, Deserialize)]
struct Contact<'a> {
    kind: ContactKind,
    #[serde(borrow)]
    value: Cow<'a, str>,
    /// `None` where it equals `value`.
    #[serde(borrow, default)]
    normalized: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    label: Cow<'a, str>,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    verify_time: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct External<'a> {
    #[serde(borrow)]
    namespace: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct AddressLines<'a> {
    #[serde(borrow, default)]
    postal_code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    lines: Vec<Cow<'a, str>>,
}

/// Class SENSITIVE.
#[derive(Serialize, Deserialize)]
struct Sensitive<'a> {
    v: u8,
    attributes: BTreeMap<Cow<'a, str>, Cow<'a, AttributeValue>>,
}

/// The row of `customer`, sealed under its key. `origin` is what [`super::write_origin`] wrote.
pub fn seal(
    tenant: &TenantId,
    customer: &Customer,
    key: &CustomerKey,
    origin: String,
) -> Result<Model> {
    let Outline {
        id,
        revision,
        create_time,
        update_time,
        delete_time,
        purge_time,
        kind,
        gender,
        birth_date,
        region_code,
        language_code,
        time_zone,
        tags,
        addresses,
        attributes,
        owner,
        team,
        industry,
    } = Outline::of(customer);
    let row = id.uuid();
    let sensitive = attributes_of(customer, Protection::Sensitive);
    Ok(Model {
        tenant_id: tenant.as_str().to_owned(),
        id: row,
        revision,
        create_time: create_time.micros(),
        update_time: update_time.micros(),
        delete_time: delete_time.map(Timestamp::micros),
        purge_time: purge_time.map(Timestamp::micros),
        kind: kind.as_str().to_owned(),
        gender: gender.map(|gender| gender.as_str().to_owned()),
        birth_date: birth_date.map(|date| date.days()),
        region_code,
        language_code,
        time_zone,
        tags: Texts(tags),
        addresses: AddressOutlines(addresses),
        attributes: ClearAttributes(attributes),
        direct: close(key, "direct", row, &direct_of(customer))?,
        sensitive: match (&customer.closed, sensitive.is_empty()) {
            (Some(closed), _) => Some(closed.clone()),
            (None, true) => None,
            (None, false) => {
                let values = Sensitive {
                    v: VERSION,
                    attributes: sensitive,
                };
                Some(close(key, "sensitive", row, &values)?)
            }
        },
        owner,
        team,
        industry_scheme: industry.as_ref().map(|one| one.scheme.as_str().to_owned()),
        industry_code: industry.map(|one| one.code),
        origin: Some(origin),
        erase_time: None,
        merged_into: None,
    })
}

/// The customer of a row, as far as the sight reaches: one decryption where DIRECT values may be
/// seen, one where SENSITIVE values may be and there are any. What may not be seen is not opened.
/// Without a key what may be seen is unreadable: that is what an erasure leaves in an old backup.
pub fn open(row: &Model, key: Option<&CustomerKey>, sight: Sight) -> Result<Customer> {
    Cells::of(row).open(row.outline()?, key, sight)
}

/// What is sealed of a customer, and where it lies.
#[derive(Clone, Debug)]
pub struct Cells<'r> {
    pub table: &'static str,
    pub row: Uuid,
    pub direct: Cow<'r, [u8]>,
    pub sensitive: Option<Cow<'r, [u8]>>,
}

impl<'r> Cells<'r> {
    pub fn of(row: &'r Model) -> Self {
        Self {
            table: TABLE,
            row: row.id,
            direct: row.direct.as_slice().into(),
            sensitive: row.sensitive.as_deref().map(Cow::from),
        }
    }

    /// Takes them out of the row.
    pub fn take(row: &mut Model) -> Cells<'static> {
        Cells {
            table: TABLE,
            row: row.id,
            direct: std::mem::take(&mut row.direct).into(),
            sensitive: row.sensitive.take().map(Cow::from),
        }
    }

    pub fn within(&self, sight: Sight) -> impl Iterator<Item = &[u8]> {
        let direct = sight.direct.then_some(&self.direct);
        let sensitive = self.sensitive.as_ref().filter(|_| sight.sensitive);
        direct.into_iter().chain(sensitive).map(|cell| &**cell)
    }

    /// The customer of which `outline` is the clear part; see [`open`].
    pub fn open(
        self,
        outline: Outline,
        key: Option<&CustomerKey>,
        sight: Sight,
    ) -> Result<Customer> {
        let cell = |column, sealed: &[u8]| {
            let key = key.ok_or_else(|| {
                let name = outline.id.to_name();
                Error::unreadable("customer", format!("no key for {name}"))
            })?;
            let at = Place {
                table: self.table,
                column,
                row: self.row,
            };
            key.open(&at, sealed)
        };
        let direct = match sight.direct {
            true => Some(cell("direct", &self.direct)?),
            false => None,
        };
        let sensitive = match (sight.sensitive, &self.sensitive) {
            (true, Some(sealed)) => Some(cell("sensitive", sealed)?),
            (true, None) | (false, _) => None,
        };
        let closed = self.sensitive.filter(|_| !sight.sensitive);
        let closed = closed.map(Cow::into_owned);
        let direct: Option<Direct<'_>> = match &direct {
            Some(plain) => Some(read(plain)?),
            None => None,
        };
        let sensitive: Option<Sensitive<'_>> = match &sensitive {
            Some(plain) => Some(read(plain)?),
            None => None,
        };
        let direct = direct.unwrap_or_else(|| Direct::nothing(outline.addresses.len()));
        let mut attributes = BTreeMap::new();
        let mut keep = |protection, id: String, value| {
            attributes.insert(id, Attribute { protection, value });
        };
        for (id, value) in outline.attributes {
            keep(Protection::Clear, id, value);
        }
        for (id, value) in direct.attributes {
            keep(Protection::Direct, id.into_owned(), value.into_owned());
        }
        for (id, value) in sensitive
            .map(|values| values.attributes)
            .unwrap_or_default()
        {
            keep(Protection::Sensitive, id.into_owned(), value.into_owned());
        }
        if outline.addresses.len() != direct.addresses.len() {
            return Err(Error::unreadable("customer", "addresses that do not match").into());
        }
        let addresses = outline.addresses.into_iter().zip(direct.addresses);
        Ok(Customer {
            id: outline.id,
            revision: outline.revision,
            create_time: outline.create_time,
            update_time: outline.update_time,
            delete_time: outline.delete_time,
            purge_time: outline.purge_time,
            kind: outline.kind,
            display_name: pii(direct.display_name),
            given_name: direct.given_name.map(pii),
            family_name: direct.family_name.map(pii),
            legal_name: direct.legal_name.map(pii),
            gender: outline.gender,
            birth_date: outline.birth_date,
            region_code: outline.region_code,
            language_code: outline.language_code,
            time_zone: outline.time_zone,
            contact_points: direct
                .contact_points
                .into_iter()
                .map(contact_point)
                .collect(),
            external_ids: direct.external_ids.into_iter().map(external_id).collect(),
            addresses: addresses
                .map(|(outline, lines)| address(outline, lines))
                .collect(),
            tags: outline.tags,
            attributes,
            owner: outline.owner,
            team: outline.team,
            industry: outline.industry,
            closed,
        })
    }
}

impl Direct<'_> {
    /// What is shown of values that are not opened.
    fn nothing(addresses: usize) -> Self {
        let no_lines = || AddressLines {
            postal_code: None,
            lines: Vec::new(),
        };
        Self {
            v: VERSION,
            display_name: Cow::Borrowed(""),
            given_name: None,
            family_name: None,
            legal_name: None,
            contact_points: Vec::new(),
            external_ids: Vec::new(),
            addresses: std::iter::repeat_with(no_lines).take(addresses).collect(),
            attributes: BTreeMap::new(),
        }
    }
}

fn direct_of(customer: &Customer) -> Direct<'_> {
    Direct {
        v: VERSION,
        display_name: customer.display_name.expose().into(),
        given_name: customer.given_name.as_ref().map(plain),
        family_name: customer.family_name.as_ref().map(plain),
        legal_name: customer.legal_name.as_ref().map(plain),
        contact_points: customer.contact_points.iter().map(contact_of).collect(),
        external_ids: customer.external_ids.iter().map(external_of).collect(),
        addresses: customer.addresses.iter().map(lines_of).collect(),
        attributes: attributes_of(customer, Protection::Direct),
    }
}

fn attributes_of(
    customer: &Customer,
    protection: Protection,
) -> BTreeMap<Cow<'_, str>, Cow<'_, AttributeValue>> {
    let kept = customer
        .attributes
        .iter()
        .filter(|(_, a)| a.protection == protection);
    kept.map(|(id, attribute)| (Cow::from(id), Cow::Borrowed(&attribute.value)))
        .collect()
}

fn contact_of(point: &ContactPoint) -> Contact<'_> {
    let ContactPoint {
        kind,
        value,
        normalized,
        label,
        primary,
        verify_time,
    } = point;
    Contact {
        kind: match kind {
            ContactPointType::Email => ContactKind::Email,
            ContactPointType::Phone => ContactKind::Phone,
        },
        value: value.expose().into(),
        normalized: (normalized != value).then(|| normalized.expose().into()),
        label: label.into(),
        primary: *primary,
        verify_time: *verify_time,
    }
}

fn contact_point(contact: Contact<'_>) -> ContactPoint {
    let Contact {
        kind,
        value,
        normalized,
        label,
        primary,
        verify_time,
    } = contact;
    let value = pii(value);
    ContactPoint {
        kind: match kind {
            ContactKind::Email => ContactPointType::Email,
            ContactKind::Phone => ContactPointType::Phone,
        },
        normalized: normalized.map_or_else(|| value.clone(), pii),
        value,
        label: label.into_owned(),
        primary,
        verify_time,
    }
}

fn external_of(id: &ExternalId) -> External<'_> {
    let ExternalId { namespace, value } = id;
    External {
        namespace: namespace.into(),
        value: value.expose().into(),
    }
}

fn external_id(id: External<'_>) -> ExternalId {
    let External { namespace, value } = id;
    ExternalId {
        namespace: namespace.into_owned(),
        value: pii(value),
    }
}

fn lines_of(address: &Address) -> AddressLines<'_> {
    AddressLines {
        postal_code: address
            .postal_code
            .as_ref()
            .map(|code| code.expose().into()),
        lines: address
            .lines
            .iter()
            .map(|line| line.expose().into())
            .collect(),
    }
}

fn address(outline: AddressOutline, lines: AddressLines<'_>) -> Address {
    let AddressOutline {
        region_code,
        administrative_area,
        locality,
        sublocality,
        division_code,
        label,
        primary,
    } = outline;
    let AddressLines { postal_code, lines } = lines;
    Address {
        region_code,
        postal_code: postal_code.map(pii),
        administrative_area,
        locality,
        sublocality,
        division_code,
        lines: lines.into_iter().map(pii).collect(),
        label,
        primary,
    }
}

fn plain(text: &Pii<String>) -> Cow<'_, str> {
    text.expose().into()
}

fn pii(text: Cow<'_, str>) -> Pii<String> {
    Pii::new(text.into_owned())
}

const fn place(column: &'static str, row: Uuid) -> Place {
    Place {
        table: TABLE,
        column,
        row,
    }
}

fn close<T: Serialize>(
    key: &CustomerKey,
    column: &'static str,
    row: Uuid,
    values: &T,
) -> Result<Vec<u8>> {
    let plain = rmp_serde::to_vec(values).map_err(|e| Error::unreadable(column, e))?;
    key.seal(&place(column, row), &Zeroizing::new(plain))
}

trait Versioned {
    fn version(&self) -> u8;
}

impl Versioned for Direct<'_> {
    fn version(&self) -> u8 {
        self.v
    }
}

impl Versioned for Sensitive<'_> {
    fn version(&self) -> u8 {
        self.v
    }
}

/// A newer version than ours was written by a newer release: better no answer than half of one.
fn read<'a, T: Versioned + Deserialize<'a>>(plain: &'a [u8]) -> Result<T> {
    // serde's errors can quote what they could not read, so that theirs is not kept.
    let values: Option<T> = match plain.first() {
        Some(b'{') => serde_json::from_slice(plain).ok(),
        _ => rmp_serde::from_slice(plain).ok(),
    };
    let values = values
        .ok_or_else(|| Error::unreadable("customer", "a sealed part that does not decode"))?;
    match values.version() {
        1..=VERSION => Ok(values),
        newer => {
            let words = format!("sealed part of version {newer}; this release reads {VERSION}");
            Err(Error::unreadable("customer", words).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_versions_stay_readable_and_newer_ones_are_refused() {
        let first = br#"{"v":1,"display_name":"Wang","contact_points":[{"kind":"email","value":"w@example.com"}]}"#;
        let direct: Direct<'_> = read(first).expect("reads");
        assert_eq!(direct.display_name, "Wang");
        assert_eq!(direct.contact_points[0].value, "w@example.com");

        let mut now = Direct::nothing(1);
        now.display_name = Cow::Borrowed("王");
        let plain = rmp_serde::to_vec(&now).expect("encodes");
        let direct: Direct<'_> = read(&plain).expect("reads");
        assert_eq!((direct.v, &*direct.display_name), (VERSION, "王"));
        assert_eq!(direct.addresses.len(), 1);

        // {"v": 2, "display_name": "Li", "external_ids": [{"namespace": "crm", "value": "7"}]}
        let second = b"\x83\xa1v\x02\xacdisplay_name\xa2Li\xacexternal_ids\x91\x82\xa9namespace\xa3crm\xa5value\xa17";
        let direct: Direct<'_> = read(second).expect("reads");
        assert_eq!((direct.v, &*direct.display_name), (2, "Li"));
        assert_eq!(&*direct.external_ids[0].value, "7");

        now.v = VERSION + 1;
        let newer = rmp_serde::to_vec(&now).expect("encodes");
        assert!(read::<Direct<'_>>(&newer).is_err());
    }
}
