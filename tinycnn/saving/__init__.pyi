# What type checkers and editors read in place of __init__.py, which names what stands a floor higher only when it is asked for.
from tinycnn.models.files import load_model as load_model
from tinycnn.models.files import load_weights as load_weights
from tinycnn.models.files import save_model as save_model
from tinycnn.models.files import save_weights as save_weights
from tinycnn.models.objects import deserialize_keras_object as deserialize_keras_object
from tinycnn.models.objects import serialize_keras_object as serialize_keras_object
from tinycnn.saving.custom import CustomObjectScope as CustomObjectScope
from tinycnn.saving.custom import custom_object_scope as custom_object_scope
from tinycnn.saving.custom import get_custom_objects as get_custom_objects
from tinycnn.saving.custom import get_registered_name as get_registered_name
from tinycnn.saving.custom import get_registered_object as get_registered_object
from tinycnn.saving.custom import register_keras_serializable as register_keras_serializable
from tinycnn.saving.onnx import export_onnx as export_onnx
from tinycnn.saving.onnx import load_onnx as load_onnx
