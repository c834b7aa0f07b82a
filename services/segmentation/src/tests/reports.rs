//! Classes and totals.

use super::world::{World, ids};
use crate::domain::ValueClass;

#[tokio::test]
async fn classes_and_totals_follow_from_the_purchases() {
    for world in World::each().await {
        let customers = ids(6);
        let mut told: Vec<_> = customers.iter().map(|id| world.live(*id)).collect();
        // One each of 高价值, 潜在, 成长; the others are 普通, one of them without a purchase.
        for (customer, units) in [
            (0, vec![50, 30, 20]),
            (1, vec![500]),
            (2, vec![1, 2, 3, 4]),
            (3, vec![99, 0]),
            (4, vec![7]),
        ] {
            told.extend(
                units
                    .into_iter()
                    .map(|units| world.buys(customers[customer], units)),
            );
        }
        world.tell(told).await;
        let (_, cells) = world
            .app
            .get_value_matrix(&world.ctx)
            .await
            .expect("a matrix");
        assert_eq!(cells.map(|cell| cell.customer_count), [1, 1, 1, 3]);
        assert_eq!(cells[3].purchase_total, 106_000_000);

        let report = world
            .app
            .get_purchase_report(&world.ctx)
            .await
            .expect("reports");
        assert_eq!((report.customer_count, report.buyer_count), (6, 5));
        assert_eq!((report.repeat_buyer_count, report.purchase_count), (3, 11));
        assert_eq!(report.purchase_total.micros, 716_000_000);
        assert_eq!(
            report.average_order_value.map(|aov| aov.micros),
            Some(65_090_000)
        );

        let (_, buyers, cells) = world.app.get_rfm_report(&world.ctx).await.expect("reports");
        assert_eq!(
            (
                buyers,
                cells.iter().map(|cell| cell.buyer_count).sum::<i64>()
            ),
            (5, 5)
        );

        let classes = async |n: usize| {
            world
                .app
                .get_customer_classes(&world.ctx, customers[n])
                .await
                .expect("classes")
        };
        let frequent = classes(2).await;
        assert_eq!(frequent.class, ValueClass::Growing);
        let (buyer, scores) = frequent.buyer.expect("bought");
        assert_eq!(
            (buyer.purchase_count, buyer.purchase_total),
            (4, 10_000_000)
        );
        // All bought at the same instant; 4 of 5 bought less often; 1 of 5 spent less.
        assert_eq!(
            (scores.recency, scores.frequency, scores.monetary),
            (1, 5, 2)
        );
        let nothing = classes(5).await;
        assert_eq!((nothing.class, nothing.buyer), (ValueClass::Ordinary, None));
        world.test.discard().await;
    }
}
