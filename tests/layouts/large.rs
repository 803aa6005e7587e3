//! Sizes at which elementwise work, reductions and products are divided among threads.

use super::*;

fn numbers<T: Float>(shape: &[usize], seed: u64) -> Model<T> {
    let mut dice = Dice(seed);
    let len = shape.iter().product();
    Model::new(shape, (0..len).map(|_| T::of(dice.number())).collect())
}

fn sums<T: Float>() -> Outcome {
    for shape in [[300, 700], [700, 300], [2, 90_000], [90_000, 2], [1, 200_000]] {
        let m = numbers::<T>(&shape, 1);
        let (rows, columns) = (shape[0], shape[1]);
        let mut by_row = vec![T::zero(); rows];
        let mut by_column = vec![T::zero(); columns];
        for (place, &x) in m.data.iter().enumerate() {
            by_row[place / columns] = by_row[place / columns] + x;
            by_column[place % columns] = by_column[place % columns] + x;
        }
        let total = by_row.iter().fold(T::zero(), |s, &x| s + x);
        let dense = m.tensor();
        let transposed = dense.t().to_contiguous().t();
        let reversed = dense.flip(..).to_contiguous().flip(..);
        for x in [dense, transposed, reversed] {
            same("sum of rows", &x.sum(1), &Model::new(&[rows], by_row.clone()))?;
            same("sum of columns", &x.sum(0), &Model::new(&[columns], by_column.clone()))?;
            same("sum", &x.sum(..), &Model::new(&[], vec![total]))?;
        }
    }
    Ok(())
}

#[test]
fn sums_f32() {
    sums::<f32>().unwrap();
}

#[test]
fn sums_f64() {
    sums::<f64>().unwrap();
}

/// Images by channel: groups of many runs.
#[test]
fn sums_over_several_axes() {
    for [n, c, h, w] in [[8, 5, 30, 40], [30, 3, 7, 19], [3, 40, 12, 11]] {
        let m = numbers::<f32>(&[n, c, h, w], 8);
        let mut expected = vec![0.0; c];
        m.data.iter().enumerate().for_each(|(place, x)| expected[place / (h * w) % c] += x);
        let expected = Model::new(&[c], expected);
        let x = m.tensor();
        same("sum", &x.sum([0, 2, 3]), &expected).unwrap();
        same("sum of permuted", &x.permute(&[3, 1, 0, 2]).sum([0, 2, 3]), &expected).unwrap();
        let last = x.permute(&[0, 2, 3, 1]).to_contiguous();
        same("sum, channels last", &last.sum([0, 1, 2]), &expected).unwrap();
    }
}

#[test]
fn elementwise_of_200_000_elements() {
    let (a, b) = (numbers::<f32>(&[400, 500], 2), numbers::<f32>(&[500, 400], 3));
    let (x, y) = (a.tensor(), b.tensor());
    let place = |i: usize, j: usize, m: &Model<f32>| m.data[i * m.shape[1] + j];
    let sum = &x + &y.t();
    let difference = &x.t() - &y;
    let row = &x + &y.narrow(1, 7, 1).t();
    for (i, j) in (0..400).flat_map(|i| (0..500).map(move |j| (i, j))) {
        assert_eq!(sum[[i, j]], place(i, j, &a) + place(j, i, &b));
        assert_eq!(difference[[j, i]], place(i, j, &a) - place(j, i, &b));
        assert_eq!(row[[i, j]], place(i, j, &a) + place(j, 7, &b));
    }
    assert_eq!((&x * 2.0).to_vec(), a.map(|x| x * 2.0).data);
    assert_eq!(x.cumsum(0).narrow(0, 399, 1).squeeze(0), x.sum(0));
    assert_eq!(x.cumsum(1).narrow(1, 499, 1).squeeze(1), x.sum(1));
    assert_eq!(x.t().max(0), x.max(1));
    assert_eq!(x.t().argmax(0), x.argmax(1));
}

fn product<T: Float>() {
    let (m, k, n) = (260, 300, 280);
    let (a, b) = (numbers::<T>(&[m, k], 4), numbers::<T>(&[k, n], 5));
    let mut expected = vec![T::zero(); m * n];
    for i in 0..m {
        for l in 0..k {
            for j in 0..n {
                expected[i * n + j] = expected[i * n + j] + a.data[i * k + l] * b.data[l * n + j];
            }
        }
    }
    let expected = Model::new(&[m, n], expected);
    let stored =
        |m: &Model<T>| [m.tensor(), m.tensor().t().to_contiguous().t(), m.tensor().flip(0).to_contiguous().flip(0)];
    for x in stored(&a) {
        for y in stored(&b) {
            same("matmul", &x.matmul(&y), &expected).unwrap();
        }
    }
}

#[test]
fn a_product_of_260_300_280() {
    product::<f32>();
    product::<f64>();
}

#[test]
fn many_products() {
    let (a, b) = (numbers::<f32>(&[64, 40, 70], 6), numbers::<f32>(&[64, 70, 50], 7));
    let y = a.tensor().matmul(&b.tensor());
    for batch in 0..64 {
        let part = |m: &Model<f32>| m.tensor().narrow(0, batch, 1).squeeze(0);
        assert_eq!(y.narrow(0, batch, 1).squeeze(0), part(&a).matmul(&part(&b)));
    }
}
