//! Whether fewer requests at a time would do as well: what round trips tell of it.
//!
//! A server that is busy to the brim answers more slowly the more it is asked at once, and no
//! faster altogether; then fewer in flight cost nothing and spare it. Whether that is so can't be
//! seen from slow answers alone (the line may be slow, the night's backup may run), so it is tried:
//! a quarter less for a while, and by Little's law (throughput is requests in flight by round trip)
//! the throughput of both is compared. It stays so only when next to nothing was lost, else the old
//! limit comes back. A trial begins when round trips have risen clearly and for several rounds, and
//! once in a long while without a reason, since a run begins at the cap and may never have seen
//! better.
//!
//! Round trips may also swing for reasons of the endpoint's own, and a limit that is tried while
//! they happen to fall seems to do well. So a trial goes to and fro: less, the old limit, less
//! again, and each stage is compared with the one before it. One that loses ends the trial. Stages
//! differ in length, lest they keep step with the swings.
//!
//! Invariants: a stage takes as many answers as their scatter asks for, and none begins where they
//! scatter too much to tell anything; trials on a healthy endpoint cost about 2 % of the throughput
//! at first and less each time. Called by [`Concurrency`](super::Concurrency) alone, which owns the
//! limit.

/// Answers that are remembered; older ones fade.
const MEMORY: u32 = 512;
/// Answers without which nothing is odd.
const LEAST_KNOWN: u32 = 32;
/// Deviations from the mean beyond which a round is high or low.
const ODD_DEVIATIONS: f64 = 2.5;
/// By how much it is off the mean then, at least.
const ODD_RATIO: f64 = 1.25;
/// High rounds in a row that make a rise; low ones, a fall.
const SUSTAINED_ROUNDS: u32 = 3;
/// The part of the limit that a trial takes away.
const TRIAL_PART: usize = 4;
/// Answers that a stage of a trial needs for each unit of squared scatter, so that a quarter is no
/// accident (four deviations).
const ANSWERS_PER_SCATTER: f64 = 500.0;
/// Answers before the first trial without a reason, for each answer that a stage needs; they double
/// with the rest.
const ANSWERS_BETWEEN: u32 = 24;
/// The share of the throughput that must be left for a smaller limit to stay, on average over the
/// comparisons.
const KEPT: f64 = 0.95;
/// The share that must be left by each comparison alone, if the trial is to go on.
const PROMISING: f64 = 0.9;
/// With so much more than before it was not the limit that helped, but something else that passed.
const TOO_GOOD: f64 = 1.5;
/// The stages of a trial that helps; odd, so that it ends under the smaller limit.
const STAGES: u32 = 3;
/// The golden ratio, whose multiples have fractions that are spread evenly and never come again.
const GOLDEN: f64 = 0.618_033_988_75;
/// Rounds without a trial at the beginning, while connections are made, and after one that did not
/// help; they double each time, for trials with and without a reason apart.
const LEAST_REST: u32 = 16;
const LONGEST_REST: u32 = 256;
/// Below this mean, in seconds, nobody suffers, and it is more likely this machine that is busy.
const PLEASANT: f64 = 0.010;

/// Round trips in seconds: how many, their mean and their variance.
#[derive(Debug, Clone, Copy, Default)]
struct Trips {
    count: u32,
    mean: f64,
    variance: f64,
}

impl Trips {
    fn add(&mut self, seconds: f64) {
        self.count = (self.count + 1).min(MEMORY);
        let count = f64::from(self.count);
        let off = seconds - self.mean;
        self.mean += off / count;
        self.variance += (off * (seconds - self.mean) - self.variance) / count;
    }

    fn merge(&mut self, other: Self) {
        if other.count == 0 {
            return;
        }
        let count = self.count + other.count;
        let share = f64::from(other.count) / f64::from(count);
        let off = other.mean - self.mean;
        self.mean += off * share;
        self.variance +=
            (other.variance - self.variance) * share + off * off * share * (1.0 - share);
        self.count = count.min(MEMORY);
    }

