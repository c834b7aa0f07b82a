//! What ledgers come to.

use proptest::prelude::*;

use super::*;

const NOON: Timestamp = Timestamp::from_secs(1_790_000_000);

fn entry(sequence: i64, decision: ConsentDecision, second: i64) -> Stance {
    let is_grant = decision == ConsentDecision::Granted;
    Stance {
        id: Uuid::from_u128(u128::from(sequence.unsigned_abs())),
        sequence,
        decision,
        purpose: "marketing".to_owned(),
        channel: String::new(),
        kind: is_grant.then_some(ConsentKind::General),
        basis: is_grant.then_some(LegalBasis::Consent),
        needs_separate: false,
        occur_time: NOON.plus(std::time::Duration::from_secs(second.unsigned_abs())),
        expire_time: None,
    }
}

fn reason(ledger: &[Stance], channel: &str, second: i64) -> ConsentReason {
    let at = entry(0, ConsentDecision::Granted, second).occur_time;
    let customer = CustomerId::generate();
    judge(customer, ledger, ("marketing", channel), None, AsOf::At(at)).reason
}

#[test]
fn the_last_entry_by_then_decides_and_general_ones_count_for_every_channel() {
    let mut by_email = entry(3, ConsentDecision::Withdrawn, 30);
    by_email.channel = "email".to_owned();
    let ledger = [
        entry(1, ConsentDecision::Granted, 10),
        by_email,
        entry(2, ConsentDecision::Denied, 20),
        entry(4, ConsentDecision::Granted, 25),
    ];
    for (channel, second, wanted) in [
        ("sms", 9, ConsentReason::NothingRecorded),
        ("sms", 10, ConsentReason::InForce),
        ("sms", 20, ConsentReason::Refused),
        ("sms", 99, ConsentReason::InForce),
        ("email", 29, ConsentReason::InForce),
        ("email", 99, ConsentReason::Withdrawn),
        ("", 99, ConsentReason::InForce),
    ] {
        assert_eq!(
            reason(&ledger, channel, second),
            wanted,
            "{channel} {second}"
        );
    }
}

#[test]
fn of_one_instant_what_forbids_decides() {
    let granted = entry(3, ConsentDecision::Granted, 10);
    let denied = entry(2, ConsentDecision::Denied, 10);
    let withdrawn = entry(1, ConsentDecision::Withdrawn, 10);
    let ledger = [withdrawn, granted, denied];
    assert_eq!(reason(&ledger, "", 10), ConsentReason::Withdrawn);
    assert_eq!(reason(&ledger[1..], "", 10), ConsentReason::Refused);
}

#[test]
fn a_grant_ends_at_its_instant() {
    let mut grant = entry(1, ConsentDecision::Granted, 10);
    grant.expire_time = Some(entry(0, ConsentDecision::Granted, 20).occur_time);
    assert_eq!(
        reason(std::slice::from_ref(&grant), "", 19),
        ConsentReason::InForce
    );
    assert_eq!(reason(&[grant], "", 20), ConsentReason::Expired);
}

#[test]
fn a_general_consent_is_not_enough_where_a_separate_one_is_demanded() {
    let mut grant = entry(1, ConsentDecision::Granted, 10);
    grant.needs_separate = true;
    for (kind, basis, wanted) in [
        (
            Some(ConsentKind::General),
            LegalBasis::Consent,
            ConsentReason::NeedsSeparate,
        ),
        (
            Some(ConsentKind::Separate),
            LegalBasis::Consent,
            ConsentReason::InForce,
        ),
        (
            Some(ConsentKind::Guardian),
            LegalBasis::Consent,
            ConsentReason::InForce,
        ),
        (None, LegalBasis::LegalObligation, ConsentReason::InForce),
    ] {
        (grant.kind, grant.basis) = (kind, Some(basis));
        assert_eq!(
            reason(std::slice::from_ref(&grant), "", 10),
            wanted,
            "{kind:?}"
        );
    }
}

