"""Update rules of gradient descent on dense weights: adam, adagrad, sgd. Called by explicit.py.

PyTorch's own classes compute the same but import its compiler at the first step, which takes longer than
training a small model. `slots` are all the state there is: a checkpoint keeps them by name.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

Tensors = Sequence[torch.Tensor]
EPSILON = 1e-8


class Sgd:
    """Plain descent."""

    names: tuple[str, ...] = ()

    def __init__(self, weights: Tensors) -> None:
        self._weights = weights
        self.slots = {name: [torch.zeros_like(w) for w in weights] for name in self.names}

    def step(self, gradients: Tensors, rate: float, count: int) -> None:
        """Moves the weights; `count` is the number of the step, from 1."""
        del count
        for weight, gradient in zip(self._weights, gradients, strict=True):
            weight.sub_(gradient, alpha=rate)


class Adagrad(Sgd):
    """Steps that shrink with the squares of all gradients so far (Duchi et al., 2011)."""

    names = ("squares",)

    def step(self, gradients: Tensors, rate: float, count: int) -> None:
        """Moves the weights and adds to the squares."""
        del count
        for weight, gradient, squares in zip(
            self._weights, gradients, self.slots["squares"], strict=True
        ):
            squares.addcmul_(gradient, gradient)
            weight.addcdiv_(gradient, squares.sqrt().add_(EPSILON), value=-rate)


class Adam(Sgd):
    """Steps by running means of gradients and their squares (Kingma and Ba, 2015)."""

    names = ("means", "squares")
    decay = (0.9, 0.999)

    def step(self, gradients: Tensors, rate: float, count: int) -> None:
        """Moves the weights and both means."""
        first, second = self.decay
        size, spread = rate / (1 - first**count), (1 - second**count) ** 0.5
        for weight, gradient, means, squares in zip(
            self._weights, gradients, self.slots["means"], self.slots["squares"], strict=True
        ):
            means.lerp_(gradient, 1 - first)
            squares.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            weight.addcdiv_(means, squares.sqrt().div_(spread).add_(EPSILON), value=-size)


OPTIMIZERS: dict[str, type[Sgd]] = {"adam": Adam, "adagrad": Adagrad, "sgd": Sgd}
