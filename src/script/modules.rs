//! Imports: found in the library, compiled once, evaluated once, never in a circle.

use std::{cell::RefCell, collections::BTreeMap, path::Path, rc::Rc};

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};

use super::{
    check::{self, Finding},
    diagnose::raise,
    library::{Library, Source},
    outline::Outline,
    refuse_too_long, syntax,
};
use crate::error::Error;

/// A module with its text and its tree.
pub struct Loaded {
    /// Where it came from, and its text.
    pub source: Source,
    /// The tree.
    pub ast: AST,
    /// What the tree holds.
    pub outline: Outline,
}

/// The modules that a script imports, directly and through others; read before anything runs.
#[derive(Default)]
pub struct Imports {
    /// Those that could be read, by name.
    pub modules: BTreeMap<String, Loaded>,
    /// Those that do not parse.
    pub broken: Vec<Source>,
}

impl Imports {
    /// Reads all modules that `outline` leads to. What is not there is told with the place of its import, what does not
    /// parse with the place inside it, and the rest is read all the same.
    #[must_use]
    pub fn read(engine: &Engine, library: &Library, script: &Source, outline: &Outline) -> (Self, Vec<Finding>) {
        let mut imports = Self::default();
        let mut faults = Vec::new();
        let mut open = vec![script.name.clone()];
        imports.read_all(engine, library, script.folder(), outline, &mut open, &mut faults);
        (imports, faults)
    }

    fn read_all(
        &mut self,
        engine: &Engine,
        library: &Library,
        folder: Option<&Path>,
        outline: &Outline,
        open: &mut Vec<String>,
        faults: &mut Vec<Finding>,
    ) {
        for import in &outline.imports {
            let Some(name) = &import.name else { continue };
            let fault = |error: Error| at_import(open.last().map_or("", String::as_str), import.at, &error);
            if open[1..].contains(name) {
                let circle = [&open[1..], std::slice::from_ref(name)].concat().join(" -> ");
                faults.push(fault(
                    Error::new("script.import_circle", format!("modules import each other: {circle}"))
                        .hint("move what they share into a third module"),
                ));
                continue;
            }
            if self.modules.contains_key(name) || self.broken.iter().any(|broken| broken.name == *name) {
                continue;
            }
            let source = match library.module(name, folder) {
                Ok(source) => source,
                Err(error) => {
                    faults.push(fault(error));
                    continue;
                }
            };
            if let Err(finding) = refuse_too_long(&source) {
                faults.push(finding);
                self.broken.push(source);
                continue;
            }
            match syntax::compile(engine, &source) {
                Ok(ast) => {
                    let outline = Outline::of(&ast);
                    open.push(name.clone());
                    self.read_all(engine, library, folder, &outline, open, faults);
                    open.pop();
                    self.modules.insert(name.clone(), Loaded { source, ast, outline });
                }
                Err(findings) => {
                    faults.extend(findings);
                    self.broken.push(source);
                }
            }
        }
    }
}

fn at_import(script: &str, at: Position, error: &Error) -> Finding {
    Finding {
        place: check::place(script, at),
        is_error: true,
        code: error.code(),
        message: error.message().to_owned(),
        hint: error.remedy().map(str::to_owned),
    }
}

/// Gives the engine the modules that were read, each evaluated when it is first imported.
pub struct Resolver {
    imports: Rc<Imports>,
    evaluated: RefCell<BTreeMap<String, Shared<Module>>>,
}

impl Resolver {
    /// A resolver over modules that were read.
    #[must_use]
    pub fn new(imports: Rc<Imports>) -> Self {
        Self { imports, evaluated: RefCell::default() }
    }
}

impl ModuleResolver for Resolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        at: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        if let Some(module) = self.evaluated.borrow().get(path) {
            return Ok(Shared::clone(module));
        }
        let Some(loaded) = self.imports.modules.get(path) else {
            // The check refuses such a script before it runs; a name that is computed can still come here.
            let error = Error::new("script.unknown_module", format!("there is no module \"{path}\""))
                .hint("import modules by a plain text, so that they can be read before anything runs");
            return Err(raise(&error, "import", source, at));
        };
        let module = Module::eval_ast_as_new(Scope::new(), &loaded.ast, engine)
            .map_err(|e| Box::new(EvalAltResult::ErrorInModule(path.to_owned(), e, at)))?;
        let module: Shared<Module> = module.into();
        self.evaluated.borrow_mut().insert(path.to_owned(), Shared::clone(&module));
        Ok(module)
    }
}
