//! The demo's figures, against what can be counted in its file.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_services_find_what_is_in_the_purchases() {
    let directory = tempfile::tempdir().expect("a directory");
    let config = Config::embedded(directory.path()).expect("valid");
    let running = dossier_runtime::start(config, crate::recipes())
        .await
        .expect("starts");
    let address = format!("http://{}", running.addr());
    let wire = Connect {
        address,
        token: None,
        ca_file: None,
    }
    .wire()
    .await
    .expect("serves");
    let story = Story::live(&wire, &Output::new(true))
        .await
        .expect("is told");
    let document = story.to_json();
    let text = story.to_text();
    running.stop().await;

    let purchases = &document["purchases"];
    assert_eq!(purchases["customer_count"], "2357");
    assert_eq!(purchases["purchase_count"], "6919");
    assert_eq!(purchases["repeat_buyer_count"], "1152");
    let matrix = document["value_matrix"]["cells"]
        .as_array()
        .expect("quadrants");
    let counts: Vec<_> = matrix
        .iter()
        .map(|cell| cell["customer_count"].clone())
        .collect();
    assert_eq!(counts, ["516", "99", "230", "1512"]);
    let members = document["segments"].as_array().expect("segments").iter();
    let members: Vec<_> = members
        .map(|one| one["segment"]["member_count"].clone())
        .collect();
    // Counted from the file with awk.
    assert_eq!(members, ["516", "138", "37"]);
    assert_eq!(
        document["customer"]["timeline"].as_array().map(Vec::len),
        Some(7)
    );
    assert_eq!(document["survey"]["answers_are_generated"], true);

    for words in [
        "USD 244,091.94",
        "USD 35.28",
        "1,152 of 2,357 buyers",
        "48.8 %",
        "1,512",
        "CDNOW 10306",
        "generated answers",
    ] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
    let rfm = document["rfm"]["cells"].as_array().expect("cells").iter();
    let buyers = rfm.map(|cell| {
        cell["buyer_count"]
            .as_str()
            .and_then(|n| n.parse::<i64>().ok())
    });
    assert_eq!(
        buyers.sum::<Option<i64>>(),
        Some(2_357),
        "every buyer is in one cell"
    );
}
