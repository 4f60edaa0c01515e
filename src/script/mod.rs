//! The Rhai host: engine and limits, fibers, modules, parameters, diagnostics, check, reference.
//!
//! The room knows how scripts are read, checked and performed, and nothing of what they can call: operations are handed
//! to it as [`operation::Namespace`]s.

pub mod accounts;
mod caught;
pub mod check;
pub mod context;
pub mod diagnose;
pub mod fiber;
pub mod library;
mod limits;
mod lists;
pub mod modules;
pub mod operation;
pub mod outline;
mod pace;
pub mod params;
pub mod procedures;
pub mod reference;
mod syntax;
pub mod task;
pub mod value;

use std::rc::Rc;

use rhai::{AST, Dynamic, Engine, EvalAltResult, Module, Scope};

use self::{
    check::Finding,
    library::{Library, Source},
    modules::{Imports, Resolver},
    operation::{Namespace, Operation},
    outline::Outline,
    params::Declaration,
    task::Task,
};
use crate::{config::Limits, secret::redact::redact, store::events::Event};

/// What a script can be allowed to do; everything else is read-only.
pub const GRANTS: &[&str] = &[
    "agent:write",
    "cloud:write",
    "connection:secret",
    "connection:write",
    "directory:test",
    "directory:write",
    "home:test",
    "http",
    "we:write",
];

/// Bytes that a script or a module may have.
const LONGEST: usize = 1 << 20;
/// Lines that it may have.
const MOST_LINES: usize = 50_000;

/// A script that was read: parsed, with its modules and what it declares. It may still have faults.
pub struct Script {
    /// Its name and text.
    pub source: Source,
    /// The tree.
    pub ast: AST,
    /// What the tree holds.
    pub outline: Outline,
    /// Parameters and grants.
    pub declaration: Declaration,
    /// The modules that it leads to.
    pub imports: Rc<Imports>,
    /// What was found wrong while reading.
    pub faults: Vec<Finding>,
}

impl Script {
    /// Names and texts of the script and of its modules, for drawing errors and for the ledger.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, String)> {
        let modules = self.imports.modules.values().map(|module| &module.source);
        let sources = std::iter::once(&self.source).chain(modules).chain(&self.imports.broken);
        sources.map(|source| (source.name.clone(), source.text.clone())).collect()
    }
}

/// An engine with all operations, for one script.
pub struct Interpreter {
    engine: Engine,
    operations: Vec<Operation>,
}

impl Interpreter {
    /// An engine with limits and operations.
    #[must_use]
    pub fn new(limits: &Limits, namespaces: Vec<Namespace>) -> Self {
        let mut engine = Engine::new();
        limits::install(&mut engine, limits);
        engine.on_print(said);
        engine.on_debug(|text, _, _| said(text));
        // Known before a script is parsed, so that `args::name` is; the values come with `ready`.
        engine.register_static_module("args", Module::new().into());
        let operations = namespaces.into_iter().flat_map(|namespace| namespace.install(&mut engine)).collect();
        Self { engine, operations }
    }

    /// Everything that scripts can call.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The engine, for the registration of types.
    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Reads a script: parses it, finds its modules and its declarations. Nothing of it runs.
    ///
    /// # Errors
    /// What the parser has against it, as findings.
    pub fn read(&self, library: &Library, source: Source) -> Result<Script, Vec<Finding>> {
        refuse_too_long(&source).map_err(|finding| vec![finding])?;
        let ast = syntax::compile(&self.engine, &source)?;
        let outline = Outline::of(&ast);
        let (imports, mut faults) = Imports::read(&self.engine, library, &source, &outline);
        let declaration = Declaration::read(&ast, GRANTS).unwrap_or_else(|sentences| {
            let line = |name: &str| {
                source
                    .text
                    .lines()
                    .position(|line| line.trim_start().starts_with(&format!("const {name}")))
                    .map_or(1, |i| i + 1)
            };
            faults.extend(sentences.into_iter().map(|message| Finding {
                place: store_place(
                    &source.name,
                    line(if message.contains("grant") || message.starts_with("GRANTS") { "GRANTS" } else { "PARAMS" }),
                ),
                is_error: true,
                code: "script.declaration",
                message,
                hint: None,
            }));
            Declaration::default()
        });
        Ok(Script { source, ast, outline, declaration, imports: Rc::new(imports), faults })
    }

    /// Everything that can be said against a script before it runs.
    #[must_use]
    pub fn check(&self, script: &Script) -> Vec<Finding> {
        check::check(&self.engine, &self.operations, script)
    }

    /// The engine made ready for one script: its modules and its parameters, `args::name`.
    #[must_use]
    pub fn ready(mut self, script: &Script, args: Vec<(String, Dynamic)>) -> Rc<Engine> {
        let modules = script.imports.modules.values().map(|module| &module.outline);
        caught::install(&mut self.engine, std::iter::once(&script.outline).chain(modules));
        let mut module = Module::new();
        for (name, value) in args {
            module.set_var(name, value);
        }
        self.engine.register_static_module("args", module.into());
        self.engine.set_module_resolver(Resolver::new(Rc::clone(&script.imports)));
        Rc::new(self.engine)
    }
}

/// Performs a script to its end. Call it on a fiber whose data is a [`Task`].
///
/// # Errors
/// Whatever ended the script.
pub fn perform(engine: &Engine, ast: &AST) -> Result<Dynamic, Box<EvalAltResult>> {
    engine.eval_ast_with_scope::<Dynamic>(&mut Scope::new(), ast)
}

fn said(text: &str) {
    if let Some(task) = fiber::current::<Task>() {
        task.world.events.emit(Event::Said { text: redact(text).into_owned(), part: task.part().to_string() });
    }
}

/// Refuses what the parser would take minutes for: its time grows with the square of a script's length, and it counts lines
/// only up to 65,535.
fn refuse_too_long(source: &Source) -> Result<(), Finding> {
    let (bytes, lines) = (source.text.len(), source.text.lines().count());
    if bytes <= LONGEST && lines <= MOST_LINES {
        return Ok(());
    }
    Err(Finding {
        place: crate::store::events::Place { script: source.name.clone(), line: 1, column: 0 },
        is_error: true,
        code: "script.too_long",
        message: format!(
            "the script has {lines} lines and {bytes} bytes; the most is {MOST_LINES} lines and {LONGEST} bytes"
        ),
        hint: Some(
            "keep data in a CSV file, given as a parameter of type csv, and split the rest into modules".to_owned(),
        ),
    })
}

fn store_place(script: &str, line: usize) -> crate::store::events::Place {
    crate::store::events::Place { script: script.to_owned(), line, column: 1 }
}
