//! Learning a model from a table, without labels.

mod chance;
mod counts;
mod pairs;
mod pass;
mod tally;

use crate::comparator::Comparator;
use crate::frequency::Frequencies;
use crate::model::{Exchange, Model, Rates};
use crate::pattern::crossed;
use crate::schema::Schema;
use crate::table::Table;
use chance::Chance;
use pass::Pass;
use tally::Tally;

/// How often what is known of matches corrects what is known of the others.
const SWEEPS: usize = 3;
/// What is believed of how often fields are exchanged.
const EXCHANGED: f64 = 0.01;
/// What is believed of how many pairs match; replaced by what the passes find.
const PRIOR: f64 = 1e-4;
/// In a table of a few records no pair is a match before it is looked at.
const PRIOR_MAX: f64 = 0.1;

impl Model {
    /// Learns from a table. Deterministic: the same records give the same model, bit for bit,
    /// whatever their order and however many threads there are.
    pub fn train(table: &Table) -> Self {
        let schema = table.schema();
        let mut model = Self::believed(schema);
        model.frequencies = (0..schema.fields().len())
            .map(|field| Frequencies::count(table, field))
            .collect();
        let chance = Chance::of(table);
        let mut passes: Vec<Pass> = pairs::selective(table, &chance.equal)
            .into_iter()
            .map(|drawn| Pass::new(table, drawn))
            .collect();
        chance.settle(&mut model, &passes);
        for _ in 0..SWEEPS {
            let mut matches = Tally::of(&model);
            for pass in &mut passes {
                matches.add(&pass.maximise(&model));
            }
            matches.settle(&mut model);
            model.prior = chance.prior(&model, &passes);
            chance.settle(&mut model, &passes);
        }
        model
    }

    /// What is believed before any record was seen.
    fn believed(schema: &Schema) -> Self {
        let rates = |comparator: Comparator| Rates {
            m: comparator.belief().to_vec(),
            u: comparator.chance().to_vec(),
        };
        let fields = schema.fields().iter();
        let exchanges = 0..schema.exchanges().len();
        Self {
            fields: fields.map(|field| rates(field.comparator)).collect(),
            frequencies: Vec::new(),
            exchanges: exchanges
                .map(|exchange| Exchange {
                    rate: EXCHANGED,
                    crossed: rates(crossed(schema, exchange)),
                })
                .collect(),
            prior: PRIOR,
            schema: schema.clone(),
        }
    }
}
