//! Drawn digits: reproducible, balanced, in range, and as hard to tell apart as digits should be.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rensa::data::digits::{SIDE, dataset, draw};

const PIXELS: usize = SIDE * SIDE;

fn bits(pixels: &[f32]) -> Vec<u32> {
    pixels.iter().map(|grey| grey.to_bits()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let ((pixels, classes), (again, classes_again)) = (dataset(200, 42), dataset(200, 42));
    assert_eq!(bits(&pixels), bits(&again));
    assert_eq!(classes, classes_again);
}

#[test]
fn another_seed_gives_other_digits_in_another_order() {
    let ((pixels, classes), (others, other_classes)) = (dataset(200, 42), dataset(200, 43));
    assert_ne!(bits(&pixels), bits(&others));
    assert_ne!(classes, other_classes);
}

#[test]
fn no_digit_is_drawn_twice() {
    let (pixels, _) = dataset(500, 0);
    let mut images: Vec<_> = pixels.chunks(PIXELS).map(bits).collect();
    images.sort();
    images.dedup();
    assert_eq!(images.len(), 500);
}

#[test]
fn grey_values_are_from_0_to_1_and_every_image_has_ink_and_paper() {
    let (pixels, _) = dataset(1000, 1);
    for image in pixels.chunks(PIXELS) {
        assert!(image.iter().all(|grey| (0.0..=1.0).contains(grey)));
        let ink = image.iter().filter(|&&grey| grey > 0.4).count();
        assert!((10..PIXELS / 2).contains(&ink), "{ink} pixels of ink");
    }
}

#[test]
fn classes_are_balanced_and_shuffled() {
    for n in [0, 1, 9, 10, 1000, 1007] {
        let (pixels, classes) = dataset(n, 2);
        assert_eq!((pixels.len(), classes.len()), (n * PIXELS, n));
        for class in 0..10 {
            let count = classes.iter().filter(|&&c| c == class).count();
            assert!((n / 10..=n.div_ceil(10)).contains(&count), "{count} of class {class} among {n}");
        }
    }
    let (_, classes) = dataset(1000, 2);
    let in_sequence = classes.windows(2).filter(|pair| pair[1] == (pair[0] + 1) % 10).count();
    assert!(in_sequence < 200, "{in_sequence} classes follow the one before");
}

#[test]
fn the_mean_of_a_class_resembles_it_more_than_other_classes_but_does_not_settle_it() {
    let (pixels, classes) = dataset(2500, 3);
    let (train, test) = (2000, 500);
    let mut means = vec![vec![0.0; PIXELS]; 10];
    for (image, &class) in pixels.chunks(PIXELS).zip(&classes).take(train) {
        for (mean, grey) in means[usize::from(class)].iter_mut().zip(image) {
            *mean += grey / (train / 10) as f32;
        }
    }
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let nearest = |image: &[f32]| {
        (0..10).min_by(|&a, &b| distance(&means[a], image).total_cmp(&distance(&means[b], image))).expect("ten classes")
    };
    let others = pixels.chunks(PIXELS).zip(&classes).skip(train);
    let right = others.filter(|&(image, &class)| nearest(image) == usize::from(class)).count();
    let share = right as f64 / test as f64;
    assert!((0.6..0.9).contains(&share), "{share} right");
}

#[test]
fn drawing_replaces_what_was_there() {
    let (mut clean, mut used) = (vec![0.0; PIXELS], vec![f32::NAN; PIXELS]);
    draw(5, &mut StdRng::seed_from_u64(4), &mut clean);
    draw(5, &mut StdRng::seed_from_u64(4), &mut used);
    assert_eq!(bits(&clean), bits(&used));
}

#[test]
#[should_panic(expected = "draw: a class from 0 to 9, not 10")]
fn there_is_no_eleventh_class() {
    draw(10, &mut StdRng::seed_from_u64(0), &mut [0.0; PIXELS]);
}

#[test]
#[should_panic(expected = "draw: room for 784 pixels, not 783")]
fn a_slice_too_short_is_refused() {
    draw(0, &mut StdRng::seed_from_u64(0), &mut [0.0; PIXELS - 1]);
}

#[test]
#[should_panic(expected = "draw: room for 784 pixels, not 785")]
fn a_slice_too_long_is_refused() {
    draw(0, &mut StdRng::seed_from_u64(0), &mut [0.0; PIXELS + 1]);
}
