//! The gate that a newer Rhai has to pass: what Libretto relies on, pinned against the engine alone.
//!
//! Newer versions ran the wrong function when a closure went from a script to a module and back, without a word. An upgrade
//! that breaks one of these tests is not taken.
// Stored contexts are marked as volatile API, and the version is pinned; functions for the engine take values.
#![allow(deprecated, clippy::needless_pass_by_value)]

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, Module, NativeCallContext, Position, Scope,
    module_resolvers::StaticModuleResolver,
};

type Answer = Result<Dynamic, Box<EvalAltResult>>;

/// Calls a closure for each element, within the caller's context.
fn each(context: NativeCallContext, items: Array, body: FnPtr) -> Answer {
    items
        .into_iter()
        .map(|item| body.call_within_context(&context, (item,)))
        .collect::<Result<Array, _>>()
        .map(Into::into)
}

/// The same over a context that was stored first, as a batch on fibers has to.
fn each_stored(context: NativeCallContext, items: Array, body: FnPtr) -> Answer {
    let stored = context.store_data();
    let engine = context.engine();
    let call = |item| body.call_raw(&stored.create_context(engine), None, [item]);
    items.into_iter().map(call).collect::<Result<Array, _>>().map(Into::into)
}

/// An engine with both ways to call back, a module `lib` that has names in common with the scripts, and its module `dep`.
fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.set_max_call_levels(32);
    let mut host = Module::new();
    host.set_native_fn("each", each);
    host.set_native_fn("stored", each_stored);
    host.set_native_fn("fail", |context: NativeCallContext, _: i64| -> Answer {
        Err(EvalAltResult::ErrorRuntime("host failure".into(), context.call_position()).into())
    });
    engine.register_static_module("host", host.into());
    let mut modules = StaticModuleResolver::new();
    for (name, text) in [
        ("dep", "fn twice(x) { x * 2 }"),
        (
            "lib",
            "import \"dep\" as dep;
             const K = 100;
             private fn helper(x) { x + global::K }
             fn inside(items) { host::each(items, |x| helper(x)) }
             fn inside_stored(items) { host::stored(items, |x| helper(x)) }
             fn through_import(items) { host::stored(items, |x| dep::twice(x)) }
             fn with_captured(items, n) { host::stored(items, |x| helper(x) + n) }
             fn hand_over(items, f) { host::stored(items, f) }
             fn call_here(items, f) { items.map(|x| f.call(x)) }
             fn make() { |x| helper(x) }
             fn bad(x) { host::fail(x) }",
        ),
    ] {
        let mut tree = engine.compile(text).unwrap();
        tree.set_source(name);
        let module = Module::eval_ast_as_new(Scope::new(), &tree, &engine).unwrap();
        modules.insert(name, module);
        engine.set_module_resolver(modules.clone());
    }
    engine
}

/// What a script of these lines answers. Its own `helper` and `K` have the names of the module's.
fn answer(text: &str) -> String {
    let text = format!(
        "import \"lib\" as lib; import \"dep\" as own; const K = 7; fn helper(x) {{ x + 1 }} fn mine(x) {{ x + global::K }}\n{text}"
    );
    match engine().eval::<Dynamic>(&text) {
        Ok(value) => value.to_string(),
        Err(error) => format!("{error}"),
    }
}

#[test]
fn closures_call_the_functions_of_where_they_were_written() {
    for (text, expected) in [
        ("host::each([1, 2], |x| mine(x))", "[8, 9]"),
        ("host::stored([1, 2], |x| mine(x))", "[8, 9]"),
        ("lib::inside([1, 2])", "[101, 102]"),
        ("lib::inside_stored([1, 2])", "[101, 102]"),
        ("lib::through_import([1, 2])", "[2, 4]"),
        ("lib::with_captured([1, 2], 5)", "[106, 107]"),
        ("lib::hand_over([1, 2], |x| mine(x))", "[8, 9]"),
        ("lib::hand_over([1], |x| helper(x))", "[2]"),
        ("lib::call_here([1], |x| helper(x))", "[2]"),
        ("lib::call_here([1, 2], |x| own::twice(x))", "[2, 4]"),
        ("host::stored([1], lib::make())", "[101]"),
        ("lib::make().call(1)", "101"),
        ("fn outer(n) { host::stored([1, 2], |x| mine(x) + n) } outer(10)", "[18, 19]"),
        ("host::stored([1], |x| host::stored([x], |y| mine(y) + x)[0])", "[9]"),
        ("fn made(n) { |x| mine(x) + n } host::stored([1], made(10))", "[18]"),
        ("fn goes(items) { import \"dep\" as d; host::stored(items, |x| d::twice(x)) } goes([3])", "[6]"),
    ] {
        assert_eq!(answer(text), expected, "{text}");
    }
}

