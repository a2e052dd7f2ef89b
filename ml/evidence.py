"""Fit one question's linear head with its Gaussian posterior: deterministic, without a learning rate.

The *weights* are found by Newton's method, with Fisher's information for the curvature, on a multinomial likelihood and
a Gaussian prior (convex but for the lapse; with it, too, all random starts that were tried ended alike), in turns with
the *strength of the prior*, by the evidence (MacKay 1992, Neural Computation 4, 415), held near the usual one where
votes are few. Votes on one galaxy err together, above all where a linear map cannot tell the galaxy apart;
so n of them count as n (1 + A) / (n + A), as under a Dirichlet-multinomial of precision A, and never as more than
1 + A. Which A of a few is best, and the *precision* by which votes scatter about the mean, is then said by votes of
galaxies left out: the leave-one-out logits follow from the curvature in closed form (Rahnama Rad & Maleki 2020,
arXiv:1801.10243), so both are learned out of sample, as they will be used, and the same numbers say how good the head
is. The *lapse* (`ml.lapse`), the part of the votes that are slips, is learned there as well, and last, together with
both, a *temperature* that divides the logits, for weights found under a lapse that is still too small are so, too.
Fitting weights and precision by one Dirichlet-multinomial likelihood instead lets it call a galaxy that it does
not know a galaxy that people disagree about, and learn nothing from it: .07 of accuracy at 50 labels on real galaxies.
"""

import math
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from ml import losses
from ml.lapse import curvature, lapsed

N_DRAWS = 8
"""Draws of a left-out galaxy's logits that its votes are held against."""

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

_PRECISION_STEPS = 20
"""Of L-BFGS; the next agreement goes on from there."""

_N_IN_TURNS = 2000
"""Galaxies, evenly spread, on which prior, agreement and precision are found; only the last weights see all."""
_N_LEFT_OUT = 1000
"""Of those, how many are left out in turn to find the precision."""

_BIAS_PRECISION = 0.1
"""Of the Gaussian prior on a bias, about the mean fractions' logit."""
_PRIOR_SPREAD = 1.0
"""How far ln(prior precision) of a question usually lies from the recipe's."""

_SLOPE_PRECISION = 0.25
_LOG_PRECISION_SPREAD = 1.5
"""Of a question's mean log precision about the usual one: it decides where votes say little of it."""

_USUAL_LAPSE = -4.0
_LAPSE_SPREAD = 1.5
"""Of the Gaussian prior on a lapse's log odds: 2 %, or between .4 and 8 %."""
_LOG_TEMPERATURE_SPREAD = 0.5
"""Of the Gaussian prior on a log temperature, about 0."""

Beat = Callable[[], None]