    /// How many answers a stage of a trial needs to be believed; `None` where no number would do.
    fn needed(&self, limit: usize) -> Option<u32> {
        let scatter = self.variance / (self.mean * self.mean);
        let least = u32::try_from(limit).unwrap_or(u32::MAX).saturating_mul(3).clamp(6, MEMORY);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small number by the guard"
        )]
        (scatter * ANSWERS_PER_SCATTER <= f64::from(MEMORY))
            .then(|| least.max((scatter * ANSWERS_PER_SCATTER).ceil() as u32))
    }
}

/// What a round of answers means for the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Advice {
    /// All is well: it may grow.
    Well,
    /// It is being looked into.
    Wait,
    /// Try this smaller limit.
    Try(usize),
    /// The smaller limit does as well.
    Stay,
    /// The smaller limit did not help: back to this one.
    Back(usize),
    /// Answers come much faster than before: what was too much may not be any more.
    Relief,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Trend {
    #[default]
    Level,
    High,
    Low,
}

#[derive(Debug)]
struct Trial {
    from: usize,
    less: usize,
    /// Whether it began for a rise.
    rise: bool,
    /// Which stage this is, from 1; those under the smaller limit are odd.
    stage: u32,
    /// Round trips in this stage, and in the one before (at first, before the trial).
    seen: Trips,
    before: Trips,
    /// The least answers of a stage, and those of this one.
    least: u32,
    needed: u32,
    /// The shares of the throughput that the smaller limit kept, all comparisons together.
    kept: f64,
}

impl Trial {
    fn is_less(&self) -> bool {
        self.stage % 2 == 1
    }

    /// The share of the throughput that the smaller limit keeps by this stage and the one before.
    #[expect(clippy::cast_precision_loss, reason = "limits are small")]
    fn kept(&self) -> f64 {
        let (with_less, full) =
            if self.is_less() { (self.seen, self.before) } else { (self.before, self.seen) };
        (self.less as f64 / with_less.mean) / (self.from as f64 / full.mean)
    }

    /// The limit of the next stage, which `needed` answers are to tell of.
    fn go_on(&mut self, needed: u32) -> Advice {
        self.stage += 1;
        self.before = std::mem::take(&mut self.seen);
        self.needed = needed;
        if self.is_less() { Advice::Try(self.less) } else { Advice::Back(self.from) }
    }
}

/// The round trips of a run.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// Of this round.
    round: Trips,
    /// Of the rounds before that were neither high nor low.
    usual: Trips,
    /// Whether the rounds just before were high or low, how many in a row, and what they were.
    trend: Trend,
    trend_rounds: u32,
    lately: Trips,
    trial: Option<Trial>,
    /// Answers in a row at this limit, with the limit reached.
    steady: u32,
    /// Rounds since the last trial, and how many there must be before one without a reason, and
    /// before one for a rise.
    rested: u32,
    rest: u32,
    rest_for_rise: u32,
    /// Stages of uneven length so far.
    stages: u32,
}

impl Latency {
    pub(super) fn new() -> Self {
        Self { rest: LEAST_REST, rest_for_rise: LEAST_REST, ..Self::default() }
    }

    /// The mean in seconds; 0 before anything is known.
    pub(super) fn mean(&self) -> f64 {
        if self.trend_rounds > 0 { self.lately.mean } else { self.usual.mean }
    }

    /// Takes note of a good answer to a request that started under the present limit.
    pub(super) fn add(&mut self, seconds: f64) {
        self.round.add(seconds);
    }

    /// The limit was changed for other reasons: what was being looked into can't be told any more.
    pub(super) fn disturb(&mut self) {
        self.trial = None;
        self.round = Trips::default();
        self.follow(Trend::Level);
        self.steady = 0;
    }

    /// The limit grew: nothing is known of the new one yet.
    pub(super) fn grown(&mut self) {
        self.steady = 0;
    }

