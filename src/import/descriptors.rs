//! How many connections this process may have open at once; more requests in flight than that would
//! fail for no reason of the endpoint's.

use std::num::NonZeroUsize;

/// Files that are open besides connections to the endpoint.
const OTHERS: usize = 32;

/// `concurrency`, or as much of it as the limit on open files allows; says so when it is less.
pub(super) fn fitting(concurrency: NonZeroUsize) -> NonZeroUsize {
    let Some(limit) = limit(&std::fs::read_to_string("/proc/self/limits").unwrap_or_default())
    else {
        return concurrency;
    };
    let most = most(limit);
    if concurrency > most {
        tracing::warn!(
            "only {most} requests go at a time instead of {concurrency}: this process may have only {limit} files open (ulimit -n)"
        );
    }
    concurrency.min(most)
}

/// Each connection may have a successor before it is closed, hence the half.
fn most(limit: usize) -> NonZeroUsize {
    NonZeroUsize::new(limit.saturating_sub(OTHERS) / 2).unwrap_or(NonZeroUsize::MIN)
}

/// The soft limit on open files in the text of `/proc/self/limits`, see proc(5); `None` where there
/// is none.
fn limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_and_leaves_room_for_other_files() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(limit(limits), Some(1024));
        assert_eq!(
            limit("Max open files            unlimited            unlimited            files"),
            None
        );
        assert_eq!([1024, 40, 10].map(|limit| most(limit).get()), [496, 4, 1]);
    }
}
