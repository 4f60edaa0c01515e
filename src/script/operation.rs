//! How an `async fn` becomes a plain call in a script: arguments read, grant checked, fiber suspended, result returned.

mod call;

use std::{any::TypeId, future::Future, panic::AssertUnwindSafe, rc::Rc, sync::Arc};

use rhai::{Dynamic, Engine, EvalAltResult, FuncRegistration, Module, NativeCallContext, RhaiFunc, Shared};

pub use call::{Call, block};

use self::call::{internal, wrong_argument};
use super::{
    context::Context,
    value::{FromScript, IntoScript},
};
use crate::error::Result;

/// What the reference says of an operation; its test runs the example.
#[derive(Debug, Clone)]
pub struct Spec {
    /// `test_target(conn: connection, target: text, options?: map) -> report`; a question mark ends optional names.
    pub signature: &'static str,
    /// The grant that a call needs; none for those that only read.
    pub grant: Option<&'static str>,
    /// What it does, in sentences.
    pub doc: &'static str,
    /// A script that shows it, run in the lab by a test.
    pub example: &'static str,
}

/// An operation as the check and the reference know it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The namespace, e.g. `ad`; empty for global functions.
    pub namespace: &'static str,
    /// The name, e.g. `test_target`.
    pub name: &'static str,
    /// What it says of itself.
    pub spec: Spec,
}

impl Operation {
    /// The name as scripts write it: `ad::test_target`, `step`.
    #[must_use]
    pub fn full_name(&self) -> String {
        if self.namespace.is_empty() { self.name.to_owned() } else { format!("{}::{}", self.namespace, self.name) }
    }

    /// Names of the parameters, and how many of them must be given.
    #[must_use]
    pub fn parameters(&self) -> (Vec<&'static str>, usize) {
        let list = self
            .spec
            .signature
            .split_once('(')
            .and_then(|(_, rest)| rest.rsplit_once(')'))
            .map_or("", |(list, _)| list);
        let names: Vec<&str> =
            list.split(',').filter_map(|p| p.split(':').next()).map(str::trim).filter(|n| !n.is_empty()).collect();
        let required = names.iter().filter(|name| !name.ends_with('?')).count();
        (names.into_iter().map(|name| name.trim_end_matches('?')).collect(), required)
    }
}

/// The arguments of an operation: a tuple of types that scripts can give.
pub trait Arguments: Sized + Send + 'static {
    /// Reads them; what is left out at the end reads as `()`.
    fn read(values: Vec<Dynamic>, names: &[&str]) -> Result<Self, String>;
}

fn argument<T: FromScript>(values: &mut std::vec::IntoIter<Dynamic>, name: Option<&&str>) -> Result<T, String> {
    T::from_script(values.next().unwrap_or(Dynamic::UNIT)).map_err(|e| format!("`{}` {e}", name.unwrap_or(&"?")))
}

macro_rules! arguments {
    ($($type:ident),*) => {
        impl<$($type: FromScript),*> Arguments for ($($type,)*) {
            #[allow(unused_mut, unused_variables)]
            fn read(values: Vec<Dynamic>, names: &[&str]) -> Result<Self, String> {
                let (mut values, mut names) = (values.into_iter(), names.iter());
                Ok(($(argument::<$type>(&mut values, names.next())?,)*))
            }
        }
    };
}
arguments!();
arguments!(A);
arguments!(A, B);
arguments!(A, B, C);
arguments!(A, B, C, D);

/// A namespace of operations under construction.
pub struct Namespace {
    name: &'static str,
    module: Module,
    operations: Vec<Operation>,
}

