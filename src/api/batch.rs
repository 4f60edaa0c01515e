//! `batch::each`: the same for every item, many at a time, one record per item in order.

mod items;

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use rhai::{Array, Dynamic, EvalAltResult, FnPtr, Map};

use self::items::{Item, identify, own_copies};
use crate::{
    script::{
        diagnose::{failure, verdict_of},
        fiber::{self, Fiber, SCRIPT_STACK},
        operation::{Call, Namespace, Spec},
        task::{Ending, Task},
        value::{self, Fields, Span},
    },
    store::{
        events::{Counts, Event, Failure},
        ledger::{EndPart, NewPart},
        runs::PartKind,
    },
    verdict::Verdict,
};

/// Items at a time, unless the script says otherwise.
const USUAL_LIMIT: i64 = 64;
/// Each item in flight holds a stack and a few sockets.
const HIGHEST_LIMIT: i64 = 10_000;

/// Batches inside each other. Each level is polled by the one around it.
const DEEPEST: usize = 8;

pub(super) fn namespace() -> Namespace {
    Namespace::new("batch").native(
        Spec {
            signature: "each(items: array, options: map, body: closure) -> array of records",
            grant: None,
            doc: "Calls `body` with each item, at most `limit` at a time (64 unless told), each for at most `timeout` (\"30s\"; no bound \
                  unless told). Returns one record per item, in order: `index`, `key`, `item`, `verdict`, `ok`, `value` or `error`, `ms`. \
                  An item that throws does not end the batch. What the closure captures is read-only inside an item.",
            example: r#"let results = batch::each([1, 2, 3], #{ limit: 2, timeout: "5s" }, |n| n * n);
print(results.map(|r| r.value));"#,
        },
        each,
    )
}

struct Options {
    limit: usize,
    timeout: Option<Duration>,
}

impl Options {
    fn read(value: Dynamic) -> Result<Self, String> {
        let mut fields = Fields::new(value)?;
        let limit = fields.take::<i64>("limit")?.unwrap_or(USUAL_LIMIT);
        let timeout = fields.take::<Span>("timeout")?.map(|span| span.0);
        fields.finish()?;
        if !(1..=HIGHEST_LIMIT).contains(&limit) {
            return Err(format!("limit must be from 1 to {HIGHEST_LIMIT}, not {limit}"));
        }
        Ok(Self { limit: limit as usize, timeout: timeout.filter(|timeout| !timeout.is_zero()) })
    }
}

fn each(call: &Call, values: Vec<Dynamic>) -> Result<Dynamic, Box<EvalAltResult>> {
    if call.task.batches_around >= DEEPEST {
        return Err(call.task.end(Ending::TooDeep));
    }
    let mut values = values.into_iter();
    let Some(items) = values.next().and_then(Dynamic::try_cast::<Array>) else {
        return Err(call.wrong_argument("`items` must be an array"));
    };
    let options =
        Options::read(values.next().unwrap_or_default()).map_err(|e| call.wrong_argument(format!("`options`: {e}")))?;
    let Some(body) = values.next().and_then(Dynamic::try_cast::<FnPtr>) else {
        return Err(call.wrong_argument("`body` must be a closure: |item| { ... }"));
    };
    let (path, occurrence) = call.task.next_part("batch::each");
    let batch = Rc::new(Batch::new(call, path, &body, options.timeout));
    batch.begin(occurrence, items.len());
    let begun = Instant::now();
    let records =
        fiber::wait(Rc::clone(&batch).run(items, options.limit)).map_err(|_| call.task.end(Ending::Interrupted))?;
    call.task.has_waited();
    batch.end(occurrence, begun.elapsed());
    if let Some(why) = call.task.run_is_over() {
        return Err(call.task.end(why));
    }
    if call.task.deadline.is_some_and(|deadline| tokio::time::Instant::now() >= deadline) {
        return Err(call.task.end(Ending::TimedOut));
    }
    Ok(records.into())
}

/// A batch that runs: what its items share.
struct Batch {
    task: Rc<Task>,
    /// Where the script called, so that a closure finds its functions and imports again.
    #[allow(deprecated)] // Rhai marks it as volatile API; the version is pinned
    context: rhai::NativeCallContextStore,
    body: FnPtr,
    script: String,
    path: String,
    timeout: Option<Duration>,
    counts: RefCell<Counts>,
}

impl Batch {
    #[allow(deprecated)]
    fn new(call: &Call, path: String, body: &FnPtr, timeout: Option<Duration>) -> Self {
        let mut context = call.context.store_data();
        // An item begins with a stack of its own.
        context.global.level = 0;
        context.global.num_operations = Default::default();
        Self {
            task: Rc::clone(&call.task),
            context,
            body: own_copies(body),
            script: call.context.call_source().unwrap_or_default().to_owned(),
            path,
            timeout,
            counts: RefCell::default(),
        }
    }

