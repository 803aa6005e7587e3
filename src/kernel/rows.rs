//! Rows of elements at a constant distance, as the windows of images take them.

/// `to ← f(to, from)` along a row, whose elements in `from` lie `step` apart.
#[inline]
pub(crate) fn read<T: Copy>(to: &mut [T], from: &[T], start: isize, step: isize, f: impl Fn(T, T) -> T) {
    if step == 1 && !to.is_empty() {
        let from = &from[start as usize..][..to.len()];
        to.iter_mut().zip(from).for_each(|(to, &x)| *to = f(*to, x));
    } else if step == 2 && !to.is_empty() {
        // The stride that nets have; so written, it becomes vectors.
        let last = start as usize + 2 * (to.len() - 1);
        let (pairs, _) = from[start as usize..last].as_chunks::<2>();
        to.iter_mut().zip(pairs).for_each(|(to, &[x, _])| *to = f(*to, x));
        let end = &mut to[pairs.len()];
        *end = f(*end, from[last]);
    } else {
        to.iter_mut().enumerate().for_each(|(k, to)| *to = f(*to, from[(start + k as isize * step) as usize]));
    }
}

/// `to ← f(to, from)` along a row, whose elements in `to` lie `step` apart.
#[inline]
pub(crate) fn write<T: Copy>(to: &mut [T], start: isize, step: isize, from: &[T], f: impl Fn(T, T) -> T) {
    if step == 1 && !from.is_empty() {
        let to = &mut to[start as usize..][..from.len()];
        to.iter_mut().zip(from).for_each(|(to, &x)| *to = f(*to, x));
    } else if step == 2 && !from.is_empty() {
        let last = start as usize + 2 * (from.len() - 1);
        let (pairs, _) = to[start as usize..last].as_chunks_mut::<2>();
        pairs.iter_mut().zip(from).for_each(|(pair, &x)| *pair = [f(pair[0], x), pair[1]]);
        to[last] = f(to[last], from[from.len() - 1]);
    } else {
        for (k, &x) in from.iter().enumerate() {
            let place = (start + k as isize * step) as usize;
            to[place] = f(to[place], x);
        }
    }
}