    /// A round trip's worth of answers is in. `reached` says whether as many as `limit` were in
    /// flight.
    pub(super) fn end_round(&mut self, limit: usize, reached: bool) -> Advice {
        let round = std::mem::take(&mut self.round);
        if let Some(trial) = &mut self.trial {
            trial.seen.merge(round);
            if reached && trial.seen.count < trial.needed {
                return Advice::Wait;
            }
            return self.judge(reached);
        }
        if round.count == 0 {
            return Advice::Wait;
        }
        self.rested = self.rested.saturating_add(1);
        let trend = if reached { self.trend_of(round) } else { Trend::Level };
        if trend != self.trend {
            self.follow(trend);
        }
        if trend == Trend::Level {
            self.usual.merge(round);
            self.steady = if reached { self.steady.saturating_add(round.count) } else { 0 };
            return match self.usual.needed(limit) {
                Some(needed) if self.is_due(needed) => self.begin(limit, self.usual, needed),
                _ => Advice::Well,
            };
        }
        self.steady = 0;
        self.trend_rounds = self.trend_rounds.saturating_add(1);
        if self.trend_rounds == SUSTAINED_ROUNDS {
            // Now it is more than a blip; what came till here was still on its way.
            self.lately = Trips::default();
        }
        self.lately.merge(round);
        let sustained = self.trend_rounds >= SUSTAINED_ROUNDS;
        match (trend, self.lately.needed(limit)) {
            (Trend::Low, _) if sustained => {
                self.accept();
                Advice::Relief
            }
            (Trend::Low, _) => Advice::Well,
            _ if !sustained || self.rested < self.rest_for_rise => Advice::Wait,
            (_, Some(needed)) if self.lately.count >= needed => {
                self.begin(limit, self.lately, needed)
            }
            (_, Some(_)) => Advice::Wait,
            (_, None) => self.accept(),
        }
    }

    fn trend_of(&self, round: Trips) -> Trend {
        let usual = &self.usual;
        let scatter = ODD_DEVIATIONS * usual.variance.sqrt();
        if usual.count < LEAST_KNOWN {
            Trend::Level
        } else if round.mean > (usual.mean + scatter).max(usual.mean * ODD_RATIO) {
            Trend::High
        } else if round.mean < (usual.mean - scatter).min(usual.mean / ODD_RATIO) {
            Trend::Low
        } else {
            Trend::Level
        }
    }

    fn follow(&mut self, trend: Trend) {
        self.trend = trend;
        self.trend_rounds = 0;
        self.lately = Trips::default();
    }

    /// Whether a trial without a reason is due: after one that helped at once, else rarely.
    fn is_due(&self, needed: u32) -> bool {
        let between = if self.rest == 0 { 1 } else { ANSWERS_BETWEEN * (self.rest / LEAST_REST) };
        self.rested >= self.rest && self.steady >= needed.saturating_mul(between)
    }

    /// Takes what came lately for what is usual now.
    fn accept(&mut self) -> Advice {
        if self.trend_rounds > 0 {
            self.usual = self.lately;
            self.follow(Trend::Level);
        }
        Advice::Well
    }

    fn begin(&mut self, limit: usize, before: Trips, needed: u32) -> Advice {
        if limit < 2 || before.mean < PLEASANT {
            return self.accept();
        }
        let less = limit - (limit / TRIAL_PART).max(1);
        self.trial = Some(Trial {
            from: limit,
            less,
            rise: self.trend == Trend::High,
            stage: 1,
            seen: Trips::default(),
            before,
            least: needed,
            needed,
            kept: 0.0,
        });
        Advice::Try(less)
    }

