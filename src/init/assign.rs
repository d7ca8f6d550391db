//! The best assignment of columns to fields: not each field's best column, but the whole that fits
//! best.

/// For each row of `scores` the column that it gets, so that the sum of scores is greatest and no
/// column is used twice; `None` where every score that it could have is below `least`. Rows must
/// have the same length.
///
/// The Hungarian method over costs, with a place of its own for each row beside the columns.
pub(super) fn assign(scores: &[Vec<f64>], least: f64) -> Vec<Option<usize>> {
    let rows = scores.len();
    let Some(columns) = scores.first().map(Vec::len) else { return Vec::new() };
    let width = columns + rows;
    let cost = |row: usize, column: usize| {
        if column < columns {
            let score = scores[row][column];
            if score < least { 1e6 } else { -score }
        } else if column - columns == row {
            0.0
        } else {
            1e6
        }
    };
    // Potentials and matching count from 1; 0 stands for "none".
    let (mut by_row, mut by_column) = (vec![0.0; rows + 1], vec![0.0; width + 1]);
    let mut taken_by = vec![0; width + 1];
    for row in 1..=rows {
        taken_by[0] = row;
        let mut at = 0;
        let mut least_cost = vec![f64::INFINITY; width + 1];
        let mut came_from = vec![0; width + 1];
        let mut seen = vec![false; width + 1];
        loop {
            seen[at] = true;
            let (current, mut delta, mut next) = (taken_by[at], f64::INFINITY, 0);
            for column in 1..=width {
                if seen[column] {
                    continue;
                }
                let reduced = cost(current - 1, column - 1) - by_row[current] - by_column[column];
                if reduced < least_cost[column] {
                    least_cost[column] = reduced;
                    came_from[column] = at;
                }
                if least_cost[column] < delta {
                    delta = least_cost[column];
                    next = column;
                }
            }
            for column in 0..=width {
                if seen[column] {
                    by_row[taken_by[column]] += delta;
                    by_column[column] -= delta;
                } else {
                    least_cost[column] -= delta;
                }
            }
            at = next;
            if taken_by[at] == 0 {
                break;
            }
        }
        while at != 0 {
            let before = came_from[at];
            taken_by[at] = taken_by[before];
            at = before;
        }
    }
    let mut assigned = vec![None; rows];
    for column in 1..=columns {
        if taken_by[column] > 0 && scores[taken_by[column] - 1][column - 1] >= least {
            assigned[taken_by[column] - 1] = Some(column - 1);
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_best_even_where_a_field_gives_up_its_best_column() {
        let scores = [vec![0.9, 0.8], vec![0.85, 0.1]];
        assert_eq!(assign(&scores, 0.3), [Some(1), Some(0)]);
    }

    #[test]
    fn what_fits_nowhere_gets_nothing() {
        assert_eq!(assign(&[vec![0.2, 0.1], vec![0.5, 0.9]], 0.3), [None, Some(1)]);
        assert_eq!(assign(&[vec![], vec![]], 0.3), [None, None]);
        assert_eq!(assign(&[], 0.3), Vec::<Option<usize>>::new());
    }
}
