//! The two engines, one a mode, made once: what they offer and where they stop.

use std::cell::Cell;
use std::sync::LazyLock;

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, OptimizationLevel, Position};

use super::{Mode, helpers, strict};
use crate::domain::time::Timestamp;

/// Most operations of one evaluation.
pub(super) const OPERATIONS: u64 = 20_000;
/// Deepest nesting of calls; 0 would forbid the closures of filter and map.
pub(super) const CALL_LEVELS: usize = 8;
const EXPRESSION_DEPTH: usize = 32;
const CLOSURE_DEPTH: usize = 16;
const STRING_BYTES: usize = 64 * 1024;
const ELEMENTS: usize = 2_000;

// What is no expression, reaches out of it, or writes somewhere.
const OFF: [&str; 24] = [
    "eval",
    "import",
    "export",
    "fn",
    "private",
    "let",
    "const",
    "while",
    "loop",
    "for",
    "do",
    "until",
    "break",
    "continue",
    "return",
    "throw",
    "try",
    "catch",
    "print",
    "debug",
    "is_def_var",
    "is_def_fn",
    "=",
    "global",
];

static STRICT: LazyLock<Engine> = LazyLock::new(|| build(Mode::Strict));
static LENIENT: LazyLock<Engine> = LazyLock::new(|| build(Mode::Lenient));

pub(super) fn of(mode: Mode) -> &'static Engine {
    match mode {
        Mode::Strict => &STRICT,
        Mode::Lenient => &LENIENT,
    }
}

fn build(mode: Mode) -> Engine {
    let mut engine = Engine::new_raw();
    // Not the standard package: its core part can sleep, exit and parse.
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicFnPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    engine
        .set_max_operations(OPERATIONS)
        .set_max_expr_depths(EXPRESSION_DEPTH, CLOSURE_DEPTH)
        .set_max_string_size(STRING_BYTES)
        .set_max_array_size(ELEMENTS)
        .set_max_map_size(ELEMENTS)
        .set_max_call_levels(CALL_LEVELS)
        .set_max_strings_interned(0)
        .set_allow_looping(false)
        .set_allow_statement_expression(false)
        // The optimizer folds constants with Rhai's own operators, past the ones of strict mode.
        .set_optimization_level(OptimizationLevel::None);
    // The engine's own count starts anew within a closure.
    engine.on_progress(|_| {
        SPENT.set(SPENT.get() + 1);
        (SPENT.get() > OPERATIONS).then_some(Dynamic::UNIT)
    });
    for symbol in OFF {
        engine.disable_symbol(symbol);
    }
    helpers::register(&mut engine);
    match mode {
        Mode::Strict => {
            engine.set_fail_on_invalid_map_property(true).set_allow_switch_expression(false);
            strict::register(&mut engine);
            engine.register_fn("now", || NOW.get().map(|now| now.to_string()).ok_or_else(|| raise("now() has no meaning here")));
        }
        Mode::Lenient => helpers::register_lenient(&mut engine),
    }
    engine
}

/// An error of a function of ours, with a text for the author of the expression.
pub(super) fn raise(text: impl Into<String>) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(text.into().into(), Position::NONE))
}

thread_local! {
    // Functions of a shared engine are handed nothing of one evaluation, so the instant goes beside it.
    static NOW: Cell<Option<Timestamp>> = const { Cell::new(None) };
    // Operations of this evaluation, those of its closures with them.
    static SPENT: Cell<u64> = const { Cell::new(0) };
}

/// Holds the instant of one evaluation, for `now()`, and begins to count its operations.
pub(super) struct Now(Option<Timestamp>);

impl Now {
    pub(super) fn set(now: Option<Timestamp>) -> Self {
        SPENT.set(0);
        Self(NOW.replace(now))
    }
}

impl Drop for Now {
    fn drop(&mut self) {
        NOW.set(self.0);
    }
}
