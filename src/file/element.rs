//! Types of elements in files, and their bytes.

use std::any::type_name;
use std::fmt;

use crate::tensor::Tensor;

/// A type of element in a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Dtype {
    /// A byte that is 0 or 1.
    Bool,
    /// An unsigned byte.
    U8,
    /// A signed byte.
    I8,
    /// An unsigned number of 2 bytes.
    U16,
    /// A signed number of 2 bytes.
    I16,
    /// An unsigned number of 4 bytes.
    U32,
    /// A signed number of 4 bytes.
    I32,
    /// An unsigned number of 8 bytes.
    U64,
    /// A signed number of 8 bytes.
    I64,
    /// Half precision, IEEE 754 binary16.
    F16,
    /// The upper half of an `f32`, bfloat16.
    Bf16,
    /// Single precision, binary32.
    F32,
    /// Double precision, binary64.
    F64,
}

impl Dtype {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Dtype::Bool | Dtype::U8 | Dtype::I8 => 1,
            Dtype::U16 | Dtype::I16 | Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::U32 | Dtype::I32 | Dtype::F32 => 4,
            Dtype::U64 | Dtype::I64 | Dtype::F64 => 8,
        }
    }

    /// How many bytes an array of this shape has, unless that number cannot be addressed.
    pub(crate) fn bytes(self, shape: &[usize]) -> Option<usize> {
        // A size of 0 must not hide that the others overflow: a view of this shape would compute with them.
        let product = shape.iter().filter(|&&n| n > 0).try_fold(self.size(), |n, &size| n.checked_mul(size));
        let bytes = product.filter(|&n| n <= isize::MAX as usize)?;
        Some(if shape.contains(&0) { 0 } else { bytes })
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}").to_lowercase();
        f.write_str(&name)
    }
}

/// The order of the bytes of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// The least significant first.
    Little,
    /// The most significant first.
    Big,
}

/// A type that files hold: `f32`, `f64`, `bool`, `u8`, `i32`, `i64`, or `usize`, which is stored as `i64`; with the feature `half` also
/// `half::f16` and `half::bf16`.
///
/// An element of a file is converted to the type that is asked for where that is the same number. Floats are rounded among each other;
/// whole numbers become floats up to 2⁵³ (2²⁴ for `f32`), floats without a fraction become whole numbers, and `bool` is 0 or 1.
pub trait Element: Copy + Send + Sync + 'static {
    /// Its type in files.
    #[doc(hidden)]
    const DTYPE: Dtype;
    /// Appends it in little-endian order, if the file's type can hold it.
    #[doc(hidden)]
    fn put(self, bytes: &mut Vec<u8>) -> Option<()>;
    /// The same number, if the type has it.
    #[doc(hidden)]
    fn of_int(x: i64) -> Option<Self>;
    /// The same number, rounded if the type is a float, if the type has it.
    #[doc(hidden)]
    fn of_f64(x: f64) -> Option<Self>;
    /// As `of_f64`; a type of its own so that an `f32` keeps its bits.
    #[doc(hidden)]
    fn of_f32(x: f32) -> Option<Self> {
        Self::of_f64(x.into())
    }
}

/// The largest whole number up to which an `f64` has them all.
const WHOLE: f64 = (1_u64 << 53) as f64;

fn whole(x: f64) -> Option<i64> {
    (x.fract() == 0.0 && x.abs() <= WHOLE).then_some(x as i64)
}

impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;

    fn put(self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.extend(self.to_le_bytes());
        Some(())
    }

    fn of_int(x: i64) -> Option<Self> {
        (x.unsigned_abs() <= 1 << 24).then_some(x as f32)
    }

    fn of_f64(x: f64) -> Option<Self> {
        Some(x as f32)
    }

    fn of_f32(x: f32) -> Option<Self> {
        Some(x)
    }
}

impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;

    fn put(self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.extend(self.to_le_bytes());
        Some(())
    }

    fn of_int(x: i64) -> Option<Self> {
        (x.unsigned_abs() <= 1 << 53).then_some(x as f64)
    }

    fn of_f64(x: f64) -> Option<Self> {
        Some(x)
    }
}

impl Element for bool {
    const DTYPE: Dtype = Dtype::Bool;

    fn put(self, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.push(self.into());
        Some(())
    }

    fn of_int(x: i64) -> Option<Self> {
        [false, true].get(usize::try_from(x).ok()?).copied()
    }

    fn of_f64(x: f64) -> Option<Self> {
        Self::of_int(whole(x)?)
    }
}

