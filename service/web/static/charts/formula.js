// The catalogue's formulas as functions, so that every activation can be drawn and none is written
// down twice. Grammar: + - * / ^, calls, |x|, "a if b > c else d"; a comma outside ends the formula
// and begins its words ("…, with a learned from init").

const FUNCTIONS = {
  max: Math.max,
  min: Math.min,
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  softplus: (x) => (x > 20 ? x : Math.log1p(Math.exp(x))),
  Phi: (x) => 0.5 * (1 + erf(x / Math.SQRT2)),
};

/** Abramowitz and Stegun 7.1.26: within 1.5e-7, finer than any pixel. */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

const TOKEN = /\s*(\d+\.?\d*(?:e-?\d+)?|[A-Za-z_]\w*|<=|>=|[-+*/^()|,<>])/y;

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) found.push(match[1]);
  return found;
}

class Parser {
  constructor(text) {
    this.tokens = tokens(text);
    this.at = 0;
  }

  get next() {
    return this.tokens[this.at];
  }

  take(...wanted) {
    return wanted.includes(this.next) ? this.tokens[this.at++] : null;
  }

  need(token) {
    if (!this.take(token)) throw new SyntaxError(`expected ${token}, found ${this.next}`);
  }

  choice() {
    const then = this.sum();
    if (!this.take("if")) return then;
    const left = this.sum();
    const sign = this.take("<", ">", "<=", ">=");
    const right = this.sum();
    this.need("else");
    const otherwise = this.choice();
    const holds = { "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b }[sign];
    return (names) => (holds(left(names), right(names)) ? then(names) : otherwise(names));
  }

  sum() {
    let left = this.product();
    for (let sign = this.take("+", "-"); sign; sign = this.take("+", "-")) {
      const [a, b] = [left, this.product()];
      left = sign === "+" ? (names) => a(names) + b(names) : (names) => a(names) - b(names);
    }
    return left;
  }

  product() {
    let left = this.unary();
    for (let sign = this.take("*", "/"); sign; sign = this.take("*", "/")) {
      const [a, b] = [left, this.unary()];
      left = sign === "*" ? (names) => a(names) * b(names) : (names) => a(names) / b(names);
    }
    return left;
  }

  unary() {
    if (this.take("-")) {
      const inner = this.unary();
      return (names) => -inner(names);
    }
    const base = this.atom();
    if (!this.take("^")) return base;
    const exponent = this.unary();
    return (names) => base(names) ** exponent(names);
  }

  atom() {
    if (this.take("(")) {
      const inner = this.choice();
      this.need(")");
      return inner;
    }
    if (this.take("|")) {
      const inner = this.sum();
      this.need("|");
      return (names) => Math.abs(inner(names));
    }
    const token = this.tokens[this.at++];
    if (/^\d/.test(token ?? "")) return () => Number(token);
    if (!/^[A-Za-z_]/.test(token ?? "")) throw new SyntaxError(`unexpected ${token}`);
    return this.take("(") ? this.call(token) : (names) => names[token];
  }

  call(name) {
    const inner = [this.choice()];
    while (this.take(",")) inner.push(this.choice());
    this.need(")");
    const compute = FUNCTIONS[name];
    if (!compute) throw new SyntaxError(`unknown function ${name}`);
    return (names) => compute(...inner.map((one) => one(names)));
  }
}

/** Names that the words after the formula define: "a learned from init", "a drawn from [l, u]". */
function defined(text, parameters) {
  const learned = /(\w+) learned from (\w+)/.exec(text);
  if (learned) return { [learned[1]]: parameters[learned[2]] };
  const drawn = /(\w+) drawn from \[(\w+), (\w+)\]/.exec(text);
  return drawn ? { [drawn[1]]: (parameters[drawn[2]] + parameters[drawn[3]]) / 2 } : {};
}

/** The formula with these parameters as a function of x; null where the grammar is another. */
export function compile(formula, parameters) {
  try {
    const compute = new Parser(formula).choice();
    const names = { ...parameters, ...defined(formula, parameters) };
    return Number.isNaN(compute({ ...names, x: 0.5 })) ? null : (x) => compute({ ...names, x });
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A framework's convention, a number or an expression in the parameters such as "alpha". */
export function constant(expression, formula, parameters) {
  if (typeof expression === "number") return expression;
  const compute = compile(String(expression).replace(/\(.*\)/, ""), { ...parameters, ...defined(formula, parameters) });
  return compute ? compute(0) : null;
}
