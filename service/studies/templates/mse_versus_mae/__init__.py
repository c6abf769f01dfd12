"""Linear regression by squared and by absolute error: what is trained and concluded, and what of it
is read."""

from service.studies.templates.mse_versus_mae.template import TEMPLATE

__all__ = ["TEMPLATE"]