/// Floats of 16 bits, with the largest whole number up to which they have them all.
#[cfg(feature = "half")]
macro_rules! half_floats {
    ($($type:ty => $dtype:ident up to $most:literal),*) => { $(
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;

            fn put(self, bytes: &mut Vec<u8>) -> Option<()> {
                bytes.extend(self.to_le_bytes());
                Some(())
            }

            fn of_int(x: i64) -> Option<Self> {
                (x.unsigned_abs() <= $most).then(|| Self::from_f64(x as f64))
            }

            fn of_f64(x: f64) -> Option<Self> {
                Some(Self::from_f64(x))
            }
        }
    )* };
}
#[cfg(feature = "half")]
half_floats!(half::f16 => F16 up to 2048, half::bf16 => Bf16 up to 256);

/// Whole numbers, stored as a type that has them all, or as many of them as occur.
macro_rules! whole_numbers {
    ($($type:ty as $stored:ty => $dtype:ident),*) => { $(
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;

            fn put(self, bytes: &mut Vec<u8>) -> Option<()> {
                bytes.extend(<$stored>::try_from(self).ok()?.to_le_bytes());
                Some(())
            }

            fn of_int(x: i64) -> Option<Self> {
                x.try_into().ok()
            }

            fn of_f64(x: f64) -> Option<Self> {
                whole(x)?.try_into().ok()
            }
        }
    )* };
}
whole_numbers!(u8 as u8 => U8, i32 as i32 => I32, i64 as i64 => I64, usize as i64 => I64);

/// The elements of a tensor in row-major order, as little-endian bytes.
///
/// # Errors
/// Says which element the file's type cannot hold.
pub(crate) fn encode<E: Element>(tensor: &Tensor<E>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(tensor.len().saturating_mul(E::DTYPE.size()));
    for (i, element) in tensor.iter().enumerate() {
        element.put(&mut bytes).ok_or_else(|| format!("element {i} does not fit the type {}", E::DTYPE))?;
    }
    Ok(bytes)
}

/// The elements in `bytes`, read one by one, since a file promises no alignment.
///
/// # Errors
/// Says which element `E` cannot hold, or that the bytes are no whole number of elements.
pub(crate) fn decode<E: Element>(bytes: &[u8], dtype: Dtype, order: Order) -> Result<Vec<E>, String> {
    let elements = match dtype {
        Dtype::Bool => each(bytes, order, |[b]| if b < 2 { E::of_int(b.into()) } else { None }),
        Dtype::U8 => each(bytes, order, |[b]| E::of_int(b.into())),
        Dtype::I8 => each(bytes, order, |b| E::of_int(i8::from_le_bytes(b).into())),
        Dtype::U16 => each(bytes, order, |b| E::of_int(u16::from_le_bytes(b).into())),
        Dtype::I16 => each(bytes, order, |b| E::of_int(i16::from_le_bytes(b).into())),
        Dtype::U32 => each(bytes, order, |b| E::of_int(u32::from_le_bytes(b).into())),
        Dtype::I32 => each(bytes, order, |b| E::of_int(i32::from_le_bytes(b).into())),
        Dtype::U64 => each(bytes, order, |b| E::of_int(u64::from_le_bytes(b).try_into().ok()?)),
        Dtype::I64 => each(bytes, order, |b| E::of_int(i64::from_le_bytes(b))),
        Dtype::F16 => each(bytes, order, |b| E::of_f32(binary16(u16::from_le_bytes(b)))),
        Dtype::Bf16 => each(bytes, order, |b| E::of_f32(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))),
        Dtype::F32 => each(bytes, order, |b| E::of_f32(f32::from_le_bytes(b))),
        Dtype::F64 => each(bytes, order, |b| E::of_f64(f64::from_le_bytes(b))),
    };
    elements.map_err(|i| {
        let element = bytes.get(i * dtype.size()..(i + 1) * dtype.size()).unwrap_or_default();
        format!("{element:02x?} for element {i} of type {dtype}, which is no {}", type_name::<E>())
    })
}

/// `f` of every `N` bytes, or the number of the element for which there is none.
fn each<const N: usize, E>(bytes: &[u8], order: Order, f: impl Fn([u8; N]) -> Option<E>) -> Result<Vec<E>, usize> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(chunks.len());
    }
    let mut elements = Vec::with_capacity(chunks.len());
    for (i, &chunk) in chunks.iter().enumerate() {
        let mut chunk = chunk;
        if order == Order::Big {
            chunk.reverse();
        }
        elements.push(f(chunk).ok_or(i)?);
    }
    Ok(elements)
}

