//! What ends a script that runs away: never the process.
//!
//! Rhai's own counters miss callbacks of `map` and `filter` and make long arrays quadratic, so the counting is done here,
//! at every step of the interpreter. Functions that could ask for any amount of memory in one call are replaced.

use std::time::Duration;

use rhai::{Array, Blob, Dynamic, Engine, EvalAltResult, EvalContext, ImmutableString, OptimizationLevel, Position};
use tokio::time::Instant;

use super::{
    fiber,
    task::{Ending, Task},
};
use crate::config::Limits;

/// Levels of calls: of functions that call each other. What they take of the stack is looked at besides.
const CALL_LEVELS: usize = 128;
/// How many lists of functions a call may look through. In this version of Rhai each closure that is called in another one
/// doubles them, so that this many are reached about 16 closures deep; a few more would take all memory.
const CLOSURE_LISTS: usize = 1 << 16;
/// Nesting of expressions.
const EXPRESSION_DEPTH: usize = 64;
/// Elements, characters or bytes that one call may make.
const LARGEST_MADE: usize = 10_000_000;
/// The clock, the interrupt and the allocator are looked at once in so many steps.
const LOOK_EVERY: u64 = 16;
/// Other fibers get a turn once in so many steps.
const YIELD_EVERY: u64 = 8192;

/// Puts the limits into the engine.
pub(super) fn install(engine: &mut Engine, limits: &Limits) {
    engine.set_max_call_levels(CALL_LEVELS);
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    engine.set_max_strings_interned(1024);
    engine.set_strict_variables(true);
    // The optimiser of this version has faults, and the check needs the tree as it was written.
    engine.set_optimization_level(OptimizationLevel::None);
    // The fast ones forget where in the script they failed.
    engine.set_fast_operators(false);
    engine.disable_symbol("eval");
    let (operations, memory) =
        (limits.operations, usize::try_from(limits.memory_mb).unwrap_or(usize::MAX).saturating_mul(1 << 20));
    let busy = Duration::from_secs(limits.busy_seconds);
    engine.on_progress(move |_| {
        let task = fiber::current::<Task>()?;
        should_end(&task, operations, busy, memory).map(|why| {
            let _terminated = task.end(why);
            "ended".into()
        })
    });
    super::lists::install(engine);
    bound_single_calls(engine);
}

/// Looked at where a variable is read: nothing else tells how deep in closures the script is.
///
/// # Errors
/// The end of the script.
#[allow(deprecated)] // the language's word for what may still change
pub(super) fn refuse_deep_closures(context: &EvalContext) -> Result<(), Box<EvalAltResult>> {
    if context.iter_namespaces().size_hint().0 <= CLOSURE_LISTS {
        return Ok(());
    }
    fiber::current::<Task>().map_or(Ok(()), |task| Err(task.end(Ending::TooDeep)))
}

fn should_end(task: &Task, operations: u64, busy: Duration, memory: usize) -> Option<Ending> {
    if let Some(why) = task.ending() {
        return Some(why);
    }
    if fiber::stack_left() < fiber::STACK_RESERVE {
        return Some(Ending::TooDeep);
    }
    if fiber::is_dropped() {
        return Some(Ending::Interrupted);
    }
    let count = task.count_operation();
    if count > operations {
        return Some(Ending::TooManyOperations);
    }
    if crate::host::memory_in_use().saturating_sub(task.memory_before) > memory {
        return Some(Ending::TooMuchMemory);
    }
    if count.is_multiple_of(LOOK_EVERY) {
        if task.world.interrupt.stop.is_cancelled() {
            return Some(Ending::Interrupted);
        }
        if task.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Some(Ending::TimedOut);
        }
        if task.busy() > busy || task.pace.exceeds(busy) {
            return Some(Ending::TooLong);
        }
    }
    if count.is_multiple_of(YIELD_EVERY) {
        task.give_turn();
    }
    None
}

/// `pad` and `blob` take a length: a script that asks for a hundred gigabytes must get an error, not end the process.
fn bound_single_calls(engine: &mut Engine) {
    type Done = Result<(), Box<EvalAltResult>>;
    fn bounded(length: i64) -> Result<usize, Box<EvalAltResult>> {
        match usize::try_from(length.max(0)) {
            Ok(length) if length <= LARGEST_MADE => Ok(length),
            _ => {
                if let Some(task) = fiber::current::<Task>() {
                    return Err(task.end(Ending::TooMuchMemory));
                }
                Err(Box::new(EvalAltResult::ErrorDataTooLarge("Length".into(), Position::NONE)))
            }
        }
    }
    engine.register_fn("pad", |array: &mut Array, length: i64, item: Dynamic| -> Done {
        let length = bounded(length)?;
        if length > array.len() {
            array.resize(length, item);
        }
        Ok(())
    });
    engine.register_fn("pad", |text: &mut ImmutableString, length: i64, character: char| -> Done {
        let missing = bounded(length)?.saturating_sub(text.chars().count());
        let more: String = std::iter::repeat_n(character, missing).collect();
        text.make_mut().push_str(&more);
        Ok(())
    });
    engine.register_fn("pad", |text: &mut ImmutableString, length: i64, padding: &str| -> Done {
        let missing = bounded(length)?.saturating_sub(text.chars().count());
        if !padding.is_empty() {
            let more: String = padding.chars().cycle().take(missing).collect();
            text.make_mut().push_str(&more);
        }
        Ok(())
    });
    engine.register_fn("pad", |blob: &mut Blob, length: i64, byte: i64| -> Done {
        let length = bounded(length)?;
        if length > blob.len() {
            blob.resize(length, (byte & 0xff) as u8);
        }
        Ok(())
    });
    engine.register_fn("replace", |text: &mut ImmutableString, find: &str, with: &str| -> Done {
        let found = if find.is_empty() { text.chars().count() + 1 } else { text.matches(find).count() };
        bounded(i64::try_from(text.len().saturating_add(found.saturating_mul(with.len()))).unwrap_or(i64::MAX))?;
        *text = text.replace(find, with).into();
        Ok(())
    });
    engine.register_fn("blob", |length: i64| bounded(length).map(|length| vec![0_u8; length]));
    engine
        .register_fn("blob", |length: i64, byte: i64| bounded(length).map(|length| vec![(byte & 0xff) as u8; length]));
}
