use super::*;

const NOW: OffsetDateTime = time::macros::datetime!(2026-03-01 12:00 UTC);

/// Minutes before now.
fn ago(minutes: i64) -> OffsetDateTime {
    NOW - Duration::minutes(minutes)
}

/// Stored and accepted so many minutes ago, and accepted last so many.
fn accepted(stored: i64, proven: i64, last: i64) -> Known {
    Known { created: ago(stored), sent: None, proven: Some(ago(proven)), accepted: Some(ago(last)) }
}

fn sent(minutes: i64) -> Known {
    Known { sent: Some(ago(minutes)), ..accepted(minutes, minutes, minutes) }
}

fn given(minutes: i64) -> Known {
    Known { created: ago(minutes), sent: None, proven: None, accepted: None }
}

/// The answer does not depend on which of the two asks.
fn assert_wins(one: Known, other: Known, set: Option<i64>, expected: Option<bool>) {
    let wins = |one: &Known, other| match set {
        Some(set) => one.wins(other, ago(set)),
        None => one.wins_untold(other),
    };
    assert_eq!(wins(&one, &other), expected, "{one:?} {other:?} {set:?}");
    assert_eq!(wins(&other, &one), expected.map(|wins| !wins), "{other:?} {one:?} {set:?}");
}

#[test]
fn what_signs_in_longer_than_an_hour_after_the_change_is_valid() {
    assert_wins(accepted(0, 0, 0), accepted(500, 400, 100), Some(90), Some(true));
    assert_wins(accepted(0, 0, 0), given(1), Some(90), Some(true));
    // As if the target that was read lagged.
    assert_wins(accepted(0, 0, 0), accepted(500, 400, 5), Some(90), None);
}

#[test]
fn what_was_valid_before_the_change_has_been_replaced_by_it() {
    assert_wins(accepted(5, 1, 0), accepted(500, 400, 0), Some(30), Some(true));
    assert_wins(accepted(5, 1, 0), accepted(50, 40, 40), Some(30), Some(true));
    // Proven just before, or after: the clocks do not tell.
    assert_wins(accepted(5, 1, 0), accepted(33, 32, 0), Some(30), None);
    assert_wins(accepted(5, 1, 0), accepted(25, 24, 0), Some(30), None);
    // Neither is that of the change.
    assert_wins(accepted(500, 400, 0), accepted(600, 500, 0), Some(30), None);
    // One that nobody has tried may be a mistake.
    assert_wins(given(5), accepted(500, 400, 0), Some(30), None);
    assert_wins(given(5), accepted(1, 0, 0), Some(30), None);
    // Nobody has tried either.
    assert_wins(given(5), given(6), Some(30), Some(true));
}

#[test]
fn what_libretto_has_set_itself_is_known() {
    assert_wins(sent(30), accepted(5, 1, 0), Some(30), Some(true));
    assert_wins(sent(30), accepted(500, 400, 0), Some(30), Some(true));
    assert_wins(sent(28), sent(30), Some(28), Some(true));
    assert_wins(sent(30), sent(30), Some(30), None);
    // Somebody has set another one since.
    assert_wins(sent(50), accepted(5, 1, 0), Some(30), Some(false));
}

#[test]
fn where_the_time_may_not_be_read_a_sign_in_within_the_hour_decides_nothing() {
    assert_wins(accepted(5, 1, 0), accepted(50, 40, 40), None, None);
    assert_wins(accepted(5, 1, 0), accepted(500, 400, 400), None, Some(true));
    assert_wins(sent(30), accepted(5, 1, 0), None, Some(true));
    assert_wins(sent(500), accepted(5, 1, 0), None, Some(false));
    assert_wins(given(5), accepted(50, 40, 40), None, Some(false));
    assert_wins(given(5), given(6), None, Some(true));
}

#[test]
fn times_at_the_end_of_the_calendar_are_none_to_stumble_over() {
    let last = time::macros::datetime!(9999-12-31 23:59:59 UTC);
    let of = |at| Known { created: at, sent: Some(at), proven: Some(at), accepted: Some(at) };
    assert_eq!(accepted(5, 1, 0).wins(&accepted(500, 400, 0), last), None);
    assert_eq!(of(last).wins(&sent(30), NOW), Some(true));
    assert_eq!(of(last).wins_untold(&sent(30)), Some(true));
}
