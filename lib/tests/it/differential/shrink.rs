//! Makes a failing sequence short: steps are left out as long as it still fails.

use super::run::Comparison;
use super::step::Step;

/// Runs that shrinking may take.
const BUDGET: usize = 300;

/// A short sequence that still differs. `at`: the step at which the whole one did.
pub(super) fn shrink(comparison: &mut Comparison, steps: &[Step], at: usize) -> Vec<Step> {
    let mut best = steps[..steps.len().min(at + 1)].to_vec();
    let mut runs = 0;
    let mut size = (best.len() / 2).max(1);
    loop {
        let mut start = 0;
        let mut shorter = false;
        while start < best.len() && runs < BUDGET {
            let mut candidate = best.clone();
            candidate.drain(start..(start + size).min(best.len()));
            runs += 1;
            if let Err(difference) = comparison.run(&candidate) {
                candidate.truncate(difference.at + 1);
                best = candidate;
                shorter = true;
            } else {
                start += size;
            }
        }
        if runs >= BUDGET || (size == 1 && !shorter) {
            return best;
        }
        size = (size / 2).max(1);
    }
}
