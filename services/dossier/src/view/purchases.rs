//! Totals, RFM and the frequency × amount matrix.

use dossier_proto::segmentation::v1::{RfmReport, ValueMatrix};

use crate::format::{Sheet, count, decimal, money, percent, value_class};
use crate::report::Purchases;

pub(crate) fn purchases(report: &Purchases) -> String {
    format!(
        "{}\n{}\n{}",
        totals(report),
        rfm(&report.rfm),
        matrix(&report.matrix)
    )
}

fn totals(report: &Purchases) -> String {
    let totals = &report.totals;
    let mut text = String::from("Totals\n");
    let mut line = |label: &str, value: String| text.push_str(&format!("  {label:<24}{value}\n"));
    line("customers", count(totals.customer_count));
    line("purchases", count(totals.purchase_count));
    line("spent", money(totals.purchase_total.as_ref()));
    line(
        "average order value",
        money(totals.average_order_value.as_ref()),
    );
    let repeat = count(totals.repeat_buyer_count);
    line(
        "repeat buyers",
        format!("{repeat} of {} buyers", count(totals.buyer_count)),
    );
    line(
        "repeat-purchase rate",
        percent(totals.repeat_purchase_rate_ppm),
    );
    if totals.other_currency_purchase_count > 0 {
        line(
            "in other currencies",
            format!(
                "{} purchases, left out",
                count(totals.other_currency_purchase_count)
            ),
        );
    }
    text
}

fn rfm(report: &RfmReport) -> String {
    let header = ["recency \\ frequency", "F1", "F2", "F3", "F4", "F5"];
    let mut sheet = Sheet::new(&header, 1);
    for recency in (1..=5).rev() {
        let mut row = vec![format!("R{recency}")];
        for frequency in 1..=5 {
            let cell = report
                .cells
                .iter()
                .find(|cell| cell.recency_score == recency && cell.frequency_score == frequency);
            row.push(cell.map_or_else(
                || "–".to_owned(),
                |cell| {
                    format!(
                        "{}\n{}",
                        count(cell.buyer_count),
                        decimal(cell.purchase_total.as_ref())
                    )
                },
            ));
        }
        sheet.row(row);
    }
    let buyers = count(report.buyer_count);
    format!(
        "RFM of {buyers} buyers: how many, and what they spent; 5 is most recent, most often. Equal \
         values share a score.\n{sheet}\n"
    )
}

fn matrix(matrix: &ValueMatrix) -> String {
    let mut sheet = Sheet::new(&["class", "customers", "spent"], 1);
    for cell in &matrix.cells {
        sheet.row(vec![
            value_class(cell.value_class()).to_owned(),
            count(cell.customer_count),
            money(cell.purchase_total.as_ref()),
        ]);
    }
    let cuts = matrix.scheme.as_ref().map_or_else(String::new, |scheme| {
        let amount = money(scheme.amount_min.as_ref());
        format!(
            " (frequent: {} orders or more; high: {amount} or more)",
            scheme.purchase_count_min
        )
    });
    format!("Frequency × amount{cuts}\n{sheet}\n")
}
