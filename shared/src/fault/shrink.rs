//! The fewest faults of a run that still make it fail: each is left out in turn, and stays out where the run fails without it.
//!
//! What is left cannot be made smaller by leaving out one more: it is minimal in that sense, not the smallest there is (as the last pass
//! of Zeller and Hildebrandt's delta debugging, "Simplifying and Isolating Failure-Inducing Input", 2002).

/// A search that is under way. Whoever runs it asks for a [`candidate`](Shrink::candidate), lets that run, and says what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrink<T> {
    kept: Vec<T>,
    /// The next one that is left out on trial.
    next: usize,
}

impl<T: Clone> Shrink<T> {
    /// Of a run that fails with all of these.
    pub fn new(faults: Vec<T>) -> Shrink<T> {
        Shrink { kept: faults, next: 0 }
    }

    /// The faults to try next; `None` when the search is over.
    pub fn candidate(&self) -> Option<Vec<T>> {
        (self.next < self.kept.len()).then(|| {
            let mut rest = self.kept.clone();
            rest.remove(self.next);
            rest
        })
    }

    /// The run of the candidate failed like the first one, or did not.
    pub fn tell(&mut self, fails: bool) {
        if fails && self.next < self.kept.len() {
            self.kept.remove(self.next);
        } else {
            self.next += 1;
        }
    }

    /// The faults with which the run is known to fail.
    pub fn kept(&self) -> &[T] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(faults: Vec<u32>, fails: impl Fn(&[u32]) -> bool) -> (Vec<u32>, usize) {
        let (mut shrink, mut runs) = (Shrink::new(faults), 0);
        while let Some(candidate) = shrink.candidate() {
            shrink.tell(fails(&candidate));
            runs += 1;
        }
        (shrink.kept().to_vec(), runs)
    }

    #[test]
    fn what_the_failure_does_not_need_is_left_out_in_one_run_each() {
        let all = || (1..=9).collect::<Vec<u32>>();
        assert_eq!(shrunk(all(), |faults| faults.contains(&3) && faults.contains(&7)), (vec![3, 7], 9));
        assert_eq!(shrunk(all(), |_| true), (vec![], 9));
        assert_eq!(shrunk(all(), |faults| faults.len() == 9), (all(), 9));
        assert_eq!(shrunk(vec![], |_| true), (vec![], 0));
    }

    #[test]
    fn with_one_less_of_what_is_left_it_does_not_fail() {
        let fails = |faults: &[u32]| faults.iter().sum::<u32>() >= 10;
        let (left, _) = shrunk(vec![1, 2, 3, 4, 5, 6], fails);
        assert!(fails(&left));
        for out in 0..left.len() {
            let mut rest = left.clone();
            rest.remove(out);
            assert!(!fails(&rest), "{left:?} without {}", left[out]);
        }
    }
}
