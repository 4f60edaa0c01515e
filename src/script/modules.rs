//! Imports: found in the library, compiled once, evaluated once, never in a circle.

use std::{cell::RefCell, collections::BTreeMap, path::Path, rc::Rc};

use rhai::{AST, Engine, EvalAltResult, Module, ModuleResolver, Position, Scope, Shared};

use super::{
    diagnose::raise,
    library::{Library, Source},
    outline::Outline,
};
use crate::error::{Error, Result};

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
pub struct Imports(pub BTreeMap<String, Loaded>);

impl Imports {
    /// Reads all modules that `outline` leads to. What cannot be read is told with the place of its import, and the rest
    /// is read all the same.
    #[must_use]
    pub fn read(engine: &Engine, library: &Library, script: &Source, outline: &Outline) -> (Self, Vec<ImportFault>) {
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
        faults: &mut Vec<ImportFault>,
    ) {
        for import in &outline.imports {
            let Some(name) = &import.name else { continue };
            let fault =
                |error: Error| ImportFault { script: open.last().cloned().unwrap_or_default(), at: import.at, error };
            if open[1..].contains(name) {
                let circle = [&open[1..], std::slice::from_ref(name)].concat().join(" -> ");
                faults.push(fault(
                    Error::new("script.import_circle", format!("modules import each other: {circle}"))
                        .hint("move what they share into a third module"),
                ));
                continue;
            }
            if self.0.contains_key(name) {
                continue;
            }
            match library.module(name, folder).and_then(|source| load(engine, source)) {
                Ok(loaded) => {
                    open.push(name.clone());
                    self.read_all(engine, library, folder, &loaded.outline, open, faults);
                    open.pop();
                    self.0.insert(name.clone(), loaded);
                }
                Err(error) => faults.push(fault(error)),
            }
        }
    }
}

/// An import that did not work.
pub struct ImportFault {
    /// The script or module that imports.
    pub script: String,
    /// The place of the import.
    pub at: Position,
    /// Why.
    pub error: Error,
}

fn load(engine: &Engine, source: Source) -> Result<Loaded> {
    let mut ast = engine.compile(&source.text).map_err(|e| {
        Error::new(
            "script.syntax",
            format!(
                "module {} does not parse: line {}: {}",
                source.name,
                e.position().line().unwrap_or(0),
                e.err_type()
            ),
        )
    })?;
    ast.set_source(source.name.as_str());
    let outline = Outline::of(&ast);
    Ok(Loaded { source, ast, outline })
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
        let Some(loaded) = self.imports.0.get(path) else {
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
