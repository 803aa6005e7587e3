//! Drawn digits: the same for the same seed on every machine, balanced, within range, in the middle, and told apart by
//! their pixels.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rensa::data::digits::{SIDE, dataset, draw};

const PIXELS: usize = SIDE * SIDE;

fn bits(pixels: &[f32]) -> Vec<u32> {
    pixels.iter().map(|pixel| pixel.to_bits()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let (first, second) = (dataset(200, 3), dataset(200, 3));
    assert_eq!(bits(&first.0), bits(&second.0));
    assert_eq!(first.1, second.1);
}

/// The FNV-1a hash of labels and pixels; a change of it means that published results no longer hold.
#[test]
fn a_seed_gives_the_digits_that_it_gave_on_other_machines() {
    let (pixels, classes) = dataset(1000, 42);
    let bytes = classes.into_iter().chain(bits(&pixels).into_iter().flat_map(u32::to_le_bytes));
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    assert_eq!(format!("{hash:016x}"), "60fc94e6b78f2671");
}

#[test]
fn different_seeds_give_different_digits_in_different_order() {
    let (first, second) = (dataset(200, 3), dataset(200, 4));
    assert_ne!(first.1, second.1);
    let seen: HashSet<_> = first.0.chunks(PIXELS).map(bits).collect();
    assert_eq!(seen.len(), 200, "a digit came twice");
    assert!(second.0.chunks(PIXELS).all(|digit| !seen.contains(&bits(digit))));
}

#[test]
fn classes_are_balanced_and_shuffled() {
    for n in [0, 1, 10, 1003] {
        let (pixels, classes) = dataset(n, 0);
        assert_eq!((pixels.len(), classes.len()), (n * PIXELS, n));
        for class in 0..10 {
            let count = classes.iter().filter(|&&c| c == class).count();
            assert!((n / 10..=n.div_ceil(10)).contains(&count), "{count} of class {class} among {n}");
        }
        assert!(classes.iter().all(|&class| class < 10));
    }
    let classes = dataset(1000, 0).1;
    let in_turn = classes.windows(2).filter(|pair| (pair[0] + 1) % 10 == pair[1]).count();
    assert!(in_turn < 200, "{in_turn} classes of 1000 follow the one before; 100 do by chance");
}

#[test]
fn pixels_are_from_paper_to_ink_and_every_digit_has_both() {
    for digit in dataset(1000, 1).0.chunks(PIXELS) {
        assert!(digit.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        let dark = digit.iter().filter(|&&pixel| pixel > 0.4).count();
        assert!((15..300).contains(&dark), "{dark} pixels of ink");
        assert!(digit.iter().filter(|&&pixel| pixel < 0.13).count() > 400, "too little paper");
    }
}

#[test]
fn ink_is_in_the_middle_and_seldom_at_the_border() {
    let (pixels, _) = dataset(1000, 2);
    let (mut border, mut ink) = (0, 0);
    for digit in pixels.chunks(PIXELS) {
        for (i, _) in digit.iter().enumerate().filter(|(_, pixel)| **pixel > 0.4) {
            let (row, column) = (i / SIDE, i % SIDE);
            ink += 1;
            border += usize::from(row.min(column).min(SIDE - 1 - row).min(SIDE - 1 - column) < 2);
        }
    }
    assert!(border * 50 < ink, "{border} of {ink} dark pixels in the two outermost rings");
}

/// Classes each digit by the nearest mean over other digits: no match for a net, far from chance.
#[test]
fn every_class_is_told_from_the_others_but_not_too_easily() {
    let (pixels, classes) = dataset(4000, 5);
    let mut means = vec![vec![0.0; PIXELS]; 10];
    for (digit, &class) in pixels.chunks(PIXELS).zip(&classes) {
        means[usize::from(class)].iter_mut().zip(digit).for_each(|(mean, pixel)| *mean += pixel / 400.0);
    }
    let distance = |mean: &[f32], digit: &[f32]| mean.iter().zip(digit).map(|(m, p)| (m - p) * (m - p)).sum::<f32>();
    let mut right = [0.0; 10];
    let (pixels, classes) = dataset(1000, 6);
    for (digit, &class) in pixels.chunks(PIXELS).zip(&classes) {
        let far = |&class: &u8| distance(&means[usize::from(class)], digit);
        let nearest = (0..10_u8).min_by(|a, b| far(a).total_cmp(&far(b)));
        right[usize::from(class)] += if nearest == Some(class) { 0.01 } else { 0.0 };
    }
    assert!(right.iter().all(|&share| share > 0.5), "{right:?}; 0.1 by chance");
    assert!(right.iter().sum::<f64>() < 9.5, "{right:?} is too easy to be worth a net");
}

#[test]
fn a_digit_depends_on_its_generator_alone_and_not_on_what_was_there() {
    let digit = |class, before: f32| {
        let mut out = [before; PIXELS];
        draw(class, &mut StdRng::seed_from_u64(8), &mut out);
        bits(&out)
    };
    for class in 0..10 {
        assert_eq!(digit(class, 0.0), digit(class, f32::NAN));
    }
    let different: HashSet<_> = (0..10).map(|class| digit(class, 0.0)).collect();
    assert_eq!(different.len(), 10);
}

/// A generator of one number only, for the ends of every range.
struct Constant(u64);

impl rand::TryRng for Constant {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0 as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.fill(self.0 as u8);
        Ok(())
    }
}

#[test]
fn the_most_extreme_hands_give_pixels_from_paper_to_ink() {
    for number in [0, u64::MAX, u64::MAX / 2, 1 << 31] {
        for class in 0..10 {
            let mut rng = Constant(number);
            assert_eq!(rng.next_u64(), number);
            let mut out = [f32::NAN; PIXELS];
            draw(class, &mut rng, &mut out);
            assert!(out.iter().all(|pixel| (0.0..=1.0).contains(pixel)), "class {class}, generator of {number}");
        }
    }
}

#[test]
#[should_panic(expected = "class 10 is not a digit")]
fn a_class_above_nine_is_refused() {
    draw(10, &mut StdRng::seed_from_u64(0), &mut [0.0; PIXELS]);
}

#[test]
#[should_panic(expected = "784 pixels, not 783")]
fn an_image_of_another_size_is_refused() {
    draw(0, &mut StdRng::seed_from_u64(0), &mut [0.0; PIXELS - 1]);
}
