import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from ml import schema
from ml.posterior import Posterior, Votes
from ml.retirement import believe, expected_entropy, tempered_weights
from ml.trust import Trust, flat_prior, no_trust

YES_NO = schema.from_json(
    {
        "title": "One question",
        "questions": [
            {"key": "bar", "text": "A bar?", "answers": [{"key": "yes", "text": "Yes"}, {"key": "no", "text": "No"}]}
        ],
    }
)
TWO = schema.from_json(
    {
        "title": "Two questions",
        "questions": [
            {"key": "disk", "text": "Disk?", "answers": [{"key": "yes", "text": "Yes"}, {"key": "no", "text": "No"}]},
            {
                "key": "arms",
                "text": "Arms?",
                "parents": ["disk_yes"],
                "answers": [{"key": "yes", "text": "Yes"}, {"key": "no", "text": "No"}],
            },
        ],
    }
)
BOXES = schema.from_json(
    {
        "title": "Boxes",
        "questions": [
            {
                "key": "odd",
                "text": "What is odd?",
                "multiple": True,
                "answers": [{"key": "ring", "text": "Ring"}, {"key": "lens", "text": "Lens"}],
            }
        ],
    }
)
N_SAMPLES = 16
TRUSTED = Trust(np.array([1e9]), np.array([0.01]))


def statement(yes, precision, spread=0.0, tree=YES_NO):
    """What a model says of one galaxy: each sample a little different."""
    means = yes + spread * np.linspace(-1, 1, N_SAMPLES)
    mean = np.stack([means, 1 - means], axis=-1)[None]
    return Posterior(tree, mean, np.full((1, N_SAMPLES, 1), float(precision)))


def votes(yes, no):
    return Votes(np.array([[yes, no]]), np.array([[yes + no]]))


def unknown(posterior, cast, trust=TRUSTED):
    return float(believe(posterior, cast, trust).unknown_nats.sum())


def test_flat_prior_after_votes_is_the_closed_form_by_hand():
    """Beta(2.5, 1.5): H(.625, .375) - [psi(5) - .625 psi(3.5) - .375 psi(2.5)]."""
    by_hand = -0.625 * np.log(0.625) - 0.375 * np.log(0.375) - (1.506118 - 0.625 * 1.103157 - 0.375 * 0.703157)
    assert unknown(statement(0.5, 9), votes(2, 1), no_trust(YES_NO)) == pytest.approx(by_hand, abs=1e-5)
    assert by_hand == pytest.approx(0.1086, abs=1e-4)


def test_expected_entropy_agrees_with_drawn_fractions():
    rng = np.random.default_rng(0)
    alpha = np.array([0.7, 2.0, 4.3])
    tree = schema.load("gz2")
    mean = np.concatenate([np.full(len(q.answers), 1 / len(q.answers)) for q in tree.questions])
    mean[:3] = alpha / 7
    posterior = Posterior(tree, mean[None, None], np.full((1, 1, len(tree.questions)), 7.0))
    drawn = special.entr(rng.dirichlet(alpha, 200_000)).sum(1)
    assert expected_entropy(posterior)[0, 0, 0] == pytest.approx(drawn.mean(), abs=4 * drawn.std() / 447)


def test_information_agrees_with_drawn_fractions_and_walks():
    """A mixture of two opinions about two questions: I(walk; p) = H(E p(walk)) - E H(p(walk)), by drawing p."""
    rng = np.random.default_rng(1)
    mean = np.array([[[0.8, 0.2, 0.3, 0.7], [0.3, 0.7, 0.9, 0.1]]])
    posterior = Posterior(TWO, mean, np.array([[[0.9, 0.5], [1.0, 0.8]]]))
    sample = rng.integers(0, 2, 400_000)
    a = mean[0, sample] * np.repeat(posterior.precision[0, sample], 2, axis=1)
    disk, arms = rng.beta(a[:, 0], a[:, 1]), rng.beta(a[:, 2], a[:, 3])
    walks = np.stack([1 - disk, disk * arms, disk * (1 - arms)], axis=1)
    drawn = special.entr(walks.mean(0)).sum() - special.entr(walks).sum(1).mean()
    nobody = Votes(np.zeros((1, 4)), np.zeros((1, 2)))
    trust = Trust(np.full(2, 1e9), np.full(2, 1e-9))
    assert believe(posterior, nobody, trust).unknown_nats.sum() == pytest.approx(drawn, rel=0.01)


def test_boxes_count_each_by_itself():
    mean = np.full((1, N_SAMPLES, 2), 0.5)
    posterior = Posterior(BOXES, mean, np.ones((1, N_SAMPLES, 1)))
    one = unknown(statement(0.5, 1), votes(3, 4), no_trust(YES_NO))
    both = believe(posterior, Votes(np.array([[3, 4]]), np.array([[7]])), no_trust(BOXES))
    assert both.unknown_nats[0, 0] == pytest.approx(2 * one)
    assert both.fractions[0] == pytest.approx([3.5 / 8, 4.5 / 8])


