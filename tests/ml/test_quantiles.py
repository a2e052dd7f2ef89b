import numpy as np
import pytest
import scipy.special
import scipy.stats

from ml.quantiles import beta_cdf, mixture_quantiles, n_terms_for


def betas(n: int, samples: int, precisions: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters of any shape, U and J and needle, with uneven weights."""
    rng = np.random.default_rng(1)
    precision = np.exp(rng.uniform(*np.log(precisions), (n, samples)))
    mean = scipy.special.expit(rng.uniform(-13, 13, (n, samples)))
    return mean * precision, (1 - mean) * precision, rng.dirichlet(np.ones(samples), n)


def test_quantiles_of_one_beta_are_its_own() -> None:
    a, b = np.array([[3.0], [0.5]]), np.array([[7.0], [0.5]])
    low, high = mixture_quantiles(a, b, np.ones((2, 1)), (0.05, 0.95), tolerance=1e-6)
    np.testing.assert_allclose(low, scipy.stats.beta.ppf(0.05, a[:, 0], b[:, 0]), atol=1e-5)
    np.testing.assert_allclose(high, scipy.stats.beta.ppf(0.95, a[:, 0], b[:, 0]), atol=1e-5)


def test_quantiles_of_a_mixture_are_those_of_its_draws() -> None:
    a, b, w = betas(20, 4, (0.5, 200))
    rng = np.random.default_rng(2)
    for row, (low, high) in enumerate(zip(*mixture_quantiles(a, b, w, (0.05, 0.95)), strict=True)):
        sample = rng.choice(4, 200_000, p=w[row])
        draws = rng.beta(a[row][sample], b[row][sample])
        assert (draws < low - 1e-3).mean() <= 0.052 and (draws <= low + 1e-3).mean() >= 0.048
        assert (draws < high - 1e-3).mean() <= 0.952 and (draws <= high + 1e-3).mean() >= 0.948


@pytest.mark.parametrize("precisions", [(0.5, 5), (5, 20), (20, 100), (100, 400), (400, 2000), (2000, 1e4)])
def test_distribution_function_is_that_of_scipy(precisions: tuple[float, float]) -> None:
    a, b, _ = betas(20_000, 1, precisions)
    x = np.random.default_rng(3).beta(np.maximum(a, 0.02), np.maximum(b, 0.02)).clip(1e-12, 1 - 1e-12)
    cdf, density = beta_cdf(a, b, scipy.special.betaln(a, b), x, n_terms_for(precisions[1]))
    np.testing.assert_allclose(cdf, scipy.special.betainc(a, b, x), atol=1e-4)
    np.testing.assert_allclose(density, scipy.stats.beta.pdf(x, a, b), rtol=1e-5)


@pytest.mark.parametrize("samples", [1, 2, 5, 32])
def test_every_quantile_holds_its_probability_or_its_place(samples: int) -> None:
    a, b, w = betas(3000 // samples, samples, (0.5, 1e4))

    def cdf(x: np.ndarray) -> np.ndarray:
        return (w * scipy.special.betainc(a, b, np.clip(x, 0, 1)[:, None])).sum(1)

    for probability, found in zip((0.05, 0.95), mixture_quantiles(a, b, w, (0.05, 0.95)), strict=True):
        is_right = np.abs(cdf(found) - probability) < 2e-4
        is_near = (cdf(found - 2e-4) <= probability) & (probability <= cdf(found + 2e-4))
        assert (is_right | is_near).all()


def test_no_mixture_has_no_quantile() -> None:
    none = np.empty((0, 4))
    assert [len(found) for found in mixture_quantiles(none, none, none, (0.05, 0.95))] == [0, 0]