impl Namespace {
    /// An empty one.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, module: Module::new(), operations: Vec::new() }
    }

    /// Adds an operation: how it is called, what the reference says of it, and the function that does it.
    #[must_use]
    pub fn operation<A, R, F>(self, spec: Spec, function: fn(Context, A) -> F) -> Self
    where
        A: Arguments,
        R: IntoScript,
        F: Future<Output = Result<R>> + Send + 'static,
    {
        self.native(spec, move |call, values| {
            let arguments =
                A::read(values, &call.names).map_err(|e| call.fail(&wrong_argument(&call.operation, &e)))?;
            let context = Context::new(Arc::clone(&call.task.world), call.task.part());
            // Made where it runs: what an operation needs while it waits would lie on the stack of every item that waits.
            let own = context.clone();
            let future = async move { Box::pin(function(own, arguments)).await };
            let result = block(&call.task, &context, future)?;
            result.and_then(IntoScript::into_script).map_err(|e| call.fail(&e))
        })
    }

    /// Adds an operation that waits for nothing: it is computed at once on the script's own thread, which costs a tenth of
    /// handing it to another.
    #[must_use]
    pub fn immediate<A, R>(self, spec: Spec, function: fn(A) -> Result<R>) -> Self
    where
        A: Arguments,
        R: IntoScript,
    {
        self.native(spec, move |call, values| {
            let arguments =
                A::read(values, &call.names).map_err(|e| call.fail(&wrong_argument(&call.operation, &e)))?;
            // A panic may not pass through the interpreter's frames: it would end the process.
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| function(arguments)));
            result.unwrap_or_else(|_| Err(internal())).and_then(IntoScript::into_script).map_err(|e| call.fail(&e))
        })
    }

    /// Adds an operation that runs on the script's own thread: one that calls script code back.
    #[must_use]
    pub fn native(
        mut self,
        spec: Spec,
        function: impl Fn(&Call, Vec<Dynamic>) -> Result<Dynamic, Box<EvalAltResult>> + 'static,
    ) -> Self {
        let name = spec.signature.split('(').next().unwrap_or_default();
        let operation = Operation { namespace: self.name, name, spec };
        let (names, required) = operation.parameters();
        let (names, full_name): (Rc<[&'static str]>, Rc<str>) = (names.into(), operation.full_name().into());
        let (grant, function) = (operation.spec.grant, Rc::new(function));
        for count in required..=names.len() {
            for types in argument_types(self.name, name, count) {
                let (names, full_name, function) = (Rc::clone(&names), Rc::clone(&full_name), Rc::clone(&function));
                let run = move |context: Option<NativeCallContext>, values: &mut [&mut Dynamic]| {
                    let values = values.iter_mut().map(|value| std::mem::take(*value).flatten()).collect();
                    let call = Call::new(context, Rc::clone(&full_name), Rc::clone(&names))?;
                    if let Some(grant) = grant {
                        call.task.world.grants.require(grant, &full_name).map_err(|e| call.fail(&e))?;
                    }
                    function(&call, values)
                };
                FuncRegistration::new(name).set_into_module_raw(
                    &mut self.module,
                    types,
                    RhaiFunc::Pure { func: Shared::new(run), has_context: true, is_pure: true, is_volatile: true },
                );
            }
        }
        self.operations.push(operation);
        self
    }

    /// Hands the namespace to the engine; an empty name makes its functions global.
    pub(super) fn install(self, engine: &mut Engine) -> Vec<Operation> {
        if self.name.is_empty() {
            engine.register_global_module(self.module.into());
        } else {
            engine.register_static_module(self.name, self.module.into());
        }
        self.operations
    }
}

/// The types that an operation is registered for: any. The language has a `sleep` of its own for numbers, which would be
/// preferred for them and would block the thread: for these the operation stands before it.
fn argument_types(namespace: &str, name: &str, count: usize) -> Vec<Vec<TypeId>> {
    let mut types = vec![vec![TypeId::of::<Dynamic>(); count]];
    if (namespace, name) == ("", "sleep") {
        types.extend([vec![TypeId::of::<i64>()], vec![TypeId::of::<f64>()]]);
    }
    types
}