    /// Up to twice the `least`, differently each time.
    fn uneven(&mut self, least: u32) -> u32 {
        self.stages = self.stages.wrapping_add(1);
        let more = f64::from(least) * (f64::from(self.stages) * GOLDEN).fract();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "less than `least`"
        )]
        (least + more as u32).min(MEMORY)
    }

    /// The end of a stage, or of the trial; `reached` says whether the stage tells anything.
    fn judge(&mut self, reached: bool) -> Advice {
        let Some(mut trial) = self.trial.take() else { return Advice::Wait };
        let kept = trial.kept();
        trial.kept += kept;
        let promising = reached && (PROMISING..TOO_GOOD).contains(&kept);
        if promising && trial.stage < STAGES {
            let advice = trial.go_on(self.uneven(trial.least));
            self.trial = Some(trial);
            return advice;
        }
        self.follow(Trend::Level);
        self.rested = 0;
        if promising && trial.kept >= KEPT * f64::from(STAGES) {
            self.usual = trial.seen;
            self.steady = trial.seen.count;
            self.rest = 0;
            self.rest_for_rise = LEAST_REST;
            return Advice::Stay;
        }
        let is_news = reached && (!trial.is_less() || kept >= TOO_GOOD);
        self.usual = if is_news { trial.seen } else { trial.before };
        self.steady = 0;
        let rest = if trial.rise { &mut self.rest_for_rise } else { &mut self.rest };
        *rest = (*rest * 2).clamp(LEAST_REST, LONGEST_REST);
        Advice::Back(trial.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds under a limit that follows the advice, `trip` being the round trip in seconds at a
    /// limit.
    fn rounds(
        latency: &mut Latency,
        limit: &mut usize,
        count: usize,
        trip: impl Fn(u32) -> f64,
    ) -> Vec<usize> {
        let mut limits = Vec::new();
        for _ in 0..count {
            let seconds = trip(u32::try_from(*limit).expect("small"));
            (0..*limit).for_each(|_| latency.add(seconds));
            if let Advice::Try(next) | Advice::Back(next) = latency.end_round(*limit, true) {
                *limit = next;
            }
            limits.push(*limit);
        }
        limits
    }

    #[test]
    fn mean_and_variance_are_those_of_the_numbers_however_they_are_put_together() {
        let numbers = [1.0, 2.0, 4.0, 4.0, 9.0, 10.0];
        let mut whole = Trips::default();
        for number in numbers {
            whole.add(number);
        }
        let (mut left, mut right) = (Trips::default(), Trips::default());
        numbers.into_iter().take(2).for_each(|number| left.add(number));
        numbers.into_iter().skip(2).for_each(|number| right.add(number));
        left.merge(right);
        for trips in [whole, left] {
            assert_eq!(trips.count, 6);
            assert!(
                (trips.mean - 5.0).abs() < 1e-9 && (trips.variance - 34.0 / 3.0).abs() < 1e-9,
                "{trips:?}"
            );
        }
    }

    #[test]
    fn where_round_trips_do_not_depend_on_the_limit_it_comes_back_and_trials_grow_rare() {
        let (mut latency, mut limit) = (Latency::new(), 16);
        let limits = rounds(&mut latency, &mut limit, 2000, |_| 0.1);
        let tried = limits.iter().filter(|limit| **limit == 12).count();
        assert!((3..60).contains(&tried), "{tried} of 2000 rounds below the cap");
        assert!(limits.iter().all(|limit| [12, 16].contains(limit)));
    }

    #[test]
    fn where_round_trips_grow_with_the_limit_it_sinks_to_where_throughput_would_suffer() {
        let (mut latency, mut limit) = (Latency::new(), 16);
        rounds(&mut latency, &mut limit, 200, |limit| 0.02 * f64::from(limit.max(5)));
        assert!((5..=6).contains(&limit), "{limit}");
    }

    #[test]
    fn a_sustained_rise_is_looked_into_and_a_passing_one_is_not() {
        let (mut latency, mut limit) = (Latency::new(), 16);
        rounds(&mut latency, &mut limit, 30, |_| 0.1);
        assert_eq!(rounds(&mut latency, &mut limit, 2, |_| 1.0), [16, 16], "two rounds");
        assert_eq!(rounds(&mut latency, &mut limit, 1, |_| 0.1), [16]);
        let limits = rounds(&mut latency, &mut limit, 9, |_| 1.0);
        assert_eq!(
            limits,
            [16, 16, 16, 16, 12, 12, 12, 12, 16],
            "looked into, and back since it did not help"
        );
    }

    #[test]
    fn nothing_is_tried_where_nobody_suffers_or_nothing_could_be_told() {
        let (mut latency, mut limit) = (Latency::new(), 16);
        assert!(
            rounds(&mut latency, &mut limit, 500, |limit| 0.0005 * f64::from(limit))
                .iter()
                .all(|limit| *limit == 16)
        );
        let mut latency = Latency::new();
        for number in 0..10_000 {
            latency.add(if number % 10 == 0 { 10.0 } else { 0.01 });
            if number % 16 == 0 {
                assert!(!matches!(latency.end_round(16, true), Advice::Try(_)));
            }
        }
    }
}
