"""What happens beside the training: `fit(callbacks=[...])`. Names and arguments as in `keras.callbacks`."""

from tinycnn.callbacks.backup_and_restore import BackupAndRestore
from tinycnn.callbacks.callback import Callback, LambdaCallback
from tinycnn.callbacks.callback_list import CallbackList
from tinycnn.callbacks.csv_logger import CSVLogger
from tinycnn.callbacks.early_stopping import EarlyStopping
from tinycnn.callbacks.history import History
from tinycnn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from tinycnn.callbacks.model_checkpoint import ModelCheckpoint
from tinycnn.callbacks.progbar_logger import ProgbarLogger
from tinycnn.callbacks.swap_ema_weights import SwapEMAWeights
from tinycnn.callbacks.tensorboard import TensorBoard
from tinycnn.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
