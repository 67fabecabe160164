"""Applications: what each reads, learns, reports and predicts. One folder a task, one line of registration.

>>> from intertwine import tasks
>>> tasks.get("properties").summary
'Scalars, vectors and tensors of whole structures: molecules, clusters.'
"""

from intertwine.tasks._options import FitOptions, option, share
from intertwine.tasks._output import check_output, check_output_folder, replacing, replacing_folder
from intertwine.tasks._registry import get, names
from intertwine.tasks._suggestions import nearest, unknown
from intertwine.tasks._task import AuditSettings, Evaluation, Predictor, Progress, Task, silent

__all__ = [
    "AuditSettings",
    "Evaluation",
    "FitOptions",
    "Predictor",
    "Progress",
    "Task",
    "check_output",
    "check_output_folder",
    "get",
    "names",
    "nearest",
    "option",
    "replacing",
    "replacing_folder",
    "share",
    "silent",
    "unknown",
]
