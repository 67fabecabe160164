import copy

import pytest
import torch
from torch import nn
from training_toys import SILENT, Toy

from intertwine._errors import UsageError
from intertwine.training import Settings, fit, load_checkpoint
from intertwine.training._muon import Muon, orthogonalize


@pytest.mark.parametrize("shape", [(6, 6), (3, 8), (8, 3), (2, 4, 5)])
def test_singular_values_become_about_one(shape):
    matrix = torch.randn(shape, dtype=torch.float64)
    values = torch.linalg.svdvals(orthogonalize(matrix))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_the_singular_vectors_stay():
    matrix = torch.randn(5, 7, dtype=torch.float64)
    u, _, vh = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.mT @ orthogonalize(matrix) @ vh.mT
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()), rtol=0, atol=1e-10)


def test_orthogonal_matrices_come_out_and_positive_factors_do_not_matter():
    matrix = torch.randn(4, 6, dtype=torch.float64)
    left, right = (torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for n in (4, 6))
    torch.testing.assert_close(orthogonalize(left @ matrix @ right), left @ orthogonalize(matrix) @ right)
    torch.testing.assert_close(orthogonalize(1e-3 * matrix), orthogonalize(matrix))
    assert orthogonalize(torch.zeros(3, 2)).abs().max() == 0


def test_vectors_rows_and_columns_learn_as_with_adamw():
    weights = [nn.Parameter(torch.randn(shape)) for shape in [(3,), (1, 4), (4, 1), (2, 5, 1)]]
    others = copy.deepcopy(weights)
    muon = Muon(weights, 0.01, weight_decay=0.1)
    adamw = torch.optim.AdamW(others, 0.01, betas=(0.9, 0.99), weight_decay=0.1)
    for step in range(5):
        for pair in zip(weights, others, strict=True):
            for weight in pair:
                weight.grad = torch.sin(weight.detach() + step)
        muon.step()
        adamw.step()
    torch.testing.assert_close(weights, others)


def test_a_matrix_without_gradient_stays_and_decay_is_decoupled():
    still, decayed = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    decayed.grad = torch.zeros(2, 2)
    Muon([still, decayed], 0.1, weight_decay=0.5).step()
    torch.testing.assert_close(still.detach(), torch.ones(2, 2))
    torch.testing.assert_close(decayed.detach(), torch.full((2, 2), 0.95))


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (64, 16), (3, 16, 16)])
def test_the_size_of_an_update_is_that_of_adamw(shape):
    weight = nn.Parameter(torch.zeros(shape))
    weight.grad = 1e-4 * torch.randn(shape)
    Muon([weight], 0.1).step()
    assert 0.01 < float(weight.detach().square().mean().sqrt()) < 0.03


def test_a_run_is_resumed(tmp_path):
    settings = {"batch_size": 8, "optimizer": "muon", "learning_rate": 0.01}
    whole = fit(Toy(), tmp_path / "whole", Settings(epochs=4, **settings), console=SILENT)
    first = Settings(epochs=4, patience=None, **settings)
    fit(Toy(), tmp_path / "parts", Settings(epochs=2, **settings), console=SILENT)
    again = fit(Toy(), tmp_path / "parts", first, resume=True, console=SILENT)
    assert len(again.history) == len(whole.history) == 4
    assert load_checkpoint(again.last).step == load_checkpoint(whole.last).step


def test_a_run_is_not_resumed_with_another_optimizer(tmp_path):
    fit(Toy(), tmp_path / "run", Settings(epochs=1), console=SILENT)
    with pytest.raises(UsageError, match="another optimizer"):
        fit(Toy(), tmp_path / "run", Settings(epochs=2, optimizer="muon"), resume=True, console=SILENT)
    with pytest.raises(UsageError, match="optimizer"):
        Settings(optimizer="sgd")


@pytest.mark.parametrize("factor", [1e-12, 1e-22, 1e-30, 1e30])
def test_the_size_of_a_matrix_does_not_matter_where_its_square_is_no_float(factor):
    matrix = torch.randn(4, 6)
    torch.testing.assert_close(orthogonalize(factor * matrix), orthogonalize(matrix), rtol=0, atol=1e-4)


def test_a_matrix_whose_gradient_has_become_zero_comes_to_rest():
    """As the filters of a field that a rectifier has switched off; its momentum fades below the squares of floats."""
    weight = nn.Parameter(torch.randn(4, 6))
    optimizer = Muon([weight], 0.1)
    weight.grad = torch.randn(4, 6)
    optimizer.step()
    weight.grad = torch.zeros(4, 6)
    for _ in range(600):
        optimizer.step()
    rest = weight.detach().clone()
    for _ in range(1500):
        optimizer.step()
        assert weight.isfinite().all()
    torch.testing.assert_close(weight.detach(), rest, rtol=0, atol=1e-5)
