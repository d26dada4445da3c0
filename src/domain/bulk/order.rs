//! In which order the operations of a bulk run.

/// Puts operations into units. `needs[i]` are the operations that have to run before operation `i`. Each operation runs in its
/// place, and what it needs and has not run yet runs just before it. Operations that need one another in a circle are one unit.
pub fn units(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let finished = finish_order(needs, 0..needs.len());
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (operation, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|n| needed_by[*n].push(operation));
    }
    // Kosaraju: what a walk against the arrows reaches, from the last finished on, is one circle.
    let mut circle: Vec<Option<usize>> = vec![None; needs.len()];
    for &start in finished.iter().rev() {
        let mut open = vec![start];
        while let Some(operation) = open.pop() {
            if circle[operation].is_none() {
                circle[operation] = Some(start);
                open.extend(&needed_by[operation]);
            }
        }
    }
    // Of a circle the operation that was walked into first finishes last, after all that any of them needs.
    let mut gathered: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
    let mut out = Vec::new();
    for operation in finished {
        let first = circle[operation].unwrap_or(operation);
        gathered[first].push(operation);
        if first == operation {
            out.push(std::mem::take(&mut gathered[first]));
        }
    }
    out
}

// Depth first, without recursion: the depth is the client's choice.
fn finish_order(needs: &[Vec<usize>], starts: std::ops::Range<usize>) -> Vec<usize> {
    let mut seen = vec![false; needs.len()];
    let mut out = Vec::with_capacity(needs.len());
    for start in starts {
        let mut way = if std::mem::replace(&mut seen[start], true) { Vec::new() } else { vec![(start, 0)] };
        while let Some((operation, next)) = way.last_mut() {
            let Some(&needed) = needs[*operation].get(*next) else {
                out.push(*operation);
                way.pop();
                continue;
            };
            *next += 1;
            if !std::mem::replace(&mut seen[needed], true) {
                way.push((needed, 0));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::units;

    #[test]
    fn operations_run_in_their_place() {
        for (needs, expected) in [
            (vec![], vec![]),
            (vec![vec![], vec![], vec![]], vec![vec![0], vec![1], vec![2]]),
            (vec![vec![2], vec![], vec![]], vec![vec![2], vec![0], vec![1]]),
            (vec![vec![], vec![3], vec![], vec![2]], vec![vec![0], vec![2], vec![3], vec![1]]),
            (vec![vec![0]], vec![vec![0]]),
            (vec![vec![1], vec![0], vec![0]], vec![vec![1, 0], vec![2]]),
            (vec![vec![2], vec![2, 3], vec![1], vec![]], vec![vec![3], vec![1, 2], vec![0]]),
        ] {
            assert_eq!(units(&needs), expected, "{needs:?}");
        }
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let needs: Vec<Vec<usize>> = (0..200_000).map(|n| if n < 199_999 { vec![n + 1] } else { vec![] }).collect();
        assert_eq!(units(&needs).len(), needs.len());
    }

    fn reaches(needs: &[Vec<usize>], from: usize) -> BTreeSet<usize> {
        let (mut out, mut open) = (BTreeSet::new(), needs[from].clone());
        while let Some(n) = open.pop() {
            if out.insert(n) {
                open.extend(&needs[n]);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn what_is_needed_comes_first_and_circles_stay_together(
            needs in (1_usize..12).prop_flat_map(|n| proptest::collection::vec(proptest::collection::vec(0..n, 0..3), n))
        ) {
            let units = units(&needs);
            let mut place = vec![usize::MAX; needs.len()];
            for (at, unit) in units.iter().enumerate() {
                for operation in unit {
                    prop_assert_eq!(place[*operation], usize::MAX);
                    place[*operation] = at;
                }
            }
            for operation in 0..needs.len() {
                for other in reaches(&needs, operation) {
                    let together = reaches(&needs, other).contains(&operation);
                    prop_assert_eq!(place[other] == place[operation], together || other == operation);
                    prop_assert!(place[other] <= place[operation]);
                }
            }
        }
    }
}