/// The value of a binary16 number. Source: IEEE 754-2019, §3.4.
fn binary16(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    match exponent {
        0 => f32::from_bits(sign | (fraction as f32 / (1 << 24) as f32).to_bits()),
        31 => f32::from_bits(sign | 255 << 23 | fraction << 13),
        // The exponents of the two formats are 15 and 127 too large.
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_what_its_definition_says() {
        for bits in 0..=u16::MAX {
            let (sign, e, f) = (1.0 - 2.0 * f64::from(bits >> 15), i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let expected = match e {
                0 => sign * f * 2f64.powi(-24),
                31 if f == 0.0 => sign * f64::INFINITY,
                31 => f64::NAN,
                _ => sign * (1.0 + f / 1024.0) * 2f64.powi(e - 15),
            };
            let found = f64::from(binary16(bits));
            assert!(found == expected || found.is_nan() && expected.is_nan(), "{bits:04x}: {found}, not {expected}");
            assert_eq!(found.is_sign_negative(), bits >> 15 == 1, "{bits:04x}");
        }
    }

    #[test]
    fn numbers_are_converted_only_where_they_stay_the_same() {
        let ints = |x: i64| x.to_le_bytes();
        let of = |x: i64| decode::<f32>(&ints(x), Dtype::I64, Order::Little);
        assert_eq!(of(1 << 24), Ok(vec![16_777_216.0]));
        assert!(of((1 << 24) + 1).unwrap_err().contains("element 0 of type i64, which is no f32"));
        assert_eq!(decode::<f64>(&ints(1 << 53), Dtype::I64, Order::Little), Ok(vec![WHOLE]));
        assert!(decode::<f64>(&ints(i64::MAX), Dtype::I64, Order::Little).is_err());
        assert!(decode::<usize>(&ints(-1), Dtype::I64, Order::Little).is_err());
        assert!(decode::<i64>(&[255; 8], Dtype::U64, Order::Little).is_err());
        assert_eq!(decode::<usize>(&[0, 0, 0, 3], Dtype::U32, Order::Big), Ok(vec![3]));
        assert_eq!(decode::<i32>(&(-7.0_f64).to_le_bytes(), Dtype::F64, Order::Little), Ok(vec![-7]));
        for x in [0.5, f64::NAN, f64::INFINITY, 1e300] {
            assert!(decode::<i64>(&x.to_le_bytes(), Dtype::F64, Order::Little).is_err(), "{x}");
        }
        assert_eq!(decode::<bool>(&[0, 1], Dtype::U8, Order::Little), Ok(vec![false, true]));
        assert!(decode::<bool>(&[2], Dtype::U8, Order::Little).is_err());
        assert!(decode::<u8>(&[1, 7], Dtype::Bool, Order::Little).unwrap_err().contains("[07] for element 1"));
        assert!(decode::<u8>(&[1, 7, 7], Dtype::I16, Order::Little).is_err(), "an element and a half");
        // A signalling NaN stays what it is.
        let signalling = 0x7f80_0001_u32;
        let [x] = decode::<f32>(&signalling.to_le_bytes(), Dtype::F32, Order::Little).unwrap()[..] else { panic!() };
        assert_eq!(x.to_bits(), signalling);
        assert!(encode(&crate::tensor![usize::MAX]).is_err());
    }

    /// Every one of them that is a number comes back; a NaN may be another NaN.
    #[cfg(feature = "half")]
    #[test]
    fn floats_of_16_bits_are_read_as_they_were_written() {
        fn all<E: Element + Into<f64>>(of: impl Fn(u16) -> E, bits: impl Fn(E) -> u16) {
            let written: Vec<E> = (0..=u16::MAX).map(of).collect();
            let bytes = encode(&Tensor::from_elements(written.clone(), [1 << 16].into())).unwrap();
            let read: Vec<E> = decode(&bytes, E::DTYPE, Order::Little).unwrap();
            for (&a, &b) in written.iter().zip(&read) {
                assert!(bits(a) == bits(b) || (a.into().is_nan() && b.into().is_nan()));
            }
        }
        all(half::f16::from_bits, half::f16::to_bits);
        all(half::bf16::from_bits, half::bf16::to_bits);
        assert!(half::bf16::of_int(257).is_none() && half::f16::of_int(-2048).is_some());
    }
}