#[test]
fn captured_variables_are_shared_and_survive() {
    assert_eq!(answer("let n = 0; host::each([1, 2, 3], |x| { n += x; }); n"), "6");
    assert_eq!(answer("let a = [1, 2]; host::each(a, |x| a.len())"), "[2, 2]");
    assert_eq!(answer("let m = #{ a: 1 }; let f = || m.a; m.b = f.call() + 1; m"), "#{\"a\": 1, \"b\": 2}");
}

#[test]
fn a_switch_on_a_captured_variable_is_still_wrong_and_so_still_refused() {
    // When this fails, the check need no longer refuse `switch` on a captured variable.
    assert_eq!(answer("let v = 3; let f = || v; switch v { 3 => \"right\", _ => \"wrong\" }"), "wrong");
    assert_eq!(answer("let v = 3; let f = || v; let w = v; switch w { 3 => \"right\", _ => \"wrong\" }"), "right");
}

#[test]
fn errors_keep_their_position_and_their_source() {
    let place = |text: &str| {
        let mut error = engine().eval::<Dynamic>(text).unwrap_err();
        let mut sources = Vec::new();
        while let EvalAltResult::ErrorInFunctionCall(name, source, inner, at) = *error {
            sources.push(format!("{name} of {source:?} at {at}"));
            error = inner;
        }
        (error.position(), sources)
    };
    assert_eq!(place("let a = 1;\n  host::fail(a)"), (Position::new(2, 9), vec![]));
    let (at, chain) = place("import \"lib\" as lib;\nlib::bad(1)");
    assert_eq!((at.line(), chain), (Some(11), vec!["bad of \"lib\" at line 2, position 6".to_owned()]));
}

#[test]
fn a_termination_becomes_catchable_inside_callbacks() {
    // Why endings are sticky: the engine's own word for "stop" is swallowed by a catch around `map`.
    let mut engine = Engine::new();
    engine.on_progress(|count| (count > 1000).then(|| "stop".into()));
    let swallowed = engine.eval::<i64>("try { [1].map(|x| { loop { } }); } catch { } 5");
    let plain = engine.eval::<i64>("try { loop { } } catch { } 5");
    assert!(plain.is_err());
    assert!(swallowed.is_err(), "the next step ends it again, for the count goes on");
}

#[test]
fn words_that_operations_must_not_use_are_known() {
    let engine = Engine::new();
    let reserved = |word: &str| engine.compile(format!("host::{word}(1);")).is_err();
    let named: Vec<String> = libretto::api::interpreter(&libretto::config::Limits::default())
        .operations()
        .iter()
        .flat_map(|operation| [operation.name.to_owned(), operation.namespace.to_owned()])
        .filter(|name| !name.is_empty() && reserved(name))
        .collect();
    assert_eq!(named, Vec::<String>::new(), "no script could call these");
    let known = "go with spawn sync async await yield thread call new use case match default public package shared var static is super null";
    let free: Vec<&str> = known.split(' ').filter(|word| !reserved(word) && *word != "call").collect();
    assert_eq!(free, Vec::<&str>::new(), "words that have become free");
}

#[test]
fn recursion_through_closures_stays_within_bounds() {
    let answer = engine().eval::<Dynamic>("fn down(n) { [n].map(|x| down(x + 1)) } down(0)");
    assert!(answer.unwrap_err().to_string().contains("Stack overflow"));
}

#[test]
fn constants_are_read_without_running() {
    let tree =
        Engine::new().compile("const PARAMS = #{ a: #{ type: \"int\", preset: -5 } }; throw \"it ran\";").unwrap();
    let literals: Vec<_> =
        tree.iter_literal_variables(true, false).map(|(name, _, value)| format!("{name} {value}")).collect();
    assert_eq!(literals.len(), 1, "{literals:?}");
}
