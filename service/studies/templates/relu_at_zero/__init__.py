"""What does the value of relu'(0) change? The largest of the studies, in a folder of its own: what
is trained, what of it is read, what is concluded."""

from service.studies.templates.relu_at_zero.template import TEMPLATE

__all__ = ["TEMPLATE"]
