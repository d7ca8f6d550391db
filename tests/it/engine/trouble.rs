//! Endpoints in trouble: outages, throttles, and the ends of runs that they make.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_shipment_where_the_ledger_knows_all_but_a_few() {
    for new in [&[100, 250, 400][..], &[0, 1], &[497, 498, 499]] {
        let mut case = case(500);
        case.known = (0..500).filter(|ticket| !new.contains(ticket)).collect();
        let down = Duration::from_secs(12);
        let ran = case
            .run(move |_, _, at| if at < down { Answer::Status(503) } else { Answer::Accept })
            .await;
        assert_eq!(
            (ran.count(Status::Sent), ran.count(Status::AlreadySent)),
            (new.len(), 500 - new.len()),
            "{new:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_shipment_of_a_small_run_one_request_at_a_time() {
    for (shipments, seed) in
        (2..=6).flat_map(|shipments| (0..20).map(move |seed| (shipments, seed)))
    {
        let mut case = case(shipments);
        case.seed = seed;
        case.limits.concurrency = 1.try_into().expect("not zero");
        let down = Duration::from_secs(12);
        let ran = case
            .run(move |_, _, at| if at < down { Answer::Status(503) } else { Answer::Accept })
            .await;
        assert_eq!(ran.settled.len() as u64, shipments);
        assert_eq!(ran.count(Status::Sent) as u64, shipments, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_meets_the_last_shipments_of_a_run_costs_none() {
    let from = Duration::from_secs(9);
    let down = from..from + Duration::from_secs(12);
    let mut case = case(903);
    case.limits.rate = "100/s".parse().expect("a rate");
    let ran = case
        .run(move |_, _, at| if down.contains(&at) { Answer::Status(503) } else { Answer::Accept })
        .await;
    assert_eq!(ran.count(Status::Sent), 903);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_twenty_minutes_costs_no_shipment_and_few_requests() {
    for down in [Answer::Status(502), Answer::Reset, Answer::Refuse] {
        let from = Duration::from_secs(5);
        let until = from + Duration::from_secs(1200);
        let is_down = move |at| (from..until).contains(&at);
        let mut case = case(20_000);
        case.limits.rate = "100/s".parse().expect("a rate");
        let shown = down.clone();
        let ran =
            case.run(move |_, _, at| if is_down(at) { down.clone() } else { Answer::Accept }).await;
        assert_eq!(ran.count(Status::Sent), 20_000, "{shown:?}");
        let thrown = ran.starts.iter().filter(|(_, at)| is_down(*at)).count();
        assert!(thrown <= 30 + 16, "{shown:?}: {thrown} requests at a dead endpoint");
        let back = ran
            .starts
            .iter()
            .map(|(_, at)| *at)
            .find(|at| *at >= until)
            .expect("a probe after the outage");
        let soon = ran
            .starts
            .iter()
            .filter(|(_, at)| (back..back + Duration::from_secs(2)).contains(at))
            .count();
        assert!(soon >= 100, "{shown:?}: full speed at once, not {soon} in two seconds");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_never_comes_back_is_given_up() {
    let mut case = case(1000);
    case.limits.give_up_after = Duration::from_secs(600);
    let ran = case.run(|_, _, _| Answer::Refuse).await;
    assert!(
        ran.stopped().contains("--give-up-after") && ran.stopped().contains("connection refused"),
        "{}",
        ran.stopped()
    );
    assert!((600..=601).contains(&ran.took.as_secs()), "{:?}", ran.took);
    assert_eq!(ran.settled.len() + ran.left, 1000);
    for outcome in ran.settled.values() {
        let tried = if outcome.attempts > 0 { Status::Failed } else { Status::NotAttempted };
        assert_eq!(outcome.status, tried);
    }
    assert!(ran.count(Status::Failed) > 10);
}

#[tokio::test(start_paused = true)]
async fn a_host_name_that_does_not_exist_stops_the_run_within_a_minute() {
    let ran = case(1000).run(|_, _, _| Answer::NoSuchHost).await;
    assert!(ran.stopped().contains("no such host"), "{}", ran.stopped());
    assert!(ran.took < Duration::from_secs(60), "{:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn a_few_hopeless_shipments_at_the_end_fail_and_do_not_hold_the_night() {
    let ran = case(1000)
        .run(|ticket, _, _| if ticket >= 990 { Answer::Status(500) } else { Answer::Accept })
        .await;
    assert_eq!(ran.ending, Ending::Complete);
    assert_eq!(ran.count(Status::Sent), 990);
    assert_eq!(ran.count(Status::Failed), 10);
    assert!(ran.took < Duration::from_secs(600), "{:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_everybody_and_costs_no_attempt() {
    let mut case = case(100);
    case.limits.max_attempts = 1.try_into().expect("not zero");
    let ran = case
        .run(|_, number, _| if number == 40 { Answer::Throttle(30) } else { Answer::Accept })
        .await;
    assert_eq!(ran.count(Status::Sent), 100);
    // Those that came back in the same millisecond may have been followed by others already.
    let asked_at = ran.starts[40].1 + Duration::from_millis(21);
    let quiet = ran
        .starts
        .iter()
        .filter(|(_, at)| (asked_at..asked_at + Duration::from_millis(29_990)).contains(at))
        .count();
    assert_eq!(quiet, 0, "requests within the time it wanted to be left alone");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_patience_stops_the_run() {
    let ran = case(10).run(|_, _, _| Answer::Throttle(86_400)).await;
    assert!(ran.stopped().contains("--give-up-after"), "{}", ran.stopped());
    assert_eq!(ran.starts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_turns_the_first_request_away_is_wrong() {
    for status in [403, 404, 405, 410] {
        let ran = case(10).run(move |_, _, _| Answer::Status(status)).await;
        assert!(ran.stopped().contains("address"), "{}", ran.stopped());
        assert_eq!(ran.starts.len(), 1);
        assert!(ran.statuses().iter().all(|status| *status == Status::NotAttempted));
    }
}

#[tokio::test(start_paused = true)]
async fn a_firewall_that_dislikes_one_shipment_costs_that_one_alone() {
    let ran = case(1000)
        .run(|ticket, _, _| if ticket == 500 { Answer::Status(403) } else { Answer::Accept })
        .await;
    assert_eq!(ran.ending, Ending::Complete);
    assert_eq!((ran.count(Status::Sent), ran.settled[&500].status), (999, Status::Rejected));
}

#[tokio::test(start_paused = true)]
async fn three_shipments_turned_away_in_a_row_stop_the_run() {
    let mut case = case(1000);
    case.limits.concurrency = 1.try_into().expect("not zero");
    let ran = case
        .run(|ticket, _, _| if ticket >= 500 { Answer::Status(404) } else { Answer::Accept })
        .await;
    assert!(ran.stopped().contains("3 shipments in a row"), "{}", ran.stopped());
    assert_eq!(ran.starts.len(), 503);
    assert_eq!(ran.settled[&502].status, Status::NotAttempted);
}

#[tokio::test(start_paused = true)]
async fn three_answers_that_the_webhook_does_not_give_stop_the_run() {
    let ran = case(10).run(|_, _, _| Answer::Html).await;
    assert!(ran.stopped().contains("Welcome"), "{}", ran.stopped());
    assert_eq!((ran.starts.len(), ran.count(Status::InDoubt)), (3, 3));
    assert_eq!(ran.count(Status::InDoubt) + ran.count(Status::NotAttempted), ran.settled.len());
}

#[tokio::test(start_paused = true)]
async fn too_many_failures_stop_the_run() {
    let mut case = case(1000);
    case.limits.max_failures = "20".parse().expect("a number");
    case.limits.concurrency = 1.try_into().expect("not zero");
    let ran = case.run(|_, _, _| Answer::Status(409)).await;
    assert!(ran.stopped().contains("20 shipments in a row"), "{}", ran.stopped());
    assert_eq!(ran.starts.len(), 20);
}
