"""Fit one question's linear head with its Gaussian posterior: deterministic, without a learning rate.

The *weights* are found by Newton's method, with Fisher's information for the curvature, on a multinomial likelihood and
a Gaussian prior (convex but for the lapse; with it, too, all random starts that were tried ended alike), in turns with
the *strength of the prior*, by the evidence (MacKay 1992, Neural Computation 4, 415), held near the usual one where
votes are few. How far votes on one galaxy count as one, by an *agreement* A (`ml.asked`), and how votes scatter about
the mean, is then said by votes of galaxies left out (`ml.left_out`).
"""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from ml.asked import Asked
from ml.left_out import N_LEFT_OUT, find_scatter, left_out_logits, usual_scatter

AGREEMENTS = (8.0, 2.0, 0.7)
"""What A may be, from votes that count nearly all to galaxies that count once."""

_MAX_ROUNDS = 3
_STEPS_A_ROUND = 5
_LAST_STEPS = 12
MAX_STEPS = len(AGREEMENTS) * (_MAX_ROUNDS + 1) * _STEPS_A_ROUND + _LAST_STEPS
"""Newton steps that one question takes at most."""
_ENOUGH = 0.02
"""Nats that the next Newton step would gain, below which the weights are found."""
_SETTLED = 0.2
"""Change of ln(prior precision) below which the rounds end."""

_N_IN_TURNS = 2000
"""Galaxies, evenly spread, on which prior, agreement and scatter are found; only the last weights see all."""

_BIAS_PRECISION = 0.1
"""Of the Gaussian prior on a bias, about the mean fractions' logit."""
_PRIOR_SPREAD = 1.0
"""How far ln(prior precision) of a question usually lies from the recipe's."""

Beat = Callable[[], None]


@dataclass(frozen=True)
class Start:
    """Where a question's fit begins, and what it falls back to where votes are few."""

    weight: Tensor
    """(K, P) the first weights."""
    bias: Tensor
    """(K,) the prior mean of the biases."""
    usual_log_precision: float
    prior_precision: float


@dataclass(frozen=True)
class QuestionFit:
    """The posterior of one question's weights, its precision, and how well it predicted galaxies it was not shown."""

    weight: Tensor
    """(K, P) the most probable; the last column is the bias."""
    factor: Tensor
    """(K P, K P) F of the covariance F F^T, an answer's P weights side by side."""
    precision: Tensor
    """(2 + C,) bias, slope of the disagreement, weights of the log precision."""
    lapse: float
    """The part of the votes that are slips."""
    temperature: float
    """What weights and factor have been divided by."""
    prior_precision: float
    agreement: float
    """A: a galaxy's votes counted for at most 1 + A."""
    left_out_loss: float
    """Mean nats a galaxy that was asked the question, each under a fit without it; NaN where nobody was asked."""
    n_steps: int


def fit_question(asked: Asked, start: Start, beat: Beat = lambda: None) -> QuestionFit:
    """Fit one question; `beat` is called once a Newton step, and may raise to stop it."""
    state = _State(asked.some(_N_IN_TURNS), start, beat)
    if not len(asked.x):
        return state.fit(state.factor(), math.nan)
    found = []
    for agreement in AGREEMENTS:
        state.agreement = agreement
        for _ in range(_MAX_ROUNDS):
            state.find_weights(_STEPS_A_ROUND)
            if state.find_prior() < _SETTLED:
                break
        state.find_weights(_STEPS_A_ROUND)
        found.append((state.find_scatter(), copy(state)))
    state = min(found, key=lambda each: each[0])[1]
    state.widen(asked)
    state.find_weights(_LAST_STEPS)
    factor = state.factor()  # by the lapse under which the weights were found
    return state.fit(factor, state.find_scatter(with_temperature=True))


