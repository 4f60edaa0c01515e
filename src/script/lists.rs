//! `sort`, `order` and `dedup` with a function of the script's: the language's own go on when that function throws, as if it
//! had answered something, so that a script whose work has failed would end as ok.

use std::cmp::Ordering;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, NativeCallContext};

use super::diagnose::raise;
use crate::error::Error;

type Answer<T> = Result<T, Box<EvalAltResult>>;

/// Puts them before the language's own.
pub(super) fn install(engine: &mut Engine) {
    for name in ["sort", "sort_by"] {
        engine.register_fn(name, |context: NativeCallContext, array: &mut Array, compare: FnPtr| -> Answer<()> {
            let places = sorted(array, |a, b| ordering(&context, &compare, a, b))?;
            *array = places.into_iter().map(|place| std::mem::take(&mut array[place])).collect();
            Ok(())
        });
    }
    for name in ["order", "order_by"] {
        engine.register_fn(name, |context: NativeCallContext, array: &mut Array, compare: FnPtr| -> Answer<Array> {
            let places = sorted(array, |a, b| ordering(&context, &compare, a, b))?;
            Ok(places.into_iter().map(|place| array[place].clone()).collect())
        });
    }
    engine.register_fn("dedup", |context: NativeCallContext, array: &mut Array, same: FnPtr| -> Answer<()> {
        let mut kept: Array = Vec::new();
        for item in array.iter() {
            let is_same = match kept.last() {
                None => false,
                Some(last) => same.call_raw(&context, None, [last.clone(), item.clone()])?.as_bool().unwrap_or(false),
            };
            if !is_same {
                kept.push(item.clone());
            }
        }
        *array = kept;
        Ok(())
    });
}

/// A script's comparison: a number below, at or above zero, or whether the first comes first.
fn ordering(context: &NativeCallContext, compare: &FnPtr, a: &Dynamic, b: &Dynamic) -> Answer<Ordering> {
    let answer = compare.call_raw(context, None, [a.clone(), b.clone()])?;
    if let Ok(number) = answer.as_int() {
        return Ok(number.cmp(&0));
    }
    if let Ok(first) = answer.as_bool() {
        return Ok(if first { Ordering::Less } else { Ordering::Greater });
    }
    let error = Error::new(
        "script.argument",
        format!("{}: the closure must return an integer or a bool, not {}", context.fn_name(), answer.type_name()),
    )
    .hint("|a, b| a - b, or |a, b| a < b");
    Err(raise(&error, context.fn_name(), context.call_source(), context.call_position()))
}

/// The places of an array's items in order: a stable merge sort, from pairs upwards. Unlike the standard library's it can be
/// left at the first error, and an order that contradicts itself costs it nothing but sense.
fn sorted(array: &Array, mut compare: impl FnMut(&Dynamic, &Dynamic) -> Answer<Ordering>) -> Answer<Vec<usize>> {
    let mut sorted: Vec<usize> = (0..array.len()).collect();
    let mut width = 1;
    while width < sorted.len() {
        let mut merged = Vec::with_capacity(sorted.len());
        for runs in sorted.chunks(width * 2) {
            let (mut left, mut right) = runs.split_at(width.min(runs.len()));
            while let (Some(a), Some(b)) = (left.first(), right.first()) {
                let from = if compare(&array[*a], &array[*b])? == Ordering::Greater { &mut right } else { &mut left };
                merged.push(from[0]);
                *from = &from[1..];
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        sorted = merged;
        width *= 2;
    }
    Ok(sorted)
}
