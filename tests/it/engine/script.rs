//! What holds for any script of answers.

use proptest::prelude::*;

use super::*;

fn any_answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        8 => Just(Answer::Accept),
        1 => Just(Answer::Status(409)),
        2 => Just(Answer::Status(500)),
        1 => Just(Answer::Status(403)),
        1 => Just(Answer::Html),
        1 => Just(Answer::Throttle(3)),
        2 => Just(Answer::Reset),
        2 => Just(Answer::Refuse),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    use Operation::{Admit, Begin, End, Next, Settle};
    prop_oneof![Just(Next), Just(Admit), Just(Begin), Just(End), Just(Settle)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_back_every_shipment_ends_once_within_its_bounds(
        script in prop::collection::vec(any_answer(), 1..60),
        shipments in 0u64..40,
        concurrency in 1usize..9,
        max_attempts in 1u32..5,
        rate in prop_oneof![Just("unlimited"), Just("5/s"), Just("40/s")],
        seed in any::<u64>(),
        identities in prop_oneof![Just(None), (1u64..6).prop_map(Some)],
        reading in prop_oneof![Just(Duration::ZERO), Just(Duration::from_millis(700))],
        look_up in prop_oneof![Just(Duration::ZERO), Just(Duration::from_millis(5))],
        stop_after in prop_oneof![2 => Just(None), 1 => (0u64..20_000).prop_map(Some)],
        broken in prop_oneof![2 => Just(None), 1 => (any_operation(), 0u64..40).prop_map(Some)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let (sent, settled, left) = runtime.block_on(async {
            let mut case = case(shipments);
            case.limits.concurrency = concurrency.try_into().expect("not zero");
            case.limits.max_attempts = max_attempts.try_into().expect("not zero");
            case.limits.rate = rate.parse().expect("a rate");
            case.seed = seed;
            case.identities = identities;
            case.reading = reading;
            case.look_up = look_up;
            case.broken = broken;
            let (sender, stop) = stop_channel();
            case.stop = stop;
            let stop_after = stop_after.map(Duration::from_millis);
            let run = case.run(move |_, number, _| script[number % script.len()].clone());
            let (ran, ()) = tokio::join!(run, async {
                if let Some(after) = stop_after {
                    tokio::time::sleep(after).await;
                    sender.request(StopReason::RecordingFailed);
                } else {
                    std::mem::forget(sender);
                }
            });
            // One look-up and one request may be under way when a stop is requested.
            let ends = stop_after.map(|after| after + Duration::from_millis(30));
            assert!(ends.is_none_or(|ends| ran.took <= ends), "{:?} for {ends:?}", ran.took);
            assert!(ran.peak <= concurrency, "{} in flight", ran.peak);
            (ran.starts, ran.settled, ran.left)
        });
        prop_assert_eq!(settled.len() + left, usize::try_from(shipments).expect("small"), "sent and rest are all");
        for (ticket, outcome) in &settled {
            let requests = sent.iter().filter(|(sent, _)| sent == ticket).count();
            prop_assert_eq!(outcome.attempts as usize, requests, "attempts are requests");
        }
        if let Some(identities) = identities {
            for identity in 0..identities {
                let mut order: Vec<u64> =
                    sent.iter().map(|(ticket, _)| *ticket).filter(|ticket| ticket % identities == identity).collect();
                order.dedup();
                prop_assert!(order.is_sorted(), "out of order: {:?}", order);
            }
        }
        if rate != "unlimited" {
            let limit: usize = rate.trim_end_matches("/s").parse().expect("a number");
            for (index, (_, start)) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|(_, other)| *other < *start + Duration::from_secs(1)).count();
                prop_assert!(within <= limit);
            }
        }
    }
}
