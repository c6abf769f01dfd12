"""Where a rule begins to speak. docs/diagnosis.md lists all of them; a test compares the two."""

DEAD_SHARE = 0.10
"""Of all hidden units: dead at the end and not at the start, or dead at the start."""
DEAD_SHARE_CRITICAL = 0.40
DORMANT_SHARE = 0.25
"""Of all hidden units: dormant at the end and not dead."""
SATURATED_SHARE = 0.25
"""Of all hidden units, with a bounded activation: saturated at the end, so far that the derivative
is 0 or not."""
SATURATED_SHARE_CRITICAL = 0.50

VANISHING_RATIO = 0.05
"""First over last hidden layer's gradient norm, in at least half of the epochs."""
VANISHING_RATIO_CRITICAL = 1e-3
EXPLODING_RATIO = 1e3
"""The same ratio, the other way."""
GRADIENT_SPIKE = 100.0
"""Largest gradient norm of an epoch over the median of the epochs before."""
LARGE_STEP = 0.05
"""Mean length of a step over that of the weights it changes, in some epoch."""

LEARNING_GAIN = 0.01
"""Share of the initial loss by which the best epoch is below it."""
CHANCE_MARGIN = 0.05
"""Accuracy above 1 / classes, or R² above 0, up to which nothing has been learned."""
LATE_GAIN = 0.10
"""Share of the whole fall of the loss that fell in the last quarter of the epochs."""
FEWEST_EPOCHS = 4
"""To speak of a last quarter."""
ACCURACY_WANTED = 0.80
"""Below it over the training part, and no longer improving: underfit."""
R2_WANTED = 0.50
OVERFIT_RISE = 0.20
"""Rise of the validation loss over its smallest value while the training loss fell."""
GENERALISATION_GAP = 0.15
"""Training metric minus validation metric at the end."""
OPTIMALITY_GAP = 0.01
"""Of linear networks: loss above the exact optimum, as a share of it."""
