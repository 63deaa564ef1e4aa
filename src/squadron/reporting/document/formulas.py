"""The formulas of the report, as MathML for HTML and Typst markup for PDF. None of them contains data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mathematics:
    """One formula: MathML (the content of ``<math>``), Typst markup, and a text alternative."""

    mathml: str
    typst: str
    spoken: str


_GAP = "<mo>,</mo><mspace width='1em'/>"
# Left alone, these grow as high as the sum or the fraction beside them.
_OPEN, _CLOSE, _BAR = (f"<mo stretchy='false'>{sign}</mo>" for sign in "()|")
_ALPHA_OVER_R = "<mfrac><mi>α</mi><mi>r</mi></mfrac>"
_W0 = "<msub><mi>W</mi><mn>0</mn></msub>"


def _matrices(rows: str, columns: str) -> str:
    """Return the MathML of the set of real matrices of this shape."""
    return (
        f"<msup><mi>ℝ</mi><mrow><mi>{rows}</mi><mo lspace='0.1em' rspace='0.1em'>×</mo><mi>{columns}</mi></mrow></msup>"
    )


def _scaled_exponential(index: str) -> str:
    """Return the MathML of exp(logit / temperature)."""
    return f"<mi>exp</mi>{_OPEN}<msub><mi>z</mi><mi>{index}</mi></msub><mo>/</mo><mi>τ</mi>{_CLOSE}"


FORMULAS: dict[str, Mathematics] = {
    "lora": Mathematics(
        f"<mi>W</mi><mo>=</mo>{_W0}<mo>+</mo>{_ALPHA_OVER_R}<mi>B</mi><mi>A</mi>{_GAP}"
        f"<mi>B</mi><mo>∈</mo>{_matrices('d', 'r')}{_GAP}<mi>A</mi><mo>∈</mo>{_matrices('r', 'k')}",
        "W = W_0 + alpha / r B A, quad B in RR^(d times r), quad A in RR^(r times k)",
        "W = W0 + (alpha / r) B A, with B in R^(d x r) and A in R^(r x k)",
    ),
    "forward": Mathematics(
        f"<mi>h</mi><mo>=</mo>{_W0}<mi>x</mi><mo>+</mo>{_ALPHA_OVER_R}<mi>B</mi>{_OPEN}<mi>A</mi><mi>x</mi>{_CLOSE}",
        "h = W_0 x + alpha / r B (A x)",
        "h = W0 x + (alpha / r) B (A x)",
    ),
    "parameters": Mathematics(
        f"<mi>P</mi><mo>=</mo><munder><mo>∑</mo><mi>m</mi></munder><mi>r</mi>{_OPEN}"
        f"<msub><mi>d</mi><mi>m</mi></msub><mo>+</mo><msub><mi>k</mi><mi>m</mi></msub>{_CLOSE}",
        "P = sum_m r (d_m + k_m)",
        "P = the sum over modules m of r (d_m + k_m)",
    ),
    "loss": Mathematics(
        f"<mi>L</mi><mo>=</mo><mo>−</mo><mfrac><mn>1</mn><mrow>{_BAR}<mi>T</mi>{_BAR}</mrow></mfrac>"
        f"<munder><mo>∑</mo><mrow><mi>t</mi><mo lspace='0.1em' rspace='0.1em'>∈</mo><mi>T</mi></mrow></munder>"
        f"<mi>log</mi><mspace width='0.17em'/><mi>p</mi>{_OPEN}"
        f"<msub><mi>y</mi><mi>t</mi></msub>{_BAR}"
        f"<msub><mi>y</mi><mrow><mo lspace='0' rspace='0.1em'>&lt;</mo><mi>t</mi></mrow></msub>{_CLOSE}",
        "L = - 1 / (|T|) sum_(t in T) log p(y_t | y_(< t))",
        "L = minus the mean over targets t of log p(y_t given what stands before it)",
    ),
    "f1": Mathematics(
        "<mi>F1</mi><mo>=</mo><mfrac><mrow><mn>2</mn><mi>P</mi><mi>R</mi></mrow>"
        f"<mrow><mi>P</mi><mo>+</mo><mi>R</mi></mrow></mfrac>{_GAP}"
        f"<mi>P</mi><mo>=</mo><mfrac><mi>c</mi><mi>p</mi></mfrac>{_GAP}"
        "<mi>R</mi><mo>=</mo><mfrac><mi>c</mi><mi>g</mi></mfrac>",
        'upright("F1") = (2 P R) / (P + R), quad P = c / p, quad R = c / g',
        "F1 = 2 P R / (P + R), with P = c / p and R = c / g",
    ),
    "softmax": Mathematics(
        f"<msub><mi>p</mi><mi>i</mi></msub><mo>=</mo><mfrac><mrow>{_scaled_exponential('i')}</mrow>"
        f"<mrow><munder><mo>∑</mo><mi>j</mi></munder>{_scaled_exponential('j')}</mrow></mfrac>",
        "p_i = exp(z_i \\/ tau) / (sum_j exp(z_j \\/ tau))",
        "p_i = exp(z_i / tau) over the sum over j of exp(z_j / tau)",
    ),
}
"""Displayed formulas by name."""

SYMBOLS: dict[str, Mathematics] = {
    name: Mathematics(f"<mi>{letter}</mi>", typst, name)
    for name, letter, typst in [
        *((letter, letter, letter) for letter in "rdkABTLcgpm"),
        ("alpha", "α", "alpha"),
        ("tau", "τ", "tau"),
        ("BA", "B</mi><mi>A", "B A"),
    ]
} | {
    "W0": Mathematics(_W0, "W_0", "W0"),
    "z_i": Mathematics("<msub><mi>z</mi><mi>i</mi></msub>", "z_i", "z_i"),
}
"""Symbols within sentences by name."""
