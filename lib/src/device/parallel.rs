//! Pure work on many things, shared between the processors.

/// Fewer things than this are not worth a thread.
const FEW: usize = 256;

/// What `each` makes of all of them, in their order.
pub fn map_all<T: Sync, R: Send>(things: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = if things.len() < 2 * FEW {
        1
    } else {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        processors.min(things.len() / FEW).min(8)
    };
    if threads == 1 {
        return things.iter().map(each).collect();
    }
    let each = &each;
    std::thread::scope(|scope| {
        let mut parts = things.chunks(things.len().div_ceil(threads));
        let own = parts.next().unwrap_or_default();
        let others: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(each).collect::<Vec<R>>()))
            .collect();
        let mut all: Vec<R> = own.iter().map(each).collect();
        for other in others {
            match other.join() {
                Ok(part) => all.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_keep_their_order() {
        let numbers: Vec<usize> = (0..10_000).collect();
        let squares = map_all(&numbers, |number| number * number);
        assert!(
            squares
                .iter()
                .zip(&numbers)
                .all(|(square, n)| *square == n * n)
        );
        assert_eq!(map_all(&numbers[..3], |number| number + 1), [1, 2, 3]);
    }
}
