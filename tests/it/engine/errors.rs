//! A queue or a recorder that fails: the run ends, and every task that was taken is settled.

use super::*;

#[tokio::test(start_paused = true)]
async fn error_of_queue_or_recorder_ends_the_run_and_settles_each_task_taken() {
    use Operation::{Admit, Begin, End, Next, Settle};
    for operation in [Next, Admit, Begin, End, Settle] {
        let mut case = case(200);
        case.broken = Some((operation, 100));
        case.look_up = Duration::from_millis(5);
        let ran = case
            .run(|ticket, _, _| if ticket == 90 { Answer::Status(500) } else { Answer::Accept })
            .await;
        assert_eq!(ran.error, Some(Broken(operation)));
        assert_eq!(ran.settled.len() + ran.left, 200, "{operation:?}");
        assert!(ran.settled.len() < 130, "{operation:?}: {} were taken", ran.settled.len());
    }
}

#[tokio::test(start_paused = true)]
async fn error_of_the_queue_ends_the_wait_for_the_rate() {
    let mut case = case(10);
    case.limits.rate = "1/h".parse().expect("a rate");
    case.reading = Duration::from_secs(1);
    case.broken = Some((Operation::Next, 3));
    let ran = case.run(|_, _, _| Answer::Accept).await;
    assert_eq!((ran.error, ran.settled.len()), (Some(Broken(Operation::Next)), 3));
    assert!(ran.took < Duration::from_secs(10), "{:?}", ran.took);
}
