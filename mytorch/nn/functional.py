"""Functions that networks are made of.

Written in chapter 2.1.
"""


def mse_loss(input, target):
    """Return the mean squared error, the average of ``(input - target) ** 2``.

    input, target: of one shape, or one of them a number. The result is a number.
    """
    return ((input - target) ** 2).mean()
