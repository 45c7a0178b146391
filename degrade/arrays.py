"""Names for the array types that pass between rooms."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

U8: TypeAlias = npt.NDArray[np.uint8]
U64: TypeAlias = npt.NDArray[np.uint64]
F32: TypeAlias = npt.NDArray[np.float32]
F64: TypeAlias = npt.NDArray[np.float64]
I32: TypeAlias = npt.NDArray[np.int32]
I64: TypeAlias = npt.NDArray[np.int64]
Bool: TypeAlias = npt.NDArray[np.bool_]
Strings: TypeAlias = npt.NDArray[Any]
"""One-dimensional array of str (NumPy StringDType or object)."""

Image: TypeAlias = U8 | F32
"""RGB, HWC; uint8 in [0, 255] or float32 in [0, 1]."""
