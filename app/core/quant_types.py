"""Every quant type that the engine can load, with what it is good for.

The bits are those of a model of about eight billion parameters, some of whose tensors are always kept more exact than
the type's name says; a small model has more of those. The words are a scale: what is lost, then what speaks for this
type or against it, compared with its neighbours in size.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuantType:
    """`bits` per weight. `is_advisable`: good for any model, so that it may be recommended without knowing more."""

    bits: float
    use_case: str
    is_advisable: bool = True


def _more_exact(bits: float, name: str) -> QuantType:
    return QuantType(bits, f"Like {name}, with the most sensitive parts kept more exact; somewhat larger")


_ONE_BIT = "Only for models that were trained with one bit per weight"
_TERNARY = "Only for models that were trained with three values per weight, such as BitNet"

QUANT_TYPES = {
    "F32": QuantType(32.0, "Full precision; nothing is gained over F16", is_advisable=False),
    "F16": QuantType(16.0, "Not quantized; twice the size of Q8_0, and hardly different", is_advisable=False),
    "BF16": QuantType(16.0, "Not quantized, as the model was trained; slow on older processors", is_advisable=False),
    "Q8_K_XL": _more_exact(9.3, "Q8_0"),
    "Q8_0": QuantType(8.5, "No loss to be noticed; for small models or plenty of memory"),
    "Q6_K_XL": _more_exact(6.9, "Q6_K"),
    "Q6_K_L": _more_exact(6.8, "Q6_K"),
    "Q6_K": QuantType(6.6, "Very little loss; a good choice with memory to spare"),
    "Q5_1": QuantType(6.1, "Older method; Q5_K_M is smaller and better", is_advisable=False),
    "Q5_K_XL": _more_exact(5.9, "Q5_K_M"),
    "Q5_K_L": _more_exact(5.9, "Q5_K_M"),
    "Q5_K_M": QuantType(5.7, "Little loss; a good choice if it fits easily"),
    "Q5_K_S": QuantType(5.6, "Little loss; slightly smaller than Q5_K_M"),
    "Q5_0": QuantType(5.6, "Older method; Q5_K_S is as large and better", is_advisable=False),
    "Q4_1": QuantType(5.1, "Older method; Q4_K_M is smaller and better", is_advisable=False),
    "Q4_K_XL": _more_exact(5.1, "Q4_K_M"),
    "Q4_K_L": _more_exact(5.1, "Q4_K_M"),
    "Q4_K_M": QuantType(4.9, "Some loss; the usual choice, good for its size"),
    "IQ4_NL": QuantType(4.7, "Some loss; about as good and as large as Q4_K_S"),
    "Q4_K_S": QuantType(4.7, "Some loss; slightly smaller than Q4_K_M"),
    "Q4_0": QuantType(4.7, "Older method; less exact than Q4_K_S, unless trained for it (QAT)", is_advisable=False),
    "NVFP4": QuantType(4.6, "No loss for models trained in it; made for recent NVIDIA cards", is_advisable=False),
    "IQ4_XS": QuantType(4.5, "Some loss; the smallest of good quality, slower without a graphics card"),
    "Q3_K_XL": _more_exact(4.5, "Q3_K_L"),
    "MXFP4": QuantType(4.3, "No loss for models trained in it, such as gpt-oss; else like Q4_K_S"),
    "Q3_K_L": QuantType(4.3, "Clear loss; IQ4_XS is hardly larger and better"),
    "Q3_K_M": QuantType(4.0, "Clear loss; if no quant of four bits fits"),
    "IQ3_M": QuantType(3.8, "Clear loss; much like Q3_K_M but smaller, slower without a graphics card"),
    "IQ3_S": QuantType(3.7, "Clear loss; better than Q3_K_S, slower without a graphics card"),
    "Q3_K_S": QuantType(3.6, "Large loss; if no other quant of three bits fits"),
    "IQ3_XS": QuantType(3.5, "Large loss; much like Q3_K_S but smaller, slower without a graphics card"),
    "IQ3_XXS": QuantType(3.3, "Large loss; the smallest still worth a try for most models"),
    "Q2_K_XL": _more_exact(3.4, "Q2_K"),
    "Q2_K_L": _more_exact(3.4, "Q2_K"),
    "Q2_K": QuantType(3.2, "Severe loss; a smaller model at four bits mostly answers better"),
    "Q2_K_S": QuantType(3.0, "Severe loss; slightly smaller than Q2_K"),
    "IQ2_M": QuantType(2.9, "Severe loss; much like Q2_K but smaller, slower without a graphics card"),
    "IQ2_S": QuantType(2.7, "Severe loss; only for very large models that fit no other way"),
    "IQ2_XS": QuantType(2.6, "Very severe loss; only for very large models"),
    "IQ2_XXS": QuantType(2.4, "Very severe loss; a last resort for very large models"),
    "IQ1_M": QuantType(2.1, "Most models no longer make sense; an experiment with very large ones"),
    "IQ1_S": QuantType(2.0, "The smallest of all; most models no longer make sense"),
    "Q2_0": QuantType(2.3, "Only for models that were trained with two bits per weight", is_advisable=False),
    "TQ2_0": QuantType(2.1, _TERNARY, is_advisable=False),
    "TQ1_0": QuantType(1.7, _TERNARY, is_advisable=False),
    "Q1_0": QuantType(1.1, _ONE_BIT, is_advisable=False),
}
OTHER_NAMES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}

FOREIGN = "Not a type that this engine knows; it will probably not load"
UNSTATED = "The name does not say how it was quantized; the fewer bits, the greater the loss"