class _State:
    """What is being found, and the steps that find it; its tensors are replaced, never changed."""

    def __init__(self, asked: Asked, start: Start, beat: Beat) -> None:
        self.asked, self.start, self.beat = asked, start, beat
        self.guide, self.guide_share = asked, 1.0
        self.weight = start.weight.double().clone()  # (K, P)
        self.centre = torch.zeros_like(self.weight)
        self.centre[:, -1] = start.bias
        self.prior_precision = start.prior_precision
        self.agreement = AGREEMENTS[0]
        self.usual = usual_scatter(self.weight.shape[1] - 1, start.usual_log_precision)
        self.scatter = self.usual
        self.n_steps = 0

    @property
    def prior(self) -> Tensor:
        """(K, P) precisions of the Gaussian prior on the weights."""
        prior = torch.full_like(self.weight, self.prior_precision)
        prior[:, -1] = _BIAS_PRECISION
        return prior

    def widen(self, asked: Asked) -> None:
        """Go on with all galaxies; the curvature of those so far, scaled up, guides the steps."""
        self.guide, self.guide_share = self.asked, len(asked.x) / len(self.asked.x)
        self.asked = asked

    def find_weights(self, n_steps: int) -> None:
        """Newton's method with a halving of steps that gain too little."""
        prior = self.prior
        for _ in range(n_steps):
            self.beat()
            self.n_steps += 1
            weight = self.weight.clone().requires_grad_()
            value = self._energy(weight, prior)
            (slope,) = torch.autograd.grad(value, weight)
            lower = self._factor_of(self.guide, self.guide_share)
            step = torch.cholesky_solve(slope.reshape(-1, 1), lower).reshape(weight.shape)
            gain, size = float((slope * step).sum()), 1.0
            with torch.no_grad():
                while self._energy(self.weight - size * step, prior) > value - 1e-4 * size * gain:
                    size /= 2
                    if size < 1e-3:
                        return
            self.weight = self.weight - size * step
            if gain < _ENOUGH:
                return

    def find_scatter(self, *, with_temperature: bool = False) -> float:
        """Learn from galaxies left out how votes scatter; their mean loss."""
        part = self.asked.some(N_LEFT_OUT)
        self.scatter, loss = find_scatter(
            part,
            left_out_logits(part, self.weight, self._factor(), self.scatter.lapse, self.agreement),
            self.scatter,
            usual=self.usual,
            prior_precision=self.start.prior_precision,
            n_galaxies=len(self.asked.x),
            with_temperature=with_temperature,
        )
        return loss

    def find_prior(self) -> float:
        """One step of the evidence for the prior's strength; returns the change of its log."""
        covariance = torch.cholesky_inverse(self._factor()).diagonal().reshape(self.weight.shape)
        n_weights = self.weight[:, :-1].numel()
        n_found = n_weights - self.prior_precision * float(covariance[:, :-1].sum())
        squares = float(self.weight[:, :-1].square().sum())
        before, usual = math.log(self.prior_precision), math.log(self.start.prior_precision)
        after = before
        for _ in range(50):  # d/d ln t of (n_found ln t - t squares) / 2 - (ln t - usual)^2 / 2 spread^2
            slope = (n_found - math.exp(after) * squares) / 2 - (after - usual) / _PRIOR_SPREAD**2
            bend = math.exp(after) * squares / 2 + _PRIOR_SPREAD**-2
            after += max(-1.0, min(1.0, slope / bend))
        self.prior_precision = math.exp(after)
        return abs(after - before)

    def factor(self) -> Tensor:
        """F of the covariance F F^T of the weights."""
        lower = self._factor()
        identity = torch.eye(len(lower), dtype=torch.float64)
        factor: Tensor = torch.linalg.solve_triangular(lower.T, identity, upper=True)
        return factor

    def fit(self, factor: Tensor, left_out_loss: float) -> QuestionFit:
        cooler = torch.exp(-self.scatter.log_temperature)
        return QuestionFit(
            weight=self.weight * cooler,
            factor=factor * cooler,
            precision=self.scatter.precision,
            lapse=float(self.scatter.lapse),
            temperature=1 / float(cooler),
            prior_precision=self.prior_precision,
            agreement=self.agreement,
            left_out_loss=left_out_loss,
            n_steps=self.n_steps,
        )

    def _energy(self, weight: Tensor, prior: Tensor) -> Tensor:
        told = self.asked.log_likelihood(self.asked.x @ weight.T, self.scatter.lapse, self.agreement)
        return (prior * (weight - self.centre).square()).sum() / 2 - told.sum()

    def _factor(self) -> Tensor:
        return self._factor_of(self.asked, 1.0)

    def _factor_of(self, asked: Asked, share: float) -> Tensor:
        """Cholesky factor of the posterior's precision, (K P, K P)."""
        bent = asked.weight_curvature(self.weight, self.scatter.lapse, self.agreement)
        lower: Tensor = torch.linalg.cholesky(share * bent + torch.diag(self.prior.reshape(-1)))
        return lower