    fn begin(&self, occurrence: u32, total: usize) {
        let world = &self.task.world;
        world.ledger.begin_part(NewPart { path: self.path.clone(), occurrence, kind: PartKind::Batch, key: None });
        world.events.emit(Event::BatchStarted { batch: self.path.clone(), total: total as u64 });
    }

    fn end(&self, occurrence: u32, took: Duration) {
        let counts = self.counts.take();
        let verdict = counts.keys().next_back().copied().unwrap_or(Verdict::Ok);
        let ms = took.as_millis() as u64;
        let world = &self.task.world;
        let value = serde_json::to_value(&counts).ok();
        world.ledger.end_part(EndPart { path: self.path.clone(), occurrence, verdict, ms, value, error: None });
        world.events.emit(Event::BatchFinished { batch: self.path.clone(), counts, ms });
    }

    /// Performs all items; the records are in the order of the items.
    async fn run(self: Rc<Self>, items: Array, limit: usize) -> Array {
        let mut records = vec![Dynamic::UNIT; items.len()];
        let stop = self.task.world.interrupt.stop.clone();
        let mut running =
            stream::iter(identify(items)).map(|item| Rc::clone(&self).perform(item)).buffer_unordered(limit);
        loop {
            // Each item hears of an interrupt by itself; the stream is drained so that every one gets its verdict.
            let Some((index, record)) = running.next().await else { break };
            records[index] = record;
            if stop.is_cancelled() && self.task.world.interrupt.at_once.is_cancelled() {
                break;
            }
        }
        records
    }

    async fn perform(self: Rc<Self>, item: Item) -> (usize, Dynamic) {
        let path = format!("{}/{}", self.path, item.key);
        if let Some(why) = self.task.run_is_over() {
            let error = Failure::from(&why.error());
            return (item.index, self.record(item, &path, Duration::ZERO, Verdict::NotStarted, Err(error)));
        }
        let part = NewPart {
            path: path.clone(),
            occurrence: item.occurrence,
            kind: PartKind::Item,
            key: Some(item.key.clone()),
        };
        self.task.world.ledger.begin_part(part);
        let begun = Instant::now();
        let result = self.call(&path, item.value.clone()).await;
        let (verdict, result) = match result {
            Ok(value) => (verdict_of(&value).0, Ok(value)),
            Err(failure) => (failure.verdict, Err(*failure)),
        };
        (item.index, self.record(item, &path, begun.elapsed(), verdict, result))
    }

    async fn call(self: &Rc<Self>, path: &str, value: Dynamic) -> Result<Dynamic, Box<Failure>> {
        let deadline = self.timeout.map(|timeout| tokio::time::Instant::now() + timeout);
        let task = Rc::new(self.task.item(path, deadline));
        let (this, item_task) = (Rc::clone(self), Rc::clone(&task));
        let fiber = Fiber::new(SCRIPT_STACK, task, move || {
            #[allow(deprecated)]
            let context = this.context.create_context(&item_task.engine);
            // Copies of the item's own: what another item holds while it waits would be a data race to this one.
            let body = own_copies(&this.body);
            item_task
                .conclude(body.call_raw(&context, None, [value]))
                .map_err(|error| Box::new(failure(&error, &item_task, &this.script)))
        });
        match fiber {
            Ok(fiber) => fiber.await,
            Err(e) => Err(Box::new(Failure::from(
                &crate::error::Error::new("batch.no_memory", format!("the system has no memory for another item: {e}"))
                    .hint("lower `limit`"),
            ))),
        }
    }

    fn record(
        &self,
        item: Item,
        path: &str,
        took: Duration,
        verdict: Verdict,
        result: Result<Dynamic, Failure>,
    ) -> Dynamic {
        let ms = took.as_millis() as u64;
        *self.counts.borrow_mut().entry(verdict).or_insert(0) += 1;
        let world = &self.task.world;
        let (answer, error) = match &result {
            Ok(value) => (Some(value::for_ledger(value)), None),
            Err(failure) => (None, serde_json::to_value(failure).ok()),
        };
        if verdict != Verdict::NotStarted {
            world.ledger.end_part(EndPart {
                path: path.to_owned(),
                occurrence: item.occurrence,
                verdict,
                ms,
                value: answer,
                error: error.clone(),
            });
        }
        world.events.emit(Event::ItemFinished {
            batch: self.path.clone(),
            key: item.key.clone(),
            verdict,
            ms,
            error: result.as_ref().err().cloned(),
        });
        let mut record = Map::new();
        record.insert("index".into(), (item.index as i64).into());
        record.insert("key".into(), item.key.into());
        record.insert("item".into(), item.value);
        record.insert("verdict".into(), self.task.engine.get_interned_string(verdict.as_str()).into());
        record.insert("ok".into(), (verdict == Verdict::Ok).into());
        record.insert("ms".into(), (ms as i64).into());
        match result {
            Ok(value) => record.insert("value".into(), value),
            Err(_) => {
                record.insert("error".into(), error.and_then(|json| value::from_json(json, 0).ok()).unwrap_or_default())
            }
        };
        record.into()
    }
}
