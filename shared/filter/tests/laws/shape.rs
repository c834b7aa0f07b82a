//! The SQL text depends on the shape of a filter only; values travel as parameters.

use dossier_filter::Filter;
use proptest::prelude::*;
use sea_query::{PostgresQueryBuilder, Query, SqliteQueryBuilder};

use crate::fixture::Fixture;
use crate::random::shape;

fn sql(text: &str) -> [String; 2] {
    let filter = Filter::parse(text, &Fixture).expect("the generator writes valid filters");
    let condition = filter
        .to_condition(&Fixture)
        .expect("every field has a column");
    let mut query = Query::select();
    query.column("id").from("record").cond_where(condition);
    [
        query.build(SqliteQueryBuilder).0,
        query.build(PostgresQueryBuilder).0,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn filters_of_one_shape_have_one_sql_text(shape in shape()) {
        prop_assert_eq!(sql(&shape.text(0)), sql(&shape.text(1)));
    }
}

#[test]
fn a_hostile_value_is_a_parameter() {
    let [sqlite, postgres] = sql(r#"name = "x'; DROP TABLE record; --" AND tags:"' OR 1=1""#);
    assert!(!sqlite.contains("DROP") && !postgres.contains("DROP"));
    assert!(!sqlite.contains("1=1") && !postgres.contains("1=1"));
    assert!(sqlite.contains('?') && postgres.contains("$1"));
}
