import pytest
import torch

from forebay_workloads.recipes.matrix_factorization.optimizers import EPSILON, OPTIMIZERS

THEIRS = {
    "adam": lambda w: torch.optim.Adam(w, lr=0.1),
    "adagrad": lambda w: torch.optim.Adagrad(w, lr=0.1, eps=EPSILON),
    "sgd": lambda w: torch.optim.SGD(w, lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_steps_are_those_of_pytorchs_own_class(name):
    random = torch.Generator().manual_seed(0)
    start = torch.randn(5, 4, generator=random)
    ours, theirs = start.clone(), start.clone()
    mine, reference = OPTIMIZERS[name]([ours]), THEIRS[name]([theirs])
    for count in range(1, 30):
        gradient = torch.randn(5, 4, generator=random)
        mine.step([gradient], 0.1, count)
        theirs.grad = gradient
        reference.step()
    torch.testing.assert_close(ours, theirs)
    assert not torch.equal(ours, start)
