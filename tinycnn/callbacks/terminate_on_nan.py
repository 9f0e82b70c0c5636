"""Stop at the first loss that is not a number."""

from __future__ import annotations

import math

from tinycnn.callbacks.callback import Callback, Logs
from tinycnn.errors import DataError

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Ends the training at the first batch whose loss is NaN or infinite, and says which batch it was.

    ModelCheckpoint and BackupAndRestore do not replace the files they have by a model whose loss or weights are not finite.

    Args:
        raise_error: raise DataError instead of ending the training in good order.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise DataError(f"batch {batch}: the loss is {loss}")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
