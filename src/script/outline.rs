//! What a script's tree holds, read without running anything: functions, calls, closures, imports, steps.

use std::collections::{BTreeSet, HashMap};

use rhai::{AST, ASTNode, Expr, FnAccess, FnCallExpr, FnPtr, Position, Stmt};

/// A script's or module's tree, in the terms that the check thinks in.
#[derive(Debug, Default)]
pub struct Outline {
    /// The top level first (its name is empty), then every function and closure.
    pub bodies: Vec<Body>,
    /// `import "name" as alias`.
    pub imports: Vec<Import>,
    /// Variables that a closure captures.
    pub captured: BTreeSet<String>,
    /// Variables that a `catch` binds.
    pub caught: BTreeSet<String>,
    /// `switch v`, which this version of Rhai gets wrong for a captured `v`.
    pub switches: Vec<(String, Position)>,
    /// Steps in the order of the text.
    pub steps: Vec<NamedStep>,
    /// Where in `bodies` the functions and closures of a name are: each call of a long script asks for one.
    by_name: HashMap<String, Vec<usize>>,
    /// Where in `imports` an alias stands first.
    by_alias: HashMap<String, usize>,
}

/// A step whose name stands in the text.
#[derive(Debug, Clone)]
pub struct NamedStep {
    /// Its name.
    pub name: String,
    /// Whether the script comes to it in any case, unless something before it fails.
    pub is_certain: bool,
}

/// The top level, a function or a closure.
#[derive(Debug, Default)]
pub struct Body {
    /// Empty for the top level; closures have names that no script can write.
    pub name: String,
    /// Names of its parameters; a closure's captured variables come first.
    pub parameters: Vec<String>,
    /// Whether other modules can call it.
    pub public: bool,
    /// Calls in it.
    pub calls: Vec<FunctionCall>,
    /// Names of the closures that are made in it.
    pub closures: Vec<String>,
    /// `namespace::name` that is not a call.
    pub values: Vec<(String, String, Position)>,
    /// Variables that it changes, by assignment or by a method that changes its receiver.
    pub changes: Vec<(String, Position)>,
}

/// One call.
#[derive(Debug)]
pub struct FunctionCall {
    /// `ad` in `ad::policy(..)`; empty for plain calls.
    pub namespace: String,
    /// The function's name.
    pub name: String,
    /// Arguments between the parentheses.
    pub arguments: usize,
    /// Whether it stands behind a dot.
    pub method: bool,
    /// Where.
    pub at: Position,
    /// Closures handed over, with the variables that they capture.
    pub closures: Vec<(String, Vec<String>)>,
}

/// One import.
#[derive(Debug)]
pub struct Import {
    /// The module's name; `None` when it is not a plain text.
    pub name: Option<String>,
    /// What the script calls it.
    pub alias: String,
    /// Where.
    pub at: Position,
}

/// Methods that change what stands before the dot.
const CHANGING_METHODS: &[&str] = &[
    "append",
    "chop",
    "clear",
    "crop",
    "dedup",
    "drain",
    "extract",
    "fill_with",
    "insert",
    "make_lower",
    "make_upper",
    "mixin",
    "pad",
    "pop",
    "push",
    "remove",
    "replace",
    "retain",
    "reverse",
    "set",
    "shift",
    "sort",
    "sort_by",
    "splice",
    "trim",
    "truncate",
];

impl Outline {
    /// Reads a tree.
    #[must_use]
    pub fn of(ast: &AST) -> Self {
        let mut outline = Self::default();
        let mut top = Body { public: false, ..Body::default() };
        for statement in ast.statements() {
            statement.walk(&mut Vec::new(), &mut |path| outline.visit(&mut top, path));
        }
        outline.bodies.push(top);
        for (_, access, name, _, function) in ast.shared_lib().iter_script_fn_info() {
            let mut body = Body {
                name: name.to_owned(),
                parameters: function.params.iter().map(ToString::to_string).collect(),
                public: access == FnAccess::Public,
                ..Body::default()
            };
            for statement in function.body.iter() {
                statement.walk(&mut Vec::new(), &mut |path| outline.visit(&mut body, path));
            }
            outline.bodies.push(body);
        }
        outline.index();
        outline
    }

    fn index(&mut self) {
        for (i, body) in self.bodies.iter().enumerate().filter(|(_, body)| !body.name.is_empty()) {
            self.by_name.entry(body.name.clone()).or_default().push(i);
        }
        for (i, import) in self.imports.iter().enumerate() {
            self.by_alias.entry(import.alias.clone()).or_insert(i);
        }
    }

    /// The bodies of the functions of a name, one for each number of parameters.
    pub fn functions(&self, name: &str) -> impl Iterator<Item = &Body> {
        self.by_name.get(name).into_iter().flatten().map(|i| &self.bodies[*i])
    }

    /// The first import under an alias.
    #[must_use]
    pub fn import(&self, alias: &str) -> Option<&Import> {
        self.by_alias.get(alias).map(|i| &self.imports[*i])
    }

