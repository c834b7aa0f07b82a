//! How values look to people.

use comfy_table::{Cell, CellAlignment, LineStyle, Table, TableStyle};
use dossier_kernel::{Currency, Timestamp};
use dossier_proto::common::v1::Money;
use dossier_proto::segmentation::v1::ValueClass;

/// One line under the header: what people read, and what copies well.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table whose columns from `numbers_from` on are numbers.
pub(crate) struct Sheet {
    table: Table,
    numbers_from: usize,
}

impl Sheet {
    pub fn new(header: &[&str], numbers_from: usize) -> Self {
        let mut sheet = Self {
            table: Table::new(),
            numbers_from,
        };
        sheet.table.load_style(STYLE);
        let cells = sheet.cells(header.iter().map(ToString::to_string).collect());
        sheet.table.set_header(cells);
        sheet
    }

    pub fn row(&mut self, cells: Vec<String>) {
        let cells = self.cells(cells);
        self.table.add_row(cells);
    }

    fn cells(&self, texts: Vec<String>) -> Vec<Cell> {
        let align = |index| {
            if index >= self.numbers_from {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            }
        };
        texts
            .into_iter()
            .enumerate()
            .map(|(index, text)| Cell::new(text).set_alignment(align(index)))
            .collect()
    }
}

impl std::fmt::Display for Sheet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.table.fmt(f)
    }
}

/// `6,919`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0 {
        format!("-{grouped}")
    } else {
        grouped
    }
}

/// `USD 244,091.94`; `–` for no amount.
pub(crate) fn money(amount: Option<&Money>) -> String {
    amount.map_or_else(
        || "–".to_owned(),
        |amount| format!("{} {}", amount.currency_code, decimal(Some(amount))),
    )
}

/// `244,091.94`; `–` for no amount.
pub(crate) fn decimal(amount: Option<&Money>) -> String {
    let Some(amount) = amount else {
        return "–".to_owned();
    };
    let currency = Currency::parse(&amount.currency_code).unwrap_or(Currency::USD);
    let Ok(exact) = dossier_kernel::Money::from_units_nanos(amount.units, amount.nanos, currency)
    else {
        return "–".to_owned();
    };
    let text = exact.to_string();
    let number = text.split(' ').next().unwrap_or_default();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "00"));
    let sign = if amount.units == 0 && amount.nanos < 0 {
        "-"
    } else {
        ""
    };
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    format!("{sign}{whole}.{fraction}")
}

/// Percent with one decimal, of millionths.
pub(crate) fn percent(ppm: i32) -> String {
    format!("{}.{} %", ppm / 10_000, ppm % 10_000 / 1_000)
}

/// `1997-01-18`, with the time of day where it is not midnight.
pub(crate) fn time(at: Option<&prost_types::Timestamp>) -> String {
    let text = at
        .and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos))
        .map_or_else(|| "–".to_owned(), Timestamp::to_rfc3339);
    text.strip_suffix("T00:00:00Z")
        .map(str::to_owned)
        .unwrap_or(text)
}

/// Both names of a quadrant.
pub(crate) fn value_class(class: ValueClass) -> &'static str {
    match class {
        ValueClass::Unspecified => "–",
        ValueClass::HighValue => "高价值 high value",
        ValueClass::Potential => "潜在 potential",
        ValueClass::Growing => "成长 growing",
        ValueClass::Ordinary => "普通 ordinary",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(units: i64, nanos: i32) -> Money {
        Money {
            currency_code: "USD".to_owned(),
            units,
            nanos,
        }
    }

    #[test]
    fn amounts_are_grouped_and_exact() {
        assert_eq!(money(Some(&usd(244_091, 940_000_000))), "USD 244,091.94");
        assert_eq!(money(Some(&usd(0, -500_000_000))), "USD -0.50");
        assert_eq!(money(Some(&usd(-1_234, -1_000))), "USD -1,234.000001");
        assert_eq!(money(None), "–");
    }

    #[test]
    fn counts_and_rates_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(6_919), "6,919");
        assert_eq!(count(-1_234_567), "-1,234,567");
        assert_eq!(percent(488_757), "48.8 %");
    }

    #[test]
    fn midnight_is_a_date() {
        let at = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
        assert_eq!(time(Some(&at(852_076_800))), "1997-01-01");
        assert_eq!(time(Some(&at(852_076_801))), "1997-01-01T00:00:01Z");
    }
}