@dataclass(frozen=True)
class Asked:
    """One question's votes of the galaxies of which it was asked, and the components they are told from."""

    x: Tensor
    """(G, P) float64 components and a column of ones, P = C + 1."""
    k: Tensor
    """(G, K) float64 votes."""
    n: Tensor
    """(G, 1) float64 how many were asked, above 0."""
    is_multiple: bool

    def some(self, n_rows: int) -> "Asked":
        """At most so many rows, evenly spread."""
        step = -(-len(self.x) // n_rows)
        if step <= 1:
            return self
        return Asked(self.x[::step], self.k[::step], self.n[::step], self.is_multiple)


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
        found.append((state.find_precision(), copy(state)))
    state = min(found, key=lambda each: each[0])[1]
    state.widen(asked)
    state.find_weights(_LAST_STEPS)
    factor = state.factor()  # by the lapse under which the weights were found
    return state.fit(factor, state.find_precision(with_temperature=True))


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
        n_components = self.weight.shape[1] - 1
        self.usual = torch.zeros(2 + n_components, dtype=torch.float64)
        self.usual[0] = start.usual_log_precision
        self.precision = self.usual.clone()
        self.lapse_log_odds = torch.tensor(_USUAL_LAPSE, dtype=torch.float64)
        self.log_temperature = torch.zeros((), dtype=torch.float64)
        self.n_steps = 0

    @property
    def lapse(self) -> Tensor:
        """The part of the votes that are slips."""
        return torch.sigmoid(self.lapse_log_odds)

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

    def find_precision(self, *, with_temperature: bool = False) -> float:
        """Fit log precision and lapse, last a temperature as well, to votes of galaxies left out; their mean loss."""
        part, logits = self._left_out()
        components = part.x[:, :-1]
        prior = torch.full_like(self.usual, self.start.prior_precision)
        prior[0], prior[1] = _LOG_PRECISION_SPREAD**-2, _SLOPE_PRECISION
        share = len(self.asked.x) / len(part.x)
        found, log_odds = self.precision.clone().requires_grad_(), self.lapse_log_odds.clone().requires_grad_()
        log_temperature = self.log_temperature.clone().requires_grad_(with_temperature)
        sought = [found, log_odds, log_temperature] if with_temperature else [found, log_odds]
        optimiser = torch.optim.LBFGS(sought, max_iter=_PRECISION_STEPS, history_size=10, line_search_fn="strong_wolfe")

        def likelihood() -> Tensor:
            slipped = lapsed(logits * torch.exp(-log_temperature), torch.sigmoid(log_odds), part.is_multiple)
            told = losses.question_disagreement(slipped, part.is_multiple)[..., None]  # (T, G, 1)
            log_precision = found[0] + found[1] * told + (components @ found[2:])[:, None]
            of_draw = losses.question_log_likelihood(slipped, log_precision, part.k, part.n, part.is_multiple)
            return torch.logsumexp(of_draw, 0) - math.log(len(logits))

        def energy() -> Tensor:
            optimiser.zero_grad()
            value = -share * likelihood().sum() + (prior * (found - self.usual).square()).sum() / 2
            value = value + ((log_odds - _USUAL_LAPSE) / _LAPSE_SPREAD).square() / 2
            value = value + (log_temperature / _LOG_TEMPERATURE_SPREAD).square() / 2
            torch.autograd.backward(value)
            return value

        optimiser.step(energy)  # type: ignore[no-untyped-call]
        self.precision, self.lapse_log_odds = found.detach(), log_odds.detach()
        self.log_temperature = log_temperature.detach()
        with torch.no_grad():
            return -float(likelihood().mean())

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
        cooler = torch.exp(-self.log_temperature)
        return QuestionFit(
            weight=self.weight * cooler,
            factor=factor * cooler,
            precision=self.precision,
            lapse=float(self.lapse),
            temperature=1 / float(cooler),
            prior_precision=self.prior_precision,
            agreement=self.agreement,
            left_out_loss=left_out_loss,
            n_steps=self.n_steps,
        )

    def _energy(self, weight: Tensor, prior: Tensor) -> Tensor:
        told = self._log_likelihood(self.asked, self.asked.x @ weight.T)
        return (prior * (weight - self.centre).square()).sum() / 2 - told.sum()

    def _log_likelihood(self, asked: Asked, logits: Tensor) -> Tensor:
        """Of the votes as far as they count, without the constants, (G, K) -> (G,)."""
        mean = losses.question_mean(lapsed(logits, self.lapse, asked.is_multiple), asked.is_multiple)
        told = asked.k * mean.log()
        if asked.is_multiple:
            told = told + (asked.n - asked.k) * torch.log1p(-mean)
        return told.sum(-1) * worth(asked.n, self.agreement)

    def _curvature(self, asked: Asked, logits: Tensor) -> Tensor:
        counted = asked.n * worth(asked.n, self.agreement)[:, None]
        return curvature(logits, self.lapse, counted, asked.is_multiple)

    def _factor(self) -> Tensor:
        return self._factor_of(self.asked, 1.0)

    def _factor_of(self, asked: Asked, share: float) -> Tensor:
        """Cholesky factor of the posterior's precision, (K P, K P)."""
        bent = self._curvature(asked, asked.x @ self.weight.T)
        lower: Tensor = torch.linalg.cholesky(share * _gram(asked.x, bent) + torch.diag(self.prior.reshape(-1)))
        return lower

    def _left_out(self) -> tuple[Asked, Tensor]:
        """Galaxies, and draws (T, G, K) of each one's logits under a posterior that its votes were taken out of."""
        part = self.asked.some(_N_LEFT_OUT)
        n_answers, width = self.weight.shape
        covariance = torch.cholesky_inverse(self._factor()).reshape(n_answers, width, n_answers, width)
        spread = torch.stack(
            [torch.stack([((part.x @ b) * part.x).sum(1) for b in row.unbind(1)], -1) for row in covariance], 1
        )  # (G, K, K)
        logits = (part.x @ self.weight.T).requires_grad_()
        (slope,) = torch.autograd.grad(-self._log_likelihood(part, logits).sum(), logits)
        logits = logits.detach()
        bent = self._curvature(part, logits)
        without = torch.linalg.solve(torch.eye(n_answers, dtype=torch.float64) - spread @ bent, spread)
        centre = logits + (without @ slope[..., None])[..., 0]
        least = 1e-9 * torch.eye(n_answers, dtype=torch.float64)
        root, failed = torch.linalg.cholesky_ex((without + without.mT) / 2 + least)  # (G, K, K)
        root = torch.where(failed[:, None, None] > 0, 0.0, root)  # rounding: such a galaxy is taken at its centre
        half = torch.randn(N_DRAWS // 2, n_answers, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        return part, centre + torch.einsum("gij,tj->tgi", root, torch.cat([half, -half]))


def worth(n: Tensor, agreement: float) -> Tensor:
    """How much each of n votes on one galaxy counts, (G, 1) -> (G,): (1 + A) / (n + A), 1 for a single vote."""
    return ((1 + agreement) / (n.clamp_min(1) + agreement)).squeeze(-1)


def _gram(x: Tensor, bent: Tensor) -> Tensor:
    """Sum over galaxies of bent (K, K) kron x x^T, (G, P) and (G, K, K) -> (K P, K P)."""
    n_answers, width = bent.shape[1], x.shape[1]
    gram = x.new_empty(n_answers, width, n_answers, width)
    for i in range(n_answers):
        for j in range(i + 1):
            gram[i, :, j] = (x * bent[:, i, j, None]).T @ x
            gram[j, :, i] = gram[i, :, j]  # symmetric: x x^T is
    return gram.reshape(n_answers * width, -1)