    fn visit(&mut self, body: &mut Body, path: &[ASTNode]) -> bool {
        self.visit_step(body, path);
        match path.last() {
            Some(ASTNode::Stmt(statement)) => self.visit_statement(body, statement),
            Some(ASTNode::Expr(expression)) => visit_expression(body, expression),
            _ => {}
        }
        true
    }

    fn visit_step(&mut self, body: &Body, path: &[ASTNode]) {
        let Some(ASTNode::Stmt(Stmt::FnCall(call, _)) | ASTNode::Expr(Expr::FnCall(call, _))) = path.last() else {
            return;
        };
        let Some(Expr::StringConstant(name, _)) = call.args.first() else { return };
        if call.name != "step" || !call.namespace.is_empty() {
            return;
        }
        let depends = |node: &ASTNode| {
            matches!(
                node,
                ASTNode::Stmt(Stmt::If(..) | Stmt::Switch(..) | Stmt::While(..) | Stmt::Do(..) | Stmt::For(..))
            )
        };
        self.steps
            .push(NamedStep { name: name.to_string(), is_certain: body.name.is_empty() && !path.iter().any(depends) });
    }

    fn visit_statement(&mut self, body: &mut Body, statement: &Stmt) {
        match statement {
            Stmt::FnCall(call, at) => visit_call(body, call, *at, false),
            Stmt::TryCatch(flow, _) => self.caught.extend(variable(&flow.expr).map(str::to_owned)),
            Stmt::Share(variables) => self.captured.extend(variables.iter().map(|(name, _)| name.name.to_string())),
            Stmt::Switch(switch, at) => self.switches.extend(variable(&switch.0).map(|name| (name.to_owned(), *at))),
            Stmt::Assignment(assignment) => {
                let left = &assignment.1.lhs;
                body.changes.extend(variable(left).map(|name| (name.to_owned(), left.position())));
            }
            Stmt::Import(import, at) => self.imports.push(Import {
                name: match &import.0 {
                    Expr::StringConstant(name, _) => Some(name.to_string()),
                    _ => None,
                },
                alias: import.1.name.to_string(),
                at: *at,
            }),
            _ => {}
        }
    }
}

fn visit_expression(body: &mut Body, expression: &Expr) {
    match expression {
        Expr::FnCall(call, at) => visit_call(body, call, *at, false),
        Expr::MethodCall(call, at) => visit_call(body, call, *at, true),
        Expr::DynamicConstant(..) => body.closures.extend(closure(expression).map(|(name, _)| name)),
        Expr::Variable(variable, _, at) if !variable.2.is_empty() => {
            body.values.push((namespace(&variable.2), variable.1.to_string(), *at));
        }
        Expr::Dot(pair, _, at) | Expr::Index(pair, _, at) => {
            let changing = last_method(&pair.rhs).is_some_and(|method| CHANGING_METHODS.contains(&method));
            if changing {
                body.changes.extend(variable(&pair.lhs).map(|name| (name.to_owned(), *at)));
            }
        }
        _ => {}
    }
}

fn visit_call(body: &mut Body, call: &FnCallExpr, at: Position, method: bool) {
    if call.op_token.is_some() || call.is_operator_call() || is_closure_name(&call.name) {
        return;
    }
    let namespace = namespace(&call.namespace);
    body.calls.push(FunctionCall {
        namespace,
        name: call.name.to_string(),
        arguments: call.args.len(),
        method,
        at,
        closures: call.args.iter().filter_map(closure).collect(),
    });
}

/// Whether a function's name is one that the parser gave to a closure.
#[must_use]
pub fn is_closure_name(name: &str) -> bool {
    name.starts_with("anon$")
}

fn namespace(namespace: &rhai::Namespace) -> String {
    namespace.path.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join("::")
}

/// The variable that an expression starts from: `a` in `a.b[1]`.
fn variable(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(variable, ..) if variable.2.is_empty() => Some(&variable.1),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => variable(&pair.lhs),
        _ => None,
    }
}

fn last_method(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::MethodCall(call, _) => Some(&call.name),
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => last_method(&pair.rhs),
        _ => None,
    }
}

/// The name of a closure that an expression makes, and what it captures.
fn closure(expression: &Expr) -> Option<(String, Vec<String>)> {
    match expression {
        Expr::DynamicConstant(value, _) => {
            let name = value.read_lock::<FnPtr>()?.fn_name().to_owned();
            Some((name, Vec::new()))
        }
        Expr::Stmt(block) => block.statements().iter().find_map(|statement| match statement {
            Stmt::Expr(expression) => closure(expression),
            Stmt::FnCall(call, _) => capturing_closure(call),
            _ => None,
        }),
        Expr::FnCall(call, _) => capturing_closure(call),
        _ => None,
    }
}

/// A closure that captures is written by the parser as `curry(closure, variables...)`.
fn capturing_closure(call: &FnCallExpr) -> Option<(String, Vec<String>)> {
    if call.name != "curry" {
        return None;
    }
    let (name, _) = closure(call.args.first()?)?;
    Some((name, call.args[1..].iter().filter_map(|argument| variable(argument).map(str::to_owned)).collect()))
}
