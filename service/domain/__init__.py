"""The shared language: specs, activations and conventions, states, quantities, errors.

Imports the standard library and pydantic alone; does no input or output.
"""