def test_agreeing_model_spares_votes():
    with_model = unknown(statement(0.9, 30, 0.02), votes(18, 2))
    alone = unknown(statement(0.9, 30, 0.02), votes(18, 2), no_trust(YES_NO))
    assert with_model < 0.6 * alone
    assert with_model == pytest.approx(unknown(statement(0.9, 1), votes(36, 4), no_trust(YES_NO)), rel=0.15)


def test_model_never_outvotes_the_people():
    """However sure it is, it counts for ten people where ten have voted."""
    for precision in (10, 1e4):
        belief = believe(statement(0.9, precision, 1e-6), votes(7, 3), Trust(np.array([1e9]), np.array([1e-9])))
        assert belief.fractions[0, 0] == pytest.approx((9 + 7) / 20, abs=1e-4)


def test_sharp_and_wrong_model_is_ignored():
    """It is sure of a bar; of ten people, four see one. What is known is what ten people know, no more."""
    sure = statement(0.99, 5000, 0.005)
    belief = believe(sure, votes(4, 6), TRUSTED)
    assert belief.distrust[0, 0] > 0.999
    assert belief.unknown_nats.sum() == pytest.approx(unknown(sure, votes(4, 6), no_trust(YES_NO)), rel=0.01)
    assert belief.fractions[0, 0] == pytest.approx(4.5 / 11, abs=0.01)


def test_sharp_model_counts_for_what_it_is_worth():
    """Before a surprise comes, too: worth 15 volunteers, it leaves no less unknown than those would."""
    trust = Trust(np.array([15.0]), np.array([0.01]))
    after_25 = unknown(statement(0.9, 1), votes(22, 3), no_trust(YES_NO))
    assert unknown(statement(0.9, 1e4, 1e-6), votes(9, 1), trust) > 0.85 * after_25


def test_samples_that_disagree_leave_more_unknown():
    assert unknown(statement(0.5, 8, 0.45), votes(4, 4)) > 1.1 * unknown(statement(0.5, 8, 0.01), votes(4, 4))


@given(st.integers(1, 30), st.floats(0.05, 0.95), st.floats(1, 100))
@settings(max_examples=40, deadline=None)
def test_votes_like_those_before_leave_less_unknown(n, yes, precision):
    said = statement(yes, precision, 0.01)
    more = [unknown(said, votes(yes * m, (1 - yes) * m)) for m in (n, 2 * n, 4 * n)]
    assert more[0] >= more[1] >= more[2] >= 0


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_nothing_is_below_zero_or_above_the_entropy_of_an_answer(yes, no):
    for trust in (TRUSTED, no_trust(YES_NO)):
        belief = believe(statement(0.7, 20, 0.2), votes(yes, no), trust)
        assert 0 <= belief.unknown_nats.sum() <= np.log(2)
        assert belief.fractions.sum() == pytest.approx(1)


def test_few_samples_left_are_tempered_to_eight():
    """Likelihood 1 for one sample of 16 and e^-20 for the rest: w = (1, r, ..., r) / (1 + 15 r) must have ESS 8.

    (1 + 15 r)^2 = 8 (1 + 15 r^2) gives 105 r^2 + 30 r - 7 = 0, so r = (sqrt(3840) - 30) / 210 = .15223.
    """
    told = np.full((1, 16), -20.0)
    told[0, 3] = 0
    weights, is_tempered = tempered_weights(told)
    assert is_tempered.tolist() == [True]
    assert 1 / np.square(weights).sum() == pytest.approx(8, abs=1e-5)
    assert weights[0, 0] / weights[0, 3] == pytest.approx(0.15223, abs=1e-5)


def test_enough_samples_are_left_as_they_are():
    told = np.linspace(-0.5, 0, 16)[None]
    weights, is_tempered = tempered_weights(told)
    assert not is_tempered.any()
    assert weights == pytest.approx(special.softmax(told, axis=1))


def test_fewer_than_eight_samples_count_alike():
    weights, is_tempered = tempered_weights(np.array([[0.0, -3.0, -9.0]]))
    assert is_tempered.all()
    assert weights == pytest.approx(np.full((1, 3), 1 / 3), abs=1e-6)


def test_collapsed_weights_are_told():
    """Samples that differ widely and many votes: one is left, without tempering."""
    said = statement(0.5, 5000, 0.45)
    belief = believe(said, votes(100, 100), TRUSTED)
    assert belief.is_tempered.tolist() == [True]
    assert belief.unknown_nats.shape == (1, 1)
    assert not believe(said, votes(0, 0), TRUSTED).is_tempered.any()


def test_flat_prior_is_jeffreys():
    for tree in (YES_NO, BOXES):
        flat = flat_prior(tree, 2)
        assert flat.concentrations == pytest.approx(np.full((2, 1, 2), 0.5))
        assert flat.precision == pytest.approx(np.ones((2, 1, 1)))


@pytest.mark.parametrize("n_samples", range(2, 12))
def test_samples_that_votes_do_not_tell_apart_are_not_tempered(n_samples: int) -> None:
    weights, is_tempered = tempered_weights(np.full((1, n_samples), -3.7))
    assert not is_tempered.any() and weights == pytest.approx(1 / n_samples)