#[test]
fn for_who_is_under_14_a_guardian_consents() {
    let day = |year, month, day| Date::from_year_month_day(year, month, day).expect("a day");
    let at = |date: Date| Timestamp::from_secs(i64::from(date.days()) * 86_400);
    let birth = day(2012, 2, 29);
    assert!(is_guarded(birth, at(day(2026, 2, 28))));
    assert!(!is_guarded(birth, at(day(2026, 3, 1))));
    let birth = day(2012, 5, 4);
    let mut grant = entry(1, ConsentDecision::Granted, 0);
    grant.occur_time = at(day(2026, 1, 1));
    let judged = |grant: &Stance, date| {
        let customer = CustomerId::generate();
        judge(
            customer,
            [grant],
            ("marketing", ""),
            Some(birth),
            AsOf::At(at(date)),
        )
        .reason
    };
    assert_eq!(
        judged(&grant, day(2026, 5, 3)),
        ConsentReason::NeedsGuardian
    );
    assert_eq!(judged(&grant, day(2026, 5, 4)), ConsentReason::InForce);
    grant.kind = Some(ConsentKind::Separate);
    assert_eq!(
        judged(&grant, day(2026, 5, 3)),
        ConsentReason::NeedsGuardian
    );
    grant.kind = Some(ConsentKind::Guardian);
    assert_eq!(judged(&grant, day(2026, 5, 3)), ConsentReason::InForce);
    (grant.kind, grant.basis) = (None, Some(LegalBasis::Contract));
    assert_eq!(judged(&grant, day(2026, 5, 3)), ConsentReason::InForce);
}

#[test]
fn a_guardian_consents_for_a_child_and_for_nobody_older() {
    let day = |year, month, day| Date::from_year_month_day(year, month, day).expect("a day");
    let at = |date: Date| Timestamp::from_secs(i64::from(date.days()) * 86_400);
    let mut grant = entry(1, ConsentDecision::Granted, 0);
    (grant.kind, grant.needs_separate) = (Some(ConsentKind::Guardian), true);
    grant.occur_time = at(day(2026, 1, 1));
    let instant = AsOf::At(at(day(2027, 1, 1)));
    for (birth, wanted) in [
        (None, ConsentReason::InForce),
        (Some(day(2012, 5, 4)), ConsentReason::InForce),
        (Some(day(1986, 5, 4)), ConsentReason::NeedsSeparate),
    ] {
        let customer = CustomerId::generate();
        let judged = judge(customer, [&grant], ("marketing", ""), birth, instant);
        assert_eq!(judged.reason, wanted, "{birth:?}");
    }
}

#[test]
fn what_a_process_with_a_faster_clock_wrote_counts_now_and_not_at_an_earlier_time() {
    let ledger = [
        entry(1, ConsentDecision::Granted, 10),
        entry(2, ConsentDecision::Withdrawn, 12),
    ];
    let customer = CustomerId::generate();
    let judged = |instant| judge(customer, &ledger, ("marketing", ""), None, instant).reason;
    let then = ledger[0].occur_time;
    assert_eq!(judged(AsOf::Now(then)), ConsentReason::Withdrawn);
    assert_eq!(judged(AsOf::At(then)), ConsentReason::InForce);
}

fn any_entry() -> impl Strategy<Value = Stance> {
    let decision = prop_oneof![
        Just(ConsentDecision::Granted),
        Just(ConsentDecision::Denied),
        Just(ConsentDecision::Withdrawn),
    ];
    let channel = prop_oneof![Just(""), Just("email"), Just("sms")];
    let life = proptest::option::of(1..6_i64);
    (decision, channel, 0..12_i64, life).prop_map(|(decision, channel, second, life)| {
        let mut one = entry(0, decision, second);
        one.channel = channel.to_owned();
        if decision == ConsentDecision::Granted {
            let end = life.map(|life| entry(0, decision, second + life).occur_time);
            one.expire_time = end;
        }
        one
    })
}

proptest! {
    /// The state is the fold of the ledger in order of occurrence, however the entries come.
    #[test]
    fn the_state_is_a_fold_of_the_ledger(
        entries in proptest::collection::vec(any_entry(), 0..12),
        turn in 0..12_usize,
        second in 0..16_i64,
    ) {
        let mut ledger = entries;
        for (number, one) in ledger.iter_mut().enumerate() {
            one.sequence = number as i64 + 1;
            one.id = Uuid::from_u128(number as u128 + 1);
        }
        let mut ordered = ledger.clone();
        ordered.sort_by_key(|one| (one.occur_time, one.decision, one.sequence));
        let at = entry(0, ConsentDecision::Granted, second).occur_time;
        let turn = turn % ledger.len().max(1);
        ledger.rotate_left(turn);
        for channel in ["", "email", "sms"] {
            let folded = ordered.iter().fold(None, |state, one| {
                let reaches = one.channel.is_empty() || one.channel == channel;
                if reaches && one.occur_time <= at { Some(one) } else { state }
            });
            let judged = judge(CustomerId::generate(), &ledger, ("marketing", channel), None, AsOf::At(at));
            prop_assert_eq!(judged.decided_by.map(|(_, one)| one.id), folded.map(|one| one.id));
        }
    }
}
